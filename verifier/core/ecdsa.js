// ECDSA P-256 over SHA-256 by WebCrypto, which takes a signature as r || s: here from and to ASN.1 DER (RFC 3279, 2.2.3).

import { base64, concat, fromBase64, hex, same, sha256, fromHex, utf8 } from "./bytes.js";
import { refuse } from "./errors.js";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const HOW = { name: "ECDSA", hash: "SHA-256" };
const HALF = 32;
const INTEGER = 2, SEQUENCE = 0x30;

/** n of P-256 (SEC 2, section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** What every uncompressed P-256 key begins with in DER (RFC 5480, section 2): one key has one spelling. */
const SPKI = fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");

/** A P-256 public key from strict base64 of its one spelling in DER. Throws UnknownKey. */
export function readSpki(text) {
  const spki = fromBase64(utf8(text));
  if (spki === null || spki.length !== SPKI.length + 64 || !same(spki.subarray(0, SPKI.length), SPKI)) {
    refuse("UnknownKey", "a public key that is not P-256, uncompressed, as SubjectPublicKeyInfo, in strict base64");
  }
  return spki;
}

/** The key's name: hex SHA-256 over its SubjectPublicKeyInfo in DER. */
export async function keyidOf(spki) {
  return hex(await sha256(spki));
}

/** The public key as cosign and openssl take it (RFC 7468). */
export function pem(spki) {
  const lines = base64(spki).match(/.{1,64}/g);
  return utf8(["-----BEGIN PUBLIC KEY-----", ...lines, "-----END PUBLIC KEY-----", ""].join("\n"));
}

const loaded = new Map();
const MOST_LOADED = 256;

/** The key for WebCrypto, which also sees that it is a point of the curve. Throws UnknownKey. */
function load(spki) {
  const name = hex(spki);
  if (!loaded.has(name)) {
    if (loaded.size >= MOST_LOADED) loaded.clear();
    const key = crypto.subtle.importKey("spki", spki, ALGORITHM, false, ["verify"]);
    loaded.set(name, key.catch(() => refuse("UnknownKey", "a public key that is not on P-256")));
  }
  return loaded.get(name);
}

/** Whether the DER signature is the key's over SHA-256 of the message. */
export async function verifies(spki, der, message) {
  const key = await load(spki);
  const raw = rawOf(der);
  return raw !== null && crypto.subtle.verify(HOW, key, raw, message);
}

/** r || s of a signature in strict DER; null for anything else. */
function rawOf(der) {
  if (der.length < 8 || der[0] !== SEQUENCE || der[1] !== der.length - 2 || der[1] > 127) return null;
  const raw = new Uint8Array(2 * HALF);
  let at = 2;
  for (const end of [HALF, 2 * HALF]) {
    const length = der[at + 1];
    const value = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== INTEGER || length === 0 || value.length !== length || value[0] > 127) return null;
    if (length > 1 && value[0] === 0 && value[1] < 128) return null;
    const digits = value[0] === 0 ? value.subarray(1) : value;
    if (digits.length > HALF) return null;
    raw.set(digits, end - digits.length);
    at += 2 + length;
  }
  return at === der.length ? raw : null;
}

/** The signature with the other value of s, which verifies as well; of one that verified. */
export function otherS(der) {
  const raw = rawOf(der);
  const s = ORDER - BigInt(`0x${hex(raw.subarray(HALF))}`);
  const parts = [raw.subarray(0, HALF), fromHex(s.toString(16).padStart(2 * HALF, "0"))].map((half) => {
    let begin = 0;
    while (begin < HALF - 1 && half[begin] === 0) begin++;
    const digits = half[begin] > 127 ? concat(Uint8Array.of(0), half.subarray(begin)) : half.subarray(begin);
    return concat(Uint8Array.of(INTEGER, digits.length), digits);
  });
  const body = concat(...parts);
  return concat(Uint8Array.of(SEQUENCE, body.length), body);
}
