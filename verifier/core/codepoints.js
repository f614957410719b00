// Tables of code points that every verifier goes by, whatever the Unicode tables of its browser say.

const escaped = (code) => `\\u{${code.toString(16)}}`;

/** What finds a character of these ranges, which are first and last code points. */
export function oneOf(ranges, flags = "u") {
  return new RegExp(`[${ranges.map(([first, last]) => `${escaped(first)}-${escaped(last)}`).join("")}]`, flags);
}
