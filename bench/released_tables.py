"""Add the tables of a release to the list of those that a verifier takes for the product's own.

    python -m bench.released_tables RELEASE < release.tar
    python -m bench.released_tables RELEASE --here

`make keep-release` adds those of an archive, `make list-tables` those that stand here and are about to be released.
Lines are only ever added: old records rest on old tables.
"""

import csv
import io
import sys
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import PurePath

from flops_auditor.data import ON_BY_DEFAULT, RELEASED, digest, policy_ids
from flops_auditor.domain.audit.tables import FILES, POLICY_FOLDER, policy_name
from flops_auditor_cli.local_aws.processes import REPOSITORY

FOLDER = "layers/auditor/flops_auditor/data/"
LIST = REPOSITORY / FOLDER / RELEASED


def tables_in(archive: bytes) -> dict[str, str]:
    """File name -> SHA-256 of every table and policy in a release's archive."""
    digests = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            name, file = member.name.removeprefix(FOLDER), opened.extractfile(member)
            folder = PurePath(name).parent in (PurePath(), PurePath(POLICY_FOLDER))
            if file and folder and name.endswith((".csv", ".json")) and name != RELEASED:
                digests[name] = sha256(file.read()).hexdigest()
    return digests


def tables_here() -> dict[str, str]:
    """The same of those that stand in this folder."""
    return {name: digest(name) for name in (*FILES, ON_BY_DEFAULT, *map(policy_name, policy_ids()))}


def listed() -> frozenset[str]:
    """SHA-256 of every version that is listed."""
    with LIST.open(newline="") as text:
        return frozenset(row["sha256"] for row in csv.DictReader(text))


def add(release: str, tables: Mapping[str, str]) -> int:
    """Add what is not listed yet; the number of lines added."""
    known = listed()
    new = [(release, name, sha256_hex) for name, sha256_hex in sorted(tables.items()) if sha256_hex not in known]
    with LIST.open("a", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows(new)
    return len(new)


if __name__ == "__main__":
    tables = tables_here() if "--here" in sys.argv else tables_in(sys.stdin.buffer.read())
    print(f"{add(sys.argv[1], tables)} new versions of tables")
