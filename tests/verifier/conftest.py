"""The page's verifier, for the tests that ask it and the command the same."""

from collections.abc import Iterator

import pytest

from tests.verifier.page_core import PageCore


@pytest.fixture(scope="module")
def page() -> Iterator[PageCore]:
    running = PageCore()
    yield running
    running.end()
