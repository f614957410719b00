"""A record counts the tokens that its service charges for: what a bill is compared with, to the token."""

from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.domain.audit.record import job_part
from flops_auditor.domain.ledger.forms import RECORD_FORM
from flops_auditor.domain.ledger.ledger_errors import EvidenceMismatch, MalformedRecord
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import Case, case_of
from flops_auditor.domain.runs.sources.customization_job import SOURCE
from flops_auditor.use_cases.auditing.keep_record import case_behind, newest
from flops_auditor.use_cases.auditing.reassess_record import reassess_record
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.audit import NOW
from tests.fakes.customization_jobs import BYTES, FakeCustomizationJobs, customization
from tests.fakes.sagemaker_jobs import agent_evidence, agent_job, document
from tests.fakes.training_sessions import PREFILLED, SAMPLED, TRAINED, USAGE, session, session_evidence
from tests.unit.test_customization_door import delivered, working
from tests.unit.test_job_estimate import SERVERLESS, audited
from tests.unit.test_training_session_door import World

KINDS = {"training_tokens": str(TRAINED), "sample_tokens": str(SAMPLED), "prefill_tokens": str(PREFILLED)}


def counted(case: Case) -> dict[str, str] | None:
    tokens = case.run.billable_tokens
    return tokens and tokens.to_json()


def test_a_session_has_the_three_kinds_that_its_service_charges_for() -> None:
    world = World()
    detail = world.sessions.add(session())
    world.reconcile()
    assert world.content(detail)["job"]["billable_tokens"] == KINDS


@pytest.mark.parametrize("name", USAGE)
def test_where_one_kind_is_not_said_nothing_is_counted(name: str) -> None:
    """There may be any number of it."""
    usage = {kind: count for kind, count in USAGE.items() if kind != name}
    assert counted(case_of(session_evidence(session(BillableTokenUsage=usage)))) is None
    assert counted(case_of(session_evidence(session(BillableTokenUsage=None)))) is None


def test_a_session_that_was_charged_nothing_has_none() -> None:
    none = dict.fromkeys(USAGE, 0)
    assert counted(case_of(session_evidence(session(BillableTokenUsage=none)))) == dict.fromkeys(KINDS, "0")


def test_a_sagemaker_job_that_trains_has_them_where_its_service_wrote_them() -> None:
    assert set(counted(case_of(agent_evidence())) or ()) == set(KINDS)


@pytest.mark.parametrize(
    "changes",
    [
        {"JobStatus": "Failed"},
        {"JobStatus": "Stopped"},
        {"JobConfigSchemaVersion": "2.0.0"},
        {"config": "x"},
        {"config": document(TrainingConfig="x")},
        {"category": "DataTransformation", "config": {}},
        {"category": "SyntheticDataGeneration"},
    ],
)
def test_what_an_owner_may_have_written_is_not_counted(changes: dict[str, Any]) -> None:
    assert counted(case_of(agent_evidence(agent_job(**changes)))) is None


def test_a_serverless_job_has_what_its_service_counts_together() -> None:
    assert job_part(audited(**SERVERLESS))["billable_tokens"] == {"all_tokens": str(10**9)}
    assert "billable_tokens" not in job_part(audited(**{**SERVERLESS, "BillableTokenCount": None}))
    assert job_part(audited(**{**SERVERLESS, "BillableTokenCount": 0}))["billable_tokens"] == {"all_tokens": "0"}
    assert "billable_tokens" not in job_part(audited())


def test_a_customization_job_has_what_its_data_bounds() -> None:
    jobs = FakeCustomizationJobs()
    answer = jobs.add(customization(1))
    content = delivered(answer, working(jobs))
    most = BYTES * int(answer["hyperParameters"]["epochCount"])
    assert content["job"]["billable_tokens"] == {"most_tokens": str(most)}
    jobs = FakeCustomizationJobs()
    distilled = jobs.add(customization(1, customizationType="DISTILLATION"))
    assert "billable_tokens" not in delivered(distilled, working(jobs))["job"]


class Recorded:
    """A session's record, and what computes it again."""

    def __init__(self) -> None:
        world = World()
        detail = world.sessions.add(session())
        world.reconcile()
        self.recorder = world.recorder
        kept = newest(world.content(detail)["job"]["id"], self.recorder)
        assert kept is not None
        self.content = {**kept.content, "code_version": __version__}
        self.job_id: str = self.content["job"]["id"]
        self.case = case_behind(self.job_id, kept, self.recorder)

    def without(self) -> dict[str, Any]:
        """As a version that counted no tokens made it."""
        job = {name: value for name, value in self.content["job"].items() if name != "billable_tokens"}
        return {**self.content, "job": job}

    def recompute(self, content: dict[str, Any]) -> None:
        tables = frozenset(content["tables"].values())
        recompute(self.case.body, content, NothingKept(), tables, self.recorder.services)


def test_a_record_of_a_version_that_counted_none_stays_valid_and_another_number_is_named() -> None:
    recorded = Recorded()
    before = recorded.without()
    RECORD_FORM.check(before)
    recorded.recompute(recorded.content)
    recorded.recompute(before)
    for other in (KINDS | {"sample_tokens": "1"}, {"most_tokens": "9" * 20}, {}):
        with pytest.raises(EvidenceMismatch, match=r"job\.billable_tokens"):
            recorded.recompute({**before, "job": {**before["job"], "billable_tokens": other}})


def test_a_record_of_a_version_that_counted_none_is_not_superseded_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recorded()
    kept = newest(recorded.job_id, recorded.recorder)
    assert kept is not None
    del kept.content["job"]["billable_tokens"]
    monkeypatch.setattr("flops_auditor.use_cases.auditing.reassess_record.newest", lambda *_: kept)
    judged = reassess_record(recorded.job_id, recorded.recorder)
    assert judged is not None
    assert judged.differences == ()


@pytest.mark.parametrize("said", [{}, {"training_tokens": 5}, {"training_tokens": "-5"}, {"tokens": "5"}, None, "5"])
def test_what_is_no_count_is_refused(said: object) -> None:
    content = Recorded().content
    with pytest.raises(MalformedRecord, match="billable_tokens"):
        RECORD_FORM.check({**content, "job": {**content["job"], "billable_tokens": said}})


def test_a_job_whose_training_never_began_explains_no_tokens() -> None:
    """Its record says 0 FLOP, and its data's size explained a charge for all of it."""
    details = {"trainingDetails": {"status": "NotStarted"}}
    evidence = Evidence(customization(status="Failed", statusDetails=details), [], collected_at=NOW, source=SOURCE)
    assert counted(case_of(evidence)) == {"most_tokens": "0"}
