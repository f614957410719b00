"""The README of a bundle: what it is, and how to check it with tools that nobody of this project wrote."""

from flops_auditor.domain.ledger.bundle import Manifest
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.statement import RECORD_PREDICATE

_WHOLE = """\
- `log/<first index>.ndjson`: the leaves of the log, one signed record per line (DSSE envelope, in-toto statement).
- `evidence/<first index>.ndjson`: for each of these lines, in base64, the file that the record was computed from.
"""
_PART = """\
- `leaves/<index>.json`: one signed record each (DSSE envelope over an in-toto statement); also the newest heartbeat and
  every key rotation.
- `evidence/<index>.json`: the file that the record was computed from.
- `proofs/<index>.tlog-proof`: the record's place in the signed tree (c2sp.org/tlog-proof). Of all other records this
  bundle has hashes only. That it holds *every* record of its selection cannot be seen from it.
"""
_TAKE_WHOLE = """\
# the first record of the log: its evidence is in the same line; take any other by its file and line
f=$(grep -l . evidence/*.ndjson | sed -n 1p); n=$(grep -n -m 1 . "$f" | cut -d: -f1)
sed -n "${n}p" "log/$(basename "$f")" | tr -d '\\n' > record.json; sed -n "${n}p" "$f" | base64 -d > evidence.json
"""
_TAKE_PART = """\
i=$(basename "$(ls evidence | head -1)"); cp leaves/$i record.json; cp evidence/$i evidence.json
"""
_ROOT_WHOLE = """\
import base64, glob, hashlib
def h(data): return hashlib.sha256(data).digest()
tree = []  # complete subtrees (leaves, hash), the largest first
for name in sorted(glob.glob("log/*.ndjson")):
    for line in open(name, "rb"):
        leaves, node = 1, h(b"\\0" + line.rstrip(b"\\n"))
        while tree and tree[-1][0] == leaves:
            leaves, node = 2 * leaves, h(b"\\1" + tree.pop()[1] + node)
        tree.append((leaves, node))
root = tree.pop()[1]
while tree:
    root = h(b"\\1" + tree.pop()[1] + root)
signed = open("checkpoint", encoding="utf-8").read().split("\\n")[2]
print("Verified OK" if base64.b64encode(root).decode() == signed else "NOT the log that was signed")
"""
_ROOT_PART = """\
import base64, hashlib, os
def h(data): return hashlib.sha256(data).digest()
_, size, signed = open("checkpoint", encoding="utf-8").read().split("\\n")[:3]
wrong = []
for name in sorted(os.listdir("leaves")):
    index, last = int(name.split(".")[0]), int(size) - 1
    node = h(b"\\0" + open("leaves/" + name, "rb").read())
    proof = open("proofs/" + name.replace(".json", ".tlog-proof"), encoding="utf-8").read()
    for step in map(base64.b64decode, proof.split("\\n\\n")[0].split("\\n")[2:]):
        if index & 1 or index == last:
            node = h(b"\\1" + step + node)
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            node = h(b"\\1" + node + step)
        index, last = index >> 1, last >> 1
    if last or base64.b64encode(node).decode() != signed:
        wrong.append(name)
print("NOT in the log that was signed:" if wrong else "Verified OK", *wrong)
"""


def readme(manifest: Manifest, keys: KeyHistory) -> bytes:
    """README.md of a bundle: `verify` refuses any other text. Whoever changes it after a release changes FORMAT."""
    checkpoint = keys.current("checkpoint").keyid
    whole = manifest.kind == "whole"
    return f"""\
# Records of training compute: {manifest.ledger_id}

Selection, in the words of who exported it: `{manifest.selection}`. Exported {manifest.exported_at} at {manifest.size}
leaves.

## What is here
{_WHOLE if whole else _PART}\
- `checkpoint`: the newest signed tree head (c2sp.org/tlog-checkpoint); `checkpoints.ndjson`: all of them.
- `tables/<SHA-256>`: the tables and policies that the figures rest on, each once, as records name them.
- `keys.json`: which key may sign which leaves; `keys/<key id>.pem`: the same keys as files.
- `index.html`: a report on these records, for any browser; `records.csv`: the records as a table. They are for reading
  and prove nothing: `verify` refuses those that say something else than the records. Large bundles lack them.

## Check everything
    pip install '.[cli]'    # in the source of flops-auditor, from where you trust it
    flops-auditor verify THIS_FILE.zip --recompute --pin CHECKPOINT_YOU_WERE_MAILED --as-of DAY_IT_REACHED_YOU

Exit code 0: valid; 1: tampered with; 2: cannot be verified; 3: valid, but stale (without `--as-of`, after a day); 4:
valid with reservations, such as an ancestor whose record is not here; each is named.
Without `--pin` (a checkpoint that reached you by another way) or `--keys` (keys that did), a bundle can only be
consistent in itself: whoever wrote all of it could have chosen all of it.

## Check one record with cosign and openssl alone
```sh
{_TAKE_WHOLE if whole else _TAKE_PART}\
key=keys/$(grep -o '"keyid":"[0-9a-f]*"' record.json | cut -d'"' -f4).pem
cosign verify-blob-attestation --key "$key" --insecure-ignore-tlog=true \\
  --type {RECORD_PREDICATE} --signature record.json evidence.json
```
With openssl, over the DSSE pre-authentication encoding; `statement.json` is what was signed, to be read by people:
```sh
python3 - <<'EOF'
import base64, hashlib, json
e = json.load(open("record.json")); p = base64.b64decode(e["payload"]); t = e["payloadType"].encode()
open("pae", "wb").write(b"DSSEv1 %d %b %d %b" % (len(t), t, len(p), p))
open("sig", "wb").write(base64.b64decode(e["signatures"][0]["sig"]))
s = json.loads(p); open("statement.json", "w").write(json.dumps(s, indent=2))
found = hashlib.sha256(open("evidence.json", "rb").read()).hexdigest()
print("evidence as signed:", found == s["subject"][0]["digest"]["sha256"])
EOF
key=keys/$(grep -o '"keyid":"[0-9a-f]*"' record.json | cut -d'"' -f4).pem
openssl dgst -sha256 -verify "$key" -signature sig pae
```
The newest checkpoint:
```sh
head -3 checkpoint > text
tail -1 checkpoint | cut -d' ' -f3 | base64 -d | tail -c +5 > sig
openssl dgst -sha256 -verify keys/{checkpoint}.pem -signature sig text
```
That {"these are all leaves of" if whole else "these leaves are in"} the log that was signed (RFC 9162, section 2.1):
```sh
python3 - <<'EOF'
{_ROOT_WHOLE if whole else _ROOT_PART}EOF
```
""".encode()
