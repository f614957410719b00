"""docs/refusals.md says what tests/integration/test_other_side.py tries."""

from tests.integration.refusal_table import REFUSALS_DOCUMENT, page


def test_page_is_what_is_tried() -> None:
    assert REFUSALS_DOCUMENT.read_text() == page(), "run: python -m tests.integration.refusal_table"
