"""The previous release, kept as an archive so that an upgrade can be tested in a clone without history."""

import tarfile
from pathlib import Path

ARCHIVE = Path(__file__).with_name("previous.tar.xz")


def revision() -> str:
    """The commit that the archive was made from, as `git archive` notes it."""
    with tarfile.open(ARCHIVE) as archive:
        return archive.pax_headers["comment"]


def contents() -> dict[str, bytes]:
    """Every file of the archive by its path."""
    with tarfile.open(ARCHIVE) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in files if file}


def unpack(folder: Path) -> Path:
    """Write the release into a folder; returns the folder, which has template.yaml then."""
    for name, content in contents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
