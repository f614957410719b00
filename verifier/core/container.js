// The container of a bundle: a zip in the one form that every tool reads alike (PKWARE APPNOTE 6.3).
//
// A zip may say one thing in its directory and another beside each file, may have bytes between, before and behind what its
// directory lists, and may name a file in several ways. Each is refused. What is left has one reading: files one after
// another from the first byte on, each in one piece, then one directory that repeats what stands beside them, then its end.

import { bytesAsText, NEWLINE } from "./bytes.js";
import { refuse } from "./errors.js";

const STORED = 0, DEFLATED = 8;
export const MOST_ENTRIES = 1 << 18;
const LONGEST_NAME = 100;
const PIECE = 1 << 16;
const LOCAL = 30, CENTRAL = 46, END = 22, END64 = 56, LOCATOR64 = 20;
const FULL16 = 0xffff, FULL32 = 0xffffffff;
const MOST_BEHIND = END + FULL16; // bytes at the end of a file among which the end of a zip is looked for that is not the last of it
// What is sent in the place of a bundle, by how it begins (as bytesAsText reads it, in windows-1252).
const OTHERS = { "%PDF": "a PDF does", "\x1f\u2039": "a gzip file does", "<": "a web page does", "7z": "a 7z archive does" };
const REPACKED = "as in a zip that was unpacked and packed again";
const DOS = 0, UNIX = 3;
const MODES = [0o600, 0o644, 0o100600, 0o100644]; // its owner may read and write it, others read or not, and nobody run it
const FIELDS = ["needed", "flags", "method", "time", "date", "crc", "packed", "size"];

const bad = (message) => refuse("BadBundle", message);
const isVersion = (needed) => needed >= 10 && needed < 46;

/**
 * Every file by name, in their order: {name, method, crc, packed, size, offset}. `blob` is a Blob or a File; `admit(name, size)` is
 * asked before one is kept, and throws BadBundle for one that has no place here.
 */
export async function readDirectory(blob, admit) {
  const { begin, end, count } = await bounds(blob);
  if (count > MOST_ENTRIES || end - begin > MOST_ENTRIES * (CENTRAL + LONGEST_NAME)) bad(`the zip lists ${count} files`);
  const directory = await view(blob, begin, end - begin);
  const entries = new Map();
  let at = 0, position = 0;
  const headers = new Ahead(blob);
  for (let number = 0; number < count; number++) {
    const listed = listedAt(directory, at);
    const entry = await beside(headers, position, listed);
    at = listed.next;
    position = entry.offset + entry.packed;
    if (entries.has(entry.name)) bad(`'${entry.name}' stands in the zip twice`);
    admit(entry.name, entry.size);
    entries.set(entry.name, entry);
  }
  if (at !== directory.byteLength || position !== begin) bad("the zip has bytes that its directory does not list");
  return entries;
}

async function view(blob, offset, length) {
  return new DataView(await blob.slice(offset, offset + length).arrayBuffer());
}

const mark = (data, at) => String.fromCharCode(...new Uint8Array(data.buffer, data.byteOffset + at, 4));

/** A number of 64 bits; one that no file reaches is refused at once. */
function long(data, at) {
  const found = data.getBigUint64(at, true);
  if (found > BigInt(Number.MAX_SAFE_INTEGER)) bad("the zip names a place that no file has");
  return Number(found);
}

/** Where the directory begins and ends, and how many files it lists. */
async function bounds(blob) {
  if (blob.size < END) bad(`it is no zip: it has ${blob.size} bytes`);
  let end = blob.size - END;
  const last = await view(blob, end, END);
  const [disk, firstDisk, here, count] = [4, 6, 8, 10].map((at) => last.getUint16(at, true));
  const [size, begin] = [12, 16].map((at) => last.getUint32(at, true));
  if (mark(last, 0) !== "PK\x05\x06") bad(await withoutEnd(blob));
  if (disk || firstDisk || last.getUint16(20, true) || here !== count) bad("it is one of several pieces of a zip, or says that a comment follows");
  if (end >= LOCATOR64) {
    const locator = await view(blob, end - LOCATOR64, LOCATOR64);
    if (mark(locator, 0) === "PK\x06\x07") {
      end -= LOCATOR64 + END64;
      if (long(locator, 8) !== end || locator.getUint32(4, true) || locator.getUint32(16, true) !== 1) {
        bad("the zip's second end of its directory is not where it must be");
      }
      return bounds64(await view(blob, end, END64), end, { count, size, begin });
    }
  }
  if (begin + size !== end) bad("the zip's directory is not where its end says");
  return { begin, end, count };
}

/** Why a file does not end as a zip does, for whoever was sent it. */
async function withoutEnd(blob) {
  const text = async (begin, end) => bytesAsText(new Uint8Array(await blob.slice(begin, end).arrayBuffer()));
  const head = await text(0, 8), behind = await text(Math.max(0, blob.size - MOST_BEHIND), blob.size);
  if (!/^PK(\x03\x04|\x05\x06)/.test(head)) {
    const other = Object.keys(OTHERS).find((begin) => head.startsWith(begin));
    return `it is no zip${other ? `: it begins as ${OTHERS[other]}` : ""}`;
  }
  const at = behind.lastIndexOf("PK\x05\x06");
  if (at >= 0 && at < behind.length - END) return "the zip has bytes behind its end: something was added to it on its way";
  return "the zip breaks off: its end is missing, as where a download was cut off";
}

function bounds64(data, end, said) {
  const [rest, here, count, size, begin] = [4, 24, 32, 40, 48].map((at) => long(data, at));
  const agrees = said.count === Math.min(count, FULL16) && said.size === Math.min(size, FULL32) && said.begin === Math.min(begin, FULL32);
  const onePiece = !data.getUint32(16, true) && !data.getUint32(20, true) && here === count && rest === END64 - 12;
  const system = data.getUint16(12, true) >> 8;
  if (mark(data, 0) !== "PK\x06\x06" || !onePiece || !agrees || (system !== DOS && system !== UNIX) || !isVersion(data.getUint16(14, true))) {
    bad("the zip has two ends of its directory that say different things");
  }
  if (begin + size !== end) bad("the zip's directory is not where its end says");
  return { begin, end, count };
}

/** What the directory and the bytes beside a file say alike. */
function fieldsAt(data, at) {
  const shorts = [0, 2, 4, 6, 8].map((step) => data.getUint16(at + step, true));
  const longs = [10, 14, 18].map((step) => data.getUint32(at + step, true));
  return Object.fromEntries([...shorts, ...longs].map((value, place) => [FIELDS[place], value]));
}

/** Name, fields and place of the next file in the directory, and where the one after it is listed. */
function listedAt(directory, at) {
  if (at + CENTRAL > directory.byteLength) bad("the zip's directory breaks off");
  const [nameLength, extra, comment, disk, internal] = [28, 30, 32, 34, 36].map((step) => directory.getUint16(at + step, true));
  const begin = at + CENTRAL, end = begin + nameLength;
  const readable = mark(directory, at) === "PK\x01\x02" && end + extra <= directory.byteLength && nameLength > 0 && nameLength <= LONGEST_NAME;
  const raw = readable ? new Uint8Array(directory.buffer, begin, nameLength) : [];
  if (!readable || raw.some((byte) => byte > 127)) bad("the zip's directory is not readable");
  const name = bytesAsText(raw);
  if (name.endsWith("/")) bad(`'${name}' is a folder, ${REPACKED}: a bundle lists none`);
  let offset = directory.getUint32(at + 42, true);
  if (offset === FULL32 && extra === 12 && directory.getUint32(end, true) === 0x00080001) offset = long(directory, end + 4);
  else if (extra) bad(`'${name}' has more in the zip's directory than a file needs, ${REPACKED}`);
  const fields = fieldsAt(directory, at + 6);
  const system = directory.getUint16(at + 4, true) >> 8, external = directory.getUint32(at + 38, true);
  const mode = external >>> 16;
  const plain = !(external & FULL16) && (system === UNIX ? MODES.includes(mode) : system === DOS && mode === 0);
  if (comment || disk || internal || !plain) bad(`'${name}' is not a plain file in the zip, or is described ${REPACKED}`);
  if (fields.flags || (fields.method !== STORED && fields.method !== DEFLATED) || !isVersion(fields.needed)) {
    bad(`'${name}' is packed in a way that not every tool reads alike, ${REPACKED}`);
  }
  const most = fields.method === STORED ? fields.size : fields.size + Math.floor(fields.size / 100) + 1024;
  if (fields.packed > most || (fields.method === STORED && fields.packed !== fields.size)) {
    bad(`'${name}' takes ${fields.packed} bytes for ${fields.size}`);
  }
  return { name, raw, fields, offset, next: end + extra };
}

/** The file as the bytes before it describe it: as the directory does, and right after the file before it. */
async function beside(headers, position, { name, raw, fields, offset }) {
  const twice = () => bad(`'${name}' is described in the zip in two ways`);
  const header = await headers.at(position, LOCAL + raw.length);
  if (header.byteLength !== LOCAL + raw.length || offset !== position) bad(`'${name}' is not where the zip must have it`);
  const said = fieldsAt(header, 4);
  const same = FIELDS.slice(1).every((field) => said[field] === fields[field]) && isVersion(said.needed);
  if (mark(header, 0) !== "PK\x03\x04" || !same || header.getUint16(28, true) || header.getUint16(26, true) !== raw.length) twice();
  if (raw.some((byte, at) => header.getUint8(LOCAL + at) !== byte)) twice();
  return { name, method: fields.method, crc: fields.crc, packed: fields.packed, size: fields.size, offset: position + header.byteLength };
}

/** Reads ahead, so that many small files do not take a read each. */
class Ahead {
  constructor(blob) {
    this.blob = blob;
    this.begin = 0;
    this.data = new DataView(new ArrayBuffer(0));
  }

  async at(offset, length) {
    if (offset < this.begin || offset + length > this.begin + this.data.byteLength) {
      this.begin = offset;
      this.data = await view(this.blob, offset, PIECE);
    }
    const from = offset - this.begin;
    return new DataView(this.data.buffer, from, Math.min(length, this.data.byteLength - from));
  }
}

/** Each piece of a file as it unpacks. Throws BadBundle where it cannot be unpacked, or has bytes after its end. */
async function* pieces(blob, entry) {
  const packed = blob.slice(entry.offset, entry.offset + entry.packed);
  const stream = entry.method === STORED ? packed.stream() : packed.stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((error) => bad(`${entry.name} cannot be unpacked: ${error.message}`));
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** A file's bytes, whole. Throws BadBundle if they are not what the directory says, to the last bit. */
export async function unpack(blob, entry) {
  const content = new Uint8Array(entry.size);
  let total = 0;
  for await (const piece of pieces(blob, entry)) {
    if (total + piece.length > entry.size) bad(`${entry.name} does not unpack to the ${entry.size} bytes that the zip lists`);
    content.set(piece, total);
    total += piece.length;
  }
  if (total !== entry.size || crc32(content) !== entry.crc) bad(`${entry.name} does not unpack to what the zip lists`);
  return content;
}

/** A file's lines without their newlines, one at a time, in bounded memory; a last one without a newline is `broken`. */
export async function* unpackLines(blob, entry, longest) {
  const unlisted = `${entry.name} does not unpack to what the zip lists`;
  let crc = 0, total = 0, rest = new Uint8Array(0);
  for await (const piece of pieces(blob, entry)) {
    crc = crc32(piece, crc);
    total += piece.length;
    if (total > entry.size) bad(unlisted);
    const data = new Uint8Array(rest.length + piece.length);
    data.set(rest);
    data.set(piece, rest.length);
    let begin = 0;
    const lines = [];
    for (let end; (end = data.indexOf(NEWLINE, begin)) >= 0; begin = end + 1) lines.push(data.subarray(begin, end));
    rest = data.slice(begin);
    if (rest.length > longest) bad(`${entry.name} has a line of more than ${longest} bytes`);
    yield* lines;
  }
  if (total !== entry.size || crc !== entry.crc) bad(unlisted);
  if (rest.length) yield rest;
}

const CRC = [new Uint32Array(256)];
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  CRC[0][byte] = value;
}
for (let step = 1; step < 4; step++) CRC.push(CRC[step - 1].map((value) => CRC[0][value & 255] ^ (value >>> 8)));

/** CRC-32 (ITU-T V.42), four bytes at a time; `crc` is that of what came before. */
export function crc32(bytes, crc = 0) {
  const [one, two, three, four] = CRC;
  let value = ~crc, at = 0;
  for (const whole = bytes.length - 3; at < whole; at += 4) {
    value ^= bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
    value = four[value & 255] ^ three[(value >>> 8) & 255] ^ two[(value >>> 16) & 255] ^ one[value >>> 24];
  }
  for (; at < bytes.length; at++) value = one[(value ^ bytes[at]) & 255] ^ (value >>> 8);
  return ~value >>> 0;
}
