"""Random changes of single bytes over a whole bundle: none inside of a file passes as valid."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flops_auditor.domain.ledger.bundle import INDEX
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger.verify_bundle import Demands, verify_bundle
from tests.attacks import tries
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.signed_bills import signed


@pytest.fixture(scope="module", params=["whole", "part", "bill"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("flips")
    if request.param == "bill":
        ledger = LiveLedger()
        ledger.seal()
        signed(ledger)
        ledger.seal()
        found = ledger.bundle(folder)
    else:
        found = Bundle(small_world(), folder, None if request.param == "whole" else "org/model-a")
    found.promise = False
    return found


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as zipped:
        return {name: zipped.read(name) for name in zipped.namelist()}


@settings(max_examples=tries(300, 1000), suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_changed_byte_inside_a_file_is_never_valid(bundle: Bundle, data: st.DataObject) -> None:
    """The CRC is made right again, so only signatures, hashes and the strict form can tell."""
    name = data.draw(st.sampled_from(sorted(bundle.files)))
    original = bundle.files[name]
    at = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[at] ^= data.draw(st.integers(1, 255))
    bundle.files[name] = bytes(changed)
    try:
        report = bundle.verify(page=report_page)
    finally:
        bundle.files[name] = original
    if name == INDEX and report.verdict == "valid, with reservations":
        assert [found.error for found in report.reservations] == ["PageNotCompared"]  # it names another writer
        return
    assert report.verdict in ("tampered", "cannot verify")


@settings(max_examples=tries(300, 1000), suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_changed_byte_of_the_zip_is_valid_only_if_every_file_still_reads_the_same(
    bundle: Bundle, data: st.DataObject
) -> None:
    """What zip keeps besides contents (dates, versions, attributes, the second copy of a header) is not covered."""
    bundle.write()
    zipped = bytearray(bundle.path.read_bytes())
    at = data.draw(st.integers(0, len(zipped) - 1))
    zipped[at] ^= data.draw(st.integers(1, 255))
    bundle.path.write_bytes(zipped)
    report = verify_bundle(bundle.path, Demands(as_of=bundle.world.at))
    if report.verdict == "valid":
        assert contents(bundle.path) == bundle.files


@pytest.mark.parametrize("cut", [1, 10, 100, 1000])
def test_a_cut_off_bundle_cannot_be_verified(bundle: Bundle, cut: int) -> None:
    bundle.write()
    bundle.path.write_bytes(bundle.path.read_bytes()[:-cut])

    assert verify_bundle(bundle.path, Demands(as_of=bundle.world.at)).verdict == "cannot verify"
