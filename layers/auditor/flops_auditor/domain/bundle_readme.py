"""The README of a bundle: what it is, and how to check it with tools that nobody of this project wrote."""

from flops_auditor.domain.bundle import Manifest
from flops_auditor.domain.key_history import KeyHistory
from flops_auditor.domain.statement import RECORD_PREDICATE

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
# line 1 of a chunk: take any other record by its line
f=log/00000000000000000000.ndjson; e=evidence/00000000000000000000.ndjson
sed -n 1p $f | tr -d '\\n' > record.json; sed -n 1p $e | base64 -d > evidence.json
"""
_TAKE_PART = """\
i=$(basename "$(ls evidence | head -1)"); cp leaves/$i record.json; cp evidence/$i evidence.json
"""


def readme(manifest: Manifest, keys: KeyHistory) -> bytes:
    """README.md of a bundle."""
    checkpoint = keys.current("checkpoint").keyid
    whole = manifest.kind == "whole"
    return f"""\
# Records of training compute: {manifest.ledger_id}

Selection: {manifest.selection}. Exported {manifest.exported_at} at {manifest.size} leaves.

## What is here
{_WHOLE if whole else _PART}\
- `checkpoint`: the newest signed tree head (c2sp.org/tlog-checkpoint); `checkpoints.ndjson`: all of them.
- `keys.json`: which key may sign which leaves; `keys/<key id>.pem`: the same keys as files.

## Check everything
    pip install flops-auditor
    flops-auditor verify THIS_FILE.zip --pin CHECKPOINT_YOU_WERE_MAILED

Without `--pin` (a checkpoint that reached you by another way) or `--keys` (keys that did), a bundle can only be
consistent in itself: whoever wrote all of it could have chosen all of it.

## Check one record with cosign and openssl alone
```sh
{_TAKE_WHOLE if whole else _TAKE_PART}\
key=keys/$(grep -o '"keyid":"[0-9a-f]*"' record.json | cut -d'"' -f4).pem
cosign verify-blob-attestation --key "$key" --insecure-ignore-tlog=true \\
  --type {RECORD_PREDICATE} --signature record.json evidence.json
```
With openssl, over the DSSE pre-authentication encoding:
```sh
python3 - <<'EOF'
import base64, json
e = json.load(open("record.json")); p = base64.b64decode(e["payload"]); t = e["payloadType"].encode()
open("pae", "wb").write(b"DSSEv1 %d %b %d %b" % (len(t), t, len(p), p))
open("sig", "wb").write(base64.b64decode(e["signatures"][0]["sig"]))
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
""".encode()
