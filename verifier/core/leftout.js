// What a bundle may have in place of evidence, or of an object with ancestors, that no verifier reads: a word.
//
// Nobody signed it, so whoever hands a bundle on can write it. It is taken where the release that made the record may have kept
// something so large; where that release bounds what it keeps, what was signed is missing.

import { bytesAsText } from "./bytes.js";
import { LedgerError } from "./errors.js";

const LEFT_OUT = "too large to be exported";
const BEFORE_BOUNDS = "0.0."; // versions of the code that kept whatever there was begin so

export const isLeftOut = (body) => body.length === LEFT_OUT.length && bytesAsText(body) === LEFT_OUT;

/** Whether a version of the code keeps nothing that is too large for a verifier. */
export const bounds = (version) => !version.startsWith(BEFORE_BOUNDS);

/** What it means that the word stands in place of something; `bounded`: by the version that kept it. */
export function leftOut(what, bounded) {
  return bounded
    ? new LedgerError("EvidenceMismatch", `${what} missing: the bundle says too large, but its record's release keeps none so large`)
    : new LedgerError("TooLarge", `${what} not here: the bundle says that it is too large, which nobody can check`);
}
