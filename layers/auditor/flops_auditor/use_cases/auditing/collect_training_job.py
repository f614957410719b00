"""Collect what SageMaker and CloudWatch know about a training job, and what they refused to say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Evidence, Unread, plain
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.artifacts import (
    ARTIFACT,
    GET_ATTRIBUTES,
    NOT_THERE,
    Objects,
    objects_of,
    own_artifact,
)
from flops_auditor.domain.runs.sources.model_packages import Packages, beginnings, own_packages
from flops_auditor.domain.runs.sources.training_job import run_of
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob, parse_training_job
from flops_auditor.domain.runs.sources.training_job_events import last_word, pointer_to
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.arns import region_of
from flops_auditor.use_cases.auditing.collect_evidence import (
    Described,
    SaidOfModels,
    amendments_of,
    check_identity,
    nothing_said,
)
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn, tried
from flops_auditor.use_cases.ports.sources import (
    JobMetrics,
    MetricRequest,
    ObjectAttributes,
    SourceDenied,
    TrainingJobs,
    UnknownTrainingJob,
)

RETENTION = ((60, timedelta(days=15)), (300, timedelta(days=63)), (3600, timedelta(days=455)))
"""Amazon CloudWatch User Guide, metrics retention: period in seconds -> how long it is kept."""
COARSER = (2 * 3600, 4 * 3600, 8 * 3600, 24 * 3600)
"""Periods in seconds for jobs of so many hosts that the coarsest that is kept has too many points."""
MOST_POINTS = 100_800
"""One GetMetricData call. Beyond it a coarser period is asked for."""

PACKAGE_LEVELS = 2
"""A package that the job names, and the package that this one was made from. What lies further back is a doubt."""
MOST_PACKAGES = 10
AskTags = Callable[[], Sequence[Mapping[str, str]]]
"""What ListTags says of the job. Raises SourceDenied."""


@dataclass(frozen=True)
class TrainingJobCollector:
    """The Collector of SageMaker's training jobs. `objects` is None where artifacts are not compared; `at_once` makes
    calls side by side.
    """

    jobs: TrainingJobs
    metrics: JobMetrics
    vocabulary: TrainerMetrics
    objects: ObjectAttributes | None = None
    at_once: SideBySide = in_turn

    def pointer(self, arn: str, created: datetime | None) -> JobPointer:
        """What points at a training job that is known."""
        return pointer_to(arn, created)

    def describe(self, pointer: JobPointer) -> Described:
        """What SageMaker says of the job, or, when it no longer knows it, what the event said, with that doubt. Its
        tags are asked for beside, unless anybody may have named the job.
        """
        ask_tags = partial(self.jobs.tags, pointer.arn, pointer.region)
        asked: list[Callable[[], Any]] = [partial(self.jobs.describe, pointer.name, pointer.region)]
        if pointer.trusted:
            asked.append(partial(tried, ask_tags))
        try:
            told, *beside = self.at_once(asked)
            answer = plain(told)
            job = parse_training_job(answer)
            check_identity(pointer, job.arn, job.creation_time, "a job")
            return self.described(answer, job, tags=beside[0] if beside else ask_tags)
        except UnknownTrainingJob as unknown:
            if not pointer.known_to_exist:
                raise
            doubt = f"SageMaker no longer knows the job, what {pointer.source} said of it is all there is: {unknown}"
            gone = Unread("sagemaker:DescribeTrainingJob", unknown.name, doubt[:400])
            return self.described(*last_word(pointer), gone)

    def described(
        self, answer: Mapping[str, Any], job: TrainingJob, *gone: Unread, tags: AskTags | None = None
    ) -> Described:
        """A training job as SageMaker describes it; `answer` is plain JSON."""
        ask = partial(collect, answer, job, self, gone=gone, ask_tags=tags)
        return Described(job.job_id, job.name, job.training_job_status, job.state, ask, bool(gone))


def collect(
    description: Mapping[str, Any],
    job: TrainingJob,
    sources: TrainingJobCollector,
    now: datetime,
    of_models: SaidOfModels = nothing_said,
    gone: Sequence[Unread] = (),
    ask_tags: AskTags | None = None,
) -> Case:
    """Ask for tags, packages and metrics of a described job. Refusals become part of the evidence, passing faults are
    raised.

    `description` is the answer as JSON (`evidence.plain`), `job` what was read from it. `gone` says that SageMaker no
    longer knows the job: then it has no tags to ask for, but metrics may be left. `of_models` gives what people say of
    the run's model, `ask_tags` what ListTags says, where that was asked before.
    """
    unread = list(gone)
    tags = None
    try:
        tags = None if gone else plain(ask_tags() if ask_tags else sources.jobs.tags(job.arn, job.region))
    except SourceDenied as denied:
        unread.append(denied.unread)
    job = job.with_tags(tags) if tags is not None else job
    evidence = Evidence(description, tags, collected_at=now)
    run = run_of(job, evidence)
    request = metric_request(run, sources.vocabulary, now)
    further, read = sources.at_once(
        [
            partial(_ask_further, run, job, evidence, sources, of_models),
            partial(_read_metrics, request, sources.metrics),
        ]
    )
    unread += [*further.refused, *read.refused]
    evidence = replace(
        evidence,
        metrics=read.results or (),
        period_seconds=request.period_seconds if request and read.results is not None else None,
        unread=tuple(unread),
        packages=further.packages,
        objects=further.objects,
        amendments=further.amendments,
    )
    return Case(evidence, run_of(job, evidence) if further.objects else further.run)


class _Further(NamedTuple):
    """The run with its packages, what else is asked of it, and whether what is said of its model could not be read."""

    run: Run
    packages: Packages
    objects: Objects
    amendments: tuple[Amendment, ...]
    refused: tuple[Unread, ...]


def _ask_further(
    run: Run, job: TrainingJob, evidence: Evidence, sources: TrainingJobCollector, of_models: SaidOfModels
) -> _Further:
    packages = read_packages(run, job, sources.jobs)
    run = run_of(job, replace(evidence, packages=packages)) if packages else run
    objects = read_objects(run, job, sources.objects) if sources.objects else {}
    return _Further(run, packages, objects, *amendments_of(of_models, run))


class _Metrics(NamedTuple):
    """Series, None where nothing was asked or the asking was refused."""

    results: Sequence[Mapping[str, Any]] | None
    refused: tuple[Unread, ...] = ()


def _read_metrics(request: MetricRequest | None, metrics: JobMetrics) -> _Metrics:
    try:
        return _Metrics(None if request is None else plain(metrics.read(request)))
    except SourceDenied as denied:
        return _Metrics(None, (denied.unread,))


def read_packages(run: Run, job: TrainingJob, jobs: TrainingJobs) -> Packages:
    """Ask for the model packages of this account that the job begins from, and for those that they were made from."""
    packages: dict[str, Mapping[str, Any] | Unread] = {}
    named = run.begins
    for level in range(PACKAGE_LEVELS):
        if level:
            named, _notes = beginnings(job, run.declared.lineage, packages)
        fresh = [arn for arn in own_packages(named, job) if arn not in packages]
        for arn in fresh[: MOST_PACKAGES - len(packages)]:
            try:
                packages[arn] = plain(jobs.model_package(arn, region_of(arn)))
            except SourceDenied as denied:
                packages[arn] = denied.unread
        if not fresh:
            break
    return packages


def read_objects(run: Run, job: TrainingJob, source: ObjectAttributes) -> Objects:
    """Ask for the run's own artifact and for the objects that it begins from. A file that it did not leave is left out;
    any other place where no object is becomes evidence.
    """
    own = own_artifact(job)
    objects: dict[str, Mapping[str, Any] | Unread] = {}
    for place in objects_of(run.begins, job):
        try:
            answer = source.read(place.space.removeprefix("s3://"), "/".join(place.path))
        except SourceDenied as denied:
            objects[str(place)] = denied.unread
            continue
        if answer is not None:
            objects[str(place)] = plain(answer)
        elif place != own or place.path[-1] != ARTIFACT:
            objects[str(place)] = Unread(GET_ATTRIBUTES, NOT_THERE)
    return objects


def metric_request(run: Run, vocabulary: TrainerMetrics, now: datetime) -> MetricRequest | None:
    """What to ask CloudWatch for; None when the run never trained, has no hosts, or is older than any metric."""
    hosts = sum(group.instance_count for group in run.hosts)
    named = {name: meaning for name in sorted(run.metric_names) if (meaning := vocabulary.recognise(name))}
    counters = tuple(name for name, meaning in named.items() if meaning.cumulative)
    lowest = tuple(name for name, meaning in named.items() if meaning.lowest_too)
    request = MetricRequest(run.name, run.region, hosts, tuple(named), counters, run.time.spans, 0, lowest)
    return at_finest_period(request, now) if request.series else None


def at_finest_period(request: MetricRequest, now: datetime) -> MetricRequest | None:
    """The request at the finest period that there is for it; None where CloudWatch keeps nothing of it any more.

    Of more hosts than fit at any period the first are asked for: the others then count as silent ones do.
    """
    period = finest_period(request.spans, lambda period: replace(request, period_seconds=period).series, now)
    if period is None:
        return None
    asked = replace(request, period_seconds=period)
    room = MOST_POINTS * period / max(seconds_of(request.spans), period)
    over = asked.series - int(room)
    return replace(asked, hosts=max(0, asked.hosts - -(-over // asked.of_each_host))) if over > 0 else asked


def finest_period(spans: tuple[Span, ...], series: Callable[[int], int], now: datetime) -> int | None:
    """The finest period in seconds that CloudWatch still keeps for the whole job, and of which so many series fit
    MOST_POINTS; the coarsest of all, where none does.
    """
    if not spans:
        return None
    seconds = seconds_of(spans)
    kept = [period for period, age in RETENTION if now - spans[0].start < age]
    asked = [*kept, *COARSER] if kept else []
    fitting = [period for period in asked if seconds / period * max(1, series(period)) <= MOST_POINTS]
    return fitting[0] if fitting else (asked[-1] if asked else None)


def seconds_of(spans: tuple[Span, ...]) -> float:
    """From the beginning of the first span to the end of the last."""
    return (spans[-1].end - spans[0].start).total_seconds()
