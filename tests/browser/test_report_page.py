"""The report in a browser: quiet, reached by keyboard, its summary in view, its table sorted, hostile text inert."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from flops_auditor.domain.messages.report.report import Report, ShutDoorSeen
from flops_auditor.pages.render import report_page
from tests.browser.conftest import OpenOffline
from tests.browser.harness import NARROW, WIDE
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.reports import hostile, report_on

MANY = 10_000
LONGEST_SECONDS_MANY = 3.0
"""For a sort or a filter of 10,000 jobs to be seen, on two cores that do other work besides."""
PARAMETERS = {
    "training sessions": "TrainingSessions",
    "SageMaker jobs": "SageMakerJobs",
    "model customization jobs": "BedrockJobs",
    "Batch jobs": "BatchJobs",
}
ATTACKS = "<img src=x onerror=alert(1)><script>alert(2)</script>\" onfocus=alert(3) autofocus='{{7*7}}'</script>\u202e"


@pytest.fixture(scope="module")
def report() -> Report:
    ledger = demo_ledger()
    return report_on([ledger.content(name) for name in ledger.pointers])


@pytest.fixture(scope="module")
def path(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(report, tmp_path_factory.mktemp("report") / "report.html")


def written(report: Report, path: Path) -> Path:
    path.write_bytes(report_page(report))
    return path


def rows(page: Page) -> list[str]:
    """The names in the table of jobs, in order."""
    return page.locator("#job-table tbody th").all_inner_texts()


def test_the_page_is_quiet_and_anybody_can_use_it(open_offline: OpenOffline, report: Report, tmp_path: Path) -> None:
    """With the first models alone: every model has the same parts, and axe-core looks at each of them."""
    opened = open_offline(written(replace(report, models=report.models[:3]), tmp_path / "report.html"))
    assert (opened.axe(), opened.out_of_keyboards_reach(), opened.overflows()) == ([], [], 0)
    assert opened.pdf(tmp_path / "report.pdf").startswith(b"%PDF")


def test_pictures_of_the_page_are_there_to_be_looked_at(open_offline: OpenOffline, path: Path) -> None:
    assert [made.stat().st_size > 10_000 for made in open_offline(path).screenshots("report", full_page=False)] == [
        True
    ] * 4


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280x800", "390x844"])
def test_the_summary_is_seen_without_scrolling(open_offline: OpenOffline, path: Path, size: dict[str, int]) -> None:
    page = open_offline(path).page
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    box = page.locator("#summary").bounding_box()
    assert box is not None and box["y"] >= 0 and box["y"] + box["height"] <= size["height"]


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280x800", "390x844"])
def test_no_name_of_a_model_near_a_threshold_is_cut(
    open_offline: OpenOffline, path: Path, size: dict[str, int], media: Literal["screen", "print"]
) -> None:
    page = open_offline(path).page
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    page.emulate_media(media=media)
    cut = "names => names.filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth).length"
    assert page.locator(".bars .what a").count() == 6
    assert page.locator(".bars .what a").evaluate_all(cut) == 0


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["1280x800", "390x844"])
def test_with_every_door_shut_the_summary_is_still_seen(
    open_offline: OpenOffline, report: Report, size: dict[str, int], tmp_path: Path
) -> None:
    shut = tuple(ShutDoorSeen(what, parameter) for what, parameter in PARAMETERS.items())
    made = replace(report, ledger=replace(report.ledger, shut_doors=shut), models=report.models[:1])
    page = open_offline(written(made, tmp_path / "shut.html")).page
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    box = page.locator("#summary").bounding_box()
    assert box is not None and box["y"] + box["height"] <= size["height"]


def test_runs_behind_shut_doors_fit_a_phone(open_offline: OpenOffline, report: Report, tmp_path: Path) -> None:
    lost = tuple("x" * 128 + str(number) for number in range(30))
    shut = tuple(ShutDoorSeen(what, parameter, lost) for what, parameter in PARAMETERS.items())
    made = replace(report, ledger=replace(report.ledger, shut_doors=shut), models=report.models[:1])
    opened = open_offline(written(made, tmp_path / "lost.html"))
    assert (opened.axe(), opened.overflows()) == ([], 0)


def test_jobs_are_filtered_and_sorted_by_keyboard(open_offline: OpenOffline, path: Path) -> None:
    page = open_offline(path).page
    everything = rows(page)
    assert len(everything) == 18
    assert page.locator("#job-table thead button").count() == page.locator("#job-table button").count() == 10
    page.get_by_label("Words in name").fill("ADAPT")
    assert sorted(rows(page)) == ["domain-adapt-1", "domain-adapt-2", "domain-adapt-3"]
    assert page.get_by_role("status").inner_text() == "3 of 3 jobs shown; 18 recorded."
    page.get_by_label("Words in name").fill("adapt-3  EU-west in-house")
    assert rows(page) == ["domain-adapt-3"]
    page.get_by_label("Words in name").fill("")
    page.get_by_label("Verdict").select_option("above")
    assert rows(page) == everything[:2]
    page.get_by_label("Verdict").select_option("")
    button = page.get_by_role("button", name="Best (FLOP)")
    button.focus()
    page.keyboard.press("Enter")
    assert rows(page)[:3] == ["unlisted-accelerator", "continued-pretraining-64-p5", "pretraining-from-scratch"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert rows(page)[0] == "evaluation-suite"
    page.get_by_role("button", name="Job", exact=True).click()
    assert rows(page) == sorted(everything)


def test_jobs_are_sorted_by_their_share_also_beside_the_line(
    open_offline: OpenOffline, report: Report, tmp_path: Path
) -> None:
    """Shares are texts, and "just under 100 %" has its number at the end."""
    nearest = next(line.nearest for line in report.jobs if line.name == "domain-adapt-3")
    assert nearest is not None
    line = nearest.threshold_flop
    amounts = {"a": line // 5, "b": line - 1, "c": line * 3 // 2, "d": line + 1, "e": 1, "f": line * 20, "g": line // 2}
    jobs = [
        replace(report.jobs[0], name=name, job_id=f"{number:064x}", nearest=replace(nearest, upper_flop=amount))
        for number, (name, amount) in enumerate(amounts.items())
    ]
    page = open_offline(written(replace(report, jobs=tuple(jobs)), tmp_path / "beside.html")).page
    page.get_by_role("button", name="Share at most").click()
    falling = rows(page)
    assert (falling[:2], sorted(falling[2:4]), falling[4:]) == (["f", "c"], ["b", "d"], ["g", "a", "e"])


def test_what_the_script_writes_is_what_the_page_had(open_offline: OpenOffline, path: Path) -> None:
    page = open_offline(path).page
    table = page.locator("#job-table tbody")
    before = table.inner_text()
    page.get_by_label("Words in name").fill("x")
    page.get_by_label("Words in name").fill("")
    assert table.inner_text() == before


def test_ten_thousand_jobs_stay_usable(open_offline: OpenOffline, report: Report, tmp_path: Path) -> None:
    copies = (replace(line, name=f"{line.name}-{number:05d}") for number, line in enumerate(report.jobs * 556))
    jobs = tuple(line for line, _ in zip(copies, range(MANY), strict=False))
    page = open_offline(written(replace(report, jobs=jobs), tmp_path / "many.html")).page
    assert len(rows(page)) == 200
    seconds = page.evaluate(
        """() => { const begun = performance.now();
        document.querySelector('th[data-key=best] button').click();
        const field = document.querySelector('[name=words]');
        field.value = '-09999'; field.dispatchEvent(new Event('input', {bubbles: true}));
        return (performance.now() - begun) / 1000; }"""
    )
    assert seconds < LONGEST_SECONDS_MANY
    assert len(rows(page)) == 1
    page.get_by_label("Words in name").fill("")
    page.get_by_role("button", name="Show 200 more").click()
    assert page.get_by_role("status").inner_text() == f"400 of {MANY} jobs shown."


def test_what_owners_write_does_nothing_in_a_browser(open_offline: OpenOffline, tmp_path: Path) -> None:
    """An image, a script, a handler in every member: no request, no dialogue, no violation of the policy."""
    ledger = demo_ledger()
    contents = [hostile(ledger.content(name), ATTACKS) for name in ledger.pointers]
    opened = open_offline(written(report_on(contents), tmp_path / "hostile.html"))
    page = opened.page
    page.get_by_label("Words in name").fill("img")
    page.get_by_role("button", name="Best (FLOP)").click()
    assert rows(page)[0].startswith("<img src=x onerror=alert(1)>")
    assert "⟨U+202E⟩" in rows(page)[0]
    assert page.locator("img, svg script, [onfocus], [onerror]").count() == 0
    assert opened.overflows() == 0
