// Checks that a whole bundle and a part have in common: checkpoints, the pin, keys, and what records name by digest.

import { hex, same, sha256, textOf, utf8 } from "./bytes.js";
import { checkOrder } from "./agreement.js";
import { verifies } from "./ecdsa.js";
import { findingOf, LedgerError, refuse } from "./errors.js";
import { checkForm } from "./forms.js";
import { NotCanonical, parseCanonical, UnreadableJson } from "./json.js";
import { ROLES } from "./keys.js";
import { CLOCK_SKEW, HOUR, iso, SEALED_WITHIN } from "./moments.js";
import { notesIn, parseCheckpoint, parseNote } from "./note.js";

/**
 * The tree head that a checkpoint commits to, signed by the key in force at its size. Signatures by keys of this ledger are
 * checked, others (of witnesses, say) passed over. Throws WrongOrigin or BadCheckpointSignature.
 */
export async function checkCheckpoint(note, ledgerId, keys) {
  const { text, signatures } = parseNote(note);
  const head = parseCheckpoint(text);
  const bad = (why) => refuse("BadCheckpointSignature", `the checkpoint of size ${head.size} ${why}`);
  if (head.origin !== ledgerId) refuse("WrongOrigin", `the checkpoint of size ${head.size} is of ${head.origin.slice(0, 120)}, not of ${ledgerId}`);
  let signed = false;
  for (const signature of signatures) {
    for (const key of keys.ranges) {
      if (key.role !== "checkpoint" || signature.name !== ledgerId || hex(signature.keyId) !== key.noteKeyId) continue;
      if (!(await verifies(key.spki, signature.der, text))) bad("has a signature that does not verify");
      signed ||= keys.covers(key, head.size > 0n ? head.size - 1n : 0n);
    }
  }
  if (!signed) bad("is not signed by the key in force there");
  return head;
}

/**
 * The pin in a text, {note, head}: the first checkpoint of this ledger that no key of it denies, else the first of this ledger.
 * Throws UnreadableNote, or AnotherLedger where none is of this ledger.
 */
export async function readPin(bytes, ledgerId, keys) {
  const text = textOf(bytes), notes = text === null ? [] : notesIn(text).map(utf8);
  const pins = (notes.length ? notes : [bytes]).map((note) => ({ note, head: parseCheckpoint(parseNote(note).text) }));
  const ours = pins.filter(({ head }) => head.origin === ledgerId);
  if (!ours.length) refuse("AnotherLedger", `the pinned checkpoint is of ${pins[0].head.origin.slice(0, 120)}, not of ${ledgerId}`);
  for (const pin of ours) if (!(await isDenied(pin, keys))) return pin;
  return ours[0];
}

async function isDenied(pin, keys) {
  try {
    await checkPinSignature(pin, keys);
    return false;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return true;
  }
}

/** The history goes on from the pin. Throws RolledBack, MissingCheckpoint where none of the pin's size is here, or ForkedHistory. */
export function checkPin({ head }, newest, rootAtPin) {
  if (head.size > newest) refuse("RolledBack", `the pin commits to ${head.size} leaves, the newest checkpoint to ${newest}`);
  if (rootAtPin === null) refuse("MissingCheckpoint", `the checkpoint of ${head.size} leaves, which was pinned, is not here to compare`);
  if (!same(rootAtPin, head.root)) refuse("ForkedHistory", `the history up to leaf ${head.size} is not the one that was pinned`);
}

/** A pin that names a key of this ledger must be signed by it; one of an unknown key is compared by its root. */
export async function checkPinSignature({ note, head }, keys) {
  for (const signature of parseNote(note).signatures) {
    for (const key of keys.ranges) {
      if (key.role === "checkpoint" && hex(signature.keyId) === key.noteKeyId && !(await verifies(key.spki, signature.der, head.text))) {
        refuse("BadCheckpointSignature", "the signature of the pinned checkpoint does not verify");
      }
    }
  }
}

/**
 * keys.json is the first keys and what rotation leaves, numbered from 0, made of them. `said` is the newest heartbeat: it counts
 * the rotations and names the keys in force, so none can be kept back; `began` is when the first batch was sealed, if that is here.
 * Throws UnauthorisedRotation, TimeRunsBackwards.
 */
export async function checkRotations(keys, rotations, said, began = null) {
  const unauthorised = (why) => refuse("UnauthorisedRotation", why);
  let history = keys.firstKeys;
  for (const [number, { index, rotation }] of rotations.entries()) {
    if (began !== null && rotation.at < began - CLOCK_SKEW) {
      refuse("TimeRunsBackwards", `the rotation at leaf ${index} is dated ${iso(rotation.at)}, before ${iso(began)}`);
    }
    began = Math.max(began ?? rotation.at, rotation.at);
    if (history.current(rotation.role).keyid !== rotation.oldKeyid) unauthorised(`the rotation at leaf ${index} replaces a key that is not in force`);
    if (rotation.number !== number) unauthorised(`the rotation at leaf ${index} has the number ${rotation.number}, not ${number}`);
    history = await history.rotated(rotation.role, rotation.newSpki, index);
  }
  if (history.toText() !== keys.toText()) unauthorised("keys.json has a key or a range that no rotation leaf authorises");
  const current = said && ROLES.every((role) => said.keys[role] === keys.current(role).keyid);
  if (said && (said.rotations !== rotations.length || !current)) {
    unauthorised("the newest heartbeat names other keys than keys.json and the rotation leaves");
  }
}

/** The sealer lives. Throws StaleLedger, FutureTimestamp or, where the question is wrong, WrongAsOf. */
export function checkFreshness(sealedAt, { asOf, now, maxAge }) {
  if (sealedAt > asOf + CLOCK_SKEW) {
    const wrong = now !== null && sealedAt <= now + CLOCK_SKEW;
    refuse(wrong ? "WrongAsOf" : "FutureTimestamp", `the newest heartbeat is dated ${iso(sealedAt)}, after ${iso(asOf)}`);
  }
  if (asOf - sealedAt > maxAge) refuse("StaleLedger", `sealed ${((asOf - sealedAt) / HOUR).toFixed(1)} hours before ${iso(asOf)}`);
}

/** Nothing is dated after the heartbeat that closes its batch. Throws FutureTimestamp. */
export function checkSealed(latest, sealedAt) {
  if (latest !== null && latest.at > sealedAt + CLOCK_SKEW) {
    refuse("FutureTimestamp", `leaf ${latest.leaf} is dated ${iso(latest.at)}, its batch ${iso(sealedAt)}`);
  }
}

/** A record that came into the log long after its own time. */
export function lateRecord(leaf, at, sealedAt) {
  if (sealedAt - at <= SEALED_WITHIN) return [];
  const message = `leaf ${leaf} is dated ${((sealedAt - at) / HOUR).toFixed(1)} hours before it was sealed`;
  return [findingOf(new LedgerError("LateRecord", message), leaf)];
}

/** Files in a folder are those that records name, by their digests. Throws EvidenceMismatch. */
export async function checkNamed(what, named, files, load) {
  for (const digest of files) {
    if (!named.has(digest) || hex(await sha256(await load(digest))) !== digest) {
      refuse("EvidenceMismatch", `the ${what} ${digest} is not one that a record names`);
    }
  }
}

/** The ancestors in an object that was checked by its digest. Throws MalformedRecord. */
export function listedIn(body) {
  let found;
  try {
    found = parseCanonical(body);
  } catch (error) {
    if (error instanceof UnreadableJson || error instanceof NotCanonical) refuse("MalformedRecord", `an object with ancestors is ${error.message}`);
    throw error;
  }
  checkForm("ancestors", found);
  checkOrder(found.ancestors);
  return found.ancestors;
}
