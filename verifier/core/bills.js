// Statements on bills: what one shows by itself, and whether the log was ever as it says (domain/ledger/bills.py).

import { hex, sha256, utf8 } from "./bytes.js";
import { findingOf, LedgerError, refuse } from "./errors.js";
import { partitionOf } from "./ledgers.js";
import { CLOCK_SKEW, DAY_LONG, iso, readMoment } from "./moments.js";
import { PURPOSE_OF_DOOR } from "./tables.js";

const MOST_TOLD = 100;
const SHARE = 1_000_000n;

/** The statements of a log: all states that they name, and the newest of each of the latest periods. */
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
    if (!known || said.revision > known.revision) this.told.set(said.period, said);
    if (this.told.size > MOST_TOLD) this.told.delete([...this.told.keys()].reduce((one, other) => (one < other ? one : other)));
  }

  /** Those that are told, the earliest first. */
  inOrder() {
    return [...this.told.values()].sort((one, other) => (one.period < other.period ? -1 : 1));
  }

  /** Every state that was compared was one of this log, before the statement; `heads` are its checkpoints' {size, root}. */
  async check(heads) {
    const known = new Map(), asked = new Set(this.compared.map(({ size }) => size));
    if (asked.size) for await (const { size, root } of heads) if (asked.has(size)) known.set(size, hex(root));
    const wrong = this.compared.filter(({ leaf, size, root }) => size > leaf || known.get(size) !== root);
    return wrong.map(({ leaf, size }) => findingOf(new LedgerError("RootMismatch", `leaf ${leaf} was compared with ${size} leaves as they never were`), leaf));
  }
}

/** A statement as verifiers tell of it. */
function billSaid(content, index) {
  const { revision, from, until, said_by: by, recorded_at: at } = content;
  const told = { leaf: Number(index), period: periodOf(content), revision, begins: from, ends: until };
  return { ...told, share: shareOf(content), complete: isComplete(content), who: by.who, identity: by.identity, recorded_at: at };
}

/** The months that a bill is of. */
function periodOf({ from, until }) {
  const first = from.slice(0, 7), last = iso(readMoment(until) - 1).slice(0, 7);
  return first === last ? first : `${first}..${last}`;
}

const sum = (entries, name) => entries.reduce((total, each) => total + BigInt(each[name]), 0n);
const isOther = ({ door }) => PURPOSE_OF_DOOR[door] === "other";

/** The share of accelerator time that trained, or may have, that records explain, as a decimal text; "" for none. */
function shareOf(content) {
  const hours = content.hours.filter((each) => !isOther(each));
  const billed = sum(hours, "billed_nanoseconds");
  if (billed === 0n || sum(hours, "unknown_host_nanoseconds") !== 0n) return "";
  const digits = (sum(hours, "explained_nanoseconds") * SHARE) / billed;
  return `${digits / SHARE}.${String(digits % SHARE).padStart(6, "0")}`;
}

/** Whether records explain all that trained, or may have, and nothing of the bill is in doubt. */
function isComplete({ doubts, rest, charges }) {
  return !(doubts.length || rest.some((each) => !isOther(each)) || charges.some(({ reason }) => reason !== null));
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
  if (!addsUp(content)) refuse("MalformedRecord", `${name}: what is billed is not what is explained and the rest, each named once`);
}

/** A ledger has records of one account, whose bill it is, and somebody of it says so. */
function checkAccount({ ledger_id: ledger, account, said_by: { identity } }) {
  const ofLedger = ledger.split("/"), parts = identity.split(":"), known = ofLedger.length === 4;
  if (known && ofLedger[1] !== account) refuse("WrongLedger", `a bill of the account ${account}, in ${ledger.slice(0, 120)}`);
  if (parts.length < 6 || parts[4] !== account || (known && parts[1] !== partitionOf(ofLedger[2]))) {
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
