"""flops-meter's lines on the auditor's side: written by the meter's own writer, read from the metrics they become."""

import json
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.lineage.lineage import Lineage, accumulate, ancestor_of, from_json, to_json
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.meter_definitions import EXPRESSIONS, digest
from flops_auditor.domain.runs.meter_lines import PREFIX
from flops_auditor.domain.runs.meter_words import WORDS, share_covered
from flops_auditor.domain.values.figures import Figures
from flops_auditor.domain.values.remarks import Remark
from flops_meter.lines import METRICS, check_number, metric_definitions, read
from tests.fakes.cases import audit, words
from tests.fakes.jobs import CREATED, describe
from tests.fakes.meter import ARN, START, log_of, metrics_from
from tests.unit.test_job_estimate import H100_HOST, TABLES, TEN_HOURS

HARDWARE = H100_HOST * TEN_HOURS


def audited(lines: list[str], *, files: Any = None, without: Any = (), period: int = 60, **changes: Any) -> Audit:
    tags = changes.pop("Tags", [])
    evidence = Evidence(
        describe(**changes),
        tags,
        metrics_from(lines, period, without) if lines else (),
        period,
        (),
        CREATED + timedelta(days=1),
        files={"flops_meter.json": json.dumps(files)} if files else {},
    )
    return audit(evidence, TABLES)


def kinds(found: Audit) -> dict[str, Remark]:
    return {each.kind.name: each for each in (*found.estimate.assumptions, *found.estimate.doubts)}


def test_the_words_that_are_read_are_metrics_of_the_meter() -> None:
    assert set(WORDS) <= set(METRICS)


def test_a_run_that_was_counted_from_begin_to_end() -> None:
    found = audited(log_of())
    estimate = found.estimate
    assert (estimate.method, estimate.best_flop, estimate.firm_flop) == ("counted", 10**20, 10**20)
    assert (estimate.lower_flop, estimate.upper_flop) == (7 * 10**19, 13 * 10**19)
    assert estimate.cautious_upper_flop == estimate.updates_upper_flop == estimate.upper_flop
    assert estimate.tiers[0].basis.words == "1.00e20 FLOP counted in the container, in 100 % of the training time"
    assert not [name for name in kinds(found) if name.startswith("meter-")]


@pytest.mark.parametrize("period", [60, 300, 3600])
def test_coarser_periods_say_the_same(period: int) -> None:
    found = audited(log_of(), period=period)
    assert (found.estimate.best_flop, found.estimate.cautious_upper_flop) == (10**20, 13 * 10**19)


def test_the_rest_of_the_time_counts_at_the_hardware_bound() -> None:
    """The lines say themselves what time they cover: six of ten hours."""
    found = audited(log_of(minutes=360)).estimate
    assert found.tiers[0].basis.words.endswith("in 60 % of the training time")
    assert found.upper_flop == 13 * 10**19 + HARDWARE * 2 // 5
    late = audited(log_of(minutes=360, start=START + timedelta(hours=4))).estimate
    assert late.upper_flop == found.upper_flop


@pytest.mark.parametrize(
    ("covered", "seconds", "share"),
    [
        (36000, 36000, 1),
        (35940, 36000, 1),
        (35939, 36000, Fraction(35939, 36000)),
        (99, 100, 1),
        (98, 100, Fraction(98, 100)),
        (0, 100, 0),
        (50, 0, None),
        (50, None, None),
    ],
)
def test_a_hundredth_and_a_minute_are_left_for_beginning_and_ending(covered: int, seconds: Any, share: Any) -> None:
    known = None if seconds is None else Fraction(seconds)
    assert share_covered(Fraction(covered), known) == share


# ----- What belongs to which basis


def test_rollouts_and_references_count_on_the_cumulative_basis_alone() -> None:
    lines = log_of(flop=5e19, generation_flop=2 * 10**19, reference_flop=10**19)
    found = audited(lines, HyperParameters={"trainer_type": "grpo", "bf16": "true"})
    assert (found.estimate.best_flop, found.estimate.signal_flop) == (5 * 10**19, 3 * 10**19)
    assert (found.estimate.updates_upper_flop, found.estimate.cautious_upper_flop) == (65 * 10**18, 104 * 10**18)
    assert found.cumulative.updates.best_flop == 5 * 10**19
    assert (found.cumulative.everything.best_flop, found.cumulative.everything.firm_flop) == (8 * 10**19, 8 * 10**19)
    assert found.cumulative.everything.upper_flop == 104 * 10**18
    assert "meter-signal" in kinds(found)
    assert result(found)["estimate"]["signal_flop"] == "3" + "0" * 19


def test_what_an_ancestor_generated_counts_on_the_cumulative_basis() -> None:
    parent = result(audited(log_of(flop=5e19, generation_flop=2 * 10**19)))
    lineage = {"parents": [], "doubts": [], "base_model": "", "pretraining_flop": None}
    lineage |= {"loads_weights": False, "stated": {}, "other_names": []}
    ancestor = ancestor_of({**parent, "lineage": lineage, "revision": 0})
    assert from_json(to_json(ancestor)) == ancestor
    sums = accumulate(Figures(10**19, 13 * 10**18), "child", Lineage((), (ancestor,)))
    assert (sums.updates.best_flop, sums.everything.best_flop) == (6 * 10**19, 8 * 10**19)
    assert (sums.updates.upper_flop, sums.everything.upper_flop) == (78 * 10**18, 104 * 10**18)


def test_evaluation_is_on_neither_basis() -> None:
    found = audited(log_of(evaluation_flop=10**20))
    assert (found.estimate.best_flop, found.estimate.signal_flop) == (10**20, 0)


def test_an_evaluation_that_was_counted_is_no_sign_of_training() -> None:
    tags = [{"Key": "flops-auditor:activity", "Value": "not-training"}]
    evaluated = audited(log_of(flop=0, evaluation_flop=10**20), Tags=tags)
    assert (evaluated.estimate.doubts, evaluated.verdict) == ((), "below")
    assert "not-training-contradicted" in kinds(audited(log_of(), Tags=tags))


def test_rollouts_elsewhere_are_bounded_by_the_hardware() -> None:
    """vLLM generates in a process of its own, which no meter sees."""
    found = audited(log_of(flop=5e19), HyperParameters={"trainer_type": "grpo", "bf16": "true"})
    assert found.estimate.updates_upper_flop == 65 * 10**18
    assert found.estimate.cautious_upper_flop == HARDWARE
    assert "rollouts-elsewhere" in kinds(found)


# ----- What speaks against a count


def other_job(place: int, said: dict[str, object]) -> object:
    return check_number("arn:other") if place == 300 else said["job_check"]


@pytest.mark.parametrize(
    ("change", "kind", "bound"),
    [
        ({"failed": 1}, "meter-failed", HARDWARE),
        ({"unknown_ops": 2}, "meter-unknown-operations", HARDWARE),
        ({"ranks": 8, "reporting": 6}, "meter-ranks-silent", 13 * 10**19 * 8 // 6 + 1),
        ({"uncounted_steps": 3000}, "meter-steps-not-counted", 195 * 10**18),
        ({"covered": lambda place, said: 70.0 * place}, "meter-covers-too-much", HARDWARE),
        ({"model_flop": lambda place, said: 10**20 if place == 300 else place}, "meter-lines-go-back", HARDWARE),
        (
            {"to": lambda place, said: said["to"] - (7200 if place == 300 else 0)},
            "meter-lines-of-another-time",
            HARDWARE,
        ),
        ({"seq": lambda place, said: place - (place > 300)}, "meter-lines-of-two-writers", HARDWARE),
        ({"since": int(START.timestamp()) + 40 * 3600}, "meter-times-disagree", HARDWARE),
        ({"since": int(START.timestamp()) + 40 * 3600}, "meter-lines-of-another-time", HARDWARE),
    ],
)
def test_what_speaks_against_a_count_holds_below_back(change: dict[str, Any], kind: str, bound: int) -> None:
    """The count stays the best estimate; `below` rests on what the compute may be if the doubt is right."""
    found = audited(log_of(**change))
    assert found.estimate.method == "counted"
    assert found.estimate.cautious_upper_flop == bound
    remark = kinds(found)[kind]
    assert remark.settled_by("fine-tune") is not None
    assert found.estimate.settle is not None
    assert any(each["kind"] == kind and each["settle"] for each in result(found)["estimate"]["assumptions"])


def test_hosts_that_no_rank_runs_on() -> None:
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 2}
    assert "meter-hosts-without-rank" in kinds(audited(log_of(), ResourceConfig=resources))
    assert "meter-hosts-without-rank" not in kinds(audited(log_of(ranks=2, reporting=2), ResourceConfig=resources))


@pytest.mark.parametrize("change", [{"arn": "arn:other"}, {"arn": "none"}, {"job_check": other_job}])
def test_lines_of_another_job_are_not_used(change: dict[str, Any]) -> None:
    found = audited(log_of(mfu="0.3", **change))
    assert found.estimate.method == "hardware"
    assert kinds(found)["meter-of-another-job"].settled_by("x") is not None


def test_a_pasted_line_of_another_job_is_seen_whichever_check_is_the_larger() -> None:
    """In one minute with our own line: the highest value alone would hide a smaller one."""
    lines = log_of()
    for name in ("arn:a", "arn:b", "arn:c", "arn:d"):
        pasted = log_of(minutes=1, arn=name)
        assert "meter-of-another-job" in kinds(audited(sorted([*lines, *pasted])))


def test_two_meters_in_one_log() -> None:
    """Two processes that know nothing of each other: the same numbers, other lines, and half of the work each."""
    both = sorted([*log_of(flop=5e19), *log_of(flop=49e18)])
    found = audited(both)
    assert "meter-lines-of-two-writers" in kinds(found)
    assert found.estimate.cautious_upper_flop == HARDWARE
    later = log_of(minutes=500, flop=5e19, start=START + timedelta(minutes=100), since=int(START.timestamp()))
    assert "meter-lines-of-two-writers" in kinds(audited(sorted([*log_of(flop=5e19), *later])))


def test_an_earlier_log_printed_again() -> None:
    lines = log_of()
    again = [f"{lines[400].partition(' ')[0]} {each.partition(' ')[2]}" for each in lines[:300]]
    assert {"meter-lines-of-another-time", "meter-lines-of-two-writers"} & kinds(audited([*lines, *again])).keys()


def test_missing_lines_cost_nothing() -> None:
    lines = log_of()
    found = audited([*lines[5:200], *lines[260:]])
    assert found.estimate.cautious_upper_flop == 13 * 10**19
    assert kinds(found)["meter-lines-missing"].words.startswith("65 of the meter's lines")
    cut = audited(lines[:300]).estimate
    assert cut.tiers[0].basis.words.startswith("5.00e19 FLOP counted in the container, in 50 %")


def test_a_count_without_what_binds_it_is_doubted() -> None:
    found = audited(log_of(), without=("job_check", "failed"))
    assert kinds(found)["meter-words-missing"].fact("missing") == ("job_check", "failed")
    assert found.estimate.cautious_upper_flop == HARDWARE
    bare = audited(log_of(), without=[name for name in METRICS if name != "model_flop"])
    assert (bare.estimate.method, bare.estimate.best_flop) == ("counted", 10**20)
    assert bare.estimate.cautious_upper_flop == HARDWARE


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize(
    "name",
    [
        "flops-auditor:model_flop",
        "FLOPS_AUDITOR:model_flop",
        "train_flops_auditor:model_flop",
        "train:flops_auditor:model_flop",
        "flops_auditor:model flop",
        "flops_auditor:model_flop algo-1",
        "flops_auditor:model_flop ",
        " flops_auditor:model_flop",
        "flops_auditor:model_flop\t",
    ],
)
def test_what_is_named_almost_as_a_word_of_the_meter_is_no_count(name: str, last: bool) -> None:
    """Nothing would bind it to the job, and a definition of that name is compared with none of the meter's."""
    final = [{"MetricName": name, "Value": 1e20, "Timestamp": START}]
    series = {"Label": name, "Timestamps": [START], "Values": [1e20]}
    changes = {"FinalMetricDataList": final} if last else {}
    estimate = audit(Evidence(describe(**changes), metrics=() if last else [series]), TABLES).estimate
    assert "metric-like-the-meters" in {each.kind.name for each in estimate.assumptions}
    assert estimate.method == "hardware"
    assert estimate.cautious_upper_flop == HARDWARE


def test_more_than_the_hardware_could_do_is_refused() -> None:
    """Rollouts ran on it too."""
    found = audited(log_of(flop=2e20, generation_flop=4 * 10**20))
    assert found.estimate.method == "hardware"
    assert "over-the-ceiling" in kinds(found)
    assert audited(log_of(flop=2e20)).estimate.method == "counted"


def test_without_known_hardware_a_doubt_stays_a_doubt() -> None:
    unknown = {"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1}
    found = audited(log_of(failed=1), ResourceConfig=unknown)
    assert "meter-failed" in {each.kind.name for each in found.estimate.doubts}


def test_what_a_person_says_of_the_tokens_settles_a_doubt() -> None:
    evidence = Evidence(
        describe(),
        (),
        metrics_from(log_of(failed=1)),
        60,
        (),
        CREATED + timedelta(days=1),
        amendments=(Amendment("A. Person", "from the loader", CREATED, tokens=3 * 10**9, parameters=8 * 10**9),),
    )
    found = audit(evidence, TABLES).estimate
    assert found.method == "counted"
    assert found.cautious_upper_flop == found.tiers[1].upper_flop < HARDWARE


# ----- Interruptions


def spans(*minutes: tuple[float, float]) -> list[dict[str, Any]]:
    """Training, interrupted in between."""
    moments = [moment for pair in minutes for moment in pair]
    names = ["Training", "Interrupted"] * len(minutes)
    return [
        {"Status": name, "StartTime": START + timedelta(minutes=begin), "EndTime": START + timedelta(minutes=end)}
        for name, (begin, end) in zip(names, pairwise(moments), strict=False)
    ]


def test_an_interruption_that_the_meter_went_on_after() -> None:
    """Killed at 100 of 600 minutes, resumed at 110 from the state of minute 80: cumulative, nothing twice."""
    first = log_of(minutes=100, flop=1e19)
    chain = (read(first[-1]) or pytest.fail()).words["chain"]
    begin = START + timedelta(minutes=110)

    def resumed(place: int, said: dict[str, object]) -> object:
        return int(8e18 + 92e18 * place / 490)

    second = log_of(
        minutes=490, start=begin, chain=chain, attempt=2, since=int(START.timestamp()), model_flop=resumed,
        seq=lambda place, said: place + 100, covered=lambda place, said: 6000.0 + 60 * place,
        discarded_flop=2 * 10**18, steps=lambda place, said: 800 + 10 * place,
    )  # fmt: skip
    found = audited([*first, *second], SecondaryStatusTransitions=spans((0, 100), (110, 600)))
    assert found.estimate.best_flop == 10**20
    assert found.estimate.upper_flop == found.estimate.cautious_upper_flop == 102 * 10**18 * 13 // 10
    assert found.estimate.tiers[0].basis.words.endswith("in 100 % of the training time")
    assert set(kinds(found)) >= {"meter-work-done-again"}
    assert not {"meter-lines-go-back", "meter-lines-of-two-writers", "meter-counts-anew"} & set(kinds(found))


def test_an_interruption_after_which_the_meter_began_anew() -> None:
    """Without its state: the two counts are added up, and so is the time that they cover."""
    second = log_of(minutes=490, flop=6e19, start=START + timedelta(minutes=110))
    found = audited([*log_of(minutes=100, flop=3e19), *second], SecondaryStatusTransitions=spans((0, 100), (110, 600)))
    assert found.estimate.best_flop == 9 * 10**19
    assert found.estimate.tiers[0].basis.words.endswith("in 100 % of the training time")
    assert "meter-counts-anew" in kinds(found)
    assert found.estimate.cautious_upper_flop == 117 * 10**18


@pytest.mark.parametrize("period", [60, 300, 3600])
def test_a_count_that_begins_anew_within_a_period(period: int) -> None:
    second = log_of(minutes=498, flop=6e19, start=START + timedelta(minutes=102))
    lines = [*log_of(minutes=100, flop=3e19), *second]
    found = audited(lines, period=period, SecondaryStatusTransitions=spans((0, 100), (102, 600)))
    assert found.estimate.best_flop == 9 * 10**19
    assert "meter-lines-go-back" not in kinds(found)


def test_an_attempt_that_began_again_from_an_older_checkpoint() -> None:
    """Without a state file the attempt has the same number twice; the interruption shows in the training's spans."""
    first = log_of(minutes=100, flop=2e19, attempt=2, every=30)
    second = log_of(
        minutes=490, start=START + timedelta(minutes=110), attempt=2, since=int(START.timestamp()),
        covered=lambda place, said: 3000.0 + 60 * place, model_flop=lambda place, said: 10**19 + place * 10**17,
        seq=lambda place, said: 90 + place,
    )  # fmt: skip
    found = audited([*first, *second], SecondaryStatusTransitions=spans((0, 100), (110, 600)))
    assert found.estimate.firm_flop == 10**19 + 490 * 10**17
    assert found.estimate.tiers[0].basis.words.endswith(
        "in 91.5 % of the training time"
    )  # what was lost is not counted
    assert not {"meter-lines-go-back", "meter-lines-of-two-writers"} & set(kinds(found))


def test_what_an_attempt_lost_is_in_the_upper_bound_though_it_does_not_say_so() -> None:
    """Half of a run, then an attempt that began again from an early checkpoint without a state file."""
    big = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 400}}
    first = log_of(minutes=300, flop=36e21, ranks=400, reporting=400)
    second = log_of(
        minutes=300, start=START + timedelta(minutes=300), attempt=2, since=int(START.timestamp()), ranks=400,
        reporting=400, seq=lambda place, said: 300 + place, covered=lambda place, said: 18000.0 + 60 * place,
        model_flop=lambda place, said: 10**22 + place * 3 * 10**19,
    )  # fmt: skip
    assert audited(first, **big).verdict == "above"
    found = audited([*first, *second], **big)
    assert found.estimate.best_flop == 19 * 10**21
    assert (found.estimate.upper_flop or 0) >= 45 * 10**21
    assert (found.verdict, "meter-work-done-again" in kinds(found)) == ("indeterminate", True)


@pytest.mark.parametrize("missing", [["since", "attempt"], ["to"], ["chain_check"], ["attempt"]])
def test_every_word_that_a_check_needs_is_missed(missing: list[str]) -> None:
    found = audited(log_of(), without=missing)
    assert kinds(found)["meter-words-missing"].fact("missing") == tuple(missing)


def test_steps_that_an_earlier_count_counted_are_not_missing() -> None:
    second = log_of(minutes=490, flop=6e19, start=START + timedelta(minutes=110), uncounted_steps=1000)
    found = audited([*log_of(minutes=100, flop=3e19), *second], SecondaryStatusTransitions=spans((0, 100), (110, 600)))
    assert "meter-steps-not-counted" not in kinds(found)


def uncounted(told: int, of_ten: int) -> Any:
    """Steps that a count was told of when it began, and of ten, two of them counted, those that it saw nothing of."""
    return lambda place, said: told + of_ten * said["steps"] // 2


@pytest.mark.parametrize(
    ("first", "second", "missing"),
    [
        (uncounted(0, 8), uncounted(0, 8), 4 * 5900),
        (uncounted(0, 8), uncounted(5000, 8), 4 * 5900),
        (uncounted(500, 0), uncounted(1500, 0), 500),
        (uncounted(500, 0), uncounted(1300, 0), 500),
        (uncounted(0, 0), uncounted(1700, 0), 700),
        (uncounted(0, 0), lambda place, said: 1000 + (place > 300), 1),
    ],
)
def test_steps_of_two_counts_that_are_in_neither(first: Any, second: Any, missing: int) -> None:
    """Of those that the second was told of, the first one's are known; what each saw nothing of adds up."""
    logs = [
        *log_of(minutes=100, flop=3e19, uncounted_steps=first),
        *log_of(minutes=490, flop=6e19, start=START + timedelta(minutes=110), uncounted_steps=second),
    ]
    found = kinds(audited(logs, SecondaryStatusTransitions=spans((0, 100), (110, 600))))["meter-steps-not-counted"]
    assert (found.fact("steps"), found.fact("times")) == (missing, 1 + Fraction(missing, 5900))


# ----- Final values alone: no series, single precision


def finals(line: str, **changes: float) -> list[dict[str, Any]]:
    import struct

    from flops_meter.lines import metrics_of

    found = {**metrics_of(line.partition(" ")[2]), **changes}
    return [
        {"MetricName": name, "Value": struct.unpack("f", struct.pack("f", value))[0], "Timestamp": START}
        for name, value in found.items()
    ]


def test_final_values_are_a_line_too() -> None:
    """SageMaker keeps the last value of every metric with the job, in single precision."""
    found = audited([], FinalMetricDataList=finals(log_of()[-1]))
    assert found.estimate.method == "counted"
    assert abs((found.estimate.best_flop or 0) / 1e20 - 1) < 1e-6
    assert found.estimate.tiers[0].basis.words.endswith("in 100 % of the training time")
    assert not [name for name in kinds(found) if name.startswith("meter-")]
    other = audited([], FinalMetricDataList=finals(log_of(arn="arn:other")[-1]))
    assert (other.estimate.method, "meter-of-another-job" in kinds(other)) == ("hardware", True)
    half = audited([], FinalMetricDataList=finals(log_of()[299]))
    assert half.estimate.tiers[0].basis.words.endswith("in 50 % of the training time")


# ----- flops_meter.json


def own_file(line: str, **changes: Any) -> dict[str, Any]:
    """What flops_meter.toolkit_file.document writes: the toolkit's fields, and the words of the last line."""
    said = (read(line) or pytest.fail()).words
    numbers = {name: float(said[name]) if "." in said[name] else int(said[name]) for name in METRICS if name in said}
    own = {**numbers, "job": said["job"], **changes}
    return {"tokens_processed": 10**9, "N_total": 8 * 10**9, "N_trainable": 8 * 10**9, "flops_auditor": own}


def test_the_meters_own_file_is_a_count() -> None:
    found = audited([], files=own_file(log_of()[-1]))
    assert (found.estimate.method, found.estimate.best_flop) == ("counted", 10**20)
    assert found.estimate.tiers[0].basis.words.endswith("in 100 % of the training time")
    both = audited(log_of(), files=own_file(log_of()[-1]))
    assert both.estimate.best_flop == 10**20
    assert "meter-file-and-lines-disagree" not in kinds(both)


@pytest.mark.parametrize("change", [{"job": "arn:other"}, {"job": ""}, {"job_check": 1}])
def test_a_file_of_another_job_is_not_used(change: dict[str, Any]) -> None:
    found = audited([], files=own_file(log_of()[-1], **change))
    assert (found.estimate.method, "meter-of-another-job" in kinds(found)) == ("hardware", True)


def test_a_file_that_says_more_than_the_lines() -> None:
    more = audited(log_of(), files=own_file(log_of(flop=11e19)[-1]))
    assert (more.estimate.best_flop, "meter-file-and-lines-disagree" in kinds(more)) == (11 * 10**19, True)
    less = audited(log_of(), files=own_file(log_of(flop=9e19)[-1]))
    assert (less.estimate.best_flop, "meter-file-and-lines-disagree" in kinds(less)) == (10**20, True)


def test_a_file_that_began_after_it_ended() -> None:
    found = audited([], files=own_file(log_of()[-1], since=int(START.timestamp()) + 40 * 3600))
    assert "meter-times-disagree" in kinds(found)
    assert found.estimate.cautious_upper_flop == HARDWARE


@pytest.mark.parametrize("value", [-1, True, "1e20", None, [], {}, 10**41, 1e300, float("nan"), float("inf"), 10**4000])
@pytest.mark.parametrize("word", ["model_flop", "covered", "ranks", "reporting", "uncounted_steps"])
def test_hostile_numbers_in_the_file_are_a_doubt(word: str, value: object) -> None:
    found = audited([], files=own_file(log_of()[-1], **{word: value}))
    assert found.estimate.method != "counted"
    assert any("flops_meter.json could not be read" in said for said in words(found.estimate.doubts))


@pytest.mark.parametrize("own", [[], "counted", 3, None])
def test_a_file_whose_own_part_is_no_object(own: object) -> None:
    found = audited([], files={**own_file(log_of()[-1]), "flops_auditor": own})
    assert any("flops_meter.json could not be read" in said for said in words(found.estimate.doubts))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("value", [0, 1, 1e39, 2.5])
def test_bounds_stay_in_order_whatever_a_line_says(word: str, value: float) -> None:
    lines = [each for each in metrics_from(log_of(minutes=600, every=600), 600) if each["Label"] != f"x{word}"]
    for each in lines:
        if each["Label"].removeprefix("flops_auditor:").partition(" ")[0] == word:
            each["Values"] = [value for _ in each["Values"]]
    found = audit(Evidence(describe(), (), lines, 600, (), CREATED + timedelta(days=1)), TABLES).estimate
    assert (found.best_flop or 0) <= (found.upper_flop or 0) <= (found.cautious_upper_flop or 0)
    assert (found.cautious_upper_flop or 0) <= (found.ceiling_flop or 0)


def test_the_arn_is_that_of_the_job() -> None:
    assert describe()["TrainingJobArn"] == ARN


# ----- What reads the lines


def described(**regexes: str) -> dict[str, Any]:
    """With the meter's definitions: some of the owner's own, those with "" left out."""
    own = {f"{PREFIX}{word}": regex for word, regex in regexes.items()}
    found = [{**each, "Regex": own.get(each["Name"], each["Regex"])} for each in metric_definitions()]
    return {"AlgorithmSpecification": {"MetricDefinitions": [each for each in found if each["Regex"]]}}


def test_the_expressions_are_those_that_the_meter_prints() -> None:
    printed = {each["Name"].removeprefix(PREFIX): digest(each["Regex"]) for each in metric_definitions()}
    assert set(EXPRESSIONS) == set(printed)
    assert all(printed[word] in EXPRESSIONS[word] for word in printed)
    assert not [name for name in kinds(audited(log_of(), **described())) if name.startswith("meter-")]


def test_an_expression_of_the_owners_is_doubted() -> None:
    """It may read another word, or another line."""
    found = audited(log_of(flop=1e15), **described(model_flop="evaluation_flop=([0-9]+)", failed="steps=(0)"))
    assert kinds(found)["meter-definitions-changed"].fact("words") == ("model_flop", "failed")
    assert found.estimate.cautious_upper_flop == HARDWARE


@pytest.mark.parametrize("name", ["{} ", " {}", "{}\t"])
@pytest.mark.parametrize("arrives", [False, True])
@pytest.mark.parametrize("word", ["failed", "reference_flop", "uncertain_flop", "model_flop"])
def test_blanks_around_a_definitions_name_hide_nothing(word: str, arrives: bool, name: str) -> None:
    """Whether its metric keeps them or not; and the meter's own expression may be another's metric, read otherwise."""
    definitions = described()["AlgorithmSpecification"]["MetricDefinitions"]
    own = f"{PREFIX}{word}"
    for each in definitions:
        each["Name"] = name.format(own) if each["Name"] == own else each["Name"]
    job = describe(AlgorithmSpecification={"MetricDefinitions": definitions})
    metrics = metrics_from(log_of(flop=1e15), 60)
    for each in metrics:
        each["Label"] = name.format(own) if arrives and each["Label"] == own else each["Label"]
    found = audit(Evidence(job, (), metrics, 60, (), CREATED + timedelta(days=1)), TABLES)
    assert found.estimate.cautious_upper_flop == HARDWARE
    counted = word != "model_flop" or not arrives
    assert ("meter-definitions-changed" in kinds(found)) == counted == (found.estimate.method == "counted")


@pytest.mark.parametrize("word", ["generation_flop", "reference_flop", "discarded_flop", "uncertain_flop"])
def test_a_word_that_raises_the_figure_is_missed(word: str) -> None:
    found = audited(log_of(), without=[word], **described(**{word: ""}))
    assert kinds(found)["meter-words-missing"].fact("missing") == (word,)
    assert found.estimate.cautious_upper_flop == HARDWARE


def test_steps_without_gradients_are_no_small_run() -> None:
    """Zeroth-order methods, forward gradients, a backward by hand: parameters change, and the meter counts nothing. One
    that was never stepped, or given another model, says so in lines of the whole time.
    """
    for steps in ({}, {"steps": 0}):
        found = audited(log_of(flop=0, **steps))
        assert "meter-counted-nothing" in kinds(found)
        assert found.estimate.cautious_upper_flop == HARDWARE
