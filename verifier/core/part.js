// A part of a log: chosen leaves, each with its proof; all checkpoints consistent with the newest.

import { same } from "./bytes.js";
import { Agreement, checkRecord, Reader } from "./agreement.js";
import { Bills } from "./bills.js";
import { checkCheckpoint, checkPins, checkRotations, checkSealed, lateRecord, rootsAt } from "./checks.js";
import { Tally, tooLarge } from "./chunk.js";
import { parseEnvelope } from "./dsse.js";
import { refuse } from "./errors.js";
import { leafName, parseProof } from "./layout.js";
import { checkHeartbeat, checkSigned, heartbeatOf, leafOf } from "./leaves.js";
import { isConsistent, leafHash, rootFromInclusion } from "./merkle.js";
import { CLOCK_SKEW, iso } from "./moments.js";

/** Check a part; the newest heartbeat is told. `job` is what verify.js works with. */
export async function checkPart(job) {
  const chosen = await chosenLeaves(job);
  if (!chosen.heartbeat) refuse("MissingCheckpoint", "the newest heartbeat, which dates the newest checkpoint, is missing");
  checkTimes(job, chosen.batches);
  await checkRotations(job.facts.keys, chosen.rotations, chosen.heartbeat, chosen.began);
  job.count(chosen.tally);
  await checkHistory(job);
  await job.agree(chosen.agreement, chosen.tally, new Bills());
  return chosen.heartbeat;
}

/** What the leaves of a part say together. */
async function chosenLeaves(job) {
  const indexes = job.files.numbers("leaves");
  const names = indexes.flatMap((index) => [leafName("leaves", index), leafName("proofs", index)]);
  const chosen = { heartbeat: null, began: null, rotations: [], batches: [], tally: new Tally(), agreement: new Agreement(true) };
  const reader = new Reader(job.facts.readerKey);
  let dated = [];
  for (const [done, index] of indexes.entries()) {
    const { line, leaf } = await checkLeaf(job, index);
    if (leaf.kind === "record") {
      names.push(leafName("evidence", index));
      reader.keep(await reader.read(leaf, line, index));
      chosen.tally.add(leaf, index, job.facts.tables);
      job.seen(leaf, index);
    } else if (leaf.rotation) chosen.rotations.push({ index, rotation: leaf.rotation });
    else if (leaf.kind === "bill") refuse("BadBundle", `leaf ${index} of a part is a statement on a bill, as export writes none`);
    else {
      checkHeartbeat(leaf, index, job.facts.keys);
      const said = heartbeatOf(leaf);
      chosen.batches.push({ said, dated });
      dated = [];
      if (said.firstIndex === 0n) chosen.began = said.sealedAt;
      if (index === job.head.size - 1n) chosen.heartbeat = said;
    }
    if (leaf.kind !== "heartbeat") dated.push({ at: leaf.at, leaf: index, isRecord: leaf.kind === "record" });
    job.progress(done + 1, indexes.length);
  }
  chosen.agreement.add(reader.taken());
  job.files.expect(names, job.keyids);
  if (!chosen.tally.records) refuse("BadBundle", "a part without a record, as export writes none");
  return chosen;
}

async function checkLeaf(job, index) {
  const line = await job.files.need(leafName("leaves", index));
  const envelope = parseEnvelope(line);
  const kind = await checkSigned(envelope, index, job.facts.keys);
  const leaf = await leafOf(envelope, kind, job.facts.ledgerId, index);
  const proof = parseProof(await job.files.need(leafName("proofs", index)));
  if (proof.index !== index || !same(proof.checkpoint, job.newest)) {
    refuse("RootMismatch", `the proof of leaf ${index} is for leaf ${proof.index} or for another checkpoint`);
  }
  const root = await rootFromInclusion(index, job.head.size, await leafHash(line), proof.path);
  if (root === null || !same(root, job.head.root)) refuse("RootMismatch", `the proof of leaf ${index} does not lead to the root that was signed`);
  if (leaf.kind === "record") {
    await checkRecord(leaf);
    const evidence = (await job.files.read(leafName("evidence", index))) ?? refuse("EvidenceMismatch", `the evidence of leaf ${index} is missing`);
    const found = await tooLarge(leaf, evidence, index);
    if (found) job.findings.add([found]);
  }
  return { line, leaf };
}

/** Each leaf is dated by the heartbeat that closes its batch, and those follow one another. */
function checkTimes(job, batches) {
  let latest = null;
  for (const { said, dated } of batches) {
    const { sealedAt } = said;
    if (dated.length && dated[0].leaf < said.firstIndex) {
      refuse("MissingCheckpoint", `the heartbeat that closes the batch of leaf ${dated[0].leaf} is missing`);
    }
    if (latest !== null && sealedAt < latest - CLOCK_SKEW) refuse("TimeRunsBackwards", `a heartbeat of ${iso(sealedAt)} follows one of ${iso(latest)}`);
    latest = Math.max(latest ?? sealedAt, sealedAt);
    for (const each of dated) checkSealed(each, sealedAt);
    for (const each of dated) if (each.isRecord) job.findings.add(lateRecord(each.leaf, each.at, sealedAt));
  }
}

/** Every checkpoint is signed, and the newest tree extends its tree. */
async function checkHistory(job) {
  const { facts, pins } = job;
  const roots = await rootsAt(pins, null);
  let before = 0n;
  for await (const { note, proof } of job.notes(true)) {
    const head = await checkCheckpoint(note, facts.ledgerId, facts.keys);
    if (head.size <= before) refuse("MalformedRecord", "checkpoints.ndjson is not in order");
    if (!(await isConsistent(head.size, job.head.size, head.root, job.head.root, proof))) {
      refuse("RootMismatch", `the newest tree does not extend that of the checkpoint of size ${head.size}`);
    }
    if (roots.has(head.size)) roots.set(head.size, head.root);
    before = head.size;
    job.report.checkpoints++;
  }
  checkPins(pins, job.head.size, roots);
}
