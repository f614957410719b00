// Whether records agree with one another: who signed them is one question, whether they can all be true another.
//
// A record becomes a row of fixed size, and each ancestor that it lists a reference, so that memory is bounded by the log.
// Rows hold digests under a key that is drawn for each run: nobody can choose records whose digests meet.

import { billId, checkBill } from "./bills.js";
import { bytesAsText, fromHex, hex, sha256, utf8 } from "./bytes.js";
import { findingOf, LedgerError, refuse } from "./errors.js";
import { canonical } from "./json.js";
import { accountOfLedger, partitionOf } from "./ledgers.js";
import { CLOCK_SKEW, iso, readDay, readMoment } from "./moments.js";
import { ACTIVITY_CONTRADICTED, MOST_DUE, WITHOUT_STATEMENTS } from "./tables.js";

const MOST = 2 ** 32 - 1;
const SPARE_REFERENCES = 10_000;
const BUCKETS = 256;
const MOST_KNOWN = 10_000;
const LONG = 32, SHORT = 12; // whole SHA-256 digests, since others choose them; parts of digests under the run's key
const EPOCH_DAY = 719_163; // 1970-01-01, counted from 0001-01-01: no day before it is negative
const NOTHING = new Uint8Array(SHORT);

// Where in a row each part begins.
const ROW = { job: 0, leaf: LONG, revision: LONG + 4, line: LONG + 8, supersedes: 2 * LONG + 8, state: 3 * LONG + 8 };
["stateBefore", "view", "tables", "tablesBefore", "action"].forEach((name, at) => (ROW[name] = ROW.state + SHORT * (at + 1)));
ROW.at = ROW.action + SHORT;
ROW.finished = ROW.at + 8;
ROW.size = ROW.finished + 1;
const DIGESTS = ["line", "state", "stateBefore", "view", "tables", "tablesBefore", "action"].map((name) => ROW[name]);
const REFERENCE = { job: 0, revision: LONG, view: LONG + 4, leaf: LONG + 4 + SHORT, at: LONG + 8 + SHORT, size: LONG + 16 + SHORT };
const DUE = { job: 0, duty: LONG, revision: LONG + SHORT, leaf: LONG + SHORT + 4, day: LONG + SHORT + 8, size: LONG + SHORT + 12 };

const UNLIKE = { size: LONG + 8 }; // two leaves, and what the second supersedes

/** Bytes that grow, `size` at a time. */
class Packed {
  constructor(size) {
    this.size = size;
    this.bytes = new Uint8Array(16 * size);
    this.length = 0;
  }

  push(one) {
    if (this.length + this.size > this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(one, this.length);
    this.length += this.size;
  }

  get view() {
    return new DataView(this.bytes.buffer);
  }

  packed() {
    return this.bytes.slice(0, this.length);
  }
}

/** One row: bytes at some places, numbers at others. */
function packedRow(size, bytes, numbers, at, time) {
  const row = new Uint8Array(size), view = new DataView(row.buffer);
  for (const [place, part] of bytes) row.set(part, place);
  for (const [place, number] of numbers) view.setUint32(place, number);
  if (time !== undefined) view.setFloat64(at, time);
  return row;
}

/** Turns records into rows and references, under the key of this run. */
export class Reader {
  constructor(key) {
    this.key = key;
    this.known = new Map();
    this.rows = new Packed(ROW.size);
    this.references = new Packed(REFERENCE.size);
    this.due = new Packed(DUE.size);
  }

  /** What others have to agree with: rows, to be kept in the order of the log. Throws what a record shows by itself. */
  async read(leaf, line, index) {
    const content = leaf.content;
    const { revision } = content;
    if (index > BigInt(MOST) || revision > MOST) refuse("MalformedRecord", `leaf ${index} is revision ${revision}`);
    if (leaf.kind === "bill") return this.readBill(leaf, line, index);
    await checkRecord(leaf);
    const before = beforeChanges(content);
    const state = [content.verdict, verdicts(content)];
    const tablesBefore = content.reassessed && [content.reassessed.code_version, beforeTables(content)];
    const digests = await Promise.all([
      this.line(line),
      this.digest(state),
      before === null ? NOTHING : this.digest([content.previous_verdict, before]),
      this.digest(asAncestor(content)),
      this.digest([content.code_version, content.tables]),
      tablesBefore ? this.digest(tablesBefore) : NOTHING,
      content.action ? this.digest(content.action) : NOTHING,
    ]);
    const job = fromHex(content.job.id), leafNumber = Number(index);
    const row = packedRow(
      ROW.size,
      [[ROW.job, job], ...digests.map((digest, at) => [DIGESTS[at], digest])],
      [[ROW.leaf, leafNumber], [ROW.revision, revision]],
      ROW.at,
      leaf.at,
    );
    if (content.supersedes) row.set(fromHex(content.supersedes), ROW.supersedes);
    row[ROW.finished] = content.job.finished ? 1 : 0;
    const references = await this.refer(content.cumulative.ancestors, content.job.id, leafNumber, leaf.at);
    const due = [];
    const terms = content.due.length > 0 ? termsOf(content) : new Map();
    for (const each of content.due) due.push(await this.dueRow(each, terms, job, revision, leafNumber));
    return { rows: [row], references, due };
  }

  /** A statement on a bill, which follows another one, and says nothing of it beside its digest. */
  async readBill(leaf, line, index) {
    checkBill(leaf);
    const { revision, supersedes } = leaf.content;
    const bytes = [[ROW.job, fromHex(await billId(leaf))], [ROW.line, await this.line(line)]];
    if (supersedes) bytes.push([ROW.supersedes, fromHex(supersedes)]);
    const row = packedRow(ROW.size, bytes, [[ROW.leaf, Number(index)], [ROW.revision, revision]], ROW.at, leaf.at);
    row[ROW.finished] = 1;
    return { rows: [row] };
  }

  /** Take in what was read. */
  keep({ rows = [], references = [], due = [] }) {
    for (const row of rows) this.rows.push(row);
    for (const row of references) this.references.push(row);
    for (const row of due) this.due.push(row);
  }

  /** A line as rows hold it, and as `supersedes` names it. */
  line(line) {
    return sha256(line);
  }

  /** Listed ancestors. Throws AncestorMismatch for a record that continues itself. */
  refer(ancestors, job, index, at) {
    for (const each of ancestors) {
      if (each.job_id === job || each.revision > MOST) refuse("AncestorMismatch", `leaf ${index} lists itself, or no revision, among its ancestors`);
    }
    return Promise.all(
      ancestors.map(async (each) =>
        packedRow(
          REFERENCE.size,
          [[REFERENCE.job, fromHex(each.job_id)], [REFERENCE.view, await this.digest(listedAncestor(each))]],
          [[REFERENCE.revision, each.revision], [REFERENCE.leaf, index]],
          REFERENCE.at,
          at,
        ),
      ),
    );
  }

  async dueRow({ policy, duty, day }, terms, job, revision, index) {
    const number = readDay(day) ?? refuse("MalformedRecord", `${day} is no day`);
    const named = await this.digest([policy, duty, ...(terms.get(canonical([policy, duty])) ?? [])]);
    return packedRow(DUE.size, [[DUE.job, job], [DUE.duty, named]], [[DUE.revision, revision], [DUE.leaf, index], [DUE.day, number + EPOCH_DAY]]);
  }

  /** Everything that was kept, packed. */
  taken() {
    return { rows: this.rows.packed(), references: this.references.packed(), due: this.due.packed() };
  }

  /** A digest under this run's key; values that many records have are remembered. */
  digest(value) {
    const text = canonical(value);
    if (!this.known.has(text)) {
      if (this.known.size >= MOST_KNOWN) this.known.clear();
      this.known.set(text, sha256(utf8(this.key + text)).then((found) => found.subarray(0, SHORT)));
    }
    return this.known.get(text);
  }
}

/**
 * What a record shows by itself: subject, ARN and job id name one job of this ledger, which was there before the record; and a
 * first record has none before it. Throws SubjectMismatch, WrongLedger, FutureTimestamp, HistoryMismatch, DueDateMismatch,
 * SupersedesMismatch, MalformedRecord.
 */
export async function checkRecord(leaf) {
  const { content } = leaf, { job } = content, arn = job.arn.slice(0, 200);
  if (leaf.subject !== job.arn) refuse("SubjectMismatch", `the subject is ${leaf.subject.slice(0, 200)}, the job ${arn}`);
  if (job.id !== hex(await sha256(utf8(`${job.arn}|${job.creation_time ?? ""}`)))) {
    refuse("SubjectMismatch", `${arn}: the job id is not that of this ARN and creation time`);
  }
  checkAccount(job, content.ledger_id);
  const told = [job.creation_time, job.start, job.end].map((each) => each ?? "").sort()[2];
  if (told > content.recorded_at && (readMoment(told) ?? refuse("MalformedRecord", `${told} is no time`)) > leaf.at + CLOCK_SKEW) {
    refuse("FutureTimestamp", `${arn}: recorded ${iso(leaf.at)}, and tells of ${told}`);
  }
  checkDue(content);
  checkAction(leaf);
  checkOrder(content.cumulative.ancestors);
  const first = content.revision === 0;
  if (first !== (content.supersedes === null)) refuse("SupersedesMismatch", `${arn}: revision ${content.revision} supersedes ${content.supersedes}`);
  if (first !== (content.previous_verdict === null) || (first && (content.changes.length || content.reassessed))) {
    refuse("HistoryMismatch", `${arn}: what is said of the record before does not fit the revision`);
  }
  if (content.changes.length) checkChanges(content);
}

/** A duty has one day in a record, the first of which it names. Throws MalformedRecord, DueDateMismatch. */
function checkDue({ due, job, notification_due: first }) {
  const arn = job.arn.slice(0, 200);
  if (due.length > MOST_DUE || new Set(due.map(({ policy, duty }) => canonical([policy, duty]))).size < due.length) {
    refuse("MalformedRecord", `${arn}: a duty with two days, or more than ${MOST_DUE} days: there are ${due.length}`);
  }
  if (first !== (due.map((each) => each.day).sort()[0] ?? null)) refuse("DueDateMismatch", `${arn}: notification_due is not the first day of a duty`);
}

/**
 * What became of a line is told once: first of those that the record has, in their order, then of those that it has no longer.
 * Throws HistoryMismatch.
 */
function checkChanges({ assessments, changes, job }) {
  const verdictOf = new Map(assessments.map((each) => [lineKey(each), each.verdict]));
  const lines = changes.map(lineKey), told = new Set(lines);
  const kept = [...verdictOf.keys()].filter((line) => told.has(line));
  if (told.size < lines.length || kept.some((line, at) => lines[at] !== line)) {
    refuse("HistoryMismatch", `${job.arn.slice(0, 200)}: changes tell of a line twice, or in another order`);
  }
  for (const [at, change] of changes.entries()) {
    if (change.from === change.to || (verdictOf.get(lines[at]) ?? null) !== change.to) {
      refuse("HistoryMismatch", `a change of ${lines[at].slice(0, 120)} is not one to what the record says`);
    }
  }
}

/** A ledger is of one account, whose jobs may be in any region of its partition. Throws SubjectMismatch, WrongLedger. */
function checkAccount({ arn, region }, ledgerId) {
  const parts = arn.split(":"), ofLedger = accountOfLedger(ledgerId), shown = arn.slice(0, 200);
  if (parts.length < 6 || parts[3] !== region || parts[1] !== partitionOf(region)) {
    refuse("SubjectMismatch", `${shown}: not an ARN of the region ${region.slice(0, 60)} and its partition`);
  }
  if (ofLedger && (ofLedger.partition !== parts[1] || ofLedger.account !== parts[4])) {
    refuse("WrongLedger", `${shown}: not a job of the account and partition of ${ledgerId.slice(0, 120)}`);
  }
}

/** Ancestors are listed once each, in the order of their job ids. Throws MalformedRecord. */
export function checkOrder(ancestors) {
  if (ancestors.some((each, at) => at > 0 && ancestors[at - 1].job_id >= each.job_id)) {
    refuse("MalformedRecord", "ancestors are not listed once each, in the order of their job ids");
  }
}

/** A running job is recorded to be stopped, and for nothing else. Throws HistoryMismatch. */
function checkAction({ at, content: { action, job } }) {
  const arn = job.arn.slice(0, 200);
  if ((action === null) !== job.finished) refuse("HistoryMismatch", `${arn}: an action on a job that had ended, or a running one without`);
  if (action === null) return;
  const begun = job.start || job.creation_time;
  const times = [action.requested_at, ...(begun ? [begun] : [])].map((text) => readMoment(text) ?? refuse("MalformedRecord", `${text} is no time`));
  const [requested, earliest = 0] = times;
  if (action.kind !== "stop" || requested < earliest - CLOCK_SKEW || requested > at + CLOCK_SKEW) {
    refuse("HistoryMismatch", `${arn}: an action that is no stop of the job while it ran`);
  }
}

const lineKey = ({ policy, scenario }) => canonical([policy, scenario]);
const inOrder = (found) => [...found].sort(([left], [right]) => (left < right ? -1 : 1));

/** By policy and duty what a record says that makes the day of the duty: a day stays while that stays. */
function termsOf({ assessments }) {
  const terms = new Map();
  for (const { policy, duties } of assessments) {
    for (const each of duties) {
      terms.set(canonical([policy, each.id]), [each.within_days, each.since, each.in_force ?? null]);
    }
  }
  return terms;
}

/** [line, verdict] of every assessment. Throws MalformedRecord where a line is assessed twice. */
function verdicts(content) {
  const found = new Map(content.assessments.map((each) => [lineKey(each), each.verdict]));
  if (found.size !== content.assessments.length) refuse("MalformedRecord", "a line is assessed twice");
  return inOrder(found);
}

/** The verdicts that the record before must have had by changes that were checked, null for a first record. */
function beforeChanges(content) {
  if (content.revision === 0) return null;
  const found = new Map(verdicts(content));
  for (const change of content.changes) found.set(lineKey(change), change.from);
  return inOrder([...found].filter(([, verdict]) => verdict !== null));
}

/** The tables that the record before rests on, where this one says which have changed since. */
function beforeTables(content) {
  const { tables: changed, code_version: before } = content.reassessed;
  if (!Object.keys(changed).length && before === content.code_version) {
    refuse("HistoryMismatch", "it was reassessed since tables or a version changed, and names none that did");
  }
  const found = { ...content.tables, ...changed };
  for (const name of Object.keys(changed)) {
    if ((Object.hasOwn(content.tables, name) ? content.tables[name] : null) === changed[name]) {
      refuse("HistoryMismatch", "a table is said to have changed that has not");
    }
  }
  return Object.fromEntries(Object.entries(found).filter(([, digest]) => digest !== null));
}

/** What a descendant must list of this record: its own figures, what it says of its original, its parents. */
function asAncestor({ job, estimate, lineage, rests_on: restsOn, assessments }) {
  const contradicted = assessments.some(({ doubts }) => doubts.some(({ kind }) => kind === ACTIVITY_CONTRADICTED));
  return ancestor([
    job.arn,
    estimate.best_flop,
    estimate.cautious_upper_flop,
    job.activity,
    lineage.base_model,
    lineage.pretraining_flop,
    lineage.stated,
    lineage.loads_weights,
    estimate.updates_upper_flop,
    estimate.lower_flop,
    estimate.firm_flop,
    estimate.signal_flop,
    job.succeeded,
    unsaid(restsOn.without_statements),
    lineage.other_names,
  ], lineage.parents, estimate.doubts.length > 0 || lineage.doubts.length > 0 || contradicted);
}

/** What a record lists of an ancestor, to compare with `asAncestor` of the ancestor's own record. */
function listedAncestor(each) {
  return ancestor([
    each.job_arn,
    each.best_flop,
    each.upper_flop,
    each.activity,
    each.base_model ?? "",
    each.pretraining_flop ?? null,
    each.stated ?? {},
    Object.hasOwn(each, "loads_weights") ? each.loads_weights : false,
    each.updates_upper_flop ?? null,
    each.lower_flop ?? null,
    each.firm_flop ?? null,
    each.signal_flop ?? "0",
    !(each.failed ?? false),
    unsaid(each.without_statements ?? null),
    each.other_names ?? [],
  ], each.parents ?? [], (each.doubts ?? []).length > 0);
}

/** What is said of a run without its own word; of a record, as much as descendants list. */
function unsaid(found) {
  return found === null ? [] : WITHOUT_STATEMENTS.map((name) => found[name]);
}

/** Runs that made data hand no parents on: what made their models is not counted (Annex A.1). */
function ancestor(members, parents, doubtful) {
  return [...members, members[3] === "synthetic-data" ? [] : parents, doubtful];
}

/** All rows of a log, in buckets by job; `part`: of chosen records, where others may be missing. */
export class Agreement {
  constructor(part = false) {
    this.part = part;
    this.supersededElsewhere = 0;
    [this.rows, this.references, this.due] = [ROW, REFERENCE, DUE].map(({ size }) => Array.from({ length: BUCKETS }, () => new Packed(size)));
    this.distinct = new Array(BUCKETS).fill(1024);
    this.records = 0;
    this.unlike = new Packed(UNLIKE.size);
    this.twins = new Packed(4);
  }

  /** Leaves that were checked and are the same, byte for byte, as one before them, in rising order. */
  get twinned() {
    return unpacked(this.twins, (text, view, at) => BigInt(view.getUint32(at))).sort((left, right) => (left < right ? -1 : 1));
  }

  /** More of them, in any order: what `Reader.taken` gave. */
  add({ rows, references, due }) {
    this.records += rows.length / ROW.size;
    for (const [packed, buckets] of [[rows, this.rows], [references, this.references], [due, this.due]]) {
      const { size } = buckets[0];
      for (let at = 0; at < packed.length; at += size) {
        buckets[packed[at]].push(packed.subarray(at, at + size));
      }
    }
    if (references.length) this.references.forEach((held, at) => this.shrink(held, at));
  }

  shrink(held, at) {
    if (held.length / REFERENCE.size < 2 * this.distinct[at]) return;
    const once = onceEach(held);
    held.length = 0;
    for (const each of once.values()) held.push(each.raw);
    this.distinct[at] = Math.max(1024, once.size);
  }

  /** Whether more ancestors are named than records can be: memory stays bounded by the log. */
  tooMany() {
    const named = this.references.reduce((sum, held) => sum + held.length / REFERENCE.size, 0);
    return named > 2 * (this.records + SPARE_REFERENCES);
  }

  /**
   * Everything that does not agree, job by job; then where one does not supersede another: `linesOf` gives the lines of leaves
   * in rising order, `respell` a line with the other value of s in its signature.
   */
  async *check(linesOf, respell) {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      yield* putOff(this.due[bucket]);
      const named = groups([...onceEach(this.references[bucket]).values()]);
      const histories = groups(rowsIn(this.rows[bucket]));
      for (const [job, history] of histories) {
        history.sort((left, right) => left.leaf - right.leaf);
        yield* this.history(history, this.rows[bucket].bytes);
        const records = new Map();
        for (const row of history) if (!records.has(row.revision)) records.set(row.revision, row);
        yield* this.named(records, named.get(job) ?? []);
        named.delete(job);
      }
      for (const unknown of named.values()) yield* this.named(new Map(), unknown);
    }
    yield* this.otherwise(linesOf, respell);
  }

  /** Whether it is the other value of s that makes a line another one than is superseded. */
  async *otherwise(linesOf, respell) {
    const found = unpacked(this.unlike, (text, view, at) => ({
      before: view.getUint32(at),
      leaf: view.getUint32(at + 4),
      supersedes: text(8, LONG),
    }));
    found.sort((left, right) => left.before - right.before);
    let at = 0;
    for await (const line of linesOf(found.map(({ before }) => BigInt(before)))) {
      const { before, leaf, supersedes } = found[at++];
      if (supersedes === bytesAsText(await sha256(respell(line)))) {
        yield finding("LoggedOtherwise", `leaf ${before} has the other value of s than the line that leaf ${leaf} supersedes`, { leaf: before });
      } else yield finding("SupersedesMismatch", `leaf ${leaf} does not supersede leaf ${before}`, { leaf });
    }
  }

  /** The revisions of one job, in the order of the log. */
  *history(history, bytes) {
    const seen = new Map();
    let latest = 0, highest = -1;
    for (const row of history) {
      const twin = seen.get(row.revision), before = seen.get(row.revision - 1);
      if (twin) {
        if (twin.line === row.line) this.twins.push(packedRow(4, [], [[0, row.leaf]]));
        yield twin.line === row.line
          ? finding("LoggedTwice", `leaf ${row.leaf} is the record of leaf ${twin.leaf} once more`, row)
          : finding("DuplicateSubject", `leaf ${row.leaf} is another record of what leaf ${twin.leaf} is`, row);
        continue;
      }
      if (highest > row.revision || (row.revision && !before && !this.part)) {
        yield finding("RevisionOutOfOrder", `leaf ${row.leaf} is revision ${row.revision}, out of its order`, row);
      } else if (before) {
        if (row.supersedes !== before.line) {
          const supersedes = bytes.subarray(row.place + ROW.supersedes, row.place + ROW.supersedes + LONG);
          this.unlike.push(packedRow(UNLIKE.size, [[8, supersedes]], [[0, before.leaf], [4, row.leaf]]));
        }
        yield* succession(before, row);
        if (row.at < latest - CLOCK_SKEW) yield finding("TimeRunsBackwards", `leaf ${row.leaf} is dated before a record that it follows`, row);
      }
      seen.set(row.revision, row);
      latest = Math.max(latest, row.at);
      highest = Math.max(highest, row.revision);
    }
    if (this.part) this.supersededElsewhere += highest + 1 - seen.size;
  }

  /** One ancestor, as others list it, beside its own records. */
  *named(records, references) {
    const highest = [...records.keys()].reduce((most, revision) => Math.max(most, revision), -1);
    for (const each of references) {
      const record = records.get(each.revision);
      const where = `leaf ${each.leaf} lists revision ${each.revision} of an ancestor`;
      if (!record) {
        if (records.size && !this.part && each.revision < highest) continue; // that the log lacks it is named once, as its history
        yield finding("AncestorNotHere", `${where}, which is not here`, each);
      } else if (record.view !== each.view) {
        yield finding("AncestorMismatch", `${where} otherwise than leaf ${record.leaf} records it`, each);
      } else if (record.at > each.at + CLOCK_SKEW) {
        yield finding("AncestorMismatch", `${where} that leaf ${record.leaf} recorded later`, each);
      }
    }
  }
}

function finding(name, message, { leaf }) {
  return findingOf(new LedgerError(name, message), leaf);
}

/** A record beside the one that it must supersede. */
function* succession(before, row) {
  const nothing = bytesAsText(NOTHING);
  const mismatch = (why) => finding("HistoryMismatch", `leaf ${row.leaf} ${why}`, row);
  if (row.stateBefore !== before.state) yield mismatch(`says of leaf ${before.leaf} what that does not say`);
  if (before.finished && !row.finished) yield mismatch(`says that a job runs which had ended by leaf ${before.leaf}`);
  if (before.action !== nothing && row.action !== nothing && before.action !== row.action) yield mismatch(`tells of another action than leaf ${before.leaf}`);
  if (row.tablesBefore !== nothing && row.tablesBefore !== before.tables) yield mismatch(`names other tables of leaf ${before.leaf} than that does`);
}

function unpacked(packed, read) {
  const { view, bytes, size } = packed;
  const found = [];
  for (let at = 0; at < packed.length; at += size) found.push(read((name, length) => bytesAsText(bytes.subarray(at + name, at + name + length)), view, at));
  return found;
}

function rowsIn(packed) {
  return unpacked(packed, (text, view, at) => ({
    place: at,
    job: text(ROW.job, LONG),
    leaf: view.getUint32(at + ROW.leaf),
    revision: view.getUint32(at + ROW.revision),
    line: text(ROW.line, LONG),
    supersedes: text(ROW.supersedes, LONG),
    ...Object.fromEntries(["state", "stateBefore", "view", "tables", "tablesBefore", "action"].map((name) => [name, text(ROW[name], SHORT)])),
    at: view.getFloat64(at + ROW.at),
    finished: view.getUint8(at + ROW.finished) === 1,
  }));
}

/** Each reference once, with the first place and the earliest time at which it is named. */
function onceEach(packed) {
  const once = new Map();
  const { view, bytes } = packed;
  for (let at = 0; at < packed.length; at += REFERENCE.size) {
    const key = bytesAsText(bytes.subarray(at, at + REFERENCE.leaf));
    const known = once.get(key);
    const leaf = view.getUint32(at + REFERENCE.leaf), time = view.getFloat64(at + REFERENCE.at);
    if (!known) {
      once.set(key, {
        job: key.slice(0, LONG),
        revision: view.getUint32(at + REFERENCE.revision),
        view: key.slice(REFERENCE.view),
        leaf,
        at: time,
        raw: bytes.slice(at, at + REFERENCE.size),
      });
      continue;
    }
    known.leaf = Math.min(known.leaf, leaf);
    known.at = Math.min(known.at, time);
    const raw = new DataView(known.raw.buffer);
    raw.setUint32(REFERENCE.leaf, known.leaf);
    raw.setFloat64(REFERENCE.at, known.at);
  }
  return once;
}

function groups(found) {
  const grouped = new Map();
  for (const each of found) {
    if (grouped.has(each.job)) grouped.get(each.job).push(each);
    else grouped.set(each.job, [each]);
  }
  return grouped;
}

/** A day that a duty was due by stays, or is an earlier one found later, unless its law says otherwise of it now. */
function* putOff(packed) {
  const found = unpacked(packed, (text, view, at) => ({
    key: text(DUE.job, LONG) + text(DUE.duty, SHORT),
    revision: view.getUint32(at + DUE.revision),
    leaf: view.getUint32(at + DUE.leaf),
    day: view.getUint32(at + DUE.day),
  }));
  found.sort((left, right) => (left.key < right.key ? -1 : left.key > right.key ? 1 : left.revision - right.revision || left.leaf - right.leaf));
  for (let at = 1; at < found.length; at++) {
    const before = found[at - 1], after = found[at];
    if (before.key === after.key && before.revision + 1 === after.revision && after.day > before.day) {
      yield finding("DueDateMismatch", `leaf ${after.leaf} puts off the day that leaf ${before.leaf} names`, after);
    }
  }
}
