"""`flops-auditor records list`: one row per job, and a superseded record never speaks for it."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flops_auditor.domain.messages.record_row import reaches
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.visible import as_written
from flops_auditor.use_cases.ports.records import EndsBeforeItBegins, RecordQuery
from flops_auditor_cli import record_source, record_table
from flops_auditor_cli.deployment import StackValues
from flops_auditor_cli.main import app
from flops_auditor_cli.options import moment_or_end
from flops_auditor_cli.recorded import NoSuchRecord, SeveralJobs, the_one
from tests.fakes.searched import MemoryRecordSearch
from tests.template.loading import load


def record(job: str, revision: int, verdict: str, base_model: str | None = None) -> dict[str, str]:
    """An item as the indexes have it."""
    fixed = {"method": "hardware", "status": "Completed", "region": "eu-west-1", "job_arn": f"arn:{job}"}
    item = {
        **fixed,
        "recorded_at": "2026-03-09T00:00:00.000Z",
        "job_id": job.ljust(64, "0"),
        "job_name": job,
        "revision": str(revision),
        "verdict": verdict,
        "kind": "record",
    }
    flop = {"best_flop": "36488993757959568373164", "upper_flop": "47435691885347438885114"}
    return {
        **item,
        **flop,
        "ended_at": f"2026-03-0{len(job)}T00:00:00.000Z",
        **({"base_model": base_model} if base_model else {}),
    }


ASSESSED = {
    "policy": "p",
    "scenario": "far",
    "lower_flop": "6488993757959568373164",
    "best_flop": "36488993757959568373164",
    "upper_flop": "47435691885347438885114",
    "threshold_flop": "100000000000000000000000",
}


def content_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """What the record of an item says, as far as a list shows it."""
    far = {**ASSESSED, "verdict": item["verdict"]}
    near = {**far, "scenario": "near", "threshold_flop": "50000000000000000000000"}
    bounds = {name: item[name] for name in ("best_flop", "upper_flop")}
    job = {"name": item["job_name"], "arn": item["job_arn"], "id": item["job_id"], "region": item["region"]}
    times = {"start": "2026-03-01T00:00:00.000Z", "end": item["ended_at"], "creation_time": None}
    return {
        "job": {**job, **times, "status": item["status"]},
        "cumulative": {"lower_flop": "6488993757959568373164", **bounds},
        "rests_on": {"verdict_without_statements": "above"},
        "estimate": {"method": item["method"]},
        "original": {"base_model": item.get("base_model", "")},
        "assessments": [far, near],
        "verdict": item["verdict"],
        "recorded_at": item["recorded_at"],
        "revision": int(item["revision"]),
    }


STORED = [
    record("a", 0, "below"),
    record("bb", 0, "below"),
    record("bb", 1, "indeterminate"),
    record("bb", 2, "above", "org/base"),
    record("ccc", 0, "indeterminate", "org/base"),
    record("ccc", 1, "below"),
]


@pytest.fixture(autouse=True)
def deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    def items(_: str, index: str, key: str, value: str) -> Iterator[dict[str, str]]:
        yield from (item for item in STORED if item.get(key) == value)

    class Search(MemoryRecordSearch):
        def __init__(self, *_: object) -> None:
            super().__init__(STORED)

    outputs = {"RecordTableName": "records", "ArchiveBucketName": "archive"}
    monkeypatch.setattr(record_table, "items", items)
    monkeypatch.setattr(record_table, "DynamoDbRecordSearch", Search)
    monkeypatch.setattr(record_table, "client", lambda _: None)
    monkeypatch.setattr(record_table, "contents", lambda _, rows: [content_of(row) for row in rows])
    monkeypatch.setattr(record_source, "find_deployment", lambda *_: StackValues(outputs))


def listed(*options: str) -> Result:
    return CliRunner().invoke(app, ["records", "list", *options])


def rows_of(*options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(listed("--output", "json", *options).stdout)["records"]
    return rows


def names(*options: str) -> dict[str, str]:
    return {row["job_name"]: row["verdict"] for row in rows_of(*options)}


def test_a_job_is_listed_under_the_verdict_of_its_newest_record_alone() -> None:
    assert names() == {"ccc": "below", "bb": "above", "a": "below"}
    assert names("--verdict", "below") == {"ccc": "below", "a": "below"}
    assert names("--verdict", "indeterminate") == {}
    assert names("--verdict", "above") == {"bb": "above"}
    assert names("--base-model", "org/base") == {"bb": "above"}
    assert names("--verdict", "below", "--base-model", "org/base") == {}


def test_a_list_is_filtered_by_region_time_lineage_and_share() -> None:
    assert names("--only-region", "eu-west-1") == names()
    assert names("--only-region", "us-east-1") == {}
    assert names("--since", "2026-03-02") == {"ccc": "below", "bb": "above"}
    assert names("--since", "2026-03-02", "--until", "2026-03-02T12:00:00Z") == {"bb": "above"}
    assert names("--lineage", "0" * 64) == {}
    upper = 47435691885347438885114 / 50000000000000000000000
    assert names("--share-from", f"{upper - 0.001:.6f}") == names()
    assert names("--share-from", f"{upper + 0.001:.6f}", "--verdict", "below") == {}
    assert "No record fits." in listed("--share-from", "2").stderr


@pytest.mark.parametrize(("side", "found"), [(-1, False), (0, True), (1, True)])
def test_a_list_by_share_says_of_a_job_at_the_line_on_which_side_it_is(
    monkeypatch: pytest.MonkeyPatch, side: int, found: bool
) -> None:
    """A hundred millionth under the line is no share of 1, and as much over it is more."""
    line = int(ASSESSED["threshold_flop"])
    told = {name: str(line + side * line // 10**8) for name in ("best_flop", "upper_flop")}
    monkeypatch.setattr(record_table, "contents", lambda _, rows: [at_the_line(row, told) for row in rows])
    [row] = [each for each in rows_of() if each["job_name"] == "a"]
    shares = row["best_share"], row["upper_share"]
    assert [(each > 1) - (each < 1) for each in shares] == [side, side]
    assert ("a" in names("--share-from", "1")) is found


def at_the_line(row: Mapping[str, Any], told: Mapping[str, str]) -> dict[str, Any]:
    return {**content_of(row), "assessments": [{**ASSESSED, **told, "verdict": row["verdict"]}]}


def test_a_job_that_nothing_bounds_has_the_lowest_line_as_its_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the report shows it; a line at any compute is no distance."""
    unknown = {**ASSESSED, "lower_flop": None, "best_flop": None, "upper_flop": None, "verdict": "indeterminate"}
    lines = [unknown, {**unknown, "scenario": "low", "threshold_flop": "7"}, {**unknown, "threshold_flop": "0"}]
    monkeypatch.setattr(
        record_table, "contents", lambda _, rows: [{**content_of(r), "assessments": lines} for r in rows]
    )
    for row in rows_of():
        assert (row["nearest_policy"], row["nearest_scenario"], row["threshold_flop"]) == ("p", "low", 7)
        assert row["upper_share"] is None


@pytest.mark.parametrize(
    ("without", "shown"), [("below", "not assessed"), ("above", "not assessed, on the job's word")]
)
def test_a_job_that_was_compared_with_no_line_is_not_said_to_be_below(
    monkeypatch: pytest.MonkeyPatch, without: str, shown: str
) -> None:
    """An evaluation is no training of a model: no policy has a line for it."""
    none: dict[str, Any] = {"assessments": [], "rests_on": {"verdict_without_statements": without}}
    monkeypatch.setattr(record_table, "contents", lambda _, rows: [{**content_of(row), **none} for row in rows])
    [row] = [line for line in listed("--wide").stdout.splitlines() if "  a  " in line]
    assert row.endswith(f"  {shown}")
    assert [(row["verdict"], row["compared_with"]) for row in rows_of() if row["job_name"] == "a"] == [("below", 0)]


IMITATIONS = [
    ("meta\u202ellama/x", "meta⟨U+202E⟩llama/x"),
    ("meta\u200bllama/x", "meta⟨U+200B⟩llama/x"),
    ("meta-llama\u2013x", "meta-llama⟨U+2013⟩x"),
    ("org/e\u0301", "org/e⟨U+0301⟩"),
    ("\u0441\u043e\u0441", "\u0441\u043e\u0441 ⟨letters: Cyrillic⟩"),
    ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟨U+27E9⟩"),
]


@pytest.mark.parametrize(("name", "shown"), IMITATIONS)
def test_a_base_model_is_shown_for_what_it_is_and_found_as_it_is_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, shown: str
) -> None:
    monkeypatch.setitem(STORED[0], "base_model", name)
    assert shown in listed("--wide").stdout
    [row] = [line for line in listed("--output", "csv").stdout.splitlines() if line.startswith("a,")]
    assert shown in row
    assert names("--base-model", shown) == names("--base-model", name) == {"a": "below"}
    assert names("--base-model", f"{shown}x") == {}


def test_a_name_that_two_models_may_be_meant_by_finds_the_jobs_on_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner who names a model as another one is shown hides neither: the name as a record has it finds that, too."""
    monkeypatch.setitem(STORED[0], "base_model", "org/x\u202e")
    monkeypatch.setitem(STORED[3], "base_model", "org/x⟨U+202E⟩")
    done = listed("--base-model", "org/x⟨U+202E⟩", "--output", "json")
    assert [row["job_name"] for row in json.loads(done.stdout)["records"]] == ["bb", "a"], "the latest first"
    assert "how another one is shown" in done.stderr
    assert names("--base-model", "org/x⟨U+27E8⟩U+202E⟨U+27E9⟩") == {"bb": "above"}
    monkeypatch.setitem(STORED[0], "base_model", "org/ж\u202ex")
    monkeypatch.setitem(STORED[3], "base_model", shown := "org/ж⟨U+202E⟩x ⟨letters: Cyrillic, Latin⟩")
    third = listed("--base-model", shown, "--output", "json")
    assert [row["job_name"] for row in json.loads(third.stdout)["records"]] == ["bb", "a"]
    assert "how another one is shown" in third.stderr, "though a third name that is shown so has no job"
    monkeypatch.setitem(STORED[3], "base_model", "org/x ⟨letters: Greek⟩")
    monkeypatch.setitem(STORED[0], "base_model", "org/x")
    alone = listed("--base-model", "org/x ⟨letters: Greek⟩", "--output", "json")
    assert [row["job_name"] for row in json.loads(alone.stdout)["records"]] == ["bb"], "org/x is not shown so"
    assert "another one" not in alone.stderr


LLAMA = "meta-llama/Llama-3.1-8B"


@pytest.mark.parametrize("asked", [LLAMA, LLAMA.lower(), LLAMA.upper(), "meta-llama/Llama-3.1-8B-Instruct"])
def test_a_base_model_is_found_by_every_name_that_the_table_knows(monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """An index compares exactly, and a name in other capitals is not one that no job has."""
    monkeypatch.setitem(STORED[0], "base_model", LLAMA)
    done = listed("--base-model", asked, "--output", "json")
    assert [row["job_name"] for row in json.loads(done.stdout)["records"]] == ["a"]
    assert ("calls it meta-llama/Llama-3.1-8B" in done.stderr) == (asked != LLAMA)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--base-model", "ORG/Base"), "No recorded job is on ORG/Base. Did you mean org/base?"),
        (("--base-model", "of/none"), "No recorded job is on of/none.\n"),
        (("--only-region", "eu-west1"), "No recorded job ran in eu-west1. Did you mean eu-west-1?"),
        (("--base-model", "org/base", "--verdict", "below"), "No record fits.\n"),
    ],
)
def test_what_no_job_has_at_all_is_told_with_what_is_like_it(options: tuple[str, ...], told: str) -> None:
    done = listed(*options)
    assert done.exit_code == 0
    assert done.stderr.startswith("No record fits.\n")
    assert told in done.stderr
    assert done.stderr.endswith(told if told.endswith("\n") else f"{told}\n")


TIMES = [
    ["records", "list", "--since"],
    ["records", "list", "--until"],
    ["report", "--since"],
    ["export", "x.zip", "--since"],
    ["export", "x.zip", "--until"],
    ["explain-cluster", "f", "--cluster", "c", "--nodes", "n", "--who", "w", "--from"],
    ["record-cluster", "f", "--cluster", "c", "--nodes", "n", "--who", "w", "--from"],
]


@pytest.mark.parametrize("command", TIMES)
def test_what_is_no_day_is_told_by_an_example_and_no_codes(command: list[str]) -> None:
    done = CliRunner().invoke(app, [*command, "28.11.2026"])
    assert done.exit_code == 2
    said = " ".join(done.stderr.split())
    assert "'28.11.2026' is neither a day, such as 2026-11-24, nor a moment, such as 2026-11-24T09:30:00" in said
    assert "%" not in said


def test_a_day_as_the_end_means_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STORED[0], "ended_at", "2026-03-01T23:59:59.999Z")
    assert names("--until", "2026-03-01") == {"a": "below"}
    assert names("--until", "2026-03-01T00:00:00") == {}
    assert moment_or_end("9999-12-31").year == 9999


@pytest.mark.parametrize("bundle", [[], ["--bundle", "README.md"]], ids=["table", "bundle"])
def test_an_end_before_the_begin_is_refused_by_name(bundle: list[str]) -> None:
    done = listed("--since", "2026-12-01", "--until", "2026-01-01", *bundle)
    assert isinstance(done.exception, EndsBeforeItBegins) and isinstance(done.exception, WrongInput)
    assert done.stdout == ""
    assert names("--since", "9999-01-01") == {}


def asked_in_sql(query: str, ended: str, first: str, last: str) -> bool:
    """Whether a saved query of the template finds a job that ended then."""
    shown = query.partition("SELECT job_name, ")[2].partition("FROM")[0].split(",")
    columns = ", ".join(["job_name", *(each.strip() for each in shown)])
    with closing(sqlite3.connect(":memory:")) as table:
        table.create_function("translate", 3, lambda text, old, new: text.translate(str.maketrans(old, new)))
        table.execute(f"CREATE TABLE records ({columns})")
        table.execute("INSERT INTO records (region, ended_at) VALUES (?, ?)", ("eu-west-1", ended))
        return bool(table.execute(query, ("eu-west-1", first, last)).fetchall())


def test_the_saved_query_compares_moments_as_the_list_does() -> None:
    moments = ("2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00:00Z", "2026-02-01")
    times = ("00:00:00.000", "11:59:59.999", "12:00:00.000", "12:00:00.500", "23:59:59.999")
    query, answers = load()["Resources"]["JobsByRegionAndTime"]["Properties"]["QueryString"], set()
    for day, time, first, last in product(("2026-01-31", "2026-02-01"), times, moments, moments):
        ended, begin, end = f"{day}T{time}Z", datetime.fromisoformat(first).replace(tzinfo=UTC), moment_or_end(last)
        listed_too = begin <= end and RecordQuery(ended_from=iso(begin), ended_until=iso(end)).fits({"ended_at": ended})
        assert asked_in_sql(query, ended, first, last) == listed_too, (ended, first, last)
        as_athena_writes = [each.replace("T", " ").replace("Z", " UTC") for each in (first, last)]
        assert asked_in_sql(query, ended, *as_athena_writes) == listed_too, (ended, first, last)
        answers.add(listed_too)
    assert answers == {True, False}


@pytest.mark.parametrize("moment", ["2026-01", "2026", "2026-01-31T13:00:00+02:00", "31.01.2026", "2026-01-31T13", ""])
def test_the_saved_query_answers_nothing_for_what_is_no_moment_in_utc(moment: str) -> None:
    """Athena names it in an error; the engine of this test has none, and finds nothing."""
    query = load()["Resources"]["JobsByRegionAndTime"]["Properties"]["QueryString"]
    assert asked_in_sql(query, "2026-01-31T12:00:00.000Z", "2026-01-01", "2026-12-31")
    assert not asked_in_sql(query, "2026-01-31T12:00:00.000Z", moment, "2026-12-31")
    assert not asked_in_sql(query, "2026-01-31T12:00:00.000Z", "2026-01-01", moment)


def test_every_saved_query_says_what_a_job_was_compared_with_and_finds_a_model_as_shown() -> None:
    saved = [each["Properties"] for each in load()["Resources"].values() if each["Type"] == "AWS::Athena::NamedQuery"]
    assert len(saved) == 5
    for each in saved:
        selected = each["QueryString"].partition("SELECT job_name, ")[2].partition("FROM")[0]
        assert {"compared_with", "base_model_shown"} <= {column.strip() for column in selected.split(",")}
    query, name = load()["Resources"]["JobsByModel"]["Properties"]["QueryString"], "org/\u0430bc"
    selected = query.removeprefix("SELECT ").partition("FROM")[0]
    with closing(sqlite3.connect(":memory:")) as table:
        table.execute(f"CREATE TABLE records ({selected})")
        table.execute("INSERT INTO records (base_model, base_model_shown) VALUES (?, ?)", (name, as_written(name)))
        found = [len(table.execute(query, (text,)).fetchall()) for text in (name, as_written(name), "org/abc")]
    assert found == [1, 1, 0]


def test_an_unknown_verdict_is_a_wrong_option_and_no_clean_result() -> None:
    done = listed("--verdict", "over")
    assert done.exit_code == 2
    assert "'over'" in done.stderr
    assert done.stdout == ""


def test_an_empty_answer_says_so_and_says_what_is_left_out() -> None:
    assert "No record fits." in listed("--base-model", "org/other").stderr
    assert "2 more; raise --limit" in listed("--limit", "1").stderr


TWINS = [
    {**record("twin", 1, "above"), "job_arn": "arn:of-one-region", "job_id": "1" * 64},
    {**record("twin", 0, "below"), "job_arn": "arn:of-another", "job_id": "2" * 64},
    {**record("twin", 0, "below"), "job_arn": "arn:of-another", "job_id": "3" * 64},
]


@pytest.mark.parametrize(("said", "ids"), [("twin", "123"), ("arn:of-another", "23")])
def test_a_name_of_several_jobs_names_them_all(said: str, ids: str) -> None:
    """Two regions, or a name that was used again: none hides another."""
    with pytest.raises(SeveralJobs) as asked:
        the_one(TWINS, said)
    assert all(each * 64 in str(asked.value) for each in ids)
    assert "job id" in asked.value.remedy
    assert str(asked.value).isprintable()


def test_the_end_of_an_arn_says_which_job_unless_another_one_has_it_for_a_name() -> None:
    bedrock = {**record("support-1", 0, "above"), "job_arn": "arn:of-bedrock/tuning1", "job_id": "4" * 64}
    assert the_one([bedrock, *TWINS], "tuning1") == bedrock
    with pytest.raises(SeveralJobs):
        the_one([bedrock, {**TWINS[0], "job_name": "tuning1"}], "tuning1")


@pytest.mark.parametrize("said", ["arn:of-one-region", "1" * 64])
def test_an_arn_or_a_job_id_says_which(said: str) -> None:
    assert the_one(TWINS, said)["verdict"] == "above"
    with pytest.raises(NoSuchRecord):
        the_one(TWINS, "other")


@pytest.mark.parametrize(
    ("verdict", "upper", "reached"),
    [("above", 0.5, True), ("below", 0.49, False), ("indeterminate", None, True), ("below", None, False)],
)
def test_a_share_that_nobody_knows_may_be_any(verdict: str, upper: float | None, reached: bool) -> None:
    assert reaches({"verdict": verdict, "upper_share": upper}, 0.5) is reached
