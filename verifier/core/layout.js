// The names and forms of a bundle's files: what `export` writes.

import { bytesAsText, fromBase64, utf8 } from "./bytes.js";
import { oneOf } from "./codepoints.js";
import { MOST_ENTRIES } from "./container.js";
import { refuse } from "./errors.js";
import { hasExactly, isObject, NotCanonical, parseCanonical, UnreadableJson } from "./json.js";
import { readMoment } from "./moments.js";
import { LONGEST_NOTE } from "./note.js";
import { README, SELECTION } from "./tables.js";

const FORMAT = "flops-auditor-bundle/v1";
const CHUNK_BYTES = 1 << 22, LARGEST_EVIDENCE = 9_000_000;
const UNPRINTED = oneOf(SELECTION.unprinted);
export const MOST_GROWTH = 250;
export const ALWAYS_FITS = 1 << 24;
const LONGEST_INTEGER = 4300;
export const FRAME = ["manifest.json", "README.md", "keys.json", "checkpoint", "checkpoints.ndjson", "index.html", "records.csv"];

/** Files of a bundle: the names that they may have, to how many bytes each may unpack, and how many there may be. */
const LAYOUT = [
  [/^(leaves\/[0-9]{20}\.json|log\/[0-9]{20}\.ndjson)$/, CHUNK_BYTES + (1 << 22)],
  [/^evidence\/[0-9]{20}\.json$/, LARGEST_EVIDENCE],
  [/^evidence\/[0-9]{20}\.ndjson$/, CHUNK_BYTES + LARGEST_EVIDENCE * 4 / 3],
  [/^proofs\/[0-9]{20}\.tlog-proof$/, 1 << 17],
  [/^keys\/[0-9a-f]{64}\.pem$/, 1 << 17, 1 << 12],
  [/^ancestors\/[0-9a-f]{64}\.json$/, 1 << 24, 1 << 16],
  [/^tables\/[0-9a-f]{64}$/, 1 << 24, 1 << 14],
  [/^(manifest\.json|README\.md|keys\.json|checkpoint)$/, 1 << 20],
  [/^(index\.html|records\.csv)$/, 1 << 26],
  [/^checkpoints\.ndjson$/, 2 ** 31], // read line by line
];

const KINDS = LAYOUT.map(([names, largest, most = MOST_ENTRIES]) => ({ names, largest, most }));

/** What a file of this name is, {largest, most}; null if no file of a bundle has such a name. */
export function kindOfFile(name) {
  return KINDS.find(({ names }) => names.test(name)) ?? null;
}

const numbered = (folder, index, ending) => `${folder}/${String(index).padStart(20, "0")}${ending}`;
export const chunkName = (folder, begin) => numbered(folder, begin, ".ndjson");
export const leafName = (folder, index) => numbered(folder, index, folder === "proofs" ? ".tlog-proof" : ".json");

/** What a whole number looks like in a bundle's own files; null for another spelling. */
export function readInteger(text) {
  return typeof text === "string" && text.length <= LONGEST_INTEGER && /^(0|-?[1-9][0-9]*)$/.test(text) ? BigInt(text) : null;
}

/** What a bundle says of itself; nothing in it is believed that is not checked. Throws BadBundle. */
export function parseManifest(text) {
  const bad = (why) => refuse("BadBundle", `manifest.json is not readable: ${why}`);
  let found;
  try {
    found = parseCanonical(text);
  } catch (error) {
    if (error instanceof UnreadableJson || error instanceof NotCanonical) bad(error.message);
    throw error;
  }
  const members = ["format", "kind", "ledger_id", "size", "selection", "exported_at", "files", "unpacked_bytes", "left_out"];
  if (!isObject(found) || found.format !== FORMAT || !["whole", "part"].includes(found.kind)) bad("another format");
  if (!hasExactly(found, members)) bad("it has other members");
  const [size, files, unpacked] = [found.size, found.files, found.unpacked_bytes].map(readInteger);
  if (size === null || files === null || unpacked === null) bad("a number that is none");
  if (found.left_out !== (found.kind === "part" ? README.noCheckpoint : "")) bad("other words on what is left out");
  if (found.kind === "whole" && found.selection !== README.everything) bad("a whole bundle says that it is a selection");
  if (!isSelection(found.selection)) bad("the selection is not one line of printable text without backticks");
  if (typeof found.exported_at !== "string" || readMoment(found.exported_at) === null) bad("no time of export");
  return { kind: found.kind, ledgerId: found.ledger_id, size, selection: found.selection, exportedAt: found.exported_at, files, unpacked };
}

/** One line that shows what it holds. */
function isSelection(text) {
  return typeof text === "string" && text.length > 0 && [...text].length <= SELECTION.longest && !UNPRINTED.test(text);
}

/** The README that `export` writes for this manifest and these keys. */
export function readme(manifest, checkpointKeyid) {
  const words = {
    LEDGER: manifest.ledgerId,
    SELECTION: manifest.selection,
    EXPORTED: manifest.exportedAt,
    SIZE: String(manifest.size),
    CHECKPOINT: checkpointKeyid,
  };
  return utf8(README[manifest.kind].replace(/@@([A-Z]+)@@/g, (_, name) => words[name]));
}

/** {note, proof} of a line of checkpoints.ndjson; a part's has the consistency proof to the newest. Throws BadBundle. */
export function parseCheckpointLine(line, withProof) {
  const bad = (why) => refuse("BadBundle", `checkpoints.ndjson is not readable: ${why}`);
  let found;
  try {
    found = parseCanonical(line);
  } catch (error) {
    if (error instanceof UnreadableJson || error instanceof NotCanonical) bad(error.message);
    throw error;
  }
  if (!hasExactly(found, withProof ? ["note", "consistency"] : ["note"]) || line.length + 1 > LONGEST_NOTE) bad("a line has other members");
  const proof = withProof ? found.consistency : [];
  if (typeof found.note !== "string" || !Array.isArray(proof)) bad("a line has other members");
  return { note: utf8(found.note), proof: proof.map((text) => digestIn(text) ?? bad("not a SHA-256 digest in strict base64")) };
}

function digestIn(text) {
  const digest = typeof text === "string" ? fromBase64(utf8(text)) : null;
  return digest !== null && digest.length === 32 ? digest : null;
}

const PROOF = /^c2sp\.org\/tlog-proof@v1\nindex (0|[1-9][0-9]{0,18})\n((?:[A-Za-z0-9+/]{43}=\n)*)$/;

/** {index, path, checkpoint} of a c2sp.org/tlog-proof. Throws RootMismatch: no other spelling leads to a signed root. */
export function parseProof(bytes) {
  const text = bytesAsText(bytes);
  const split = text.indexOf("\n\n");
  const match = split < 0 ? null : PROOF.exec(text.slice(0, split + 1));
  const path = match && match[2].split("\n").slice(0, -1).map(digestIn);
  if (!path || path.includes(null)) refuse("RootMismatch", "a proof file that is not c2sp.org/tlog-proof@v1");
  return { index: BigInt(match[1]), path, checkpoint: bytes.subarray(split + 2) };
}

