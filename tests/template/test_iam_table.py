"""docs/iam.md says what template.yaml grants."""

from tests.template.iam_table import IAM_DOCUMENT, page


def test_page_is_what_the_template_grants() -> None:
    assert IAM_DOCUMENT.read_text() == page(), "run: python -m tests.template.iam_table"
