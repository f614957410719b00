"""Which cluster a file in the operators' bucket is of, by its key, and keys that are refused."""

import re
from datetime import UTC, datetime

import pytest

from flops_auditor.domain.runs.sources.dropped_file import FilePlace, WrongFileName, place_of, shown_key
from flops_auditor.domain.runs.training_time import Span


def test_a_key_names_region_and_cluster_and_a_period_by_whole_days() -> None:
    assert place_of("us-gov-west-1/a-b1/x.json.gz") == FilePlace("us-gov-west-1", "a-b1")
    october = Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, 23, 59, 59, 999000, tzinfo=UTC))
    assert place_of("eu-west-1/research/2026-10-01--2026-10-31/runs.txt") == FilePlace("eu-west-1", "research", october)
    assert place_of("eu-west-1/research/2026-10-01--2026-10-01/runs.txt").period is not None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "runs.txt",
        "research/runs.txt",
        "eu-west-1/research/a/runs.txt",
        "eu-west-1/research/../runs.txt",
        "eu-west-1/research/.runs",
        "eu-west-1/-research/runs.txt",
        "eu-west-1/research-/runs.txt",
        "eu-west-1/re_search/runs.txt",
        f"eu-west-1/{'a' * 64}/runs.txt",
        f"eu-west-1/research/{'a' * 201}",
        "EU-WEST-1/research/runs.txt",
        "eu-west-1/research/runs.txt\n",
        "eu-west-1/research/runs\u0000.txt",
        "eu-west-1/rese\u0430rch/runs.txt",
        "eu-west-\u0661/research/runs.txt",
        "eu-west-1/research/2026-10-31--2026-10-01/runs.txt",
        "eu-west-1/research/2026-02-30--2026-03-01/runs.txt",
        "eu-west-1/research/0000-12-31--9999-12-31/runs.txt",
        "eu-west-1/research/2026-10-01--2026-10-31/",
        "eu-west-1/research/2026-10-01-2026-10-31/runs.txt",
        "a" * 5000,
    ],
)
def test_any_other_key_is_refused_and_shown_within_bounds(key: str) -> None:
    with pytest.raises(WrongFileName) as error:
        place_of(key)
    assert len(str(error.value)) < 1300
    assert re.fullmatch(r"[ -~]*", str(error.value))


def test_a_key_is_shown_in_plain_text() -> None:
    assert shown_key("a\u202eb\n") == r"'a\u202eb\n'"
    assert shown_key("a" * 300).endswith("and 100 characters more")


def test_a_name_that_nearly_fits_is_refused_soon() -> None:
    with pytest.raises(WrongFileName):
        place_of("eu-west-1/a" + "-" * 100_000 + "/runs.txt")
