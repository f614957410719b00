// The files of a bundle: read strictly, every name expected, memory bounded whatever the zip says.

import { splitLines } from "./bytes.js";
import { readDirectory, unpack, unpackLines } from "./container.js";
import { refuse } from "./errors.js";
import { ALWAYS_FITS, chunkName, FRAME, kindOfFile, leafName, MOST_GROWTH, parseManifest } from "./layout.js";
import { LONGEST_NOTE } from "./note.js";

/** A bundle that is open. Every method throws BadBundle for a file that is not as it must be. */
export class BundleFiles {
  constructor(blob, entries) {
    this.blob = blob;
    this.entries = entries;
  }

  static async of(blob) {
    const most = MOST_GROWTH * blob.size + ALWAYS_FITS, seen = new Map();
    let unpacked = 0;
    const admit = (name, size) => {
      const kind = kindOfFile(name) ?? refuse("BadBundle", `'${name}' is no file of a bundle`);
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      unpacked += size;
      if (size > kind.largest) refuse("BadBundle", `${name} would unpack to ${size} bytes, more than ${kind.largest}`);
      if (seen.get(kind) > kind.most) refuse("BadBundle", `${name} is one of more than ${kind.most} files of its kind`);
      if (unpacked > most) refuse("BadBundle", `it would unpack to more than ${most} bytes, too many for its size`);
    };
    return new BundleFiles(blob, await readDirectory(blob, admit));
  }

  /** What the bundle says of itself: first of all how much there is to unpack. */
  async manifest() {
    const manifest = parseManifest(await this.need("manifest.json"));
    const others = [...this.entries.values()].filter(({ name }) => name !== "manifest.json");
    const unpacked = others.reduce((sum, { size }) => sum + size, 0);
    if (manifest.files !== BigInt(others.length) || manifest.unpacked !== BigInt(unpacked)) {
      refuse("BadBundle", `the manifest promises ${manifest.files} files of ${manifest.unpacked} bytes, there are ${others.length} of ${unpacked}`);
    }
    return manifest;
  }

  /** A file's bytes; null if it is not there. */
  async read(name) {
    const entry = this.entries.get(name);
    return entry ? unpack(this.blob, entry) : null;
  }

  /** A file that must be there. */
  async need(name) {
    return (await this.read(name)) ?? refuse("BadBundle", `${name} is missing`);
  }

  /** A file's lines, one at a time. */
  async *lines(name) {
    const entry = this.entries.get(name) ?? refuse("BadBundle", `${name} is missing`);
    yield* unpackLines(this.blob, entry, 2 * LONGEST_NOTE);
  }

  /** {index, bytes} of every leaf that is here, in the order of the log. */
  async *leaves() {
    for (const first of this.numbers("log")) {
      const lines = splitLines(await this.need(chunkName("log", first)));
      for (let at = 0; at < lines.length - 1; at++) yield { index: first + BigInt(at), bytes: lines[at] };
    }
    for (const index of this.numbers("leaves")) yield { index, bytes: await this.need(leafName("leaves", index)) };
  }

  inFolder(folder) {
    return [...this.entries.keys()].filter((name) => name.startsWith(`${folder}/`)).map((name) => name.slice(folder.length + 1));
  }

  /** What the names in `ancestors` or `tables` are made of. */
  digests(folder) {
    return this.inFolder(folder).map((name) => name.replace(/\.json$/, ""));
  }

  /** The indexes that the names in a folder are made of, in order. */
  numbers(folder) {
    const found = this.inFolder(folder).map((name) => BigInt(name.split(".")[0]));
    return found.sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  }

  /** Every file is expected: what no check covers has no place in a bundle. */
  expect(names, keyids) {
    const expected = new Set([...FRAME, ...names, ...keyids.map((keyid) => `keys/${keyid}.pem`)]);
    for (const name of this.entries.keys()) {
      if (!expected.has(name) && !/^(ancestors|tables)\//.test(name)) refuse("BadBundle", `'${name}' is no file of this bundle`);
    }
  }
}
