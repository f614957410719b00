// Verifies every leaf of an unpacked bundle, whole or part, with npm's @sigstore/verify: DSSE, in-toto, ECDSA P-256.
//
//     unzip -d BUNDLE bundle.zip
//     cd tests/oracles/sigstore && npm ci --ignore-scripts && node verify.mjs BUNDLE
//
// Exit 0 if every signature verifies; 1 if one does not, and it says which. That is what this library can say: which key
// may sign which leaf, the tree and the checkpoints are `flops-auditor verify`'s.
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(resolve("verify.mjs"));
const { bundleFromJSON } = require("@sigstore/bundle");
const { toSignedEntity, toTrustMaterial, Verifier } = require("@sigstore/verify");

const folder = process.argv[2];
const keys = {};
for (const name of readdirSync(join(folder, "keys"))) {
  const pem = readFileSync(join(folder, "keys", name), "utf8");
  keys[name.replace(".pem", "")] = { rawBytes: Buffer.from(pem.replace(/-----.*-----/g, ""), "base64") };
}
const trusted = toTrustMaterial({ certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] }, keys);
const verifier = new Verifier(trusted, { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 });

function* leaves() {
  const inside = readdirSync(folder).includes("log") ? "log" : "leaves";
  for (const name of readdirSync(join(folder, inside)).sort()) {
    for (const line of readFileSync(join(folder, inside, name), "utf8").split("\n")) {
      if (line) yield [name, JSON.parse(line)];
    }
  }
}

let verified = 0;
let wrong = 0;
for (const [name, envelope] of leaves()) {
  for (const signature of envelope.signatures) {
    try {
      const bundle = bundleFromJSON({
        mediaType: "application/vnd.dev.sigstore.bundle.v0.1+json",
        verificationMaterial: { publicKey: { hint: signature.keyid }, tlogEntries: [] },
        dsseEnvelope: { ...envelope, signatures: [signature] },
      });
      verifier.verify(toSignedEntity(bundle));
      verified += 1;
    } catch (error) {
      wrong += 1;
      console.log(`${name}: ${error.message}`);
    }
  }
}
console.log(`${verified} signatures verified, ${wrong} not`);
process.exitCode = wrong || !verified ? 1 : 0;
