// Signed notes (c2sp.org/signed-note) with ECDSA signatures (type 0x02); checkpoints (c2sp.org/tlog-checkpoint).
//
// A checkpoint is three lines: the log's origin, the number of leaves, the base64 root.

import { bytesAsText, fromBase64, NEWLINE, sha256, textOf, utf8 } from "./bytes.js";
import { refuse } from "./errors.js";

export const LONGEST_NOTE = 1 << 16;
const MOST_SIGNATURES = 16;
const KEY_ID = 4;
const CONTROL = (byte) => byte < 32 && byte !== NEWLINE;
// The white space that Python's regular expressions know; JavaScript's \s has another.
const SIGNATURE = /^— ([^\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]+) ([A-Za-z0-9+/]+={0,2})$/;
const CHECKPOINT = /^([\x21-\x7e]{1,512})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n$/;

const unreadable = (message) => refuse("UnreadableNote", message);

/** The key ID of an ECDSA key (type 0x02): the first four bytes of SHA-256 over its SPKI DER. */
export async function noteKeyId(spki) {
  return (await sha256(spki)).subarray(0, KEY_ID);
}

/** {text, signatures: [{name, keyId, der}]}; `text` ends in a newline and is what was signed. Throws UnreadableNote. */
export function parseNote(note) {
  if (note.length > LONGEST_NOTE) unreadable(`a note of ${note.length} bytes`);
  const whole = textOf(note);
  if (whole === null) unreadable("a note that is not UTF-8");
  const split = whole.lastIndexOf("\n\n");
  const lines = whole.slice(split + 2).split("\n");
  if (split < 0 || lines.pop() !== "" || !lines.length || lines.length > MOST_SIGNATURES || note.some(CONTROL)) {
    unreadable("not a text, a blank line and signature lines");
  }
  return { text: utf8(`${whole.slice(0, split)}\n`), signatures: lines.map(signatureIn) };
}

function signatureIn(line) {
  const match = SIGNATURE.exec(line) ?? unreadable("a line that is not a signature");
  const raw = fromBase64(utf8(match[2]));
  if (raw === null || raw.length <= KEY_ID) unreadable("a signature that is not strict base64 of a key ID and a signature");
  return { name: match[1], keyId: raw.subarray(0, KEY_ID), der: raw.subarray(KEY_ID) };
}

/** {origin, size, root, text} of a note text of exactly three lines. Throws UnreadableNote. */
export function parseCheckpoint(text) {
  const match = CHECKPOINT.exec(bytesAsText(text)) ?? unreadable("the note is not a checkpoint of origin, size and root");
  const root = fromBase64(utf8(match[3])) ?? unreadable("the root is not 32 bytes in strict base64");
  return { origin: match[1], size: BigInt(match[2]), root, text };
}
