// JSON with one meaning and one spelling: a strict parser, and RFC 8785 (JCS).
//
// JSON.parse alone would let duplicate keys and integers beyond 2^53 pass, since it keeps the last of one and rounds the
// other. What it reads is therefore written again, and has to give the same text; anything else is read a second time, by
// a parser that names what is wrong.

import { textOf } from "./bytes.js";

export const LARGEST_INTEGER = Number.MAX_SAFE_INTEGER;
const LONGEST_INTEGER = 4300;
const DEEPEST = 900;
const ESCAPED_SURROGATE = /\\u[dD][89a-fA-F]/;

export class UnreadableJson extends Error {}
export class NotCanonical extends Error {}

/** The value of UTF-8 JSON, refusing duplicate keys (RFC 7493, section 2.3). Throws UnreadableJson. */
export function parseStrict(bytes) {
  const text = textOf(bytes);
  if (text === null) throw new UnreadableJson("not strict JSON: not UTF-8");
  return new StrictParser(text).whole();
}

/** The value of bytes that must be canonical already. Throws UnreadableJson, or NotCanonical for another spelling. */
export function parseCanonical(bytes) {
  const text = textOf(bytes);
  if (text !== null && !ESCAPED_SURROGATE.test(text)) {
    try {
      const value = JSON.parse(text);
      if (isPlain(value) && JSON.stringify(value) === text) return value;
    } catch {
      // the parser below names the reason
    }
  }
  const value = parseStrict(bytes);
  if (canonical(value) !== text) throw new NotCanonical("not the RFC 8785 spelling of its value");
  return value;
}

/** The RFC 8785 text of a JSON value. Throws NotCanonical for what has none: large integers, infinities, lone surrogates. */
export function canonical(value) {
  try {
    return written(value);
  } catch (error) {
    if (error instanceof RangeError) throw new NotCanonical("no canonical form: too deep");
    throw error;
  }
}

function written(value) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") {
    if (!isExact(value)) throw new NotCanonical("no canonical form: a number that parsers read differently");
    return JSON.stringify(value);
  }
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new NotCanonical("no canonical form: a lone surrogate");
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  return `{${Object.keys(value).sort().map((key) => `${written(key)}:${written(value[key])}`).join(",")}}`;
}

/** Numbers that are written like integers are exact up to 2^53 - 1; from 1e21 on they are written with an exponent. */
function isExact(number) {
  return Number.isFinite(number) && (!Number.isInteger(number) || Math.abs(number) <= LARGEST_INTEGER || Math.abs(number) >= 1e21);
}

/** Whether keys are sorted by UTF-16 units and numbers are exact, all the way down. */
function isPlain(value) {
  if (typeof value === "number") return isExact(value);
  if (value === null || typeof value !== "object") return true;
  if (Array.isArray(value)) return value.every(isPlain);
  let before;
  for (const key of Object.keys(value)) {
    if ((before !== undefined && key <= before) || !isPlain(value[key])) return false;
    before = key;
  }
  return true;
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/y;
// eslint-disable-next-line no-control-regex
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORDS = { t: ["true", true], f: ["false", false], n: ["null", null] };

class StrictParser {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.depth = 0;
  }

  whole() {
    const value = this.value();
    if (this.next() !== undefined) this.stop("more after the value");
    return value;
  }

  stop(why) {
    throw new UnreadableJson(`not strict JSON: ${why} at character ${this.at}`);
  }

  /** The next character that is no white space. */
  next() {
    SPACE.lastIndex = this.at;
    this.at += SPACE.exec(this.text)[0].length;
    return this.text[this.at];
  }

  taken(pattern, what) {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (!match) this.stop(`no ${what}`);
    this.at += match[0].length;
    return match;
  }

  value() {
    const first = this.next();
    if (first === "{") return this.nested(() => this.object());
    if (first === "[") return this.nested(() => this.list());
    if (first === '"') return this.string();
    if (first in WORDS && this.text.startsWith(WORDS[first][0], this.at)) {
      this.at += WORDS[first][0].length;
      return WORDS[first][1];
    }
    const [digits, , fraction, exponent] = this.taken(NUMBER, "value");
    if (!fraction && !exponent && digits.length > LONGEST_INTEGER) this.stop("an integer of too many digits");
    return Number(digits);
  }

  nested(read) {
    if (++this.depth > DEEPEST) this.stop("too deep");
    this.at++;
    const found = read();
    this.depth--;
    this.at++;
    return found;
  }

  string() {
    return JSON.parse(this.taken(STRING, "text")[0]);
  }

  list() {
    const found = [];
    if (this.next() === "]") return found;
    for (;;) {
      found.push(this.value());
      const mark = this.next();
      if (mark === "]") return found;
      if (mark !== ",") this.stop("no comma");
      this.at++;
    }
  }

  object() {
    const found = Object.create(null);
    if (this.next() === "}") return found;
    for (;;) {
      this.next();
      const key = this.string();
      if (key in found) this.stop(`duplicate key ${JSON.stringify(key.slice(0, 60))}`);
      if (this.next() !== ":") this.stop("no colon");
      this.at++;
      found[key] = this.value();
      const mark = this.next();
      if (mark === "}") return found;
      if (mark !== ",") this.stop("no comma");
      this.at++;
    }
  }
}

/** Whether a JSON value is an object with exactly these members. */
export function hasExactly(value, members) {
  return isObject(value) && Object.keys(value).length === members.length && members.every((name) => Object.hasOwn(value, name));
}

export function isObject(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
