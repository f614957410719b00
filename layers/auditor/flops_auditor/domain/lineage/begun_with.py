"""Which models stand above the runs that a record counts together: what none of these runs wrote."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from flops_auditor.domain.lineage.lineage import Ancestor, listed
from flops_auditor.domain.runs.model_names import is_place


def models_begun_with(content: Mapping[str, Any]) -> tuple[str, ...]:
    """The models that the runs of a record began with, as they name them; nearly always one, or none.

    A place is such a model as a run names it that continues no weights of other runs, and as it is inherited from one.
    What a run names beside weights that it continues may be these, so it is none; nor is a place that has the name of a
    counted run in it, as SageMaker writes results.
    """
    original: str = content["original"]["base_model"]
    if not is_place(original) or not content["lineage"]["parents"]:
        return (original,) if original else ()
    counted = listed(content).counted
    data = {run.job_id for run in counted if not run.has_weights}
    begun = [each for each in counted if each.has_weights and data.issuperset(each.parents)]
    named = [_inherited(content, data), *(first.base_model for first in begun if not first.from_scratch)]
    return tuple(dict.fromkeys(each for each in named if each and not _written_by(counted, each)))


def own_result(content: Mapping[str, Any]) -> bool:
    """Whether what a record calls its original is the result of a run that it counts."""
    return _written_by(listed(content).counted, content["original"]["base_model"])


def names_it(run: Mapping[str, Any], model: str) -> bool:
    """Whether a listed run calls its model so."""
    return model in (run.get("base_model"), *run.get("other_names", ()))


def _written_by(counted: Iterable[Ancestor], place: str) -> bool:
    """Whether a place in a bucket has a run's name in its path (DescribeTrainingJob, ModelArtifacts)."""
    return place.startswith("s3://") and not {run.name for run in counted}.isdisjoint(place.split("/")[3:])


def _inherited(content: Mapping[str, Any], data: Collection[str]) -> str:
    """The original of a record where it is inherited, or the run itself continues no weights."""
    original, lineage = content["original"]["base_model"], content["lineage"]
    own = original in (lineage["base_model"], *lineage["other_names"])
    return original if not own or set(lineage["parents"]) <= set(data) else ""
