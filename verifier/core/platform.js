// What the core needs of a browser, tried out and not only looked for: what unpacks leniently would verify leniently.

import { utf8 } from "./bytes.js";

const EMPTY_WITH_MORE = Uint8Array.of(3, 0, 7); // an empty deflate stream, and a byte after its end

/** What is missing here, in words; empty where everything is there. */
export async function missingHere() {
  const missing = [];
  if (!globalThis.crypto?.subtle) missing.push("WebCrypto, which browsers have for local files and secure pages alone");
  else if (!(await hasP256())) missing.push("ECDSA on P-256 in WebCrypto");
  if (!globalThis.DecompressionStream) missing.push("DecompressionStream");
  else if (!(await isStrict())) missing.push("a DecompressionStream that refuses bytes after the end");
  if (!"".isWellFormed || ![].findLast) missing.push("JavaScript of 2023");
  return missing;
}

async function hasP256() {
  try {
    const { publicKey, privateKey } = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
    const how = { name: "ECDSA", hash: "SHA-256" }, message = utf8("message");
    const signature = await crypto.subtle.sign(how, privateKey, message);
    return (await crypto.subtle.verify(how, publicKey, signature, message)) && !(await crypto.subtle.verify(how, publicKey, signature, utf8("another")));
  } catch {
    return false;
  }
}

async function isStrict() {
  try {
    await new Response(new Blob([EMPTY_WITH_MORE]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).arrayBuffer();
    return false;
  } catch {
    return true;
  }
}
