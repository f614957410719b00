"""The report: what it says follows from the records, and nothing that a job's owner wrote is more than text in it."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from html.parser import HTMLParser
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner

from flops_auditor.domain.messages.digest import digest_of
from flops_auditor.domain.messages.record_alert import chain, compose
from flops_auditor.domain.messages.record_row import MARK_MEANS, listed_record
from flops_auditor.domain.messages.report import pictures
from flops_auditor.domain.messages.report.job_line import GROUPS, Group, NearestLine, last_of_their_chains
from flops_auditor.domain.messages.report.model_part import facts_of
from flops_auditor.domain.messages.report.report import RecordedRevision, Report, ShutDoorSeen
from flops_auditor.domain.messages.report.verdict_words import (
    NOT_ASSESSED_ON_ITS_WORD,
    ON_ITS_WORD,
    WORDS_OF,
    WORDS_OF_GROUP,
)
from flops_auditor.domain.values.amounts import flop, percent
from flops_auditor.domain.values.figures import nearest
from flops_auditor.domain.values.moments import iso, to_the_minute
from flops_auditor.pages.render import _coded, report_page, source_hash
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.listing.reading import JobReading
from flops_auditor.use_cases.operations.report_ledger import (
    ClosedDoor,
    ListedDoor,
    complete_through,
    complete_to,
    newest_seal,
    report_ledger,
)
from flops_auditor.use_cases.ports.records import SeenJob, StoredRecord
from flops_auditor.use_cases.ports.sources import ListedJob
from flops_auditor_cli import print_page
from flops_auditor_cli.audit_view import view_of
from flops_auditor_cli.main import app
from flops_auditor_cli.recorded import listing
from flops_auditor_cli.view import Block, PointList, Table, in_text
from tests.fakes.audit import FixedRegions, MemoryReadings, MemoryRecordIndex, MemoryRecords, MemorySeenJobs
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.lineage import artifact, channel, continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.reports import AS_OF, LEDGER, hostile, report_on, reporter_of
from tests.fakes.signed_bills import ADA, october, signed

ABOVE, OPEN, ALONE = "domain-adapt-3", "unlisted-accelerator", "full-llama-3-1-70b"
ATTACKS = {
    "script": "<script>alert(1)</script>",
    "end of script": "</script><script>alert(1)</script>",
    "comment in script": "<!--<script>",
    "attribute": "\" onmouseover=alert(1) style=\"x' onfocus='alert(1)",
    "svg": "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>",
    "image": "<img src=https://attacker.example/x onerror=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}{# x #}${7*7}",
    "separators": "a\u2028b\u2029c",
    "override": "safe\u202egpj.exe\u2066\u200b\u00ad",
    "controls": "a\x00b\x1b[31mc\nd\x85e",
    "surrogate": "a\ud800b",
}


class Outline(HTMLParser):
    """Elements and their attributes, in order, and the text of scripts and styles."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self._inside = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(sorted(name for name, _ in attrs))))
        self.attributes += [(name, value or "") for name, value in attrs]
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.texts:
            self.texts[self._inside].append(data)


@pytest.fixture(scope="module")
def ledger() -> LiveLedger:
    return demo_ledger()


@pytest.fixture(scope="module")
def contents(ledger: LiveLedger) -> list[dict[str, Any]]:
    return [ledger.content(name) for name in ledger.pointers]


@pytest.fixture(scope="module")
def report(contents: list[dict[str, Any]]) -> Report:
    return report_on(contents)


@pytest.fixture(scope="module")
def page(report: Report) -> bytes:
    return report_page(report)


def test_counts_are_those_of_the_records(report: Report, contents: list[dict[str, Any]]) -> None:
    groups = [
        "word" if content["verdict"] == "below" and content["rests_on"]["on_the_jobs_word"] else content["verdict"]
        for content in contents
        if content["assessments"]
    ]
    counts = {each: groups.count(each) for each in ("above", "indeterminate", "word", "below")}
    assert dict(report.counts) == {**counts, "not_assessed": 1}
    assert [line.name for line in report.jobs if line.group == "not_assessed"] == ["evaluation-suite"]
    assert len(report.jobs) == len(contents) == 18
    order = [line.verdict for line in report.jobs]
    assert order == sorted(order, key=["above", "indeterminate", "below"].index)


def test_a_model_is_the_last_job_of_its_chain(report: Report) -> None:
    names = {line.name for line in last_of_their_chains(report.jobs)}
    assert {"domain-adapt-1", "domain-adapt-2"} & names == set()
    assert names >= {ABOVE, OPEN, ALONE}
    assert report.models_in_all == len(names) == 15
    assert "evaluation-suite" not in names, "it trained no model"


@pytest.mark.parametrize("activity", ["not-training", "synthetic-data"])
def test_a_run_that_trains_nothing_hides_no_model(activity: str) -> None:
    """An evaluation, or a small run that says to be one, reads a model and stood in its place."""
    ledger = LiveLedger()
    ledger.add(continuing("big", hours=3000, ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}))
    ledger.add(continuing("small", ["big"], day=1, hours=0.1), activity=activity)
    ledger.add(continuing("trained", ["big"], day=2, hours=0.1))
    ledger.audit("big", "small", "trained")
    both = report_on([ledger.content("big"), ledger.content("small")])
    assert {each.line.name for each in both.models} == {"big", "small"}
    assert both.nearest[0].line.name == "big"
    trained = report_on([ledger.content("big"), ledger.content("trained")])
    assert {each.line.name for each in trained.models} == {"trained"}


def test_no_model_gives_way_to_a_milder_verdict(report: Report) -> None:
    above = next(line for line in report.jobs if line.verdict == "above")
    milder = replace(above, job_id="f" * 64, verdict="below", parents=(above.job_id,))
    assert last_of_their_chains([above, milder]) == [above, milder]
    assert last_of_their_chains([above, replace(milder, verdict="above")]) != [above, milder]


def test_the_bars_show_how_near_a_model_is_to_its_line(report: Report) -> None:
    bars = {each.line.name: each.bar for each in report.nearest}
    assert bars[ABOVE].upper > bars[ABOVE].line > bars[ABOVE].lower
    best = bars[ABOVE].best
    assert best is not None and best > bars[ABOVE].line
    assert bars[OPEN].best is None and bars[OPEN].open_end
    assert bars[ALONE].upper < bars[ALONE].line == 800.0
    assert pictures.place_of(0.0001) == 0
    assert pictures.place_of(0.001) == 200
    assert pictures.place_of(1e9) == pictures.BAR_WIDTH


def test_compute_over_time_adds_each_run_at_its_end(report: Report, contents: list[dict[str, Any]]) -> None:
    [part] = [each for each in report.models if each.line.name == ABOVE]
    chart = part.chart
    assert chart is not None and len(chart.points) == 3
    assert [point.x for point in chart.points] == sorted(point.x for point in chart.points)
    assert [point.best for point in chart.points] == sorted((p.best for p in chart.points), reverse=True)
    assert all(point.upper <= point.best <= point.lower for point in chart.points)
    assert [node.name for node in part.drawing.nodes] == [
        "in-house/base-34b",
        "domain-adapt-1",
        "domain-adapt-2",
        ABOVE,
    ]
    assert len(part.drawing.edges) == 3
    over = [line.at for line in chart.lines if line.at > chart.points[-1].best]
    assert len(over) == 2, "the last point is over the two lines that its record is over"
    [unknown] = [each for each in report.models if each.line.name == OPEN]
    assert unknown.chart is None


@pytest.fixture(scope="module")
def distilled() -> LiveLedger:
    """A run that generates data with what two others trained, one that trains on the data, and one after that."""
    ledger = LiveLedger()
    large = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64, "VolumeSizeInGB": 500}}
    ledger.add(continuing("base", **large))
    ledger.add(continuing("teacher", ["base"], day=1, **large))
    ledger.add(continuing("synth", ["teacher"], day=3), activity="synthetic-data")
    ledger.add(continuing("student", day=6, InputDataConfig=[channel("model", artifact("synth"))]))
    ledger.add(continuing("heir", ["student"], day=8))
    ledger.audit()
    return ledger


@pytest.mark.parametrize(("name", "runs"), [("teacher", 1), ("synth", 0), ("student", 1), ("heir", 2)])
def test_a_report_adds_up_the_runs_that_the_record_adds_up(distilled: LiveLedger, name: str, runs: int) -> None:
    """Annex A.1: the models that generate data are parents in distillation, in figures, words, chart and drawing."""
    content = distilled.content(name)
    assert content["lineage"]["ancestors"] == runs
    assert len(pictures.lineage_of(content).nodes) == 1 + runs, "the run and those that count"
    assert pictures.lineage_of(content).left_out == 0
    part = report_on([content]).models[0]
    with_runs = f", with {runs} earlier run{'s' * (runs > 1)}" if runs else ""
    assert dict(part.facts)["Best estimate"] == f"{flop(content['cumulative']['best_flop'])} FLOP{with_runs}"
    assert ("Not counted" in dict(part.facts)) == (name != "teacher")
    assert part.chart is not None and len(part.chart.points) == 1 + runs
    assert len(chain(content)) == (1 + runs if runs else 0)


def ends_at_its_total(content: dict[str, Any]) -> bool:
    """Whether the last step of a chart is what the record says of all runs together."""
    total = tuple(int(content["cumulative"][each] or 0) for each in ("lower_flop", "best_flop", "upper_flop"))
    return pictures._steps(content, {})[-1][1:] == total


def test_a_chart_ends_at_the_total_of_the_record(distilled: LiveLedger, contents: list[dict[str, Any]]) -> None:
    """Also where bounds are more cautious than an estimate's own, and where the record does not list all its runs."""
    several = [*contents, *(distilled.content(name) for name in distilled.pointers)]
    drawn = [content for content in several if pictures._steps(content, {})]
    assert len(drawn) > 15 and all(map(ends_at_its_total, drawn))
    heir = distilled.content("heir")
    kept = {**heir, "cumulative": {**heir["cumulative"], "ancestors": heir["cumulative"]["ancestors"][:1]}}
    assert ends_at_its_total(kept)


def test_what_an_original_took_is_taken_off_its_threshold(report: Report, contents: list[dict[str, Any]]) -> None:
    [content] = [each for each in contents if each["job"]["name"] == ALONE]
    left = [amount for amount, _ in pictures.thresholds_of(content)]
    together = next(a for a in content["assessments"] if a["basis"] == "cumulative")
    assert int(together["threshold_flop"]) - int(together["inherited_flop"]) in left
    of_laws = {
        int(each["threshold_flop"]) - int(each["inherited_flop"] or 0)
        for each in content["assessments"]
        if "wording_of" not in each
    }
    assert left[: len(of_laws)] == sorted(of_laws), "a label of a law gives way to none of its wording"


def test_what_changed_is_told_by_earlier_records(contents: list[dict[str, Any]]) -> None:
    before = AS_OF - timedelta(days=2)
    contents = [{**c, "revision": 1} for c in contents]
    history = [
        RecordedRevision(c["job"]["id"], 0, (before - timedelta(days=1)).isoformat(), "below")
        for c in contents
        if c["job"]["name"] in (ABOVE, ALONE)
    ]
    history += [RecordedRevision(contents[0]["job"]["id"], 1, AS_OF.isoformat(), "above")]
    changes = report_on(contents, history=history, since=before).changes
    assert changes.new == len(contents) - 2
    assert [(each.line.name, each.before) for each in changes.turned] == [(ABOVE, "below")]
    assert ABOVE not in {line.name for line in changes.new_and_not_below}
    assert {line.verdict for line in changes.new_and_not_below} == {"above", "indeterminate"}


@pytest.mark.parametrize(("was", "is_"), list(permutations(GROUPS[2:], 2)))
def test_whether_a_job_is_below_on_its_word_and_whether_it_is_compared_are_changes(
    was: Group, is_: Group, contents: list[dict[str, Any]]
) -> None:
    """The index that the history is read from does not say it: the record that was replaced does."""
    below = next(each for each in contents if each["verdict"] == "below" and each["assessments"])
    old, new = counted_as(below, was), {**counted_as(below, is_), "revision": 1}
    then = AS_OF - timedelta(days=2)
    before = [RecordedRevision(old["job"]["id"], 0, (then - timedelta(days=1)).isoformat(), None)]
    changed = report_on([new], history=before, since=then, superseded=lambda _: [old])
    assert [(each.before, each.line.group) for each in changed.changes.turned] == [(was, is_)]
    assert f": was {WORDS_OF_GROUP[was].label.lower()}, is " in report_page(changed).decode()
    same = report_on([new], history=before, since=then, superseded=lambda _: [new])
    assert same.changes.turned == ()


def counted_as(below: dict[str, Any], group: Group) -> dict[str, Any]:
    """A record that is below, as one that is counted with that."""
    rests = {**below["rests_on"], "on_the_jobs_word": group == "word", "milder": ["params"]}
    return {**below, "rests_on": rests, **({"assessments": []} if group == "not_assessed" else {})}


def test_every_mark_of_a_verdict_is_shown_as_it_is(page: bytes) -> None:
    """They are ours: none is a character that somebody is to be warned of."""
    text = page.decode()
    for words in (*WORDS_OF.values(), ON_ITS_WORD, NOT_ASSESSED_ON_ITS_WORD):
        assert f"<dt>{words.mark} {words.label}</dt>" in text


def test_the_page_says_the_summary_first(page: bytes) -> None:
    text = page.decode()
    assert "2 of 18 jobs are above a threshold" in text
    assert text.index('id="summary"') < text.index('id="changes"') < text.index('id="models"') < text.index('id="jobs"')
    assert "every job that ended before 2026-11-24 11:30 UTC has a record" in text


def test_the_page_is_the_same_for_the_same_records(page: bytes, contents: list[dict[str, Any]]) -> None:
    assert report_page(report_on(contents[::-1])) == page


def test_the_page_asks_nobody_for_anything(page: bytes) -> None:
    outline = Outline(page)
    names = {name for name, _ in outline.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("style", "src", "srcset", "action")]
    assert all(value.startswith("#") for name, value in outline.attributes if name in ("href", "xlink:href"))
    [policy] = [value for name, value in outline.attributes if name == "content" and "default-src" in value]
    data, script = outline.texts["script"]
    [style] = outline.texts["style"]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy
    assert f"style-src '{source_hash(style)}'; script-src '{source_hash(script)}';" in policy
    assert re.search(r"url\(|@import|https?:", style + script) is None
    assert len(json.loads(data)["rows"]) == 18


@pytest.mark.parametrize("not_assessed", [[], [{"kind": "role", "words": "x"}]], ids=["no training", "no policy"])
@pytest.mark.parametrize(
    ("below", "headline", "tone"),
    [
        (0, "The one job has no threshold to be compared with", "not_assessed"),
        (1, "1 of 2 jobs is below every threshold; 1 has none to be compared with", "below"),
    ],
)
def test_a_job_that_is_not_assessed_is_not_said_to_be_below(
    below: int, headline: str, tone: str, not_assessed: list[dict[str, str]], contents: list[dict[str, Any]]
) -> None:
    """It was counted as "under every threshold", though it was compared with none."""
    mild = [content for content in contents if content["verdict"] == "below" and content["assessments"]]
    rests = {**mild[0]["rests_on"], "on_the_jobs_word": False}
    silent = {**mild[0], "assessments": [], "not_assessed": not_assessed, "rests_on": rests}
    page = report_page(report_on([silent, *mild[1 : 1 + below]])).decode()
    assert dict(re.findall(r'<li class="(below|not_assessed)"><b>(\d+)</b>', page)) == {
        "below": str(below),
        "not_assessed": "1",
    }
    assert headline in page and f'<section id="summary" class="{tone}"' in page
    assert 'class="badge not_assessed"' in page


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_an_owner_writes_is_text_and_shown_for_what_it_is(attack: str, contents: list[dict[str, Any]]) -> None:
    """In every member of a record that is no number, digest or word of ours: the page has the same elements."""
    text = ATTACKS[attack]
    found = [hostile(content, text) for content in contents]
    attacked, harmless = (report_page(report_on(each)) for each in (found, [hostile(c, "x") for c in contents]))
    assert Outline(attacked).elements == Outline(harmless).elements
    written = attacked.decode()
    assert not [each for each in written if not each.isprintable() and each != "\n"]
    data = json.loads(Outline(attacked).texts["script"][0])
    assert all(each.isprintable() for row in data["rows"] for each in row if isinstance(each, str))
    assert "onmouseover=alert(1) style" not in Outline(attacked).texts["script"][1]
    if attack == "override":
        assert "safe⟨U+202E⟩gpj.exe⟨U+2066⟩⟨U+200B⟩⟨U+00AD⟩ (" in written
        assert "⟨U+27E8⟩" not in written, "shown once, not twice"


def test_a_name_of_mixed_alphabets_is_marked(contents: list[dict[str, Any]]) -> None:
    content = {**contents[0], "job": {**contents[0]["job"], "name": "dom\u0436in"}}
    assert "dom\u0436in ⟨letters: Cyrillic, Latin⟩" in report_page(report_on([content])).decode()


def test_commands_stand_as_code_and_a_lone_backtick_stays() -> None:
    assert _coded("Ask `a <b>` or `c`.") == "Ask <code>a &lt;b&gt;</code> or <code>c</code>."
    assert _coded("a ` b") == "a ` b"


def assessed(policy: str, percent: int, verdict: str, **more: str) -> dict[str, Any]:
    return {"policy": policy, "upper_flop": str(percent), "verdict": verdict, "threshold_flop": "100", **more}


@pytest.mark.parametrize(
    ("of_law", "of_wording", "told"),
    [
        ((99, "below"), (100, "below"), "law"),
        ((110, "above"), (111, "above"), "law"),
        ((99, "below"), (101, "above"), "wording"),
        ((99, "below"), (101, "indeterminate"), "wording"),
    ],
)
def test_a_share_is_of_a_law_unless_only_its_wording_is_over(of_law: Any, of_wording: Any, told: str) -> None:
    found = nearest([assessed("wording", *of_wording, wording_of="law"), assessed("law", *of_law)])
    assert found is not None and found["policy"] == told
    alone = nearest([assessed("wording", *of_wording, wording_of="law")])
    assert alone is not None and alone["policy"] == "wording"


def test_each_bar_and_each_share_says_of_which_threshold(contents: list[dict[str, Any]]) -> None:
    page = report_page(report_on(contents)).decode()
    assert "109 %, at most 151 % of 3.33e22</span>" in page
    assert "151 %<small>of 3.33e22</small>" in page
    data = json.loads(Outline(page.encode()).texts["script"][0])
    assert "of 3.33e22" in {called for _, called in data["shared"]["line"]}
    line = NearestLine("x", "x", "x", 33 * 10**21, True, None, None, None)
    assert line.called == "of 3.30e22 (no law)"


def test_one_share_of_a_job_is_one_figure_wherever_people_read_it(contents: list[dict[str, Any]]) -> None:
    """Its best estimate was 110 % in lists, tables, bars and the digest, and 109 % in the reasons and in mails."""
    [content] = [each for each in contents if each["job"]["name"] == ABOVE]
    of_line = nearest(content["assessments"])
    assert of_line is not None
    assert Fraction(int(of_line["best_flop"]), int(of_line["threshold_flop"])) * 1000 // 1 == 1094
    content = {**content, "assessments": [of_line]}
    report = report_on([content])
    told = [
        report_page(report).decode(),
        digest_of(report, "", "page").body,
        compose(content).body,
        text_of(*view_of(content, "record").blocks),
        text_of(*listing([listed_record(content)], 0, wide=True).blocks),
    ]
    for text in told:
        assert re.search(r"\b109\s%", text) and not re.search(r"\b110\s%", text)


def test_figures_of_the_last_run_alone_say_so_beside_those_of_a_chain(contents: list[dict[str, Any]]) -> None:
    """The energy of one run stood beside the FLOP of three."""
    for content in contents:
        told, chain_of = dict(facts_of(content)), content["lineage"]["ancestors"]
        for name in ("How it was estimated", "Hardware", "Time", "Energy"):
            assert told[name].endswith(", this run alone") is bool(chain_of), name
        for name in ("Best estimate", "At least", "At most"):
            assert ("earlier run" in told[name]) is bool(chain_of), name


def test_the_share_in_a_list_is_the_one_in_the_table_of_the_report(contents: list[dict[str, Any]]) -> None:
    """One word for one figure: the list's "Share" was the best estimate's, and the report's the share at most."""
    report = report_on(contents)
    at_most = {line.name: percent(line.nearest.upper_share, "upper") if line.nearest else "-" for line in report.jobs}
    page = report_page(report).decode()
    rows = json.loads(Outline(page.encode()).texts["script"][0])["rows"]
    assert {row[0]: row[4] or "-" for row in rows} == at_most
    assert 'class="number">Share at most</th>' in page
    for wide in (False, True):
        table, note = listing([listed_record(each) for each in contents], 0, wide=wide).blocks
        assert isinstance(table, Table)
        [column] = [key for key, title in table.columns.items() if title == "Share at most"]
        marked = {row["job_name"]: row[column] for row in table.rows}
        assert {name: share.removeprefix("* ") for name, share in marked.items()} == at_most
        with_original = {line.name for line in report.jobs if line.nearest and line.nearest.with_original}
        assert {name for name, share in marked.items() if share.startswith("* ")} == with_original > {ALONE}
        assert note == PointList([MARK_MEANS], "Shares")
        assert "Share" not in table.columns.values()


def test_a_share_that_counts_what_the_original_took_says_so(contents: list[dict[str, Any]]) -> None:
    """A run of 6.94e17 FLOP was said to have taken 12.3 % of 1e25."""
    [content] = [each for each in contents if each["job"]["name"] == "lora-llama-3-1-8b"]
    of_line = nearest(content["assessments"])
    assert of_line is not None and int(of_line["inherited_flop"]) > 10**23
    page = report_page(report_on([content])).decode()
    assert "12.3 %<small>of 1.00e25, with original</small>" in page and "it took" not in page
    [listed] = listing([listed_record(content)], 0, wide=False).blocks[:1]
    assert isinstance(listed, Table) and listed.rows[0]["share_at_most"] == "* 12.3 %"
    [alone] = listing([listed_record(each) for each in contents if each["job"]["name"] == ABOVE], 0, wide=False).blocks
    assert isinstance(alone, Table) and alone.rows[0]["share_at_most"] == "151 %"


def text_of(*blocks: Block) -> str:
    return "\n".join(line for block in blocks for line in in_text(block, None))


def test_jobs_of_one_name_are_told_apart_wherever_they_are_named(contents: list[dict[str, Any]]) -> None:
    """In bars and headings two jobs of two regions were "same", "same"."""
    same = [{**each, "job": {**each["job"], "name": "same"}} for each in contents[:2]]
    other = "arn:aws:sagemaker:us-east-1:444455556666:training-job/same"
    same[1]["job"] |= {"region": "us-east-1", "arn": other}
    page = report_page(report_on([*same, contents[2]])).decode()
    assert len(re.findall(r"same(</bdi>)? \(us-east-1, 444455556666\)", page)) >= 3
    assert re.search(r">same(?!(</bdi>)? \()", page) is None
    names = [row[0] for row in json.loads(Outline(page.encode()).texts["script"][0])["rows"]]
    assert "same (us-east-1, 444455556666)" in names and contents[2]["job"]["name"] in names


def test_ten_thousand_jobs_are_under_three_megabytes(report: Report) -> None:
    lines = [
        replace(
            line, name=f"{line.name}-{number:05d}-of-a-sweep", job_id=f"{number:064x}", ended=f"2026-0{number % 9 + 1}"
        )
        for number, line in enumerate(report.jobs * 556, 1)
    ]
    page = report_page(replace(report, jobs=tuple(lines[:10_000]), models=report.models * 3))
    assert len(page) < 3_000_000
    assert page.count(b"<tr>") < 500


def test_nothing_recorded_is_said() -> None:
    text = report_page(report_on([], replace(LEDGER, sealed_at=None, complete_to=None))).decode()
    assert "No job is recorded" in text
    assert "not yet: the log has no signed checkpoint" in text
    assert "not known: the comparison with the services" in text


def test_the_report_of_a_deployment_says_how_far_it_is_sealed(ledger: LiveLedger) -> None:
    made = report_ledger(reporter_of(ledger), ledger.at - timedelta(days=1))
    assert made.ledger.sealed_at == ledger.at
    assert made.ledger.size == 19
    assert made.ledger.waiting_since is None
    assert made.ledger.complete_to is None, "no round of the reconciliation has come to its end"
    assert len(made.jobs) == made.changes.new == 18
    assert newest_seal(LiveLedger().archive, verifies) == (0, None)


def test_complete_is_what_every_service_was_read_to() -> None:
    early, late, never = MemoryReadings(), MemoryReadings(), MemoryReadings()
    for readings, at in ((early, AS_OF), (late, AS_OF + timedelta(hours=1))):
        readings.read("eu-west-1")
        readings.write("eu-west-1", JobReading().begin(at).after([], ""))
    doors = [ListedDoor(FixedRegions(("eu-west-1",)), readings, MemorySeenJobs()) for readings in (late, early, never)]
    index = MemoryRecordIndex(MemoryRecords())
    assert complete_through(doors[:1], index) == complete_to(doors[0], index)
    assert complete_through(doors[:2], index) == complete_to(doors[1], index)
    assert complete_to(doors[1], index) is not None
    assert complete_through(doors, index) is None


def test_complete_is_what_every_region_was_read_to_and_nothing_waits_for() -> None:
    at = AS_OF
    readings, seen, regions = MemoryReadings(), MemorySeenJobs(), FixedRegions(("eu-west-1", "us-east-1"))
    door = ListedDoor(regions, readings, seen)
    records = MemoryRecords()
    index = MemoryRecordIndex(records)
    read = JobReading().begin(at).after([], "")
    readings.write("eu-west-1", read)
    assert complete_to(door, index) is None, "a region was never read"
    readings.read("us-east-1")
    readings.write("us-east-1", JobReading().begin(at + timedelta(hours=1)).after([], ""))
    assert complete_to(door, index) == at - timedelta(minutes=40)
    ended = at - timedelta(days=3)
    job = ListedJob("lost", "arn:lost", "us-east-1", "Completed", ended - timedelta(days=1), ended)
    seen.note([SeenJob(job, at)])
    assert complete_to(door, index) == ended
    assert complete_to(replace(door, regions=FixedRegions(("eu-west-1",), "refused")), index) is None
    records.commit(job.job_id, StoredRecord(0, b"line"), {})
    assert complete_to(door, index) == at - timedelta(minutes=40), "people are still to be told of it"


CLOSED = ShutDoorSeen("training sessions", "TrainingSessions", tuple(f"lost-{number}" for number in range(22)))


def test_a_report_names_the_doors_that_are_shut_and_what_was_seen_behind_them(ledger: LiveLedger) -> None:
    """Shutting a door lifted "complete" over a job that waited behind it, and nothing said what is not looked after."""
    seen, records = MemorySeenJobs(), MemoryRecords()
    jobs = [ListedJob(name, f"arn:{name}", "eu-west-1", "InProgress", AS_OF) for name in ("lost", "recorded")]
    seen.note([SeenJob(job, AS_OF) for job in jobs])
    records.commit(jobs[1].job_id, StoredRecord(0, b"line"), {})
    door = ClosedDoor("training sessions", "TrainingSessions", FixedRegions(("eu-west-1",)), seen)
    made = report_ledger(reporter_of(ledger, closed=(door,), index=MemoryRecordIndex(records)), AS_OF)
    assert made.ledger.shut_doors == (ShutDoorSeen("training sessions", "TrainingSessions", ("lost",)),)


def test_the_page_says_what_is_not_looked_after(page: bytes, contents: list[dict[str, Any]]) -> None:
    assert "Not looked after" not in page.decode() and "yes: every job" in page.decode()
    other = ShutDoorSeen("Batch jobs", "BatchJobs", ("<script>",))
    text = report_page(report_on(contents, replace(LEDGER, shut_doors=(CLOSED, other)))).decode()
    assert "<dt>Not looked after:</dt> <dd>training sessions, Batch jobs. " in text
    [told] = re.findall(r'<section id="doors".*?</section>', text, re.DOTALL)
    assert "training sessions (<code>TrainingSessions</code>)" in told and "Batch jobs (<code>BatchJobs</code>)" in told
    assert "lost-19</bdi>" in told and "lost-20" not in told and " and 2 more</li>" in told
    assert "&lt;script&gt;" in told
    assert "yes, of what is looked after: every job that ended before 2026-11-24 11:30 UTC has a record" in text


def test_the_command_writes_the_report_of_a_bundle(ledger: LiveLedger, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    bundle = ledger.bundle(tmp_path)
    with time_machine.travel(ledger.at + timedelta(minutes=1), tick=False):
        told = CliRunner().invoke(app, ["report", "--bundle", str(bundle.path), "-f", str(path), "-o", "json"])
    assert told.exit_code == 0, told.output
    said = json.loads(told.stdout)
    assert (said["jobs"], said["above"], said["path"]) == (18, 2, str(path))
    assert said["not_looked_after"] == [], "a bundle knows of no doors"
    text = path.read_text(encoding="utf-8")
    assert "Verified when this page was made: valid." in text
    assert f"signed {to_the_minute(iso(ledger.at))} UTC" in text
    bundle.drop_line(0)
    bundle.verify()
    refused = CliRunner().invoke(app, ["report", "--bundle", str(bundle.path), "-f", str(path)])
    assert refused.exit_code == 1
    assert isinstance(refused.exception, Exception) and "tampered" in str(refused.exception)


def test_paper_needs_a_browser_and_says_so(monkeypatch: pytest.MonkeyPatch, page: bytes) -> None:
    monkeypatch.setattr(print_page, "BROWSERS", ("no-such-browser",))
    with pytest.raises(print_page.NoBrowser, match="no-such-browser"):
        print_page.print_page(page)


def test_the_statement_on_a_bill_that_was_made_last_has_a_line(tmp_path: Path) -> None:
    """As text, whoever wrote it; without a statement there is no line."""
    ledger = LiveLedger()
    ledger.add(continuing("seen", hours=10))
    ledger.audit("seen")
    ledger.seal()
    since = ledger.clock.now - timedelta(days=1)
    assert b"Bill:" not in report_page(report_ledger(reporter_of(ledger), since))
    signed(ledger, october(1, 2))
    signed(ledger, october(2, 1), said_by=replace(ADA, who="<b>ada\u202e"))
    ledger.seal()
    pages = (
        report_page(report_ledger(reporter_of(ledger), since)),
        ledger.bundle(tmp_path).files["index.html"],
    )
    for page in map(bytes.decode, pages):
        [line] = re.findall("<dt>Bill:</dt> <dd>(.*)</dd>", page)
        assert line.startswith(
            "66.6 % of the accelerator hours charged for what trains or may, from 2026-10-01 00:00 UTC"
        )
        assert "explained by records, and there are hours that no record explains, and there are charges for" in line
        assert "compared with the ledger of size " in line
        assert "in place of 1 earlier" in line
        assert "said by &lt;b&gt;ada\u27e8U+202E\u27e9 (arn:aws:sts::123456789012:assumed-role/Amender/ada)" in line
