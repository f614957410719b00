"""The law, case by case: tests/law/cases.csv holds what is expected, worked out by hand beside the paragraph."""

import pytest

from tests.law.cases import CASES, PAGE, LawCase, page_with_cases


def test_there_are_at_least_120_cases_and_none_stands_twice() -> None:
    assert len(CASES) >= 120
    assert len({case.what for case in CASES}) == len(CASES)
    assert all(case.row["paragraph"] for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_verdict_basis_reading_duty_and_day(case: LawCase) -> None:
    found, row = case.found, case.row
    if row["verdict"] == "not assessed":
        assert found is None
        return
    assert found is not None, [a.scenario for a in case.assessments]
    assert (found.verdict, found.rule.basis, found.reading) == (row["verdict"], row["basis"], row["reading"])
    assert (case.duties or ["-"])[0] == row["duty"]
    assert case.due == row["due"]


def test_the_page_shows_the_cases_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == page_with_cases(page), "`python -m tests.law.cases` writes them anew"


BOTH = [case for case in CASES if "systemic, not-general-purpose" in case.row["said"]]


@pytest.mark.parametrize("case", BOTH, ids=lambda case: case.what)
def test_two_statements_that_exclude_each_other_are_named_with_every_line(case: LawCase) -> None:
    assert case.assessments
    for assessment in case.assessments:
        assert any("do not go together" in note.words for note in assessment.notes), assessment.scenario
        assert assessment.reading != "text"
