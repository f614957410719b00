"""verify.html as a regulator uses it: a bundle dropped or chosen, a verdict, the records."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenOffline
from tests.browser.harness import OpenedPage
from tests.fakes.bundles import Bundle, small_world
from verifier.build import OUTPUT


@pytest.fixture
def whole(tmp_path: Path) -> Bundle:
    return Bundle(small_world(), tmp_path)


@pytest.fixture
def opened(open_offline: OpenOffline, whole: Bundle) -> Iterator[OpenedPage]:
    """The page on a day on which the bundle is not stale."""
    found = open_offline(OUTPUT)
    found.page.locator("#known summary").click()
    found.page.locator("#received").fill(whole.world.at.date().isoformat())
    yield found


def verdict(opened: OpenedPage, name: str) -> None:
    expect(opened.page.locator("#verdict")).not_to_have_text("", timeout=20_000)
    said = opened.page.locator("#result").inner_text()
    assert opened.page.locator("#verdict").inner_text() == name, said


def test_a_dropped_bundle_is_valid_and_its_records_are_shown(opened: OpenedPage, whole: Bundle) -> None:
    assert whole.verify().verdict == "valid"
    page = opened.page
    page.locator("#pin").fill(whole.files["checkpoint"].decode())
    assert opened.axe() == []
    opened.screenshots("verify-before")
    opened.drop("#drop", whole.path)
    verdict(opened, "Valid")
    expect(page.locator("#which")).to_have_text("1 to 11 of 11")
    expect(page.locator("#notes li").first).to_contain_text("nothing before it was rewritten")
    page.locator("#words").fill("job-000003")
    expect(page.locator("#rows tr")).to_have_count(1)
    page.locator("#words").fill("")
    assert (opened.axe(), opened.out_of_keyboards_reach(), opened.overflows()) == ([], [], 0)
    opened.screenshots("verify-valid")
    page.get_by_role("button", name="Show leaf 2").click()
    expect(page.locator("#statement")).to_contain_text('"training-job/secret-job-000002"'.strip('"'))
    assert opened.axe() == []
    opened.screenshots("verify-record", full_page=False)
    page.keyboard.press("Escape")
    expect(page.locator("#record")).to_be_hidden()
