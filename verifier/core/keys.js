// Which key may sign what, from which leaf on: the history that keys.json holds and rotation leaves authorise.
//
// Two roles: `record` keys sign records; `checkpoint` keys sign heartbeats and checkpoints. A rotation leaf at index i is the
// last leaf of the old key's range; the new key begins at i + 1. A checkpoint of size n belongs to leaf n - 1.

import { base64, hex, utf8 } from "./bytes.js";
import { keyidOf, readSpki } from "./ecdsa.js";
import { LedgerError, refuse } from "./errors.js";
import { canonical, isObject, NotCanonical, parseStrict, UnreadableJson } from "./json.js";
import { readInteger } from "./layout.js";
import { noteKeyId } from "./note.js";

export const ROLES = ["record", "checkpoint"];
const MARK = [0xef, 0xbb, 0xbf], LINE_ENDS = [0x0a, 0x0d]; // UTF-8's byte order mark; CR and LF

/** One key in one role, valid for the leaves `first` to `last` (null: still). */
async function keyRange(role, spki, first, last = null) {
  return { role, spki, first, last, keyid: await keyidOf(spki), noteKeyId: hex(await noteKeyId(spki)) };
}

const covers = (key, index) => key.first <= index && (key.last === null || index <= key.last);

/** All keys of a ledger, oldest first. */
export class KeyHistory {
  constructor(ledgerId, ranges) {
    this.ledgerId = ledgerId;
    this.ranges = ranges;
    if (new Set(ranges.map((key) => key.keyid)).size !== ranges.length) {
      refuse("KeyReused", "a key is in both roles, or comes back after it was replaced");
    }
  }

  /** The keys before any rotation. */
  get firstKeys() {
    return new KeyHistory(this.ledgerId, this.ranges.filter((key) => key.first === 0n).map((key) => ({ ...key, last: null })));
  }

  /**
   * Whether `other` can be an earlier or a later state of this history, which goes up to `size` leaves: as far as both go, they
   * are the same, and nothing of this length is missing here.
   */
  agreesWith(other, size) {
    const same = ROLES.every((role) => {
      const [mine, theirs] = [this, other].map(({ ranges }) => ranges.filter((key) => key.role === role));
      const both = Math.min(mine.length, theirs.length);
      const alike = mine.slice(0, both).every((key, at) => key.keyid === theirs[at].keyid && key.first === theirs[at].first);
      return alike && theirs.slice(both).every((key) => key.first > size);
    });
    return same && other.ledgerId === this.ledgerId;
  }

  /** The key that signs the next leaf; undefined where there is none. */
  current(role) {
    return this.ranges.find((key) => key.role === role && key.last === null);
  }

  /** The key of each role that may sign the leaf at `index`, as a heartbeat there names it. */
  inForce(index) {
    return Object.fromEntries(this.ranges.filter((key) => covers(key, index)).map((key) => [key.role, key.keyid]));
  }

  /** How many rotation leaves stand before the one at `index`. */
  rotationsBefore(index) {
    return this.ranges.filter((key) => 0n < key.first && key.first <= index).length;
  }

  /** The history after a rotation leaf at `index`. */
  async rotated(role, spki, index) {
    const old = this.current(role);
    const kept = this.ranges.map((key) => (key === old ? { ...key, last: index } : key));
    return new KeyHistory(this.ledgerId, [...kept, await keyRange(role, spki, index + 1n)]);
  }

  /** The key a signature names, if it may sign the leaf at `index`. Throws UnknownKey or KeyNotValidAtIndex. */
  signer(role, named, index) {
    const known = this.ranges.filter((key) => key.keyid === named);
    if (!known.length) refuse("UnknownKey", `leaf ${index} names the key ${named.slice(0, 64)}, which keys.json does not hold`);
    const found = known.find((key) => key.role === role && covers(key, index));
    return found ?? refuse("KeyNotValidAtIndex", `leaf ${index} is signed as ${role} by ${named.slice(0, 16)}, which is not valid for it`);
  }

  /** The key of a role whose range holds a leaf; undefined where there is none. */
  covering(role, index) {
    return this.ranges.find((key) => key.role === role && covers(key, index));
  }

  covers(key, index) {
    return covers(key, index);
  }

  /** keys.json, canonical. */
  toText() {
    const keys = this.ranges.map((key) => ({
      role: key.role,
      keyid: key.keyid,
      public_key: base64(key.spki),
      first_index: String(key.first),
      last_index: key.last === null ? null : String(key.last),
    }));
    return canonical({ ledger_id: this.ledgerId, keys });
  }
}

/** Read keys.json. Throws BadBundle if it is not one, UnknownKey if a keyid is not its key's, KeyReused. */
export async function parseKeyHistory(text) {
  const bad = (why) => refuse("BadBundle", `keys.json is not readable: ${why}`);
  try {
    const found = parseStrict(text);
    if (!isObject(found) || !Array.isArray(found.keys)) bad("no list of keys");
    const ranges = [];
    for (const key of found.keys) ranges.push(await rangeIn(key, bad));
    if (!Object.hasOwn(found, "ledger_id")) bad("no ledger");
    const history = new KeyHistory(String(found.ledger_id), ranges);
    for (const role of ROLES) {
      const firsts = ranges.filter((key) => key.role === role && key.first === 0n);
      if (firsts.length !== 1) bad(`not exactly one first key of the role ${role}`);
      if (!history.current(role)) bad(`no key in force of the role ${role}`);
    }
    const again = utf8(history.toText());
    if (again.length !== text.length || again.some((byte, at) => byte !== text[at])) bad("not in its canonical spelling");
    return history;
  } catch (error) {
    if (error instanceof LedgerError) throw error;
    if (error instanceof UnreadableJson || error instanceof NotCanonical) bad(error.message);
    throw error;
  }
}

/** The keys that a person gives: what an editor puts before and after a text is no part of them. Throws as parseKeyHistory. */
export function parseGivenKeys(text) {
  const begin = MARK.every((byte, at) => text[at] === byte) ? MARK.length : 0;
  let end = text.length;
  while (end > begin && LINE_ENDS.includes(text[end - 1])) end--;
  return parseKeyHistory(text.subarray(begin, end));
}

async function rangeIn(key, bad) {
  if (!isObject(key) || !ROLES.includes(key.role)) bad("a key of no role");
  if (!["last_index", "public_key", "first_index", "keyid"].every((name) => Object.hasOwn(key, name))) bad("a key without all members");
  if (typeof key.public_key !== "string") bad("a public key that is not a text");
  const spki = readSpki(key.public_key);
  const first = readInteger(key.first_index), last = key.last_index === null ? null : readInteger(key.last_index);
  if (first === null || (key.last_index !== null && last === null)) bad("a range that is none");
  const found = await keyRange(key.role, spki, first, last);
  if (found.keyid !== key.keyid) refuse("UnknownKey", `keys.json gives the key ${found.keyid.slice(0, 16)} another name`);
  return found;
}
