// DSSE envelopes (github.com/secure-systems-lab/dsse, protocol v1.0.2 and envelope v1.0.0), in one exact spelling.

import { base64, bytesAsText, concat, fromBase64, utf8 } from "./bytes.js";
import { refuse } from "./errors.js";
import { canonical, hasExactly, NotCanonical, parseStrict, UnreadableJson } from "./json.js";

const LONGEST_LINE = 1 << 20;
const START = utf8('{"payload":"');
const QUOTE = 34;
const ONE_SIGNATURE = /^","payloadType":"([A-Za-z0-9./+-]*)","signatures":\[\{"keyid":"([0-9a-f]*)","sig":"([A-Za-z0-9+/]*={0,2})"\}\]\}$/;

const malformed = (message) => refuse("MalformedRecord", message);

/** {payload, payloadType, signatures: [{keyid, der}]} of one line. Throws MalformedRecord, or NonCanonicalRecord. */
export function parseEnvelope(line) {
  if (line.length > LONGEST_LINE) malformed(`a line of ${line.length} bytes; the longest allowed has ${LONGEST_LINE}`);
  if (START.every((byte, at) => line[at] === byte)) {
    const end = line.indexOf(QUOTE, START.length);
    const match = end > 0 ? ONE_SIGNATURE.exec(bytesAsText(line.subarray(end))) : null;
    if (match) {
      const payload = decoded(line, START.length, end);
      const der = utf8(match[3]);
      return { payload, payloadType: match[1], signatures: [{ keyid: match[2], der: decoded(der, 0, der.length) }] };
    }
  }
  return parseSlowly(line);
}

/** Any spelling, to name what is wrong; also envelopes with two signatures. */
function parseSlowly(line) {
  let found;
  try {
    found = parseStrict(line);
  } catch (error) {
    if (error instanceof UnreadableJson) malformed(error.message);
    throw error;
  }
  if (!hasExactly(found, ["payload", "payloadType", "signatures"])) malformed("the envelope has other members");
  if (!Array.isArray(found.signatures) || !found.signatures.length) malformed("the envelope has no signatures");
  for (const each of found.signatures) {
    if (!hasExactly(each, ["keyid", "sig"])) malformed("a signature has other members");
    if (typeof each.keyid !== "string") malformed("keyid is not a string");
  }
  if (typeof found.payloadType !== "string") malformed("payloadType is not a string");
  const envelope = {
    payload: decodedText(found.payload),
    payloadType: found.payloadType,
    signatures: found.signatures.map((each) => ({ keyid: each.keyid, der: decodedText(each.sig) })),
  };
  if (!isSpelling(envelope, line)) refuse("NonCanonicalRecord", "the envelope is not in its canonical spelling");
  return envelope;
}

function isSpelling(envelope, line) {
  try {
    const again = lineOf(envelope);
    return again.length === line.length && again.every((byte, at) => byte === line[at]);
  } catch (error) {
    if (error instanceof NotCanonical) return false;
    throw error;
  }
}

/** The exact line of an envelope, without the newline. */
export function lineOf({ payload, payloadType, signatures }) {
  return utf8(
    canonical({
      payload: base64(payload),
      payloadType,
      signatures: signatures.map(({ keyid, der }) => ({ keyid, sig: base64(der) })),
    }),
  );
}

function decodedText(text) {
  if (typeof text !== "string") malformed("base64 that is not a text");
  const bytes = utf8(text);
  return decoded(bytes, 0, bytes.length);
}

function decoded(text, begin, end) {
  return fromBase64(text, begin, end) ?? malformed("not strict base64");
}

/** What every signature is over: "DSSEv1" SP len(type) SP type SP len(payload) SP payload, lengths in decimal. */
export function signedBytes({ payload, payloadType }) {
  const kind = utf8(payloadType);
  return concat(utf8(`DSSEv1 ${kind.length} ${payloadType} ${payload.length} `), payload);
}
