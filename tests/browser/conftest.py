"""The browser, once for a session, and `open_offline(path)`, which every test of a page begins with."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.harness import ARGUMENTS, CHROMIUM, OpenedPage, new_context, opened

OpenOffline = Callable[[Path], OpenedPage]
expect.set_options(timeout=60_000)  # of milliseconds: a page is waited for, however slow the machine


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Debian's chromium is not installed: apt-get install chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield launched
        launched.close()


@pytest.fixture
def open_offline(browser: Browser) -> Iterator[OpenOffline]:
    """Opens pages; at the end of the test none may have had trouble that the test did not take."""
    context = new_context(browser)
    pages: list[OpenedPage] = []

    def open_one(path: Path) -> OpenedPage:
        pages.append(opened(context, path))
        return pages[-1]

    yield open_one
    context.close()
    assert [each.trouble for each in pages if each.trouble] == []
