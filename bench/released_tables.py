"""Add the tables of a release to the list of those that a verifier takes for the product's own.

    python -m bench.released_tables RELEASE < release.tar

`make keep-release` does it. Lines are only ever added: old records rest on old tables.
"""

import csv
import io
import sys
import tarfile
from hashlib import sha256
from pathlib import PurePath

from flops_auditor.data import RELEASED
from flops_auditor.domain.audit.tables import POLICY_FOLDER
from flops_auditor_cli.local_aws.processes import REPOSITORY

FOLDER = "layers/auditor/flops_auditor/data/"
LIST = REPOSITORY / FOLDER / RELEASED
COLUMNS = ("release", "file", "sha256")


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


def add(release: str, archive: bytes) -> int:
    """Add what is not listed yet; the number of lines added."""
    with LIST.open(newline="") as text:
        rows = list(csv.DictReader(text))
    known = {row["sha256"] for row in rows}
    new = [(release, name, digest) for name, digest in sorted(tables_in(archive).items()) if digest not in known]
    with LIST.open("w", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([*([row[column] for column in COLUMNS] for row in rows), *new])
    return len(new)


if __name__ == "__main__":
    print(f"{add(sys.argv[1], sys.stdin.buffer.read())} new versions of tables")
