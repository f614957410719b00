// Signed notes (c2sp.org/signed-note) with ECDSA signatures (type 0x02); checkpoints (c2sp.org/tlog-checkpoint).
//
// A checkpoint is three lines: the log's origin, the number of leaves, the base64 root.

import { bytesAsText, fromBase64, NEWLINE, sha256, textOf, utf8 } from "./bytes.js";
import { LedgerError, refuse } from "./errors.js";

export const LONGEST_NOTE = 1 << 16;
const MOST_SIGNATURES = 16;
const KEY_ID = 4;
const CONTROL = (byte) => byte < 32 && byte !== NEWLINE;
// The white space that Python's regular expressions know; JavaScript's \s has another.
const SIGNATURE = /^— ([^\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+]+) ([A-Za-z0-9+/]+={0,2})$/;
const CHECKPOINT = /^([\x21-\x7e]{1,512})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n$/;
const LONGEST_MAIL = 1 << 20;
// A line begins after a newline alone, and white space is that of ASCII: as Python's expressions on bytes have it.
const MAILED = /(?<![^\n])[\x21-\x7e]{1,512}\n(?:0|[1-9][0-9]{0,18})\n[A-Za-z0-9+/]{43}=\n\n(?:— [^\t-\r ]+ [A-Za-z0-9+/]+={0,2}\n)+/g;
const BLANKS = /[\t ]+(?=\n|$)/g;
const REFERENCE = /&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|mdash);/g;
const TRAILING = /[\t-\r ]+$/;
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

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

/**
 * The checkpoints in a text that a person saved or pasted, one after another: nearly always it is one. A mail's footer and line
 * ends are no part of it, nor are marks of quotation and tags of HTML. Text that is quoted-printable (RFC 2045, section 6.7) is read,
 * too. Throws UnreadablePin when there is none.
 */
export function checkpointIn(pasted) {
  let damaged = null;
  const found = new Set();
  const begin = lenient.decode(utf8(pasted).subarray(0, LONGEST_MAIL)).replace(/^\ufeff/, "");
  for (const text of [begin, fromQuotedPrintable(begin)].flatMap(spellings)) {
    for (const note of notesIn(text)) {
      try {
        parseCheckpoint(parseNote(utf8(note)).text);
        found.add(note);
      } catch (error) {
        if (!(error instanceof LedgerError)) throw error;
        damaged = error;
      }
    }
  }
  if (found.size) return utf8([...found].join("\n"));
  return refuse("UnreadablePin", damaged ? `the checkpoint in it is damaged: ${damaged.message}` : "no checkpoint stands in it");
}

/** What looks like a checkpoint in a text. */
export function notesIn(text) {
  return `${text.replace(TRAILING, "")}\n`.match(MAILED) ?? [];
}

/** A text with plain line ends, as it stands, without marks of quotation, and without tags of HTML. */
function spellings(text) {
  const lines = text.replace(/\r\n?/g, "\n").replace(BLANKS, "");
  const found = [lines];
  if (lines.includes(">")) found.push(lines.replace(/(?<![^\n])(?:> ?)+/g, ""));
  if (lines.includes("<")) found.push(lines.replace(/<br ?\/?>\n?/gi, "\n").replace(/<[^<>]{1,1000}>/g, "\n").replace(REFERENCE, referred).replace(BLANKS, ""));
  return found;
}

/** The character that a reference of HTML stands for. */
function referred(_, decimal, hexadecimal) {
  const number = Number(decimal ?? 0) || parseInt(hexadecimal ?? "0", 16) || 0x2014;
  return number < 0x110000 ? String.fromCodePoint(number) : "";
}

function fromQuotedPrintable(text) {
  const joined = text.replaceAll("\r\n", "\n").replace(/=[ \t]*\n/g, "");
  const bytes = joined.replace(/(?:=[0-9A-Fa-f]{2})+/g, (run) => {
    const found = Uint8Array.from(run.slice(1).split("="), (pair) => parseInt(pair, 16));
    return textOf(found) ?? run;
  });
  return bytes;
}
