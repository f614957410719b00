"""A file that is no bundle any more is told in plain words: what happened to it on its way, and to ask for it again."""

import gzip
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from flops_auditor.domain.ledger.ledger_errors import BadBundle
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.fakes.bundles import Bundle, small_world
from tests.verifier.page_core import PageCore


def packed_again(content: bytes, *, folders: bool) -> bytes:
    """As a zip program packs what it unpacked: with times beside each file, or with the folders, too."""
    made = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        if folders:
            new.mkdir("log")
        for name in old.namelist():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            info.extra = b"" if folders else b"UT\5\0\1\0\0\0\0"
            new.writestr(info, old.read(name))
    return made.getvalue()


SENT: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "cut off": (
        lambda content: content[: len(content) // 2],
        "breaks off: its end is missing, as where a download was",
    ),
    "cut at the last byte": (lambda content: content[:-1], "breaks off: its end is missing"),
    "more behind": (lambda content: content + b"\r\n", "bytes behind its end: something was added"),
    "much more behind": (lambda content: content + bytes(60_000), "bytes behind its end"),
    "a PDF": (lambda _: b"%PDF-1.7\n" + bytes(100), "it is no zip: it begins as a PDF does"),
    "gzip": (gzip.compress, "it is no zip: it begins as a gzip file does"),
    "a page that says to sign in": (lambda _: b"<!doctype html><title>Sign in</title>", "begins as a web page does"),
    "a text": (lambda _: b"see the other mail, please; nothing here", "it is no zip"),
    "nothing": (lambda _: b"", "it is no zip: it has 0 bytes"),
    "packed again": (lambda content: packed_again(content, folders=False), "that was unpacked and packed again"),
    "packed again with folders": (
        lambda content: packed_again(content, folders=True),
        "'log/' is a folder, as in a zip that was unpacked and packed again: a bundle lists none",
    ),
}


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return Bundle(small_world(), tmp_path_factory.mktemp("sent")).path.read_bytes()


@pytest.mark.parametrize("what", SENT)
def test_both_verifiers_say_what_is_wrong_and_to_ask_again(sent: bytes, tmp_path: Path, what: str) -> None:
    change, words = SENT[what]
    path, demands, page = tmp_path / "bundle.zip", Demands(as_of=small_world().at), PageCore()
    path.write_bytes(change(sent))
    [found], judged = verify_bundle(path, demands).findings, page.judge(path, demands)
    page.end()
    assert found.error == BadBundle.__name__
    assert words in found.message
    assert [(each["error"], each["message"]) for each in judged["findings"]] == [(found.error, found.message)]
    assert judged["findings"][0]["remedy"] == BadBundle.remedy
    assert "ask for it again, whole and as `flops-auditor export` wrote it" in BadBundle.remedy
