// Verify a bundle offline. What the command `flops-auditor verify` checks, in its order and under its names, but for
// --recompute: figures are not computed again from their evidence, and what records continue is not followed.
//
// The bundle is hostile until the end: its zip is read strictly, every file in it is expected and used, and what it says of
// itself is only a claim to check.

import { base64, same, splitLines } from "./bytes.js";
import { checkAncestors, checkCheckpoint, checkFreshness, checkRotations, checkTables, listedIn, readPins } from "./checks.js";
import { checkChunk, unreadableChunk } from "./chunk.js";
import { Reader } from "./agreement.js";
import { lineOf, parseEnvelope } from "./dsse.js";
import { otherS, pem } from "./ecdsa.js";
import { findingOf, Findings, LedgerError, refuse } from "./errors.js";
import { BundleFiles } from "./files.js";
import { LogJoin } from "./join.js";
import { parseCanonical } from "./json.js";
import { KeyHistory, parseGivenKeys, parseKeyHistory } from "./keys.js";
import { chunkName, leafName, parseCheckpointLine, readme } from "./layout.js";
import { HOUR } from "./moments.js";
import { parseCheckpoint, parseNote } from "./note.js";
import { checkPart } from "./part.js";
import { checkShown } from "./table.js";
import { PREDICATES } from "./tables.js";

const MOST_FINDINGS = 100;
export const MAX_AGE = 25 * HOUR;

/**
 * Check all of a bundle against the rest of it, and against what is demanded. Never throws for a bad one.
 *
 * `demands` is {asOf, now, maxAge, pin, keys}: milliseconds since 1970, and bytes or null. `work` is {chunks, progress, seen}:
 * how chunks are checked (here, or by workers), who is told (done, total), and who is told each record that passed.
 */
export async function verifyBundle(blob, demands, work = {}) {
  const report = { ledgerId: "", kind: "", selection: "", size: "0", root: "", records: 0, checkpoints: 0, sealedAt: null, pins: [], elsewhere: 0, supersededElsewhere: 0, bills: [], moreBills: 0, notCompared: "" };
  Object.assign(report, { recordedBy: new Map(), recordedByOthers: 0, assessedUnder: new Map(), assessedUnderOthers: 0, pinned: demands.pin !== null, keysGiven: demands.keys !== null });
  const findings = new Findings();
  try {
    await verify(blob, demands, report, findings, { chunks: chunksHere, progress: () => {}, seen: () => {}, ...work });
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    findings.add([findingOf(error)]);
  }
  const { defects, reservations, more } = findings;
  return { ...report, findings: defects, reservations, more, verdict: verdictOf(defects, reservations) };
}

/** In the order in which one overrides another. */
function verdictOf(defects, reservations) {
  if (defects.length) return defects.some((found) => found.weight === "tampered") ? "tampered" : "cannot verify";
  if (!reservations.length) return "valid";
  return reservations.every((found) => found.error === "StaleLedger") ? "valid, but stale" : "valid, with reservations";
}

async function verify(blob, demands, report, findings, work) {
  const files = await BundleFiles.of(blob);
  const manifest = await files.manifest();
  const keys = await parseKeyHistory(await files.need("keys.json"));
  Object.assign(report, { kind: manifest.kind, selection: manifest.selection, ledgerId: manifest.ledgerId });
  if (keys.ledgerId !== manifest.ledgerId) refuse("WrongLedger", `keys.json is of the ledger ${keys.ledgerId.slice(0, 120)}, the manifest says otherwise`);
  const given = demands.keys === null ? null : await parseGivenKeys(demands.keys);
  await checkKeys(files, keys, manifest.size, given);
  const newest = (await files.read("checkpoint")) ?? refuse("MissingCheckpoint", "there is no checkpoint, so nothing commits to the records");
  const head = await checkCheckpoint(newest, manifest.ledgerId, keys);
  if (head.size !== manifest.size) refuse("BadBundle", `the manifest speaks of ${manifest.size} leaves, the newest checkpoint of ${head.size}`);
  Object.assign(report, { size: String(head.size), root: base64(head.root) });
  const readerKey = base64(crypto.getRandomValues(new Uint8Array(16)));
  const tables = new Set(files.digests("tables")), ancestors = files.digests("ancestors").length;
  const facts = { ledgerId: manifest.ledgerId, keys, size: head.size, readerKey, tables, ancestors };
  const known = given === null ? [keys] : [keys, given];
  const pins = demands.pin === null ? { compared: [], others: [], denied: false } : await readPins(demands.pin, manifest.ledgerId, known);
  report.pins = [...new Set(pins.compared.map(({ head }) => String(head.size)))].sort((left, right) => left - right);
  const job = new Job({ files, facts, newest, head, pins, report, findings, ...work });
  const said = await (manifest.kind === "whole" ? checkWhole(job) : checkPart(job));
  if (findings.ofTheLog || !said) return;
  if (!same(await files.need("README.md"), readme(manifest, keys.current("checkpoint").keyid))) {
    refuse("BadBundle", "README.md is not the text that export writes for this manifest and these keys");
  }
  report.notCompared = await checkShown(files, report.records);
  report.sealedAt = said.sealedAt;
  checkFreshness(said.sealedAt, demands);
}

async function checkKeys(files, keys, size, given) {
  if (given !== null && given.ledgerId !== keys.ledgerId) {
    refuse("AnotherLedger", `the keys given are of ${given.ledgerId.slice(0, 120)}, not of ${keys.ledgerId.slice(0, 120)}`);
  }
  if (given !== null && !keys.agreesWith(given, size)) refuse("UnknownKey", "the bundle's keys are not those that were given, as far as both go");
  for (const key of keys.ranges) {
    if (!same(await files.need(`keys/${key.keyid}.pem`), pem(key.spki))) {
      refuse("UnknownKey", `the PEM file of ${key.keyid.slice(0, 16)} holds another key than keys.json`);
    }
  }
}

/** What checking the leaves works with. */
class Job {
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** The names of all keys. */
  get keyids() {
    return this.facts.keys.ranges.map((key) => key.keyid);
  }

  /** Checkpoints in order; the last must be the newest. */
  async *notes(withProof) {
    let last = new Uint8Array(0);
    for await (const line of this.files.lines("checkpoints.ndjson")) {
      const found = parseCheckpointLine(line, withProof);
      last = found.note;
      yield found;
    }
    if (!same(last, this.newest)) refuse("MissingCheckpoint", "the newest checkpoint is not the last of all checkpoints");
  }

  count({ records, versions, policies }) {
    Object.assign(this.report, { records, recordedBy: versions.told, recordedByOthers: versions.others });
    Object.assign(this.report, { assessedUnder: policies.told, assessedUnderOthers: policies.others });
  }

  /** Leaves in rising order, which were checked, from their files: each of these is unpacked once. */
  async *lines(leaves) {
    const begins = this.files.numbers("log");
    let at = 0, held = -1, lines = [];
    for (const leaf of leaves) {
      if (this.report.kind === "part") {
        yield await this.files.need(leafName("leaves", leaf));
        continue;
      }
      while (at + 1 < begins.length && begins[at + 1] <= leaf) at++;
      if (at !== held) [held, lines] = [at, splitLines(await this.files.need(chunkName("log", begins[at])), Infinity)];
      yield lines[Number(leaf - begins[at])];
    }
  }

  /** What stands beside the records is what it names, and all of them agree with one another. */
  async agree(agreement, tally, bills) {
    const { ancestors, tables } = tally;
    const kept = (digest) => this.files.need(`ancestors/${digest}.json`);
    const unread = await checkAncestors(ancestors, this.files.digests("ancestors"), kept);
    this.findings.add(unread.values());
    await checkTables(tables, this.files.digests("tables"), (digest) => this.files.need(`tables/${digest}`));
    for (const [digest, { index, at }] of ancestors) {
      if (unread.has(digest)) continue;
      const reader = new Reader(this.facts.readerKey);
      const listed = listedIn(await kept(digest));
      reader.keep({ references: await reader.refer(listed, "", Number(index), at) });
      agreement.add(reader.taken());
    }
    for await (const found of agreement.check((leaves) => this.lines(leaves), otherSOf)) {
      if (this.report.kind === "part" && found.error === "AncestorNotHere") this.report.elsewhere++;
      else this.findings.add([found]);
    }
    this.report.supersededElsewhere = agreement.supersededElsewhere;
    for await (const line of this.lines(agreement.twinned)) {
      const { predicateType, predicate } = parseCanonical(parseEnvelope(line).payload);
      if (predicateType === PREDICATES.record) tally.count(predicate, -1);
    }
    this.count(tally);
    this.findings.add(await bills.check(this.heads()));
    Object.assign(this.report, { bills: bills.inOrder(), moreBills: bills.more });
  }

  /** Size and root of all checkpoints, which were checked. */
  async *heads() {
    for await (const { note } of this.notes(this.report.kind === "part")) yield parseCheckpoint(parseNote(note).text);
  }
}

/** A line with the other value of s in its signature. */
function otherSOf(line) {
  const envelope = parseEnvelope(line);
  const [{ keyid, der }] = envelope.signatures;
  return lineOf({ ...envelope, signatures: [{ keyid, der: otherS(der) }] });
}

/** All leaves, in chunks that workers may check in any order, joined in order; null where a leaf is not as it must be. */
async function checkWhole(job) {
  const begins = job.files.numbers("log");
  job.files.expect(begins.flatMap((begin) => [chunkName("log", begin), chunkName("evidence", begin)]), job.keyids);
  const join = await LogJoin.of(job.facts, job.notes(false), job.pins, job.findings);
  let broken = null;
  for await (const summary of job.chunks(job.files, job.facts, begins, job.seen)) {
    job.findings.add(summary.findings);
    try {
      if (broken === null) await join.add(summary);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      broken = error;
    }
    job.progress(Number(summary.end), Number(job.head.size));
    if (job.findings.ofTheLog >= MOST_FINDINGS) return null;
  }
  job.count(join.tally);
  job.report.checkpoints = join.checkpoints;
  if (job.findings.ofTheLog) return null; // what the leaves show first explains what the tree would show
  if (broken) throw broken;
  await join.finish();
  await checkRotations(job.facts.keys, join.rotations, join.newest, join.began);
  await job.agree(join.agreement, join.tally, join.bills);
  return join.newest;
}

async function* chunksHere(files, facts, begins, seen) {
  for (const begin of begins) yield readChunk(files, facts, begin, seen);
}

/** One chunk, read and checked. */
export async function readChunk(files, facts, begin, seen) {
  try {
    const log = await files.need(chunkName("log", begin));
    const evidence = (await files.read(chunkName("evidence", begin))) ?? new Uint8Array(0);
    return await checkChunk(facts, begin, log, evidence, seen);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return unreadableChunk(facts, begin, error);
  }
}

/** Facts for a worker, which takes no objects with methods, and back. */
export function sentFacts(facts) {
  return { ...facts, keys: { ledgerId: facts.keys.ledgerId, ranges: facts.keys.ranges } };
}

export function receivedFacts(facts) {
  return { ...facts, keys: new KeyHistory(facts.keys.ledgerId, facts.keys.ranges) };
}
