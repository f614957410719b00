"""docs/iam.md says what template.yaml grants."""

from tests.template.iam_table import PAGE, page


def test_page_is_what_the_template_grants() -> None:
    assert PAGE.read_text() == page(), "run: python -m tests.template.iam_table"
