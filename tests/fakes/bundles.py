"""Bundles of the ledger in memory, and what an attacker does to them."""

import json
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flops_auditor.domain.ledger.bundle import parse_manifest
from flops_auditor.domain.ledger.bundle_readme import readme
from flops_auditor.domain.ledger.dsse import Signature, parse_envelope
from flops_auditor.domain.ledger.key_history import parse_key_history
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger.export_bundle import export_part, export_whole, of_model
from flops_auditor.use_cases.ledger.verify_bundle import Demands, VerificationReport, verify_bundle
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import World

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""n of P-256 (SEC 2, section 2.4.2)."""


def small_world() -> World:
    """Four seals, 11 records of three models, and one rotation of each key."""
    world = World()
    world.add(4)
    world.seal()
    old, world.record = world.record, MemorySigner("record 2")
    world.request_rotation("record", 0, old, world.record)
    world.add(3)
    world.seal()
    old, world.checkpoint = world.checkpoint, MemorySigner("checkpoint 2")
    world.request_rotation("checkpoint", 1, old, world.checkpoint)
    world.add(2)
    world.seal()
    world.add(2)
    world.seal()
    return world


class Bundle:
    """The files of a bundle by name. With `promise` the manifest is made to fit what an attack leaves."""

    promise = True

    def __init__(self, world: World, folder: Path, model: str | None = None) -> None:
        self.world, self.path = world, folder / "bundle.zip"
        if model is None:
            export_whole(world.archive, world.ledger, self.path, world.at, report_page)
        else:
            by_job = of_model(model)
            export_part(
                world.archive, world.ledger, self.path, world.at, f"model {model}", by_job=by_job, page=report_page
            )
        with zipfile.ZipFile(self.path) as zipped:
            self.files = {name: zipped.read(name) for name in zipped.namelist()}

    def names(self, folder: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(folder))

    def verify(self, **demands: Any) -> VerificationReport:
        """Write the files as they are now, and verify."""
        self.write()
        as_of: datetime = demands.pop("as_of", self.world.at + timedelta(minutes=1))
        return verify_bundle(self.path, Demands(as_of=as_of, **demands))

    def write(self) -> None:
        """Write the files as they are now, with a manifest that promises them."""
        if self.promise and "manifest.json" in self.files:
            others = [len(content) for name, content in self.files.items() if name != "manifest.json"]
            said = {"files": str(len(others)), "unpacked_bytes": str(sum(others))}
            self.edit_json("manifest.json", lambda found: found.update(said))
        with zipfile.ZipFile(self.path, "w") as zipped:
            for name, content in self.files.items():
                zipped.writestr(name, content)

    def leaves(self) -> list[tuple[str, int]]:
        """(file, line) of every leaf in order."""
        return [(name, line) for name in self.names("log/") for line in range(self.files[name].count(b"\n"))]

    def line(self, index: int) -> bytes:
        name, at = self.leaves()[index]
        return self.files[name].split(b"\n")[at]

    def put_line(self, index: int, line: bytes) -> None:
        name, at = self.leaves()[index]
        lines = self.files[name].split(b"\n")
        lines[at] = line
        self.files[name] = b"\n".join(lines)

    def drop_line(self, index: int, with_evidence: bool = True) -> None:
        name, at = self.leaves()[index]
        for file in (name, name.replace("log/", "evidence/"))[: 1 + with_evidence]:
            lines = self.files[file].split(b"\n")
            del lines[at]
            self.files[file] = b"\n".join(lines)

    def swap_lines(self, first: int, second: int) -> None:
        for folder in ("log/", "evidence/"):
            (a, i), (b, j) = self.leaves()[first], self.leaves()[second]
            a, b = a.replace("log/", folder), b.replace("log/", folder)
            left, right = self.files[a].split(b"\n"), self.files[b].split(b"\n")
            if a == b:
                left[i], left[j] = left[j], left[i]
            else:
                left[i], right[j] = right[j], left[i]
                self.files[b] = b"\n".join(right)
            self.files[a] = b"\n".join(left)

    def append(self, line: bytes, evidence: bytes = b"") -> None:
        """After the last leaf."""
        name = self.names("log/")[-1]
        self.files[name] += line + b"\n"
        self.files[name.replace("log/", "evidence/")] += evidence + b"\n"

    def edit_envelope(self, index: int, change: Callable[[dict[str, Any]], None]) -> None:
        """Change members of an envelope; spelled canonically again."""
        envelope = json.loads(self.line(index))
        change(envelope)
        self.put_line(index, json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode())

    def edit_payload(self, index: int, change: Callable[[bytes], bytes]) -> None:
        def edit(envelope: dict[str, Any]) -> None:
            envelope["payload"] = b64encode(change(b64decode(envelope["payload"]))).decode()

        self.edit_envelope(index, edit)

    def set_signature(self, index: int, signature: Signature) -> None:
        def edit(envelope: dict[str, Any]) -> None:
            envelope["signatures"] = [{"keyid": signature.keyid, "sig": b64encode(signature.der).decode()}]

        self.edit_envelope(index, edit)

    def payload(self, index: int) -> bytes:
        return parse_envelope(self.line(index)).payload

    def notes(self) -> list[str]:
        return [json.loads(line)["note"] for line in self.files["checkpoints.ndjson"].splitlines()]

    def set_notes(self, notes: list[str]) -> None:
        """Replace all checkpoints; the newest follows, and the manifest with it."""
        self.files["checkpoints.ndjson"] = b"".join(
            json.dumps({"note": note}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for note in notes
        )
        if notes:
            self.files["checkpoint"] = notes[-1].encode()
            self.edit_json("manifest.json", lambda found: found.update(size=notes[-1].split("\n")[1]))
            self.fit_readme()
            self.drop_shown()

    def drop_shown(self) -> None:
        """Leave out the page and the table, as whoever rewrites records would: no bundle has to have them."""
        for name in ("index.html", "records.csv"):
            self.files.pop(name, None)

    def fit_readme(self) -> None:
        """Write the README that fits the manifest and the keys as they are now."""
        manifest, keys = parse_manifest(self.files["manifest.json"]), parse_key_history(self.files["keys.json"])
        self.files["README.md"] = readme(manifest, keys)

    def edit_json(self, name: str, change: Callable[[dict[str, Any]], None]) -> None:
        found = json.loads(self.files[name])
        change(found)
        self.files[name] = json.dumps(found, sort_keys=True, separators=(",", ":")).encode()
