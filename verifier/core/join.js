// Chunks of a whole log joined in order: the tree under every checkpoint, the times of its batches, its records.

import { hex, same, sha256 } from "./bytes.js";
import { Agreement } from "./agreement.js";
import { Bills } from "./bills.js";
import { checkCheckpoint, checkPins, checkSealed, lateRecord, rootsAt } from "./checks.js";
import { findingOf, LedgerError, refuse } from "./errors.js";
import { Tally } from "./chunk.js";
import { CompactRange } from "./merkle.js";
import { CLOCK_SKEW, iso, SEALED_WITHIN } from "./moments.js";

/** Joins the summaries of chunks in order and compares every checkpoint with the tree so far. */
export class LogJoin {
  /** `notes` gives the checkpoints in order; `findings` takes reservations. */
  static async of(facts, notes, pins, findings) {
    const join = new LogJoin();
    Object.assign(join, { facts, notes, pins, findings });
    join.tree = new CompactRange();
    join.roots = await rootsAt(pins, new Uint8Array(0)); // where no batch of a whole log ends, it has another history
    join.compared = new Set(pins.compared.map(({ head }) => head.size));
    join.pinnedAt = null;
    join.newest = null;
    join.latestSeal = null;
    join.began = null;
    join.checkpoints = 0;
    join.rotations = [];
    join.tally = new Tally();
    join.bills = new Bills();
    join.agreement = new Agreement();
    join.batchBegins = 0n;
    join.open = [];
    join.before = new Uint8Array(0);
    join.note = await join.nextNote();
    return join;
  }

  /** The next chunk. Throws the error that names what does not fit. */
  async add(summary) {
    if (summary.begin !== this.tree.end) refuse("RootMismatch", `after leaf ${this.tree.end} comes a chunk that begins at leaf ${summary.begin}`);
    this.tally.join(summary.tally);
    this.bills.join(summary.bills);
    if (this.tally.ancestors.size > this.facts.ancestors) refuse("EvidenceMismatch", "an object with ancestors, which a record names, is missing");
    this.rotations.push(...summary.rotations);
    this.agreement.add(summary.rows);
    if (this.agreement.tooMany()) refuse("AncestorMismatch", "records list more ancestors than there are records");
    for (const segment of summary.segments) {
      this.tree = await this.tree.join(segment);
      this.open.push(segment);
      if (segment.heartbeat) await this.boundary(segment, segment.heartbeat);
    }
  }

  /** Nothing is missing at the end, and nothing is over. */
  async finish() {
    const { size } = this.facts, there = this.tree.end;
    if (there < size) refuse("TruncatedLedger", `${there} leaves are there, the newest checkpoint commits to ${size}`);
    if (there > size) refuse("UncheckpointedTail", `${there} leaves are there, the newest checkpoint commits to ${size}`);
    if (this.note) refuse("RootMismatch", `no batch ends where the checkpoint of size ${this.note.head.size} does`);
    checkPins(this.pins, size, this.roots);
  }

  async nextNote() {
    const { done, value } = await this.notes.next();
    return done ? null : { note: value.note, head: await checkCheckpoint(value.note, this.facts.ledgerId, this.facts.keys) };
  }

  async boundary(segment, heartbeat) {
    if (this.tree.end > this.facts.size) return; // a tail, which `finish` names
    if (heartbeat.firstIndex !== this.batchBegins || heartbeat.previousSize !== this.batchBegins) {
      refuse("RootMismatch", `the batch that leaf ${segment.end - 1n} closes does not begin where it says`);
    }
    this.checkTimes(heartbeat);
    await this.checkHead(segment, heartbeat);
    this.open = [];
    this.batchBegins = segment.end;
    this.newest = heartbeat;
  }

  /** The checkpoint at a batch's end is over the tree up to there, and its heartbeat names the one before. */
  async checkHead(segment, heartbeat) {
    if (!this.note || this.note.head.size > segment.end) refuse("MissingCheckpoint", `there is no checkpoint of size ${segment.end}, where a batch ends`);
    const { note, head } = this.note;
    if (head.size < segment.end) refuse("RootMismatch", `no batch ends where the checkpoint of size ${head.size} does`);
    if (!same(head.root, await this.tree.root())) refuse("RootMismatch", `the first ${head.size} leaves do not lead to the root that was signed for them`);
    if (heartbeat.previousSha256 !== hex(await sha256(this.before))) {
      refuse("MissingCheckpoint", `the log names another checkpoint of size ${heartbeat.previousSize} than is here`);
    }
    if (this.roots.has(head.size)) this.roots.set(head.size, head.root);
    if (this.compared.has(head.size)) this.pinnedAt = heartbeat.sealedAt;
    this.checkpoints++;
    this.before = note;
    this.note = await this.nextNote();
  }

  /** A batch is sealed after the one before it and after its records, and soon. */
  checkTimes({ sealedAt }) {
    if (this.latestSeal !== null && sealedAt < this.latestSeal - CLOCK_SKEW) {
      refuse("TimeRunsBackwards", `a heartbeat of ${iso(sealedAt)} follows one of ${iso(this.latestSeal)}`);
    }
    this.latestSeal = Math.max(this.latestSeal ?? sealedAt, sealedAt);
    this.began ??= sealedAt;
    for (const { latest } of this.open) checkSealed(latest, sealedAt);
    for (const { times } of this.open) {
      for (const [at, leaf] of times) {
        this.findings.add(lateRecord(leaf, at, sealedAt));
        if (this.pinnedAt !== null && at < this.pinnedAt - SEALED_WITHIN) {
          const message = `leaf ${leaf} is dated long before the pin, and was not in the log at it`;
          this.findings.add([findingOf(new LedgerError("LoggedAfterPin", message), leaf)]);
        }
      }
    }
  }
}
