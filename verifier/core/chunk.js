// One chunk of a whole log: its leaves in order, each with its signature, its form and its evidence. A chunk may end anywhere;
// chunks are checked in any order and by several workers, and what is left of them is then joined in order (join.js).

import { fromBase64, hex, NEWLINE, sha256, splitLines } from "./bytes.js";
import { Reader } from "./agreement.js";
import { Bills } from "./bills.js";
import { parseEnvelope } from "./dsse.js";
import { findingOf, LedgerError, refuse } from "./errors.js";
import { bounds, isLeftOut, leftOut } from "./leftout.js";
import { checkHeartbeat, checkSigned, heartbeatOf, leafOf, restsOnEvidence } from "./leaves.js";
import { CompactRange, leafHash } from "./merkle.js";
import { MOST_NAMES } from "./tables.js";

const AT_ONCE = 64;
const SHORTEST_LINE = 100;
export const MOST_PARTS = 500_000;
const PARTS = [0x5b, 0x7b, 0x2c], QUOTE = 0x22, BACKSLASH = 0x5c; // [ { ,

/**
 * Check the leaves of one chunk, and stop at the first that is not as it should be. `facts` is {ledgerId, keys, size, readerKey, tables, ancestors},
 * `seen(leaf, index)` is told every record that passed.
 */
export async function checkChunk(facts, begin, log, evidence, seen = () => {}) {
  const most = Math.floor(log.length / SHORTEST_LINE);
  const lines = splitLines(log, most + 1);
  if (lines.length > most + 1) return broken(facts, begin, "MalformedRecord", "lines too short for leaves");
  const rest = lines.pop();
  const proofs = splitLines(evidence, lines.length + 2);
  if (proofs.length > lines.length + 2) return broken(facts, begin, "EvidenceMismatch", `more lines of evidence than the ${lines.length} leaves`);
  const chunk = new ChunkCheck(facts, begin, begin + BigInt(lines.length), proofs, seen);
  let index = begin;
  try {
    for (let at = 0; at < lines.length; at += AT_ONCE) {
      const some = lines.slice(at, at + AT_ONCE).map((line, step) => chunk.check(line, at + step));
      for (const each of some) each.catch(() => {}); // each is awaited in its turn
      for (const each of some) {
        await chunk.add(await each, index);
        index++;
      }
    }
    if (rest.length && index >= facts.size) refuse("UncheckpointedTail", `${rest.length} bytes after the last newline`);
    if (rest.length) refuse("MalformedRecord", `leaf ${index} is cut off after ${rest.length} bytes`);
    if (proofs.length !== lines.length + 1 || proofs.at(-1).length) {
      refuse("EvidenceMismatch", `${proofs.length - 1} lines of evidence for ${lines.length} leaves`);
    }
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    chunk.summary.findings.push(findingOf(error, index));
  }
  return chunk.close();
}

function broken(facts, begin, name, message) {
  const chunk = new ChunkCheck(facts, begin, begin, [], () => {});
  chunk.summary.findings.push(findingOf(new LedgerError(name, message), begin));
  return chunk.close();
}

/** A chunk that could not be read. */
export function unreadableChunk(facts, begin, error) {
  return broken(facts, begin, error.name, error.message);
}

/**
 * How many records bear each of the names that they choose: the first in the order of their letters one by one, the sum of all others,
 * in memory that no choice of names makes larger. In whichever order counts are joined, they are the same.
 */
class NamedCounts {
  constructor() {
    this.told = new Map(); // a record may name its version "constructor"
    this.others = 0;
  }

  add(name, number) {
    if (this.told.has(name) || this.told.size < MOST_NAMES) {
      this.told.set(name, (this.told.get(name) ?? 0) + number);
      return;
    }
    const last = [...this.told.keys()].reduce((one, other) => (one > other ? one : other));
    if (name > last) {
      this.others += number;
      return;
    }
    this.others += this.told.get(last);
    this.told.delete(last);
    this.told.set(name, number);
  }

  join({ told, others }) {
    for (const [name, number] of told) this.add(name, number);
    this.others += others;
  }
}

/** What is counted of records that passed: their versions of the code, policies, and what they name by SHA-256. */
export class Tally {
  constructor() {
    this.records = 0;
    this.versions = new NamedCounts();
    this.policies = new NamedCounts();
    this.ancestors = new Map();
    this.tables = new Set(); // of those that are at hand: records may name any number of others
  }

  add({ content, at }, index, tables) {
    const kept = content.lineage.kept?.sha256;
    if (kept && !this.ancestors.has(kept)) this.ancestors.set(kept, { index, at, bounded: bounds(content.code_version) });
    for (const digest of Object.values(content.tables)) if (tables.has(digest)) this.tables.add(digest);
    this.count(content, 1);
  }

  /** A record's version and policies; -1 for one that was counted at another place, too. */
  count({ code_version: version, assessments }, number) {
    this.records += number;
    this.versions.add(version, number);
    for (const policy of new Set(assessments.map((each) => each.policy))) this.policies.add(policy, number);
  }

  join(other) {
    this.records += other.records;
    this.versions.join(other.versions);
    this.policies.join(other.policies);
    for (const [digest, first] of other.ancestors) if (!this.ancestors.has(digest)) this.ancestors.set(digest, first);
    for (const digest of other.tables) this.tables.add(digest);
  }
}

/** The state of checking one chunk. Its summary is small, whatever the chunk's size. */
class ChunkCheck {
  constructor(facts, begin, end, proofs, seen) {
    this.facts = facts;
    this.begin = begin;
    this.start = begin;
    this.proofs = proofs;
    this.seen = seen;
    this.reader = new Reader(facts.readerKey);
    this.summary = { begin, end, segments: [], rotations: [], findings: [], tally: new Tally(), bills: new Bills(), rows: null };
    this.clear();
  }

  clear() {
    this.hashes = [];
    this.latest = null;
    this.times = [];
  }

  /** What one leaf shows by itself, whichever leaves stand around it: {leaf, hash, rows}. */
  async check(line, at) {
    const { facts, proofs } = this, index = this.begin + BigInt(at);
    const envelope = parseEnvelope(line);
    const leaf = await leafOf(envelope, await checkSigned(envelope, index, facts.keys), facts.ledgerId, index);
    const rows = restsOnEvidence(leaf.kind) ? await this.reader.read(leaf, line, index) : {};
    if (at >= proofs.length - 1 || proofs[at].length > 0 !== restsOnEvidence(leaf.kind)) {
      refuse("EvidenceMismatch", `leaf ${index} has no evidence, or has some that it should not have`);
    }
    if (restsOnEvidence(leaf.kind)) {
      const evidence = fromBase64(proofs[at]) ?? refuse("EvidenceMismatch", `the evidence of leaf ${index} is not strict base64`);
      return { leaf, hash: await leafHash(line), rows, tooLarge: await tooLarge(leaf, evidence, index) };
    }
    if (leaf.kind === "heartbeat") checkHeartbeat(leaf, index, facts.keys);
    return { leaf, hash: await leafHash(line), rows };
  }

  /** Take in the next leaf; at a heartbeat, close the batch. */
  async add({ leaf, hash, rows, tooLarge }, index) {
    if (tooLarge) this.summary.findings.push(tooLarge);
    this.hashes.push(hash);
    this.reader.keep(rows);
    if (leaf.kind === "heartbeat") {
      await this.closeSegment(heartbeatOf(leaf));
      return;
    }
    if (leaf.rotation) this.summary.rotations.push({ index, rotation: leaf.rotation });
    if (this.latest === null || leaf.at > this.latest.at) this.latest = { at: leaf.at, leaf: index };
    if (restsOnEvidence(leaf.kind)) this.times.push([leaf.at, index]);
    if (leaf.kind === "bill") this.summary.bills.add(leaf, index);
    if (leaf.kind === "record") {
      this.summary.tally.add(leaf, index, this.facts.tables);
      this.seen(leaf, index);
    }
  }

  async closeSegment(heartbeat) {
    const range = await CompactRange.of(this.start, this.hashes);
    this.summary.segments.push({ begin: this.start, end: range.end, nodes: range.nodes, heartbeat, latest: this.latest, times: this.times });
    this.start = range.end;
    this.clear();
  }

  /** The summary, with what no heartbeat closed. */
  async close() {
    if (this.hashes.length) await this.closeSegment(null);
    this.summary.rows = this.reader.taken();
    return this.summary;
  }
}

/** The evidence is the signed one, or too large to be computed with: that finding, else null. Throws EvidenceMismatch. */
export async function tooLarge(leaf, evidence, index) {
  if (isLeftOut(evidence)) return tooLargeFound(leftOut(`the evidence of leaf ${index} is`, bounds(leaf.content.code_version)), index);
  if (hex(await sha256(evidence)) !== leaf.sha256) refuse("EvidenceMismatch", `the evidence of leaf ${index} is not the file that was signed`);
  return hasTooManyParts(evidence) ? findingOf(new LedgerError("TooLarge", `the evidence of leaf ${index} has more than ${MOST_PARTS} parts`), index) : null;
}

/** An error as a finding, if it is that something is too large; any other is thrown. */
export function tooLargeFound(error, index) {
  if (!(error instanceof LedgerError) || error.name !== "TooLarge") throw error;
  return findingOf(error, index);
}

/** Whether JSON may have more lists, objects and what stands in them than can be held in memory. Its strings make none. */
export function hasTooManyParts(body) {
  let parts = 0, quoted = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) quoted = !quoted;
    else if (!quoted) parts += PARTS.includes(byte);
    else if (byte === BACKSLASH) at++;
  }
  return parts > MOST_PARTS;
}

/** The line of a leaf in a chunk that was checked. */
export function lineIn(log, begin, leaf) {
  let from = 0;
  for (let skip = leaf - begin; skip > 0n; skip--) from = log.indexOf(NEWLINE, from) + 1;
  return log.subarray(from, log.indexOf(NEWLINE, from));
}
