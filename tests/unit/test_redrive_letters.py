"""Dead letters: each is accounted for, none is dropped without a copy, and the reason of its death is shown."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from flops_auditor.use_cases.operations.redrive_letters import Letter, Redriven, redrive
from tests.fakes.batch_jobs import batch_job, container
from tests.unit.test_batch_door import event

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/fine-tune"
EVENT = json.dumps({"source": "aws.sagemaker", "detail": {"TrainingJobArn": ARN}})


@dataclass
class MemoryLetters:
    """The DeadLetters port in lists."""

    dead: list[Letter]
    queue: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    def hold(self) -> Iterator[Letter]:
        for letter in list(self.dead):
            self.held.add(letter.message_id)
            yield letter

    def requeue(self, letter: Letter) -> None:
        self.queue.append(letter.body)
        self.drop(letter)

    def drop(self, letter: Letter) -> None:
        self.dead.remove(letter)
        self.held.remove(letter.message_id)

    def give_back(self, letter: Letter) -> None:
        self.held.remove(letter.message_id)


class Logged:
    """The Reasons port: every failure was an access denial."""

    def why(self, letter: Letter) -> str:
        return "SourceDenied: kms:Sign"


def letters() -> MemoryLetters:
    return MemoryLetters(
        [Letter("a", EVENT, "ha"), Letter("b", "not JSON", "hb"), Letter("c", EVENT, "hc", why="NO_PERMISSIONS: no")]
    )


def test_letters_that_point_at_a_job_are_requeued_with_the_reason_of_their_death() -> None:
    found = letters()
    done = redrive(found, Logged(), dry_run=False)
    assert done == [
        Redriven("a", ARN, "SourceDenied: kms:Sign", "requeued"),
        Redriven("b", "", "SourceDenied: kms:Sign", "left"),
        Redriven("c", ARN, "NO_PERMISSIONS: no", "requeued"),
    ]
    assert found.queue == [EVENT, EVENT]
    assert [letter.message_id for letter in found.dead] == ["b"]
    assert not found.held


def test_what_can_never_be_audited_is_kept_before_it_is_dropped() -> None:
    found, kept = letters(), list[str]()

    def keep(letter: Letter) -> None:
        assert letter in found.dead
        kept.append(letter.body)

    assert [each.action for each in redrive(found, Logged(), dry_run=False, set_aside=keep)] == [
        "requeued",
        "set aside",
        "requeued",
    ]
    assert kept == ["not JSON"]
    assert not found.dead


def test_a_dry_run_changes_nothing() -> None:
    found = letters()
    actions = [each.action for each in redrive(found, Logged(), dry_run=True, set_aside=lambda letter: None)]
    assert actions == ["would be requeued", "would be left", "would be requeued"]
    assert len(found.dead) == 3
    assert not found.queue
    assert not found.held


def test_a_letter_about_no_run_keeps_no_other_from_its_queue() -> None:
    """AWS tells of every Batch job; it raised, and what came behind it stayed dead."""
    no_run = json.dumps(event(batch_job(container=container(0))))
    found, kept = MemoryLetters([Letter("a", no_run, "ha"), Letter("b", EVENT, "hb")]), list[str]()
    done = redrive(found, Logged(), dry_run=False, set_aside=lambda letter: kept.append(letter.body))
    assert [each.action for each in done] == ["set aside", "requeued"]
    assert kept == [no_run] and found.queue == [EVENT]
