"""Evidence: what AWS answered about one run, kept byte for byte beside its record.

The audit is a pure function of these bytes, so anyone can repeat it. What could not be read is part of the evidence.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from flops_auditor.domain.runs.amendment import Amendment, read_amendment
from flops_auditor.domain.runs.tags_seen import TagsSeen, read_tags_seen
from flops_auditor.domain.values.canonical_json import each_key_once
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import all_iso, iso, read_time
from flops_auditor.domain.values.texts import whole_text

_LONGEST_PERIOD = 86400
SCHEMA = "https://flops-auditor.dev/evidence/v2"
TRAINING_JOB = "sagemaker:training-job"
"""The source whose description is the answer of DescribeTrainingJob."""
CUSTOMIZATION_JOB = "bedrock:model-customization-job"
"""The same of GetModelCustomizationJob."""
TRAINING_SESSION = "sagemaker:training-session"
"""The same of DescribeTrainingSession."""
SAGEMAKER_JOB = "sagemaker:job"
"""The same of DescribeJob."""
CLUSTER_RUN = "sagemaker:cluster-run"
"""The source whose description is what a HyperPod cluster's operator says of one run, beside the answer of
DescribeCluster and what ListClusterNodes answered about the hosts that it names.
"""
BATCH_JOB = "batch:job"
"""The same of what DescribeJobs says of one job."""


class MalformedEvidence(AuditorError):
    """A file that is not the evidence of a job."""

    remedy = "Pass the evidence file unchanged, as it stands beside the record."


DENIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
        "OptInRequired",
    }
)
"""Error codes with which AWS says that a right is missing."""
TOO_LARGE = "TooLarge"
"""Our own word for an answer that is not kept whole (bounded_evidence.py)."""
_DENIED_SERIES = "Forbidden"
"""What GetMetricData says of one series (API Reference, MetricDataResult, StatusCode)."""


@dataclass(frozen=True)
class Unread:
    """A question that got no answer: `source` is the API call, `error` its error code, `detail` for people."""

    source: str
    error: str
    detail: str = ""

    @property
    def denied(self) -> bool:
        """Whether a right is missing, rather than what was asked for."""
        return self.error in DENIALS or self.error == _DENIED_SERIES

    def __str__(self) -> str:
        return f"{self.source} answered {self.error}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Evidence:
    """Answers as they came: `description` by the service that ran the run, `tags`, and `metrics` of GetMetricData.

    `source` names the service and kind of run: which parser reads the description. `metrics` are MetricDataResults
    whose Label is "<metric> <host>" or "<metric>"; `period_seconds` is the period that was asked for, None when unknown
    (a file from a person). `files` holds small JSON texts by S3 URI. `packages` are what was answered about model
    packages and custom models that the run begins from, by ARN, or why there is none; `objects` the same of the S3
    objects that it begins from and leaves, by place, and of the compute environments that it may have run in, by ARN.
    `amendments` are what people added after the first record, oldest first. `tags_seen` are the auditor's tags as they
    were while the run went on, oldest first. `shut_doors` are the sources that the recorder did not look after.
    """

    description: Mapping[str, Any]
    tags: Sequence[Mapping[str, str]] | None = None
    metrics: Sequence[Mapping[str, Any]] = ()
    period_seconds: int | None = None
    unread: tuple[Unread, ...] = ()
    collected_at: datetime | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    amendments: tuple[Amendment, ...] = ()
    packages: Mapping[str, Mapping[str, Any] | Unread] = field(default_factory=dict)
    objects: Mapping[str, Mapping[str, Any] | Unread] = field(default_factory=dict)
    source: str = TRAINING_JOB
    tags_seen: tuple[TagsSeen, ...] = ()
    shut_doors: tuple[str, ...] = ()

    def to_bytes(self) -> bytes:
        """The evidence file: UTF-8 JSON, sorted keys, times in ISO 8601."""
        document: dict[str, Any] = {
            "schema": SCHEMA,
            "source": self.source,
            "collectedAt": iso(self.collected_at) if self.collected_at else None,
            "description": self.description,
            "tags": self.tags,
            "metrics": {"periodSeconds": self.period_seconds, "results": self.metrics},
            "files": self.files,
            "unread": [asdict(unread) for unread in self.unread],
        }
        for name, answers in (("packages", self.packages), ("objects", self.objects)):
            if answers:
                document[name] = {
                    key: {"unread": asdict(answer)} if isinstance(answer, Unread) else {"answer": answer}
                    for key, answer in answers.items()
                }
        if self.tags_seen:
            document["tagsSeen"] = [look.to_json() for look in self.tags_seen]
        if self.shut_doors:
            document["shutDoors"] = list(self.shut_doors)
        if self.amendments:
            document["amendments"] = [amendment.to_json() for amendment in self.amendments]
        return json.dumps(document, sort_keys=True, ensure_ascii=False, default=_plain).encode()


def plain(value: Any) -> Any:
    """An answer of the SDK as JSON will give it back: times as text, so that what is collected equals what is kept.

    A job's owner may write what is no text; see values/texts.py.
    """
    if isinstance(value, str):
        return value if value.isascii() else whole_text(value)
    if value is None or isinstance(value, int | float):  # first: there are many of them
        return value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {plain(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        return _all_plain(value)
    return value


def _all_plain(values: Sequence[Any]) -> list[Any]:
    """A series' times, or its values, are not looked at one by one."""
    kinds = set(map(type, values))
    if kinds == {datetime}:
        return all_iso(values)
    return list(values) if kinds == {float} else [plain(each) for each in values]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not evidence")


def parse_evidence(body: bytes) -> Evidence:
    """Read an evidence file. Raises MalformedEvidence."""
    try:
        document = json.loads(body, object_pairs_hook=each_key_once)
        if rb"\ud" in body.lower():
            document = plain(document)
        if document["schema"] != SCHEMA:
            raise MalformedEvidence(f"schema is {str(document['schema'])[:80]!r}, expected {SCHEMA}")
        metrics = document["metrics"]
        return Evidence(
            description=document["description"],
            tags=document["tags"],
            metrics=metrics["results"],
            period_seconds=_period(metrics["periodSeconds"]),
            unread=tuple(_unread(member) for member in document["unread"]),
            collected_at=read_time(document["collectedAt"]) if document["collectedAt"] else None,
            files=document["files"],
            amendments=tuple(read_amendment(member) for member in document.get("amendments", ())),
            packages={arn: _answer(member) for arn, member in document.get("packages", {}).items()},
            objects={place: _answer(member) for place, member in document.get("objects", {}).items()},
            source=str(document["source"]),
            tags_seen=tuple(read_tags_seen(member) for member in document.get("tagsSeen", ())),
            shut_doors=tuple(map(str, document.get("shutDoors", ()))),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedEvidence(f"not an evidence file: {error}") from error


def _period(value: object) -> int | None:
    """Seconds of a period of CloudWatch, which is a day at most."""
    if value is not None and (type(value) is not int or not 0 < value <= _LONGEST_PERIOD):
        raise ValueError(f"periodSeconds is {str(value)[:40]!r}")
    return value


def _unread(members: Mapping[str, str]) -> Unread:
    return Unread(members["source"], members["error"], members["detail"])


def _answer(members: Mapping[str, Any]) -> Mapping[str, Any] | Unread:
    if "unread" in members:
        return _unread(members["unread"])
    return dict(members["answer"])


def written_at(answer: Mapping[str, Any]) -> datetime | None:
    """When an object was written, as S3 answered; None where no point in time is said."""
    try:
        return read_time(answer.get("LastModified", ""))
    except (ValueError, OverflowError):
        return None


def digest_of_tags(tags: Sequence[Mapping[str, str]]) -> str:
    """SHA-256 over tags in order of their keys, in hex: equal where the tags say the same."""
    pairs = sorted((str(tag["Key"]), str(tag["Value"])) for tag in tags)
    return sha256(json.dumps(pairs).encode()).hexdigest()
