"""A SageMaker training session as a run.

Its service counts three kinds of tokens and charges for each. Training tokens are those of passes forward and backward,
and of passes forward alone (ExecuteTrainingOperation: "The service populates this field for forward and forwardBackward
operations"), so there were at most so many updates. Sample tokens are generated, prefill tokens read: both pass forward
alone and count on the cumulative basis (Annex A.1 of the Guidelines, C(2025) 5045).
"""

from collections.abc import Sequence
from fractions import Fraction

from flops_auditor.domain.runs.billable_tokens import tokens_by_kind
from flops_auditor.domain.runs.declared import Statements, read_declared
from flops_auditor.domain.runs.evidence import TRAINING_SESSION, Evidence
from flops_auditor.domain.runs.places import Location, Reference, each_once
from flops_auditor.domain.runs.remedies import COUNT_ALL
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.domain.runs.sources.training_job_places import named_by_the_tag, of_hub
from flops_auditor.domain.runs.sources.training_session_answer import TrainingSession, parse_training_session
from flops_auditor.domain.runs.training_time import STILL_TRAINING, UNKNOWN_TIME, TrainingTime
from flops_auditor.domain.values.remarks import Kind, Remark

SOURCE = TRAINING_SESSION
TRAINED = "TrainingTokenCount"

NO_TOKENS = Kind("no-tokens-charged", "training time: its service counts no tokens of it")
TOKENS_NOT_SAID = Kind("tokens-not-said", "its service does not say its {names:list}", COUNT_ALL)
OPERATIONS_WITHOUT_TOKENS = Kind(
    "operations-without-tokens",
    "contradictory evidence: its service received {count} training operations and counts no tokens of them",
    COUNT_ALL,
)


def read_training_session(evidence: Evidence) -> Run:
    """The run of a DescribeTrainingSession answer. Raises MalformedTrainingSession."""
    return run_of(parse_training_session(evidence.description, evidence.tags))


def run_of(session: TrainingSession) -> Run:
    """The run of a session whose answer is parsed already."""
    usage, nothing = session.billable_token_usage, _took_nothing(session)
    declared = read_declared(statements(session))
    begins, remarks = references(session, declared.lineage)
    reads, _ = references(session, ()) if declared.lineage else ((), ())
    left = outputs(session)
    return Run(
        source=SOURCE,
        kind="Training session",
        arn=session.training_session_arn,
        name=session.training_session_name,
        region=session.region,
        status=session.training_session_status,
        state=session.state,
        created=session.creation_time,
        started=session.creation_time,
        ended=session.end_time or session.last_modified_time,
        time=training_time(session),
        declared=declared,
        undisclosed="" if nothing else "training session",
        billed_tokens=usage.training_token_count,
        billed_as=TRAINED,
        billed_all_trained=False,
        generated_tokens=(usage.sample_token_count or 0) + (usage.prefill_token_count or 0),
        billable_tokens=tokens_by_kind(usage.training_token_count, usage.sample_token_count, usage.prefill_token_count),
        data_doubts=token_doubts(session),
        begins=begins,
        begins_notes=tuple(each for each in remarks if each.kind.remedy is None),
        begins_doubts=tuple(each for each in remarks if each.kind.remedy is not None),
        reads=tuple(str(each.location) for each in reads),
        results=(Location(session.training_session_arn), *left),
        checkpoints=left,
        role=session.role_arn,
        tags=session.tags,
        stop_command=(
            f"aws sagemaker stop-training-session --training-session-name {session.training_session_name} "
            f"--region {session.region}"
        ),
    )


def statements(session: TrainingSession) -> Statements:
    """What the session says of itself, and its service's fields of it."""
    return Statements(
        tags=session.tags,
        parameters={},
        environment={},
        model_names={"the service's base model": session.base_model} if session.base_model else {},
        parameter_efficient=session.lora_config is not None,
        trains=() if session.billable_token_usage.training_token_count == 0 else (TRAINED,),
    )


def outputs(session: TrainingSession) -> tuple[Location, ...]:
    """Where it leaves checkpoints: its group of model packages and its place in S3, both of its owner's choice."""
    group = session.model_package_group_arn
    places = (Location(group) if group else None, read_location(session.output))
    unread = [] if places[1] or not session.output.strip() else [Location(session.output.strip())]
    return tuple(dict.fromkeys([*(place for place in places if place is not None), *unread]))


def references(session: TrainingSession, tagged: Sequence[str]) -> tuple[tuple[Reference, ...], tuple[Remark, ...]]:
    """What the session begins from, and remarks about what was not used. `tagged` is its lineage tag.

    It may load any checkpoint of its account (`loadState`), which its description does not say. One of its own group of
    model packages is what it continues, as with a place of checkpoints that jobs share.
    """
    result, nothing = named_by_the_tag(tagged)
    if nothing:
        return each_once(result), nothing
    if session.model_package_group_arn:
        result.append(Reference(Location(session.model_package_group_arn), "model package group"))
    return each_once(result), tuple(of_hub(session.base_model, "base model"))


def token_doubts(session: TrainingSession) -> tuple[Remark, ...]:
    """Why its tokens are not known, which a person's number settles."""
    usage = session.billable_token_usage
    doubts = unsaid_tokens(usage.training_token_count, usage.sample_token_count, usage.prefill_token_count)
    if usage.training_token_count == 0 and session.last_received_sequence_number:
        doubts.append(OPERATIONS_WITHOUT_TOKENS(count=session.last_received_sequence_number))
    return tuple(doubts)


def unsaid_tokens(training: int | None, sample: int | None, prefill: int | None) -> list[Remark]:
    """The doubt that a service does not say some of the counts of tokens that it charges for; none where it does."""
    counts = {"training tokens": training, "sample tokens": sample, "prefill tokens": prefill}
    unsaid = [name for name, count in counts.items() if count is None]
    return [TOKENS_NOT_SAID(names=unsaid)] if unsaid else []


def training_time(session: TrainingSession) -> TrainingTime:
    """Its service says for how long it was open, not for how long it trained; its hardware is not disclosed, so no
    figure rests on it.
    """
    if _took_nothing(session):
        return TrainingTime((), Fraction(0), NO_TOKENS())
    doubts = () if session.finished else (STILL_TRAINING(status=session.training_session_status),)
    return TrainingTime((), None, UNKNOWN_TIME(), doubts)


def _took_nothing(session: TrainingSession) -> bool:
    """Whether it ended and its service says of every kind of token that there was none."""
    usage = session.billable_token_usage
    none = usage.training_token_count == usage.sample_token_count == usage.prefill_token_count == 0
    return session.finished and none and not token_doubts(session)
