// The checkpoints in what a person saved or pasted of their mail: a text, a mail with its headers, a mailbox, a part of these.
//
// As the command reads them (domain/ledger/saved_mail.py), rule by rule. A text is a string with a character for each byte. What may be
// a newer checkpoint and is not read is refused, but only where lines begin: alerts and digests indent what a job's owner wrote.

import { octetsOf, utf8 } from "./bytes.js";
import { LedgerError, refuse } from "./errors.js";
import { parseCheckpoint, parseNote } from "./note.js";

const LONGEST_MAIL = 1 << 22; // bytes: years of mails with a checkpoint a week
const MOST_DECODED = 8 * LONGEST_MAIL;
const SHORTEST = 120; // characters: no checkpoint with its signature is as short in base64 or JSON
const LONGEST_HEADERS = 1 << 14;

const BLANK = /[\x01-\x09\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x85\xa0]|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80|(?<![\x80-\xff])\xa0/g;
const NO_WIDTH = /\xe2\x80[\x8b-\x8f\xaa-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xc2\xad|\x1b[$(]{1,2}[@-J]/g;
const DASH = /\xe2\x80[\x90-\x95]|(?<![\x80-\xff])[\x96\x97]/g;
const NOT_ASCII = /[\x80-\xff]+/g;
const AT_THE_END = /(?<! ) +(?=\n|$)/g;
const OCTET = /=[0-9A-Fa-f]{2}/;
const BREAK_IN_OCTETS = /=0[AaDd]/g;
const QUOTED_PRINTABLE = /=(?:\n|$|(=)|([0-9A-Fa-f]{2}))/g;
const BASE64 = /^(?:[ >|]{0,200}[A-Za-z0-9+/]{20,}\n)*[ >|]{0,200}[A-Za-z0-9+/]+={0,2}$|[A-Za-z0-9+/]{120,}/gm;
const BASE64_AND_BLANK_LINES = /^(?:[ >|]{0,200}[A-Za-z0-9+/]{20,}\n(?:[ >|]{0,200}\n){0,3})+[ >|]{0,200}[A-Za-z0-9+/]+={0,2}$/gm;
const QUOTATION = "(?:[>|] ?){0,50}";
const INDENTED = /[ >|]{0,200}  /y;
const HEADER = new RegExp(`^${QUOTATION}(?:[A-Za-z][A-Za-z0-9-]*:| |$)`);
const IS_BASE64 = new RegExp(`^${QUOTATION}content-transfer-encoding: *base64`, "im");
// A header that says so, the others, and what follows up to the next part or mail.
const SAID_TO_BE_BASE64 = new RegExp(
  `^${QUOTATION}content-transfer-encoding: *base64[^\\n]*\\n(?:${QUOTATION}(?:[A-Za-z][A-Za-z0-9-]*:[^\\n]*| [^\\n]*)?\\n)*` +
    `((?:(?!${QUOTATION}(?:--|From |[A-Za-z][A-Za-z0-9-]*:))[^\\n]*\\n)*)`,
  "gim",
);
const BETWEEN_WORDS = /[A-Za-z0-9,.;:] +[A-Za-z0-9]/g;
const LONGEST_WORD = 20; // characters: in prose words are shorter, as a rule
const NO_DIGIT = /[^A-Za-z0-9+/]+/g;
const KIND = new RegExp(`^${QUOTATION}content-type:[ \\n]*([a-z]+/[a-z0-9.+-]+)`, "im");
// Pictures and the like and detached signatures hold no text; in text, zeros and controls are of a character set.
const MAY_BE_BINARY = /^(?:(?:text|message|multipart|image|audio|video|font)\/|application\/(?:x-)?(?:pkcs7|pgp)-signature)/;
const PICTURE = /^(?:image|audio|video|font)\//;
const BINARY = /[\x01-\x08\x0e-\x1a\x1c-\x1f]/;
const NOT_READ = new RegExp(
  "^content-transfer-encoding: *(?!7bit|8bit|binary|base64|quoted-printable)[a-z0-9-]+" +
    `|^${QUOTATION}content-type:(?:[^\\n]|\\n+ )*?(charset *= *"?utf-7)|^-----BEGIN PGP MESSAGE|^begin [0-7]{3,4} |^\\{\\\\rtf`,
  "im",
);
const STRING = /(?<!\\)"([^"\\\n]*(?:\\.[^"\\\n]*)*)"/g;
const ESCAPE = /\\(?:u([0-9A-Fa-f]{4})|(.))/g;
const ESCAPED = { n: "\n", r: "\r", t: " " };
const TAG_WITHIN_A_LINE = new RegExp("</?(?:a|abbr|b|big|code|em|font|i|ins|kbd|mark|o:p|s|small|span|strong|sub|sup|tt|u|wbr)(?=[ \\n/>])[^<>]*>", "gi");
const WITHIN_TEXT = new RegExp(`^(?!${QUOTATION}<)[^\\n]*<[^\\n]*`, "gm");
const TAG = /<[A-Za-z/!?][^<>]*>/g;
const REFERENCE = /&(?:#([0-9]{1,7})|#[xX]([0-9A-Fa-f]{1,6})|([A-Za-z]{2,24}));/g;
const WIDTHLESS = (number) => number === 0xad || number === 0x2060 || number === 0xfeff || (number >= 0x200b && number < 0x2010);
const NAMED = new Map([
  ...Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', plus: "+", sol: "/", equals: "=", mdash: "-", ndash: "-", minus: "-" }),
  ...["shy", "zwnj", "zwj", "ZeroWidthSpace"].map((name) => [name, ""]),
]);
const NAMED_SO = "[A-Za-z0-9][!#-;=?-{}~]{0,511}";
const MARKS = "(?:[A-Z]{0,4}>|[ |:*+#-]){0,200}";
const END_OF_LINE = "[ >|]{0,200}\\n(?:[A-Z]{0,4}>|[ \\n|:*+#-]){0,200}";
const SIZE = "(0|[1-9][0-9]{0,18})", ROOT = "([A-Za-z0-9+/]{43}=)(?![A-Za-z0-9+/=])";
// Three lines, or the three in one: so that no name within a line of a mail, nor one that is wrapped, makes one. Two of them, a size
// and a root, look like one whose origin was lost.
const HEAD = new RegExp(
  `^(?:${MARKS}(?:(${NAMED_SO})${END_OF_LINE})?${SIZE}${END_OF_LINE}${ROOT}(?=[^A-Za-z0-9]{0,9}$)|[ >|]{0,200}(${NAMED_SO}) {1,200}${SIZE} {1,200}${ROOT})`,
  "gm",
);
const NAME = new RegExp(`[^A-Za-z0-9]{1,200}(${NAMED_SO})[ \\n>|]{1,200}`, "y");
const NO_BASE64 = /[^A-Za-z0-9+/=]+/g;
// Four bytes of a key ID, and the head of a sequence of 64 to 127 bytes.
const OF_A_SIGNATURE = /^[A-Za-z0-9+/]{5}[DTjz]B[A-Za-z0-9+/]$/;
// The same, with the head of an integer of 31 to 33 bytes after it.
const LIKE_A_SIGNATURE = /(?<=[ \n>|])[A-Za-z0-9+/]{5}[DTjz]B[C-H]A[hi][A-Za-z0-9+/]{20}/g;

const unread = (message) => refuse("UnreadablePin", message);

/**
 * The checkpoints in what a person saved or pasted, one after another; nearly always it is one. Throws UnreadablePin when there is
 * none, for more than LONGEST_MAIL bytes, and where something in it could be a newer one that was not read.
 */
export function checkpointIn(pasted) {
  const saved = octetsOf(utf8(pasted));
  if (saved.length > LONGEST_MAIL) unread(`it has more than ${LONGEST_MAIL} bytes: save the mails with checkpoints alone`);
  const read = new Map(), known = new Set(), unreadHeads = [], signatures = new Map();
  const key = ({ size, root }) => `${size} ${root}`;
  for (const { lines, surely } of texts(saved)) {
    for (const head of heads(lines)) {
      if (head.note) {
        read.set(head.note, head.origin);
        known.add(key(head));
      } else if (surely && !head.indented) unreadHeads.push(head);
    }
    if (surely) for (const [signature, name] of signed(lines)) signatures.set(signature, name);
  }
  for (const head of unreadHeads) {
    if (!known.has(key(head))) unread(`of a checkpoint of ${head.size} leaves in it the signature cannot be read`);
  }
  const notes = [...read.keys()].join("\n"), origins = [...read.values()];
  for (const [signature, name] of signatures) {
    const ofTheLedger = origins.some((origin) => name.includes(origin) || origin.endsWith(name));
    if (!notes.includes(signature) && (ofTheLedger || !notes)) {
      unread("of a signature in it the checkpoint cannot be read");
    }
  }
  if (!notes) unread("no checkpoint stands in it");
  return utf8(notes);
}

/** The checkpoints that stand in a text, as notes. */
export function notesIn(bytes) {
  return [...heads(linesOf(octetsOf(bytes)))].filter(({ note }) => note).map(({ note }) => utf8(note));
}

/**
 * The text as it stands, and all that is encoded in it, {lines, surely}: whether nothing within its lines was taken for the beginning
 * of one. Throws UnreadablePin for a part that holds what is not read.
 */
function* texts(saved) {
  const waiting = [{ octets: saved, surely: true }], seen = new Map([[saved, true]]);
  for (let decoded = 0; waiting.length; ) {
    const { octets, surely } = waiting.pop(), lines = linesOf(octets);
    yield { lines, surely };
    const refused = surely && NOT_READ.exec(lines);
    if (refused) notRead((refused[1] ?? refused[0]).trim());
    for (const inner of encodedIn(lines, surely)) {
      if (seen.has(inner.octets) && inner.surely <= seen.get(inner.octets)) continue;
      decoded += inner.octets.length;
      if (decoded > MOST_DECODED) unread("too much is encoded in it: save the mails with checkpoints alone");
      seen.set(inner.octets, inner.surely);
      waiting.push(inner);
    }
  }
}

function notRead(what) {
  unread(`a part of it is not read (${what}): save that mail as plain text`);
}

/** What is quoted-printable or base64 in a text (RFC 2045, section 6), HTML, or a string of JSON (RFC 8259, section 7). */
function* encodedIn(lines, surely) {
  if (OCTET.test(lines)) yield* made(quotedPrintable(lines.replace(BREAK_IN_OCTETS, " ")), quotedPrintable(lines), surely);
  yield* base64In(lines, surely);
  const text = withoutTags(lines);
  if (text !== lines) yield* made(withoutTags(lines.replace(WITHIN_TEXT, withoutBoxes)), text, surely);
  const inJson = surely && /^[ \n]*[{[]/.test(lines);
  for (const [whole, string] of lines.matchAll(STRING)) {
    if (whole.length >= SHORTEST && whole.includes("\\")) yield { octets: string.replace(ESCAPE, unescaped), surely: inJson };
  }
}

/** What was made of a text: where nothing within a line begins a new one, and as it is. */
function* made(asLines, text, surely) {
  if (surely) yield { octets: asLines, surely: true };
  yield { octets: text, surely: false };
}

function quotedPrintable(lines) {
  return lines.replace(QUOTED_PRINTABLE, (_, sign, octet) => (octet ? String.fromCharCode(parseInt(octet, 16)) : sign ?? ""));
}

/** What is base64 in a text. */
function* base64In(lines, surely) {
  for (const { 0: run, index } of runsOfBase64(lines)) {
    const digits = run.replace(NO_DIGIT, "");
    const inner = atob(digits.slice(0, digits.length - (digits.length % 4 === 1)));
    const kind = kindOf(lines.slice(Math.max(0, index - LONGEST_HEADERS), index));
    if (surely && kind && !MAY_BE_BINARY.test(kind) && BINARY.test(inner.replaceAll("\0", ""))) notRead(kind);
    if (!PICTURE.test(kind)) yield { octets: inner, surely: surely && beginsALine(lines, index) };
  }
  for (const [, body] of surely ? lines.matchAll(SAID_TO_BE_BASE64) : []) {
    const willBe = body.search(TAG) >= 0 || (body.includes("=\n") && OCTET.test(lines));
    if (!willBe && !runsOfBase64(body).length && mayBeBase64(body)) notRead("base64");
  }
}

/** Lines right below one another, and such with blank ones between them. */
function runsOfBase64(lines) {
  const runs = [...lines.matchAll(BASE64), ...lines.matchAll(BASE64_AND_BLANK_LINES)];
  return runs.filter(([run]) => run.length >= SHORTEST);
}

/** Whether a line begins here that is not indented, as alerts and digests indent what a job's owner wrote. */
function beginsALine(lines, at) {
  return (at === 0 || lines[at - 1] === "\n") && !indented(lines, at);
}

function indented(lines, at) {
  INDENTED.lastIndex = at;
  return INDENTED.test(lines);
}

/** Whether a body of which nothing was decoded is neither a checkpoint as it stands nor prose. */
function mayBeBase64(body) {
  const letters = body.replace(NO_DIGIT, "").length, prose = letters < LONGEST_WORD * (body.match(BETWEEN_WORDS)?.length ?? 0);
  return letters >= 2 * SHORTEST && !prose && heads(body).next().done;
}

/** The media type of what follows, where the headers that end here say that it is base64; else nothing. */
function kindOf(before) {
  const lines = before.replace(/\n$/, "").split("\n");
  let from = lines.length;
  while (from > 0 && HEADER.test(lines[from - 1])) from -= 1;
  const headers = lines.slice(from).join("\n"), kind = KIND.exec(headers);
  return kind && IS_BASE64.test(headers) ? kind[1].toLowerCase() : "";
}

function unescaped(_, unit, character) {
  if (unit === undefined) return ESCAPED[character] ?? character;
  const letter = String.fromCharCode(parseInt(unit, 16));
  return /[\ud800-\udfff]/.test(letter) ? "" : octetsOf(utf8(letter));
}

/**
 * A text in lines of printable ASCII: blanks of every kind are spaces, and what has no width, and letters of other scripts, are
 * nothing. UTF-16 is ASCII with a zero beside each character.
 */
function linesOf(text) {
  const plain = text.replaceAll("\0", "").replace(NO_WIDTH, "").replace(DASH, "-").replace(BLANK, " ").replace(/\r\n?/g, "\n");
  return `${plain.replace(NOT_ASCII, "").replace(AT_THE_END, "")}\n`;
}

/** HTML as text: what is not within a line begins a new one. */
function withoutTags(lines) {
  return lines.replace(TAG_WITHIN_A_LINE, "").replace(TAG, "\n").replace(REFERENCE, referred);
}

/** A line of text, in which tags begin no other one. */
function withoutBoxes(line) {
  return line.replace(TAG_WITHIN_A_LINE, "").replace(TAG, " ").replaceAll("<", " ");
}

/** The character that a reference of HTML stands for; a space for one that no checkpoint has. */
function referred(_, decimal, hexadecimal, name) {
  const number = Number(decimal ?? 0) || parseInt(hexadecimal ?? "0", 16);
  if (!number) return NAMED.get(name) ?? " ";
  if (number >= 0x2010 && number <= 0x2015) return "-";
  if (WIDTHLESS(number)) return "";
  return number > 32 && number < 127 ? String.fromCharCode(number) : " ";
}

/**
 * Whatever looks like a checkpoint in lines of ASCII, {origin, size, root, note, indented}; `note` is null where no signature of its own
 * follows; alerts may have indented lines like it, too.
 */
function* heads(lines) {
  for (const match of lines.matchAll(HEAD)) {
    const origin = match[1] ?? match[4] ?? "", size = match[2] ?? match[5], root = match[3] ?? match[6];
    const signatures = new Set();
    for (let at = match.index + match[0].length; ; ) {
      NAME.lastIndex = at;
      const named = NAME.exec(lines);
      const signature = named?.[1] === origin ? signatureAt(lines, NAME.lastIndex) : null;
      if (!signature) break;
      at = signature.end;
      signatures.add(`\u2014 ${origin} ${signature.text}\n`);
    }
    const note = checked(`${origin}\n${size}\n${root}\n\n${[...signatures].join("")}`);
    yield { origin, size, root, note, indented: indented(lines, match.index) };
  }
}

/** What looks like a signature, and the word before it, in lines that alerts do not have. */
function* signed(lines) {
  for (const { 0: signature, index } of lines.matchAll(LIKE_A_SIGNATURE)) {
    const before = lines.slice(Math.max(0, index - 800), index).replace(/[ \n>|]+$/, "");
    const begin = before.lastIndexOf("\n") + 1, name = /[^ \n>|]+$/.exec(before);
    if (name && !indented(before, begin) && !'{[<"'.includes(before.charAt(begin))) yield [signature, name[0]];
  }
}

/** A key ID and a signature by a P-256 key here, in base64, which says itself how long it is (X.690, section 8.1.3). */
function signatureAt(lines, at) {
  const begin = lines.slice(at, at + 200).replace(NO_BASE64, "").slice(0, 8);
  if (!OF_A_SIGNATURE.test(begin)) return null;
  const length = 6 + atob(begin).charCodeAt(5), digits = Math.ceil((length * 4) / 3), padding = (3 - (length % 3)) % 3;
  const one = "[A-Za-z0-9+/](?:[ >|]{0,200}\\n[ \\n>|]{0,200})?";
  const whole = new RegExp(`(?:${one}){${digits}}={${padding}}(?![A-Za-z0-9+/=])`, "y");
  whole.lastIndex = at;
  const match = whole.exec(lines);
  return match && { text: match[0].replace(NO_BASE64, ""), end: whole.lastIndex };
}

function checked(note) {
  try {
    parseCheckpoint(parseNote(utf8(note)).text);
    return note;
  } catch (error) {
    if (error instanceof LedgerError) return null;
    throw error;
  }
}
