"""Bundles in which anything stands anywhere, in any spelling, signed or not: both verifiers say the same of each.

`make test-verify-page` makes 3,000, `make test` a few.
"""

import copy
import json
import zipfile
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from flops_auditor.domain.ledger import bundle as form
from flops_auditor.domain.ledger.dsse import envelope_line, parse_envelope
from flops_auditor.domain.ledger.records_csv import numbered
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.attacks import tries
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.ledger import MemorySigner
from tests.fakes.ledger_world import World, sign
from tests.verifier.page_core import PageCore, page_said, python_said

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**53 - 1, 2**53, 10**30, 0.5, 1e21, 1e-7, "", "0", "1", "-1", "01", " 1", "x", "é"),
    *("\ud800", "\u202e", "\u0661", "a\nb", "a`b", "x" * 2000, [], [[]], {}, {"": 0}, "__proto__", {"__proto__": 1}),
    *("2026-02-31T00:00:00.000Z", "2026-11-01T24:00:00.000Z", "2026-11-01T00:00:00.000Z", "2026-02-31", "0" * 64),
]
SPELLINGS: list[Callable[[bytes], bytes]] = [
    lambda text: text.replace(b":", b": ", 1),
    lambda text: b"\xef\xbb\xbf" + text,
    lambda text: text + b" ",
    lambda text: text.replace(b'"', b"'", 1),
    lambda text: text[:-1] + b',"x":1}',
    lambda text: text[:-1] + b"," + text[1:],
    lambda text: text.replace(b"e", b"\\u0065", 1),
    lambda text: text.replace(b'"', b'"\xff', 1),
    lambda text: text.replace(b"0", b"0.0", 1),
    lambda text: text.replace(b"null", b"NaN", 1),
    lambda text: b"[" * 5000 + text,
    lambda text: text.replace(b"=", b"", 1),
    lambda text: text.replace(b"A", b"B", 1),
    lambda text: text.replace(b"/", b"_"),
]
"""Other bytes for a text of JSON or of base64."""


@pytest.fixture(scope="module", params=[None, "org/model-b"], ids=["whole", "part"])
def honest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(form, "CHUNK", 6)
        return Bundle(small_world(), tmp_path_factory.mktemp("hostile"), request.param)


def test_both_verifiers_say_the_same_of_anything_anywhere(honest: Bundle, page: PageCore) -> None:
    original, kinds = dict(honest.files), Counter[str]()
    for seed in range(tries(60, 1500)):
        honest.files, honest.promise = dict(original), True
        what = Hostile(Random(seed), honest).change()
        report = honest.verify()
        demands = Demands(as_of=honest.world.at + timedelta(minutes=1))
        assert page_said(page.judge(honest.path, demands)) == python_said(report), (seed, what, report.findings)
        kinds[report.findings[0].error if report.findings else report.verdict] += 1
    honest.files = original
    assert len(kinds) >= tries(6, 15), kinds


def test_both_verifiers_write_the_same_table_whatever_names_are_made_of(tmp_path: Path, page: PageCore) -> None:
    """Each edge of what is shown by its number, and its neighbours; lone surrogates, which no file can hold, aside."""
    edges = {code + beside for each in numbered() for code in each for beside in (-1, 0, 1)}
    letters = [chr(code) for code in sorted(edges) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000]
    world = World()
    for first in range(0, len(letters), 400):
        world.commit(world.draft("".join(letters[first : first + 400])))
    world.seal()
    bundle = Bundle(world, tmp_path)
    demands = Demands(as_of=bundle.world.at + timedelta(minutes=1))
    assert page_said(page.judge(bundle.path, demands)) == python_said(bundle.verify()) == ("valid", [])
    assert len(letters) > 4_000 and bundle.files["records.csv"].count("⟨U+".encode()) > 2_000


class Hostile:
    """One change of a bundle."""

    def __init__(self, random: Random, bundle: Bundle) -> None:
        self.random, self.bundle = random, bundle

    def change(self) -> str:
        return self.random.choice(
            [self.line, self.line, self.payload, self.payload, self.file, self.file, self.proof]
        )()

    def json(self, text: bytes) -> bytes:
        """Another value somewhere in it, or the same in another spelling."""
        if self.random.random() < 0.3:
            return self.random.choice(SPELLINGS)(text)
        value = json.loads(text)
        holder, key = self.random.choice(list(places(value)))
        change = self.random.random()
        if change < 0.15:
            del holder[key]
        elif change < 0.3 and isinstance(holder, dict):
            holder["extra"] = holder[key]
        elif change < 0.4 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[key] = self.random.choice([*VALUES, [holder[key]], str(holder[key])])
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=self.random.random() < 0.2).encode(
            errors="surrogatepass"
        )

    def places_of_lines(self) -> tuple[str, int]:
        folder = "log/" if self.bundle.names("log/") else "leaves/"
        name = self.random.choice(self.bundle.names(folder))
        return name, self.random.randrange(max(1, self.bundle.files[name].count(b"\n")))

    def put(self, name: str, at: int, line: bytes) -> None:
        lines = self.bundle.files[name].split(b"\n")
        lines[at] = line.replace(b"\n", b" ")
        self.bundle.files[name] = b"\n".join(lines)

    def line(self) -> str:
        name, at = self.places_of_lines()
        self.put(name, at, self.json(self.bundle.files[name].split(b"\n")[at]))
        return f"line {at} of {name}"

    def payload(self) -> str:
        """Signed again, by one of the ledger's keys."""
        name, at = self.places_of_lines()
        payload = self.json(parse_envelope(self.bundle.files[name].split(b"\n")[at]).payload)
        signer = MemorySigner(self.random.choice(["record", "record", "record 2", "checkpoint", "checkpoint 2"]))
        signature = sign(payload, signer)
        self.put(name, at, envelope_line(payload, signature.keyid, signature.der))
        return f"payload {at} of {name}"

    def file(self) -> str:
        name = self.random.choice(["manifest.json", "keys.json", "checkpoints.ndjson", "checkpoint"])
        content = self.bundle.files[name]
        if name == "checkpoint":
            self.bundle.files[name] = self.random.choice(SPELLINGS)(content)
        elif name == "checkpoints.ndjson":
            lines = content.split(b"\n")
            at = self.random.randrange(len(lines) - 1)
            lines[at] = self.json(lines[at])
            self.bundle.files[name] = b"\n".join(lines)
        else:
            self.bundle.promise = name != "manifest.json"
            self.bundle.files[name] = self.json(content)
        return name

    def proof(self) -> str:
        name = self.random.choice(self.bundle.names("proofs/") or self.bundle.names("evidence/"))
        self.bundle.files[name] = self.random.choice([*SPELLINGS, lambda text: text + b64encode(text[:32])])(
            self.bundle.files[name]
        )
        return name


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of everything inside of a JSON value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in list(inner):
        yield value, key
        yield from places(each)


@pytest.mark.parametrize(("tables", "error"), [(1, "EvidenceMismatch"), (9, "BadBundle")])
def test_a_small_zip_of_large_tables_keeps_no_verifier_busy(
    honest: Bundle, page: PageCore, tmp_path: Path, tables: int, error: str
) -> None:
    """Zeros shrink to a thousandth; what a bundle may unpack to is bounded by its size."""
    path = tmp_path / "bundle.zip"
    others = {f"{form.TABLES}{number:064x}": bytes((1 << 24) - number) for number in range(tables)}
    files = {**honest.files, **others}
    sizes = [len(content) for name, content in files.items() if name != form.MANIFEST]
    promised = json.loads(honest.files[form.MANIFEST]) | {"files": str(len(sizes)), "unpacked_bytes": str(sum(sizes))}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in {**files, form.MANIFEST: canonical(promised)}.items():
            zipped.writestr(name, content)
    demands = Demands(as_of=honest.world.at + timedelta(minutes=1))
    report = verify_bundle(path, demands)
    assert [each.error for each in report.findings] == [error]
    assert page_said(page.judge(path, demands)) == python_said(report)
