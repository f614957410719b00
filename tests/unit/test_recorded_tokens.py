"""How many tokens a record says: what a bill that charges by tokens is compared with."""

from typing import Any

import pytest

from flops_auditor.domain.audit.record import MORE
from flops_auditor.domain.bill.recorded_runs import recorded_run
from flops_auditor.domain.bill.recorded_tokens import most_tokens
from flops_auditor.domain.compute.architecture import FORWARD, GENERATED, IN_FULL, IN_PART, IN_UNKNOWN_PART
from flops_auditor.domain.compute.tiers import HARDWARE_ALONE, REPORTED
from flops_auditor.domain.runs.data_tokens import BOUND_BY_DATA, tokens_of_data
from flops_auditor.domain.runs.sources.training_session import NO_TOKENS, TOKENS_NOT_SAID
from flops_auditor.domain.values.remarks import Remark
from tests.fakes.customization_jobs import BYTES, FakeCustomizationJobs, customization
from tests.fakes.sagemaker_jobs import agent_job
from tests.fakes.training_sessions import session
from tests.unit.test_customization_door import delivered, working
from tests.unit.test_sagemaker_job_door import World as SageMakerJobs
from tests.unit.test_training_session_door import World as TrainingSessions

PARAMETERS = 3_210_000_000
BASES = (
    IN_FULL(parameters=PARAMETERS, tokens=10**9),
    IN_PART(parameters=PARAMETERS, trainable=10**7, tokens=10**9),
    IN_UNKNOWN_PART(parameters=PARAMETERS, tokens=10**9),
    FORWARD(parameters=PARAMETERS, tokens=10**9),
)
BESIDE = GENERATED(tokens=3 * 10**8, parameters=PARAMETERS, flop=10**18)


def estimate(*bases: Remark, assumptions: tuple[Remark, ...] = (), doubts: tuple[Remark, ...] = ()) -> dict[str, Any]:
    return {
        "tiers": [{"basis": each.words} for each in bases],
        "assumptions": [each.spoken.to_json() for each in assumptions],
        "doubts": [each.spoken.to_json() for each in doubts],
    }


@pytest.mark.parametrize("basis", BASES, ids=[each.kind.name for each in BASES])
def test_tokens_are_read_from_what_an_estimate_says(basis: Remark) -> None:
    """1.00e9 is at most 1.005e9."""
    assert most_tokens(estimate(basis)) == 1_005_000_000
    assert most_tokens(estimate(HARDWARE_ALONE(), basis, assumptions=(BESIDE,))) == 1_005_000_000 + 300_500_000


@pytest.mark.parametrize("tokens", [1, 999, 1000, 1004, 1005, 123_456_789, 10**15 - 1, 7 * 10**30])
def test_no_number_of_tokens_is_read_as_less_than_it_was(tokens: int) -> None:
    most = most_tokens(estimate(IN_FULL(parameters=PARAMETERS, tokens=tokens)))
    assert most is not None and tokens <= most <= tokens * 1.0101


def test_the_largest_of_several_counts_is_the_most() -> None:
    other = IN_FULL(parameters=PARAMETERS, tokens=10**10)
    assert most_tokens(estimate(BASES[0], other)) == 10_050_000_000


def test_data_may_hold_as_many_tokens_as_bytes() -> None:
    data = tokens_of_data(10**9, 5, "5 passes")
    most = most_tokens(estimate(IN_FULL(parameters=1, tokens=data.usual), assumptions=(BOUND_BY_DATA(),)))
    assert most is not None and data.most <= most <= data.most * 1.01


@pytest.mark.parametrize(
    "said",
    [
        estimate(),
        estimate(HARDWARE_ALONE()),
        estimate(REPORTED(flop=10**20, name="total_flos")),
        estimate(BASES[0], doubts=(TOKENS_NOT_SAID(names=["sample tokens"]),)),
        estimate(BASES[0], assumptions=(MORE(count=3),)),
    ],
)
def test_a_record_that_does_not_say_all_of_them_says_none(said: dict[str, Any]) -> None:
    assert most_tokens(said) is None


def test_a_run_that_was_charged_for_none_had_none() -> None:
    assert most_tokens(estimate(assumptions=(NO_TOKENS(),))) == 0


def test_records_of_every_door_that_is_charged_by_tokens_say_them() -> None:
    """Whatever the words of a release are: what is read is what it writes."""
    sessions, newer, jobs = TrainingSessions(), SageMakerJobs(), FakeCustomizationJobs()
    one, other, tuned = sessions.sessions.add(session()), newer.newer.add(agent_job()), jobs.add(customization(1))
    sessions.reconcile()
    newer.reconcile()
    counted = 1_005_000_000 + 300_500_000
    assert recorded_run(sessions.content(one)).tokens == recorded_run(newer.content(other)).tokens == counted
    most = recorded_run(delivered(tuned, working(jobs))).tokens
    passes = int(tuned["hyperParameters"]["epochCount"])
    assert most is not None and passes * BYTES <= most <= passes * BYTES * 1.01
