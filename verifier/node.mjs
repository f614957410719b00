// The core under Node.js: a line of JSON in for each bundle, a line of JSON out. The tests compare it with the Python verifier.
//
// In: {path, asOf, now, maxAgeHours, pin, keys}: times as ISO 8601 or null, pin and keys in base64 or null. Out: the report.

import { openAsBlob } from "node:fs";
import { createInterface } from "node:readline";

import { HOUR } from "./core/moments.js";
import { verifyBundle } from "./core/verify.js";

const bytes = (text) => (text === null ? null : new Uint8Array(Buffer.from(text, "base64")));
const time = (text) => (text === null ? null : Date.parse(text));

for await (const line of createInterface({ input: process.stdin })) {
  const { path, asOf, now, maxAgeHours, pin, keys } = JSON.parse(line);
  const demands = { asOf: time(asOf), now: time(now), maxAge: maxAgeHours * HOUR, pin: bytes(pin), keys: bytes(keys) };
  let report;
  try {
    report = await verifyBundle(await openAsBlob(path), demands);
  } catch (error) {
    report = { verdict: "crashed", findings: [{ error: String(error.stack) }], reservations: [] };
  }
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
