// Checks that a whole bundle and a part have in common: checkpoints, the pin, keys, and what records name by digest.

import { hex, same, sha256 } from "./bytes.js";
import { checkOrder } from "./agreement.js";
import { hasTooManyParts, MOST_PARTS, tooLargeFound } from "./chunk.js";
import { verifies } from "./ecdsa.js";
import { findingOf, LedgerError, refuse } from "./errors.js";
import { checkForm } from "./forms.js";
import { NotCanonical, parseCanonical, UnreadableJson } from "./json.js";
import { ROLES } from "./keys.js";
import { isLeftOut, leftOut } from "./leftout.js";
import { emptyRoot } from "./merkle.js";
import { CLOCK_SKEW, HOUR, iso, SEALED_WITHIN } from "./moments.js";
import { notesIn } from "./mail.js";
import { parseCheckpoint, parseNote } from "./note.js";

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
 * The pins in a text, {compared, others, denied}: every checkpoint of this ledger, {note, head}. `others` are those that no key of these
 * histories signed, beside some that one did: whoever can write into a mail can write such a text. Where none is signed, all are
 * compared that no key denies, since a forged ledger has keys of its own. `denied`: a key denies each.
 * Throws UnreadableNote, or AnotherLedger where none is of this ledger.
 */
export async function readPins(bytes, ledgerId, histories) {
  const notes = notesIn(bytes);
  const pins = (notes.length ? notes : [bytes]).map((note) => ({ note, head: parseCheckpoint(parseNote(note).text) }));
  const ours = pins.filter(({ head }) => head.origin === ledgerId);
  if (!ours.length) refuse("AnotherLedger", `the pinned checkpoint is of ${pins[0].head.origin.slice(0, 120)}, not of ${ledgerId}`);
  const keys = new Map(histories.flatMap((each) => each.ranges).filter((key) => key.role === "checkpoint").map((key) => [key.noteKeyId, key.spki]));
  const said = await Promise.all(ours.map((pin) => isSigned(pin, keys)));
  const signed = ours.filter((_, at) => said[at] === true), unknown = ours.filter((_, at) => said[at] === null);
  if (signed.length) return { compared: signed, others: ours.filter((_, at) => said[at] !== true), denied: false };
  return { compared: unknown.length ? unknown : [ours[0]], others: [], denied: !unknown.length };
}

/** Whether the keys of a ledger that a pin names signed it; null where it names none. */
async function isSigned({ note, head }, keys) {
  const named = parseNote(note).signatures.filter((signature) => keys.has(hex(signature.keyId)));
  const verified = await Promise.all(named.map((signature) => verifies(keys.get(hex(signature.keyId)), signature.der, head.text)));
  return named.length ? verified.every(Boolean) : null;
}

/** The sizes at which the tree's root is asked for, each with `unknown` until it is seen. */
export async function rootsAt({ compared, others }, unknown) {
  const roots = new Map();
  for (const { head } of [...compared, ...others]) roots.set(head.size, head.size === 0n ? await emptyRoot() : unknown);
  return roots;
}

/**
 * The history goes on from each pin; `roots` are the roots of the tree at their sizes. Throws BadCheckpointSignature, what checkPin
 * throws, and PinOfUnknownKey where one of the others does not fit.
 */
export function checkPins({ compared, others, denied }, newest, roots) {
  if (denied) refuse("BadCheckpointSignature", "the signature of the pinned checkpoint does not verify");
  for (const pin of compared) checkPin(pin, newest, roots.get(pin.head.size));
  for (const pin of others) {
    try {
      checkPin(pin, newest, roots.get(pin.head.size));
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      refuse("PinOfUnknownKey", `of a checkpoint in the pin that no key here signed: ${error.message}`);
    }
  }
}

/** The history goes on from the pin. Throws RolledBack, MissingCheckpoint where none of the pin's size is here, or ForkedHistory. */
function checkPin({ head }, newest, rootAtPin) {
  if (head.size > newest) refuse("RolledBack", `the pin commits to ${head.size} leaves, the newest checkpoint to ${newest}`);
  if (rootAtPin === null) refuse("MissingCheckpoint", `the checkpoint of ${head.size} leaves, which was pinned, is not here to compare`);
  if (!same(rootAtPin, head.root)) refuse("ForkedHistory", `the history up to leaf ${head.size} is not the one that was pinned`);
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

/** Tables and policies are those that records name, by their digests. Throws EvidenceMismatch. */
export async function checkTables(named, files, load) {
  for (const digest of files) {
    if (!named.has(digest) || hex(await sha256(await load(digest))) !== digest) {
      refuse("EvidenceMismatch", `the table ${digest} is not one that a record names`);
    }
  }
}

/**
 * Objects with ancestors are exactly those that records name, by their digests. Throws EvidenceMismatch. Told, by digest, is what was
 * found of those that are too large to be read: all that does not rest on them is still checked.
 */
export async function checkAncestors(named, files, load) {
  const unread = new Map();
  for (const digest of files) {
    const first = named.get(digest) ?? refuse("EvidenceMismatch", `the ancestors in ${digest} are not those that a record names`);
    try {
      await checkKept(digest, await load(digest), first.bounded);
    } catch (error) {
      unread.set(digest, tooLargeFound(error, first.index));
    }
  }
  const there = new Set(files);
  for (const digest of named.keys()) if (!there.has(digest)) refuse("EvidenceMismatch", `the ancestors in ${digest}, which a record names, are missing`);
  return unread;
}

/** An object with ancestors is the one that was signed. Throws EvidenceMismatch, or TooLarge for one that takes too much memory. */
async function checkKept(digest, body, bounded) {
  if (isLeftOut(body)) throw leftOut(`the object with ancestors ${digest} is`, bounded);
  if (hex(await sha256(body)) !== digest) refuse("EvidenceMismatch", `the ancestors in ${digest} are not those that a record names`);
  if (hasTooManyParts(body)) refuse("TooLarge", `the ancestors in ${digest} have more than ${MOST_PARTS} parts`);
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
