"""docs/refusals.md says what tests/integration/test_other_side.py tries."""

from tests.integration.refusal_table import PAGE, page


def test_page_is_what_is_tried() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.integration.refusal_table"
