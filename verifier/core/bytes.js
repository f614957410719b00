// Bytes: comparing, hexadecimal, strict base64 (RFC 4648, sections 3.5 and 4), strict UTF-8, SHA-256 by WebCrypto.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const VALUE = new Uint8Array(256).fill(255);
for (let at = 0; at < 64; at++) VALUE[ALPHABET.charCodeAt(at)] = at;
const PADDING = 61;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const byteDecoder = new TextDecoder("latin1");

export const NEWLINE = 10;

/** UTF-8 of a text. */
export function utf8(text) {
  return encoder.encode(text);
}

/** The text that UTF-8 bytes hold; null where they are not UTF-8. A byte order mark is kept, since it is one more character. */
export function textOf(bytes) {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** Bytes as characters, for looking at ASCII in what may not be UTF-8: every byte becomes one character. */
export function bytesAsText(bytes) {
  return byteDecoder.decode(bytes);
}

export function same(left, right) {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at++) if (left[at] !== right[at]) return false;
  return true;
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function hex(bytes) {
  let text = "";
  for (const byte of bytes) text += HEX[byte];
  return text;
}

export function fromHex(text) {
  return Uint8Array.from({ length: text.length / 2 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** The bytes that base64 text, given as bytes, stands for; null unless it is padded and has no stray bits or characters. */
export function fromBase64(text, begin = 0, end = text.length) {
  const length = end - begin;
  if (length % 4) return null;
  if (length === 0) return new Uint8Array(0);
  const padding = text[end - 1] !== PADDING ? 0 : text[end - 2] !== PADDING ? 1 : 2;
  const found = new Uint8Array((length / 4) * 3 - padding);
  const whole = end - (padding ? 4 : 0);
  let to = 0;
  for (let at = begin; at < whole; at += 4) {
    const [a, b, c, d] = [VALUE[text[at]], VALUE[text[at + 1]], VALUE[text[at + 2]], VALUE[text[at + 3]]];
    if ((a | b | c | d) > 63) return null;
    found[to++] = (a << 2) | (b >> 4);
    found[to++] = (b << 4) | (c >> 2);
    found[to++] = (c << 6) | d;
  }
  if (padding) {
    const [a, b] = [VALUE[text[whole]], VALUE[text[whole + 1]]];
    const c = padding === 1 ? VALUE[text[whole + 2]] : 0;
    if ((a | b | c) > 63 || (padding === 2 ? b & 15 : c & 3)) return null;
    found[to++] = (a << 2) | (b >> 4);
    if (padding === 1) found[to] = (b << 4) | (c >> 2);
  }
  return found;
}

/** For every byte the character of its number: what browsers call latin1 is Windows' own. */
export function octetsOf(bytes) {
  let octets = "";
  for (let at = 0; at < bytes.length; at += 4096) octets += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return octets;
}

export function base64(bytes) {
  return btoa(octetsOf(bytes));
}

export async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** Parts between newlines; at most `most` splits, as Python's `bytes.split(b"\n", most)`. */
export function splitLines(bytes, most = Infinity) {
  const parts = [];
  let begin = 0;
  while (parts.length < most) {
    const end = bytes.indexOf(NEWLINE, begin);
    if (end < 0) break;
    parts.push(bytes.subarray(begin, end));
    begin = end + 1;
  }
  parts.push(bytes.subarray(begin));
  return parts;
}
