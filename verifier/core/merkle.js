// The Merkle tree of the log: RFC 6962, section 2.1, with the verification algorithms of RFC 9162, section 2.1.
//
// A compact range covers the leaves [begin, end) with the fewest complete subtrees, left to right. Ranges join, so a tree
// may be hashed in pieces. Indexes and sizes are BigInt: a hostile bundle may name any.

import { concat, same, sha256 } from "./bytes.js";

const LEAF = Uint8Array.of(0), NODE = Uint8Array.of(1);

/** The root of a tree without leaves (RFC 9162, section 2.1.1). */
export const emptyRoot = () => sha256(new Uint8Array(0));

/** SHA-256(0x00 || leaf). */
export const leafHash = (leaf) => sha256(concat(LEAF, leaf));

/** SHA-256(0x01 || left || right). */
export const nodeHash = (left, right) => sha256(concat(NODE, left, right));

/** The leaves [begin, end) as complete subtrees {level, index, digest}. */
export class CompactRange {
  constructor(begin = 0n, end = 0n, nodes = []) {
    this.begin = begin;
    this.end = end;
    this.nodes = nodes;
  }

  /** The range of these leaf hashes, of which the first has the index `begin`. */
  static async of(begin, leafHashes) {
    const ascending = [], descending = [];
    let hashes = leafHashes, level = 0, index = begin;
    while (hashes.length) {
      if (index & 1n) {
        ascending.push({ level, index, digest: hashes[0] });
        hashes = hashes.slice(1);
        index++;
      }
      if (hashes.length & 1) descending.unshift({ level, index: index + BigInt(hashes.length - 1), digest: hashes.at(-1) });
      const pairs = [];
      for (let at = 0; at + 1 < hashes.length; at += 2) pairs.push(nodeHash(hashes[at], hashes[at + 1]));
      hashes = await Promise.all(pairs);
      level++;
      index >>= 1n;
    }
    return new CompactRange(begin, begin + BigInt(leafHashes.length), [...ascending, ...descending]);
  }

  /** This range followed by the adjacent one. */
  async join(right) {
    const nodes = [...this.nodes];
    for (let { level, index, digest } of right.nodes) {
      while (nodes.length && nodes.at(-1).level === level && index & 1n) {
        digest = await nodeHash(nodes.pop().digest, digest);
        level++;
        index >>= 1n;
      }
      nodes.push({ level, index, digest });
    }
    return new CompactRange(this.begin, right.end, nodes);
  }

  /** The Merkle tree hash of the leaves [0, end). */
  async root() {
    if (!this.nodes.length) return emptyRoot();
    let digest = this.nodes.at(-1).digest;
    for (const { digest: left } of this.nodes.slice(0, -1).reverse()) digest = await nodeHash(left, digest);
    return digest;
  }
}

/** The root that the proof leads to from a leaf hash (RFC 9162, section 2.1.3.2); null if it cannot fit. */
export async function rootFromInclusion(index, size, leaf, proof) {
  if (index < 0n || index >= size) return null;
  let node = index, last = size - 1n, digest = leaf;
  for (const sibling of proof) {
    if (last === 0n) return null;
    if (node & 1n || node === last) {
      digest = await nodeHash(sibling, digest);
      while (!(node & 1n) && node) {
        node >>= 1n;
        last >>= 1n;
      }
    } else digest = await nodeHash(digest, sibling);
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n ? digest : null;
}

/** Whether the tree of `newer` leaves extends the tree of `older` leaves (RFC 9162, section 2.1.4.2). */
export async function isConsistent(older, newer, oldRoot, newRoot, proof) {
  if (older < 0n || older > newer) return false;
  if (older === 0n || older === newer) return !proof.length && same(oldRoot, older === newer ? newRoot : await emptyRoot());
  const path = older & (older - 1n) ? [...proof] : [oldRoot, ...proof];
  if (!path.length) return false;
  let node = older - 1n, last = newer - 1n;
  while (node & 1n) {
    node >>= 1n;
    last >>= 1n;
  }
  let oldDigest = path[0], newDigest = path[0];
  for (const sibling of path.slice(1)) {
    if (last === 0n) return false;
    if (node & 1n || node === last) {
      oldDigest = await nodeHash(sibling, oldDigest);
      newDigest = await nodeHash(sibling, newDigest);
      while (!(node & 1n) && node) {
        node >>= 1n;
        last >>= 1n;
      }
    } else newDigest = await nodeHash(newDigest, sibling);
    node >>= 1n;
    last >>= 1n;
  }
  return last === 0n && same(oldDigest, oldRoot) && same(newDigest, newRoot);
}
