// What is in the log: records of jobs, statements on bills, heartbeats of the sealer, key rotations; each an in-toto Statement v1.

import { bytesAsText } from "./bytes.js";
import { signedBytes } from "./dsse.js";
import { keyidOf, readSpki, verifies } from "./ecdsa.js";
import { refuse } from "./errors.js";
import { checkForm } from "./forms.js";
import { hasExactly, isObject, NotCanonical, parseCanonical, UnreadableJson } from "./json.js";
import { readRecorded } from "./moments.js";
import { PREDICATES, STATEMENT_TYPE } from "./tables.js";

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const MEMBER = '"predicateType":';
const TAIL = 1000; // bytes in which the last one nearly always stands
const SHA256 = /^[0-9a-f]{64}$/;
const KINDS = Object.fromEntries(Object.entries(PREDICATES).map(([kind, type]) => [type, kind]));
const TIMES = { record: "recorded_at", bill: "recorded_at", heartbeat: "sealed_at", rotation: "requested_at" };

/** The kind that a canonical payload's predicateType demands; anything unknown is treated as a record. */
function kindOf(payload) {
  const end = bytesAsText(payload.subarray(-TAIL));
  const text = end.includes(MEMBER) ? end : bytesAsText(payload);
  const at = text.lastIndexOf(MEMBER);
  const tail = at < 0 ? text : text.slice(at + MEMBER.length);
  return ["heartbeat", "rotation", "bill"].find((kind) => tail.startsWith(`"${PREDICATES[kind]}"`)) ?? "record";
}

/** Whether a leaf of a kind rests on evidence, and waited for its place since its own time. */
export const restsOnEvidence = (kind) => kind === "record" || kind === "bill";

/**
 * The leaf at `index` is signed by whom its kind must be signed by. Throws the error that names what is wrong.
 *
 * The payload is parsed only after its signature verified; before, it is asked only which role must sign it, and a rotation
 * also for the key that it brings: it can demand, not grant.
 */
export async function checkSigned(envelope, index, keys) {
  if (envelope.payloadType !== PAYLOAD_TYPE) refuse("WrongPayloadType", `leaf ${index} has the payloadType ${envelope.payloadType.slice(0, 80)}`);
  const kind = kindOf(envelope.payload);
  if (kind === "rotation") {
    await checkRotation(envelope, index, keys);
    return kind;
  }
  const role = kind === "heartbeat" ? "checkpoint" : "record";
  if (envelope.signatures.length !== 1) refuse("MalformedRecord", `leaf ${index} has ${envelope.signatures.length} signatures`);
  const [signature] = envelope.signatures;
  const key = keys.signer(role, signature.keyid, index);
  if (!(await verifies(key.spki, signature.der, signedBytes(envelope)))) {
    refuse("BadSignature", `leaf ${index}: the signature does not verify with the ${role} key ${key.keyid.slice(0, 16)}`);
  }
  return kind;
}

/** A rotation is signed by the key in force at its index, and by the new key that it carries. */
async function checkRotation(envelope, index, keys) {
  const unauthorised = (why) => refuse("UnauthorisedRotation", `the rotation at leaf ${index} ${why}`);
  const { rotation } = await read("rotation", envelope.payload, index);
  const wanted = [rotation.oldKeyid, await keyidOf(rotation.newSpki)];
  const named = envelope.signatures.map((signature) => signature.keyid);
  if (named.length !== 2 || named.some((keyid, at) => keyid !== wanted[at])) unauthorised("is not signed by the old and by the new key");
  const old = keys.covering(rotation.role, index);
  if (!old || old.keyid !== rotation.oldKeyid) unauthorised("replaces a key that is not in force there");
  for (const [at, spki] of [old.spki, rotation.newSpki].entries()) {
    if (!(await verifies(spki, envelope.signatures[at].der, signedBytes(envelope)))) unauthorised(`has a signature by ${named[at].slice(0, 16)} that fails`);
  }
}

/** What an envelope says whose signatures were checked: {kind, at, subject, sha256, content, rotation}. */
export async function leafOf(envelope, kind, ledgerId, index) {
  const leaf = await read(kind, envelope.payload, index);
  if (leaf.content.ledger_id !== ledgerId) refuse("WrongLedger", `leaf ${index} belongs to ${leaf.content.ledger_id.slice(0, 120)}`);
  return leaf;
}

async function read(kind, payload, index) {
  const { subject, sha256, content } = parseStatement(payload);
  checkForm(kind, content, `leaf ${index}: `);
  const at = readRecorded(content[TIMES[kind]]);
  if (at === null) refuse("MalformedRecord", `leaf ${index}: ${content[TIMES[kind]]} is no time at which anything was recorded`);
  const leaf = { kind, at, subject, sha256, content, rotation: null };
  if (kind === "rotation") leaf.rotation = await changeIn(leaf, index);
  return leaf;
}

/** Read a payload whose signature was verified. Throws MalformedRecord, NonCanonicalRecord or UnknownPredicate. */
function parseStatement(payload) {
  const malformed = (why) => refuse("MalformedRecord", `the payload is ${why}`);
  let found;
  try {
    found = parseCanonical(payload);
  } catch (error) {
    if (error instanceof UnreadableJson) malformed(error.message);
    if (error instanceof NotCanonical) refuse("NonCanonicalRecord", `the payload is ${error.message}`);
    throw error;
  }
  if (!hasExactly(found, ["_type", "subject", "predicateType", "predicate"])) malformed("not an in-toto statement with exactly the standard members");
  if (found._type !== STATEMENT_TYPE) malformed("a statement of another _type");
  if (!Object.hasOwn(KINDS, found.predicateType)) refuse("UnknownPredicate", `predicateType ${String(found.predicateType).slice(0, 120)}`);
  const subject = Array.isArray(found.subject) && found.subject.length === 1 ? found.subject[0] : null;
  const named = hasExactly(subject, ["name", "digest"]) && typeof subject.name === "string";
  if (!named || !hasExactly(subject.digest, ["sha256"]) || !SHA256.test(subject.digest.sha256) || !isObject(found.predicate)) {
    malformed("a statement without one named subject with its SHA-256, and an object as predicate");
  }
  return { subject: subject.name, sha256: subject.digest.sha256, content: found.predicate };
}

/** The change that a rotation makes, with its time, whose subject must be the key that it brings. Throws UnauthorisedRotation. */
async function changeIn({ at, subject, sha256, content }, index) {
  const newSpki = readSpki(content.new_public_key);
  if (subject !== `${content.ledger_id} ${content.role} key` || sha256 !== (await keyidOf(newSpki))) {
    refuse("UnauthorisedRotation", `the subject of the rotation at leaf ${index} is not the key that it brings`);
  }
  return { role: content.role, oldKeyid: content.old_keyid, newSpki, number: content.number, at };
}

/** A heartbeat stands where it says, and names the keys in force there and the rotations before it. */
export function checkHeartbeat(leaf, index, keys) {
  const said = leaf.content;
  if (said.index !== String(index)) refuse("RootMismatch", `leaf ${index} says that it is leaf ${said.index}: leaves are missing or were added`);
  if (leaf.subject !== `${said.ledger_id} checkpoint ${said.previous_size}`) {
    refuse("MalformedRecord", `the subject of the heartbeat at leaf ${index} is not the checkpoint before it`);
  }
  const inForce = keys.inForce(index);
  const same = said.keys.record === inForce.record && said.keys.checkpoint === inForce.checkpoint;
  if (!same || said.rotations !== keys.rotationsBefore(index)) {
    refuse("UnauthorisedRotation", `the heartbeat at leaf ${index} names other keys than are in force there`);
  }
}

/** What a heartbeat says: when, of which batch, after which checkpoint, under which keys. */
export function heartbeatOf(leaf) {
  const said = leaf.content;
  return {
    sealedAt: leaf.at,
    firstIndex: BigInt(said.first_index),
    previousSize: BigInt(said.previous_size),
    previousSha256: leaf.sha256,
    rotations: said.rotations,
    keys: said.keys,
  };
}
