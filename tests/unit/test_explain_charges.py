"""Charges by tokens beside what records count: each token once, and what is charged beyond them named to the token."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.data import base_model_table
from flops_auditor.domain.bill.bill_lines import BillLine
from flops_auditor.domain.bill.explanation import Explanation, RestReason
from flops_auditor.domain.bill.recorded_runs import recorded_run
from flops_auditor.domain.compute.attention import LONGEST_CONTEXT
from tests.fakes.customization_jobs import BYTES, FakeCustomizationJobs, customization
from tests.fakes.sagemaker_jobs import agent_arn
from tests.fakes.training_sessions import PREFILLED, SAMPLED, TRAINED, session, session_arn
from tests.unit.test_customization_door import delivered, working
from tests.unit.test_explain_bill import AT, HOUR, LINE, TOKENS, doubts, explained, run
from tests.unit.test_training_session_door import World as TrainingSessions

BEYOND = RestReason.BEYOND_RECORD
LLAMA, SMALLER = "meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.2-3B"


def charges_of(explanation: Explanation) -> list[tuple[Fraction | None, RestReason | None]]:
    return [(each.tokens, each.why) for each in explanation.charges]


def test_a_record_explains_as_many_tokens_as_it_counts() -> None:
    """Ten times as many were explained by any record of that name and time."""
    many = replace(TOKENS, unit="1M tokens", amount=10_000 * 10**10)
    whole = explained(many, runs=(run(hosts={}, tokens=10**9),))
    assert charges_of(whole) == [(10**9, None), (9 * 10**9, BEYOND)]
    assert not whole.complete and doubts(whole) == set()
    assert [each.amount for each in whole.charges] == [1000, 9000], "in the unit of the bill"
    assert explained(many, runs=(run(hosts={}, tokens=10**10),)).complete
    assert charges_of(explained(many, runs=(run(hosts={}, tokens=0),))) == [(10**10, BEYOND)]


@pytest.mark.parametrize("unit", ["Tokens", "1K tokens", "1M tokens", "1B tokens"])
def test_one_token_more_than_is_counted_is_named(unit: str) -> None:
    factor = {"T": 1, "1K": 10**3, "1M": 10**6, "1B": 10**9}[unit.split(" ", maxsplit=1)[0].removesuffix("okens")]
    counted = 3 * factor
    amount = (counted + 1) * 10**10 // factor
    whole = explained(replace(TOKENS, unit=unit, amount=amount), runs=(run(hosts={}, tokens=counted),))
    assert charges_of(whole) == [(counted, None), (1, BEYOND)]
    honest = replace(TOKENS, unit=unit, amount=3 * 10**10)
    assert explained(honest, runs=(run(hosts={}, tokens=counted),)).complete


def test_what_rounding_makes_of_the_amounts_is_no_rest() -> None:
    """A third of 1,000 tokens a line, each rounded up in the tenth decimal of its unit."""
    third = replace(TOKENS, amount=3333333334)
    lines = [replace(third, start=AT + each * HOUR, end=AT + (each + 1) * HOUR) for each in range(3)]
    assert explained(*lines, runs=(run(3, hosts={}, tokens=1000),)).complete
    part = explained(*lines, runs=(run(3, hosts={}, tokens=999),))
    assert sum(tokens or 0 for tokens, why in charges_of(part) if why) == 1 + Fraction(2, 10**7)


def test_the_last_decimals_of_large_units_are_no_rest() -> None:
    """A tenth of a token for each line, of which there are twenty."""
    line = replace(TOKENS, unit="1B tokens", amount=11)
    lines = [replace(line, start=AT + each * HOUR, end=AT + (each + 1) * HOUR) for each in range(20)]
    assert explained(*lines, runs=(run(20, hosts={}, tokens=21),)).complete
    assert not explained(*lines, runs=(run(20, hosts={}, tokens=19),)).complete


@pytest.mark.parametrize(
    "other",
    [
        replace(TOKENS, usage_type="EU-NovaLite-Customization-Training"),
        replace(TOKENS, account="999900001111"),
        replace(TOKENS, region="us-east-1"),
        replace(TOKENS, service="AmazonSageMaker"),
        replace(TOKENS, start=AT + HOUR, end=AT + 2 * HOUR),
        replace(TOKENS, unit="Tokens", amount=1000 * 10**10),
    ],
)
def test_a_token_of_a_record_explains_one_token_whatever_lines_name_the_run(other: BillLine) -> None:
    whole = explained(TOKENS, other, runs=(run(hosts={}, tokens=1500),))
    explained_tokens = sum(tokens or 0 for tokens, why in charges_of(whole) if why is None)
    assert (explained_tokens, sum(tokens or 0 for tokens, _ in charges_of(whole))) == (1500, 2000)
    assert explained(TOKENS, other, runs=(run(hosts={}, tokens=2000),)).complete


def test_lines_of_the_run_s_own_account_take_first() -> None:
    foreign = replace(TOKENS, account="999900001111", start=AT - HOUR, end=AT)
    whole = explained(foreign, TOKENS, runs=(run(hosts={}, tokens=1000),))
    assert {each.account: each.why for each in whole.charges} == {"111122223333": None, "999900001111": BEYOND}


def test_a_name_that_was_used_again_explains_the_tokens_of_each_time() -> None:
    later = replace(TOKENS, start=AT + 50 * HOUR, end=AT + 51 * HOUR)
    again = run(1, AT + 50 * HOUR, hosts={}, tokens=400)
    whole = explained(TOKENS, later, runs=(again, run(hosts={}, tokens=9000)))
    assert charges_of(whole) == [(1000, None), (400, None), (600, BEYOND)]


def test_two_runs_of_one_name_close_together_explain_what_is_of_both() -> None:
    """The first line takes of the run that ends first, so that the second one finds the other's."""
    runs = (run(1, AT + 90 * HOUR / 60, hosts={}, tokens=1000), run(1, AT, hosts={}, tokens=1000))
    lines = (replace(TOKENS, start=AT, end=AT + HOUR), replace(TOKENS, start=AT + 3 * HOUR, end=AT + 4 * HOUR))
    assert explained(*lines, runs=runs).complete


def test_a_record_without_tokens_explains_by_name_and_time_and_that_is_told() -> None:
    whole = explained(TOKENS, runs=(run(hosts={}),))
    assert charges_of(whole) == [(1000, None)] and not whole.complete
    assert [each.by_name_alone for each in whole.charges] == [True]
    assert doubts(whole) == {"tokens-not-compared"} and "tuned" in whole.doubts[0].words
    assert not any(each.by_name_alone for each in explained(TOKENS, runs=(run(hosts={}, tokens=1),)).charges)


@pytest.mark.parametrize("unit", ["Units", "Hrs", "1K characters", "1K  tokens/s", "0 tokens", ""])
def test_a_unit_that_is_not_known_is_a_doubt_and_no_number(unit: str) -> None:
    whole = explained(replace(TOKENS, unit=unit), runs=(run(hosts={}, tokens=0),))
    assert charges_of(whole) == [(None, None)] and doubts(whole) == {"unknown-charges"}


def test_what_is_charged_beyond_has_the_ceiling_of_its_model() -> None:
    """6 N and 12 x layers x width of attention over the longest context that is known, for each token."""
    size = base_model_table().find(LLAMA)
    assert size and size.size and size.size.shape
    shape = size.size.shape
    a_token = 6 * size.size.active + 12 * shape.layers * shape.attention_width * max(shape.context, LONGEST_CONTEXT)
    known = run(hosts={}, tokens=400, models=(LLAMA, SMALLER))
    whole = explained(TOKENS, runs=(known,))
    assert [each.ceiling_flop for each in whole.charges] == [None, 600 * a_token]
    other = run(1, AT + 50 * HOUR, hosts={}, tokens=400)
    for runs in ((replace(known, models=(LLAMA, "of/nobody")),), (replace(known, models=()),), (known, other)):
        assert [each.ceiling_flop for each in explained(TOKENS, runs=runs).charges] == [None, None]
    assert [each.ceiling_flop for each in explained(TOKENS).charges] == [None]


def test_what_records_of_every_door_count_is_what_their_bill_may_charge() -> None:
    sessions, jobs = TrainingSessions(), FakeCustomizationJobs()
    detail, answer = sessions.sessions.add(session()), jobs.add(customization(1))
    sessions.reconcile()
    one, tuned = recorded_run(sessions.content(detail)), recorded_run(delivered(answer, working(jobs)))
    assert one.tokens == TRAINED + SAMPLED + PREFILLED
    assert tuned.tokens == BYTES * int(answer["hyperParameters"]["epochCount"])
    start = detail["CreationTime"]
    for extra in (0, 1):
        line = replace(TOKENS, service="AmazonSageMaker", resource=session_arn(), account="123456789012", unit="Tokens")
        line = replace(line, start=start, end=start + HOUR, amount=(one.tokens + extra) * 10**10)
        whole = explained(line, runs=(one,))
        assert [tokens for tokens, why in charges_of(whole) if why] == [1][:extra]
        assert all(each.ceiling_flop for each in whole.charges if each.why), "its model is known"


@given(
    lines=st.lists(
        st.tuples(st.integers(-3, 60), st.integers(0, 10**12), st.sampled_from(["Tokens", "1K tokens", "1M tokens"])),
        max_size=8,
    ),
    runs=st.lists(st.tuples(st.integers(0, 55), st.integers(1, 5), st.integers(0, 10**6)), min_size=1, max_size=4),
)
def test_no_more_tokens_are_explained_than_records_count(
    lines: list[tuple[int, int, str]], runs: list[tuple[int, int, int]]
) -> None:
    """And none is lost: what is explained and what is not are what was charged."""
    made = [
        replace(TOKENS, start=AT + at * HOUR, end=AT + (at + 1) * HOUR, amount=amount, unit=unit)
        for at, amount, unit in lines
    ]
    factors = {"Tokens": 1, "1K tokens": 10**3, "1M tokens": 10**6}
    recorded = tuple(run(hours, AT + at * HOUR, hosts={}, tokens=tokens) for at, hours, tokens in runs)
    told = charges_of(explained(*made, runs=recorded))
    assert sum(tokens or 0 for tokens, _ in told) == sum(
        Fraction(amount * factors[unit], 10**10) for _, amount, unit in lines
    )
    assert sum(tokens or 0 for tokens, why in told if why is None) < sum(tokens for *_, tokens in runs) + 1


@given(
    runs=st.lists(
        st.tuples(st.integers(0, 400), st.lists(st.integers(0, 10**9), min_size=1, max_size=6)), min_size=1, max_size=6
    ),
    extra=st.integers(0, 10**6),
)
def test_honest_runs_are_never_accused_and_an_excess_is_found_to_the_token(
    runs: list[tuple[int, list[int]]], extra: int
) -> None:
    """Each run is charged in its hours what its record counts; one of them more than that."""
    recorded, lines = [], []
    for number, (at, hourly) in enumerate(runs):
        arn = f"{TOKENS.resource}-{number}"
        begin = AT + timedelta(hours=at)
        recorded.append(run(len(hourly), begin, arn, {}, sum(hourly)))
        for hour, tokens in enumerate(hourly):
            start = begin + hour * HOUR
            line = replace(TOKENS, resource=arn, unit="1K tokens", amount=tokens * 10**7)
            lines.append(replace(line, start=start, end=start + HOUR))
    assert explained(*lines, runs=tuple(recorded)).complete
    lines[0] = replace(lines[0], amount=lines[0].amount + extra * 10**7)
    rest = [each for each in explained(*lines, runs=tuple(recorded)).charges if each.why]
    assert sum(each.tokens or 0 for each in rest) == extra
    assert {each.resource for each in rest} <= {recorded[0].arn}


@pytest.mark.parametrize(
    "unit",
    [
        "1 trillion tokens",
        "1T tokens",
        "Millions of tokens",
        "1 Mn tokens",
        "hundred tokens",
        "1 dozen tokens",
        "1G token",
    ],
)
def test_a_unit_in_words_that_nobody_knows_is_a_doubt(unit: str) -> None:
    """Each was one token, so that a record of a thousand explained them all."""
    whole = explained(replace(TOKENS, unit=unit), runs=(run(hosts={}, tokens=1000),))
    assert doubts(whole) == {"unknown-charges"} and not whole.complete


@pytest.mark.parametrize("unit", ["1 billion tokens", "1B Training Tokens", "1000M text tokens"])
def test_units_in_known_words_are_counted(unit: str) -> None:
    whole = explained(replace(TOKENS, unit=unit, amount=10**10), runs=(run(hosts={}, tokens=10**9 - 1),))
    assert charges_of(whole) == [(10**9 - 1, None), (1, BEYOND)]


OCTOBER, NOVEMBER = datetime(2025, 10, 31, 12, tzinfo=UTC), datetime(2025, 11, 1, 3, tzinfo=UTC)
ACROSS = run(48, datetime(2025, 10, 31, tzinfo=UTC), hosts={}, tokens=10**6)


@pytest.mark.parametrize("at", [OCTOBER, NOVEMBER])
def test_a_month_that_takes_more_of_a_run_than_its_share_is_no_whole_account(at: datetime) -> None:
    """Either month alone was complete, with the same tokens."""
    line = replace(TOKENS, start=at, end=at + HOUR)
    assert doubts(explained(replace(line, amount=501 * 10**10), runs=(ACROSS,))) == {"tokens-of-other-months"}
    assert explained(replace(line, amount=500 * 10**10), runs=(ACROSS,)).complete


def test_months_of_one_run_together_are_a_whole_account() -> None:
    lines = [replace(TOKENS, start=at, end=at + HOUR, amount=500 * 10**10) for at in (OCTOBER, NOVEMBER)]
    assert explained(*lines, runs=(ACROSS,)).complete
    more = [replace(line, amount=600 * 10**10) for line in lines]
    assert charges_of(explained(*more, runs=(ACROSS,))) == [(600_000, None), (400_000, None), (200_000, BEYOND)]


@pytest.mark.parametrize(
    ("service", "usage_type", "resource"),
    [
        ("AmazonSageMaker", "EU-Inference-Tokens", "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e"),
        ("AmazonSageMaker", "EU-Endpoint-Input-Tokens", "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/e"),
        ("AmazonSageMaker", "EU-Output-Tokens", "arn:aws:sagemaker:eu-west-1:111122223333:inference-component/c"),
        ("AmazonSageMaker", "EU-Output-Tokens", "arn:aws:sagemaker:eu-west-1:111122223333:model/m"),
        ("AmazonBedrock", "EU-Llama3-FineTuned-Inference-input-tokens", ""),
        ("AmazonBedrock", "EU-Nova-FineTuned-output-tokens", "arn:aws:bedrock:eu-west-1:111122223333:custom-model/m"),
        ("AmazonBedrock", "EU-NovaPro-Customization-Training-Storage", ""),
    ],
)
def test_what_answers_or_is_stored_is_no_training(service: str, usage_type: str, resource: str) -> None:
    line = replace(TOKENS, service=service, usage_type=usage_type, resource=resource)
    assert explained(line).charges == ()


def test_hours_of_a_host_stay_hours_whatever_their_usage_is_called() -> None:
    """It was a charge in an unknown unit, without the hours' ceiling."""
    whole = explained(replace(LINE, usage_type="EU-FineTuning:ml.p5.48xlarge", amount=100 * 10**10), runs=(run(1),))
    assert whole.charges == () and [round(each.host_seconds / 3600) for each in whole.rest] == [99]


def test_a_job_that_does_not_say_when_it_trained_explains_its_tokens_in_its_life() -> None:
    life = replace(run(hosts={}, tokens=1000), span=None, life=(AT - 5 * HOUR, AT + HOUR))
    assert explained(TOKENS, runs=(life,)).complete
    early = replace(TOKENS, start=AT - 10 * HOUR, end=AT - 9 * HOUR)
    assert charges_of(explained(early, runs=(life,))) == [(1000, BEYOND)]


@pytest.mark.parametrize(
    "counted",
    [{"all_tokens": "5", "training_tokens": "7"}, {"most_tokens": "9", "all_tokens": "9"}, {"training_tokens": "3"}],
)
def test_tokens_that_a_record_counts_in_two_ways_or_in_part_are_not_compared(counted: dict[str, str]) -> None:
    job = {"id": "1", "arn": TOKENS.resource, "region": "eu-west-1", "start": None, "end": None, "instances": []}
    model = {"original": {"base_model": ""}, "lineage": {"base_model": "", "other_names": []}}
    assert recorded_run({"job": {**job, "finished": True, "billable_tokens": counted}, **model}).tokens is None


def test_a_month_that_is_not_read_is_no_time_of_the_bill() -> None:
    """October and December together were read as November, too, whose tokens they took."""
    run_of_51_days = run(51 * 24, datetime(2025, 10, 20, tzinfo=UTC), hosts={}, tokens=10**6)
    october, december = datetime(2025, 10, 25, tzinfo=UTC), datetime(2025, 12, 2, tzinfo=UTC)
    lines = [replace(TOKENS, start=at, end=at + HOUR, amount=500 * 10**10) for at in (october, december)]
    assert doubts(explained(*lines, runs=(run_of_51_days,))) == {"tokens-of-other-months"}
    november = replace(lines[0], start=december - 480 * HOUR, end=december - 479 * HOUR, amount=1)
    assert explained(*lines, november, runs=(run_of_51_days,)).complete


@pytest.mark.parametrize("unit", ["1K tokens", "", "Units", "1K", "TokenCount"])
@pytest.mark.parametrize("usage_type", ["EU-Tokens-RFT-InferenceRollout", "EU-RFT-inference", "EU-RFT-Input-Tokens"])
def test_what_a_run_generates_is_its_own_whatever_that_is_called(unit: str, usage_type: str) -> None:
    """It was left aside, and the bill was complete without it."""
    service = "AmazonSageMaker"
    agent = replace(TOKENS, service=service, usage_type=usage_type, unit=unit, instance_type="", resource=agent_arn())
    assert [why for _, why in charges_of(explained(agent))] == [RestReason.NO_RECORD]
