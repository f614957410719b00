"""The word for what is too large: whoever hands a bundle on can write it, and hides nothing with it."""

from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.ledger.left_out import LEFT_OUT
from flops_auditor.domain.lineage import kept_ancestors
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.attacks.test_forged_histories import an_invented_parent, honest, judged
from tests.fakes.bundles import Bundle
from tests.fakes.forger import Forger
from tests.fakes.ledger_world import World
from tests.fakes.lineage import continuing
from tests.fakes.live_ledger import LiveLedger
from tests.verifier.page_core import PageCore, page_said, python_said

OLD = "0.0.9"
"""A version from before evidence was bounded."""
WORD = b64encode(LEFT_OUT)


def said(bundle: Bundle, page: PageCore, **demands: Any) -> tuple[str, set[str]]:
    """Verdict and names, on which command and page agree."""
    bundle.write()
    asked = Demands(bundle.world.at + timedelta(minutes=1), **demands)
    verdict, names = python_said(verify_bundle(bundle.path, asked))
    assert page_said(page.judge(bundle.path, asked)) == (verdict, names)
    return verdict, set(names)


def truncate(bundle: Bundle) -> None:
    for folder in ("log/", "evidence/"):
        name = bundle.names(folder)[-1]
        bundle.files[name] = b"\n".join([*bundle.files[name].split(b"\n")[:-11], b""])


def swap(bundle: Bundle) -> None:
    for folder in ("log/", "evidence/"):
        name = bundle.names(folder)[0]
        lines = bundle.files[name].split(b"\n")
        lines[110], lines[111] = lines[111], lines[110]
        bundle.files[name] = b"\n".join(lines)


def take_a_checkpoint_out(bundle: Bundle) -> None:
    bundle.files["checkpoints.ndjson"] = bundle.files["checkpoints.ndjson"].split(b"\n", 1)[1]


def say_otherwise(bundle: Bundle) -> None:
    bundle.files["README.md"] += b"x"


class Exporting(World):
    """With the method by which a forger asks."""

    def bundle(self, folder: Path) -> Bundle:
        return Bundle(self, folder)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, bytes]:
    """A ledger of 120 records of an old release, the word in place of the evidence of 105; and a later checkpoint."""
    world = Exporting()
    for count in (60, 55, 5):
        world.add(count)
        world.seal()
    folder = tmp_path_factory.mktemp("many")
    forger = Forger(world, folder)
    for leaf in forger.records():
        leaf.content["code_version"] = OLD
    later = forger.seal().files["checkpoint"]
    forger.leaves = forger.leaves[: forger.leaves.index(forger.heartbeats()[1]) + 1]
    for leaf in forger.records()[:105]:
        leaf.evidence = LEFT_OUT
    return forger.seal(), later


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (truncate, "TruncatedLedger"),
        (swap, "RootMismatch"),
        (take_a_checkpoint_out, "MissingCheckpoint"),
        (say_otherwise, "BadBundle"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_hundred_words_hide_nothing(
    many: tuple[Bundle, bytes], page: PageCore, change: Callable[[Bundle], None], name: str
) -> None:
    bundle, later = many
    files = dict(bundle.files)
    assert said(bundle, page) == ("cannot verify", {"TooLarge"})
    assert said(bundle, page, pin=later) == ("tampered", {"TooLarge", "RolledBack"})
    change(bundle)
    verdict, names = said(bundle, page)
    bundle.files.clear()
    bundle.files.update(files)
    assert name in names
    assert verdict == ("cannot verify" if name == "BadBundle" else "tampered")


@pytest.mark.parametrize("model", [None, "org/model"], ids=["whole", "part"])
def test_a_release_that_bounds_evidence_has_no_such(page: PageCore, tmp_path: Path, model: str | None) -> None:
    for version, expected in ((OLD, ("cannot verify", {"TooLarge"})), ("0.1.0", ("tampered", {"EvidenceMismatch"}))):
        made = LiveLedger(code_version=version)
        made.add(continuing("one", HyperParameters={"model_id": "org/model"}))
        made.audit()
        made.seal()
        bundle = made.bundle(tmp_path, model)
        assert said(bundle, page) == ("valid", set())
        (name,) = bundle.names("evidence/")
        bundle.files[name] = LEFT_OUT if model else WORD + b"\n\n"
        assert said(bundle, page) == expected


def chain(version: str, folder: Path) -> Forger:
    """Runs that continue one another; their ancestors stand in objects."""
    made = LiveLedger(code_version=version)
    for number in range(6):
        made.add(continuing(f"run-{number}", [f"run-{number - 1}"] if number else [], number, hours=1 + number))
        made.audit(f"run-{number}")
        made.seal()
    return Forger(made, folder)


def test_the_word_for_ancestors_hides_nothing_else(
    page: PageCore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_ancestors, "MOST_INLINE", 2)
    for version, expected in ((OLD, ("cannot verify", {"TooLarge"})), ("0.1.0", ("tampered", {"EvidenceMismatch"}))):
        forger = chain(version, tmp_path)
        bundle = forger.seal()
        assert said(bundle, page) == ("valid", set())
        name = bundle.names("ancestors/")[0]
        kept, bundle.files[name] = bundle.files[name], LEFT_OUT
        assert said(bundle, page) == expected
        bundle.files[name] = b"," * 500_001
        assert said(bundle, page) == ("tampered", {"EvidenceMismatch"}), "it is not what was signed"
        bundle.files[name] = kept
    forger = chain(OLD, tmp_path)
    listed = forger.records("run-2")[0].content["cumulative"]["ancestors"][0]
    listed["best_flop"] = f"5{listed['best_flop'][1:]}"
    bundle = forger.seal()
    bundle.files[name] = LEFT_OUT
    assert said(bundle, page) == ("tampered", {"TooLarge", "AncestorMismatch"})
    bundle = chain(OLD, tmp_path).seal()
    bundle.files[name] = LEFT_OUT
    bundle.files[bundle.names("tables/")[0]] += b" "
    assert said(bundle, page) == ("tampered", {"TooLarge", "EvidenceMismatch"})


def test_what_is_here_is_followed(tmp_path: Path) -> None:
    """Without accusing anybody, whichever run's evidence is not here."""
    world = honest()

    def followed(version: str, job: str, change: Callable[[Forger], None] = lambda _: None) -> tuple[str, set[str]]:
        forger = Forger(world, tmp_path)
        change(forger)
        for leaf in forger.records():
            leaf.content["code_version"] = version
        for leaf in forger.records(job)[-1:]:
            leaf.evidence = LEFT_OUT
        report = judged(forger)
        assert not report.followed
        return python_said(report)[0], {each.error for each in report.findings}

    for job in ("parent", "other", "child", "stopped"):
        assert followed(OLD, job) == ("cannot verify", {"TooLarge"}), job
    assert followed(OLD, "stopped", an_invented_parent) == ("cannot verify", {"TooLarge", "NotRecomputable"})
    assert followed("0.1.0", "stopped", an_invented_parent) == ("tampered", {"EvidenceMismatch"})
    assert Forger(world, tmp_path).seal().verify(recompute=Recomputing(), processes=1).followed
