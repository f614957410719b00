"""What pods of AWS Batch's jobs ask for by names that are not known: accelerators of any vendor, or none."""

import pytest

from flops_auditor.domain.runs.pointer import PassedOver
from tests.fakes.batch_jobs import batch_job
from tests.unit.test_batch_door import World, event
from tests.unit.test_batch_job import H100, HOUR, audited, doubts, pod

UNKNOWN = ["habana.ai/gaudi", "k8s.amazonaws.com/vgpu", "example.com/gpu", "aliyun.com/gpu-mem", "gpu"]


@pytest.mark.parametrize("name", UNKNOWN)
@pytest.mark.parametrize("beside", [{"cpu": "96"}, {"nvidia.com/gpu": "1"}], ids=["alone", "beside a GPU"])
def test_a_resource_that_is_not_known_is_a_doubt(name: str, beside: dict[str, str]) -> None:
    """All accelerators of its hosts bound it."""
    found = audited(batch_job(container=None, eksProperties=pod(limits={**beside, name: "1"})))
    assert (doubts(found), found.verdict) == ({"resource-of-a-pod-not-known"}, "indeterminate")
    assert (found.estimate.upper_flop, found.estimate.lower_flop) == (8 * 10 * H100 * HOUR, 0)


def test_its_job_has_a_record() -> None:
    world = World()
    answer = world.batch.add(batch_job(container=None, eksProperties=pod(requests={"habana.ai/gaudi": "8"})))
    assert world.take(event(answer)).kind == "recorded"
    assert world.content(answer)["verdict"] == "indeterminate"


@pytest.mark.parametrize("name", ["Nvidia.com/GPU", "NVIDIA.com/gpu"])
def test_capital_letters_hide_no_gpu(name: str) -> None:
    found = audited(batch_job(container=None, eksProperties=pod(limits={name: "4"})))
    assert (doubts(found), found.estimate.upper_flop) == (set(), 4 * 10 * H100 * HOUR)


@pytest.mark.parametrize(
    "name",
    ["cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "vpc.amazonaws.com/efa", "vpc.amazonaws.com/pod-eni"],
)
def test_what_is_no_accelerator_is_passed_over(name: str) -> None:
    with pytest.raises(PassedOver):
        audited(batch_job(container=None, eksProperties=pod(limits={name: "4"})))


def test_none_of_a_resource_is_nothing() -> None:
    with pytest.raises(PassedOver):
        audited(batch_job(container=None, eksProperties=pod(limits={"habana.ai/gaudi": "0"})))
