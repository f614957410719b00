// Statements on bills: what one shows by itself, and whether the log was ever as it says (domain/ledger/bills.py).

import { hex, sha256, utf8 } from "./bytes.js";
import { findingOf, LedgerError, refuse } from "./errors.js";
import { accountOfLedger } from "./ledgers.js";
import { CLOCK_SKEW, DAY_LONG, iso, readMoment } from "./moments.js";
import { DOORS_WITH_RECORDS, MOST_BILLS, PURPOSE_OF_DOOR, SAID_BY } from "./tables.js";

const SHARE = 1_000_000n;
const IDENTITY = new RegExp(SAID_BY.identity, "u"), BLANK = new RegExp(SAID_BY.blank, "u");

/** The statements of a log: all states that they name, and the newest of each period, with what it is in place of. */
export class Bills {
  constructor() {
    this.compared = [];
    this.told = new Map();
  }

  /** The statement that is a leaf, which passed. */
  add({ content }, index) {
    const { size, root } = content.compared_with;
    this.compared.push({ leaf: index, size: BigInt(size), root });
    this.tell(billSaid(content, index));
  }

  join(other) {
    this.compared.push(...other.compared);
    for (const each of other.told.values()) this.tell(each);
  }

  tell(said) {
    const known = this.told.get(said.period);
    if (!known) this.told.set(said.period, said);
    else if (said.revision > known.revision) this.told.set(said.period, instead(said, known));
    else if (said.revision < known.revision) this.told.set(said.period, instead(known, said));
  }

  /** Those that are told one by one, the earliest first: those with the most hours that no record explains. */
  inOrder() {
    const latest = [...this.told.values()].sort((one, other) => (one.period > other.period ? -1 : 1));
    const left = ({ billed_nanoseconds: billed, explained_nanoseconds: explained }) => BigInt(billed) - BigInt(explained);
    const mostOpen = latest.sort((one, other) => one.complete - other.complete || Number(left(other) > left(one)) - Number(left(other) < left(one)));
    return mostOpen.slice(0, MOST_BILLS).sort((one, other) => (one.period < other.period ? -1 : 1));
  }

  /** How many there are besides. */
  get more() {
    return Math.max(0, this.told.size - MOST_BILLS);
  }

  /** Every state that was compared was one of this log, before the statement; `heads` are its checkpoints' {size, root}. */
  async check(heads) {
    const known = new Map(), asked = new Set(this.compared.map(({ size }) => size));
    if (asked.size) for await (const { size, root } of heads) if (asked.has(size)) known.set(size, hex(root));
    const wrong = this.compared.filter(({ leaf, size, root }) => size > leaf || known.get(size) !== root);
    return wrong.map(({ leaf, size }) => findingOf(new LedgerError("RootMismatch", `leaf ${leaf} was compared with ${size} leaves as they never were`), leaf));
  }
}

/** A statement that supersedes another, and with it what that one superseded. */
function instead(newer, older) {
  const hours = [older.billed_nanoseconds, older.most_before_nanoseconds, newer.most_before_nanoseconds].map((each) => BigInt(each || "0"));
  const shares = [older.share, older.least_share_before, newer.least_share_before].filter((each) => each);
  const most = hours.reduce((one, other) => (one > other ? one : other));
  return { ...newer, most_before_nanoseconds: String(most), least_share_before: shares.sort()[0] ?? "" };
}

/** A statement as verifiers tell of it. */
function billSaid(content, index) {
  const { revision, from, until, said_by: by, recorded_at: at } = content, hours = ofTraining(content), open = openOf(content);
  const told = { leaf: Number(index), period: periodOf(content), revision, begins: from, ends: until, share: shareOf(content) };
  const [billed, explained] = ["billed_nanoseconds", "explained_nanoseconds"].map((name) => String(sum(hours, name)));
  Object.assign(told, { complete: !open.length, who: by.who, identity: by.identity, recorded_at: at });
  Object.assign(told, { billed_nanoseconds: billed, explained_nanoseconds: explained, open, size: content.compared_with.size });
  return { ...told, most_before_nanoseconds: "", least_share_before: "" };
}

/** The months that a bill is of. */
function periodOf({ from, until }) {
  const first = from.slice(0, 7), last = iso(readMoment(until) - 1).slice(0, 7);
  return first === last ? first : `${first}..${last}`;
}

const sum = (entries, name) => entries.reduce((total, each) => total + BigInt(each[name]), 0n);
const ofTraining = ({ hours }) => hours.filter((each) => !isOther(each));
const isOther = ({ door }) => PURPOSE_OF_DOOR[door] === "other";

/** The share of accelerator time that trained, or may have, that records explain, as a decimal text; "" for none. */
function shareOf(content) {
  const hours = ofTraining(content);
  const billed = sum(hours, "billed_nanoseconds");
  if (billed === 0n || sum(hours, "unknown_host_nanoseconds") !== 0n) return "";
  const digits = (sum(hours, "explained_nanoseconds") * SHARE) / billed;
  return `${digits / SHARE}.${String(digits % SHARE).padStart(6, "0")}`;
}

/** What of all that trained, or may have, records do not explain, and whether the bill is in doubt. */
function openOf({ doubts, rest, charges }) {
  const left = { hours: rest.some((each) => !isOther(each)), charges: charges.some(({ reason }) => reason !== null), doubts: doubts.length > 0 };
  return Object.keys(left).filter((name) => left[name]);
}

/** Of which bill and revision a statement is: the id in hex. */
export async function billId(leaf) {
  return hex(await sha256(utf8(leaf.subject)));
}

/**
 * What a statement shows by itself: whose bill it is, of which months, and that its sums are sums.
 * Throws SubjectMismatch, WrongLedger, FutureTimestamp, SupersedesMismatch, MalformedRecord.
 */
export function checkBill({ subject, content, at }) {
  const { from, until, revision, supersedes } = content, name = subject.slice(0, 200);
  if (until <= from) refuse("MalformedRecord", `${name}: a bill until ${until} from ${from}`);
  if (subject !== `${content.ledger_id} bill ${periodOf(content)}`) refuse("SubjectMismatch", `the subject is ${name}, the bill is of ${periodOf(content)}`);
  checkAccount(content);
  if (readMoment(until) > at + DAY_LONG + CLOCK_SKEW) refuse("FutureTimestamp", `${name}: said ${iso(at)}, and tells of ${until}`);
  if ((revision === 0) !== (supersedes === null)) refuse("SupersedesMismatch", `${name}: revision ${revision} supersedes ${supersedes}`);
  if (BLANK.test(content.said_by.who)) refuse("MalformedRecord", `${name}: nobody says it`);
  if (content.hours.some((each) => each.explained_nanoseconds !== "0" && !DOORS_WITH_RECORDS.includes(each.door))) {
    refuse("MalformedRecord", `${name}: hours are explained of a door that has no records`);
  }
  if (!addsUp(content)) refuse("MalformedRecord", `${name}: what is billed is not what is explained and the rest, each named once`);
}

/** A ledger has records of one account, whose bill it is, and somebody of it says so. */
function checkAccount({ ledger_id: ledger, account, said_by: { identity } }) {
  const ofLedger = accountOfLedger(ledger), parts = identity.split(":");
  if (ofLedger && ofLedger.account !== account) refuse("WrongLedger", `a bill of the account ${account}, in ${ledger.slice(0, 120)}`);
  if (!IDENTITY.test(identity)) refuse("WrongLedger", `${identity.slice(0, 200)} says it, which is no ARN of a user or of a role's session`);
  if (parts[4] !== account || (ofLedger && parts[1] !== ofLedger.partition)) {
    refuse("WrongLedger", `${identity.slice(0, 200)} says it, who is not of the account ${account}`);
  }
}

/** Lists are in order, each entry once; and for each door what is billed is what is explained, and the rest. */
function addsUp({ hours, rest, charges, doubts, export: files }) {
  const pairs = (entries) => entries.map(({ door, reason }) => `${door}\0${reason ?? ""}`);
  const named = [hours.map(({ door }) => door), pairs(rest), pairs(charges), doubts, files];
  if (!files.length || named.some((each) => each.some((one, at) => at > 0 && each[at - 1] >= one))) return false;
  if (rest.some((each) => !hours.some(({ door }) => door === each.door))) return false;
  return hours.every((each) => {
    const left = sum(rest.filter(({ door }) => door === each.door), "nanoseconds"), explained = BigInt(each.explained_nanoseconds);
    return BigInt(each.billed_nanoseconds) === explained + left && BigInt(each.by_time_alone_nanoseconds) <= explained;
  });
}
