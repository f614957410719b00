"""Model packages that a job begins from, and where their model data came from.

Anybody may register a package from the artifact of a job, so the ARN alone names no run. A package of another account
is taken for a base model: its runs, if any, are not this account's. Facts: Amazon SageMaker API Reference,
DescribeModelPackage.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field, ValidationError

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.model_names import in_service_bucket
from flops_auditor.domain.runs.places import Location, Reference, each_once
from flops_auditor.domain.runs.remedies import AMEND_ORIGINAL, GRANT
from flops_auditor.domain.runs.s3_spellings import is_access_point, looks_like_s3
from flops_auditor.domain.runs.sources.named_places import (
    MANIFEST,
    NOT_FOLLOWED,
    TOO_MANY_OUTPUTS,
    UNKNOWN_FORM,
    NamedPlaces,
    named_by_variables,
    read_location,
)
from flops_auditor.domain.runs.sources.training_job_answer import (
    AnswerShape,
    DataSource,
    OptionalText,
    S3Source,
    Texts,
    TrainingJob,
    what_is_wrong,
)
from flops_auditor.domain.runs.sources.training_job_places import of_hub, read_made, references
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.remarks import Kind, Remark

Packages = Mapping[str, Mapping[str, Any] | Unread]
"""By ARN: the DescribeModelPackage answer, or why there is none."""
_ARN = re.compile(r"arn:[^:]*:sagemaker:[^:]*:\d+:model-package/.+")
_OF_A_GROUP = re.compile(r"(?P<owner>arn:[^:]*:sagemaker:[^:]*:\d+):model-package/(?P<group>[^/]+)/\d+")


FOREIGN_PACKAGE = Kind(
    "package-of-another-account", "{where} {arn:said200} is of another account: taken for a base model"
)
PACKAGE_NOT_ASKED = Kind(
    "package-not-looked-up", "{where} {arn:said200} was not looked up, and no known job made it", AMEND_ORIGINAL
)
PACKAGE_REFUSED = Kind("package-refused", "{where} {arn:said200} could not be read: {source} answered {error}", GRANT)
PACKAGE_NOT_THERE = Kind(
    "package-not-there", "{where} {arn:said200} could not be had: {source} answered {error}", AMEND_ORIGINAL
)
PACKAGE_WITHOUT_ORIGIN = Kind(
    "package-without-origin", "{where} {arn:said200} does not say where its model data came from", AMEND_ORIGINAL
)
MALFORMED_PACKAGE = Kind(
    "malformed-package", "{where} {arn:said200} could not be read: {error:said200}", AMEND_ORIGINAL
)


class MalformedPackage(AuditorError):
    """A DescribeModelPackage answer that distorts what the API promises."""

    remedy = "Pass the unchanged answer of `aws sagemaker describe-model-package`."


class _ModelData(AnswerShape):
    model_data_url: OptionalText = ""
    model_data_source: DataSource | None = None
    additional_s3_data_source: S3Source | None = Field(default=None, alias="AdditionalS3DataSource")
    environment: Texts = Field(default={})

    @property
    def sources(self) -> tuple[S3Source, ...]:
        """What its container finds, beside its model data URL."""
        held = (self.model_data_source and self.model_data_source.s3_data_source, self.additional_s3_data_source)
        return tuple(source for source in held if source)


class _Inference(AnswerShape):
    containers: tuple[_ModelData, ...] = ()


class _Algorithms(AnswerShape):
    source_algorithms: tuple[_ModelData, ...] = ()


class _Metadata(AnswerShape):
    generated_by: OptionalText = ""


class _Package(AnswerShape):
    inference_specification: _Inference = _Inference.model_construct()
    additional_inference_specifications: tuple[_Inference, ...] = ()
    source_algorithm_specification: _Algorithms = _Algorithms.model_construct()
    source_uri: OptionalText = ""
    metadata_properties: _Metadata = _Metadata.model_construct()


def is_own_package(location: Location, job: TrainingJob) -> bool:
    """Whether a place is a model package of the job's account: that of its role before the job has an ARN, and any
    where neither says.
    """
    return is_package_of(location, job.training_job_arn if _owner(job.training_job_arn) else job.role_arn)


def is_package_of(location: Location, arn: str) -> bool:
    """Whether a place is a model package of the account of an ARN, or of any, where that says none."""
    return is_package(location) and _owner(arn) in ([], _owner(location.space))


def own_packages(named: Sequence[Reference], job: TrainingJob) -> tuple[str, ...]:
    """ARNs of the model packages of the job's account among its references."""
    return tuple(reference.location.space for reference in named if is_own_package(reference.location, job))


def data_places(answer: Mapping[str, Any], where: str) -> tuple[Reference, ...]:
    """Where the model data of a package came from, or what made it. Raises MalformedPackage."""
    package = _read(answer)
    made_from = [(package.source_uri, True), (package.metadata_properties.generated_by, False)]
    texts = [*_model_data(package), *made_from]
    located = [(read_made(text), directory) for text, directory in texts]
    places = [Reference(place, where, directory) for place, directory in located if place is not None]
    return each_once([*places, *(each for named in _named(package) for each in named.references)])


def _read(answer: Mapping[str, Any]) -> _Package:
    try:
        return _Package.model_validate(answer)
    except ValidationError as error:
        raise MalformedPackage(what_is_wrong(error)) from error


def _held(package: _Package) -> list[_ModelData]:
    """All that has weights in a package."""
    held = [*package.inference_specification.containers, *package.source_algorithm_specification.source_algorithms]
    return [*held, *(each for more in package.additional_inference_specifications for each in more.containers)]


def _model_data(package: _Package) -> list[tuple[str, bool]]:
    """The places of a package's model data, each with whether it is a folder."""
    held = _held(package)
    sources = [source for data in held for source in data.sources]
    texts = [(data.model_data_url, False) for data in held]
    texts += [(source.s3_uri, source.s3_data_type == "S3Prefix") for source in sources]
    return [*texts, *((source.manifest_s3_uri, False) for source in sources)]


def _named(package: _Package) -> list[NamedPlaces]:
    """What the variables of a package's containers name."""
    return [named_by_variables(data.environment, "variable of a model package") for data in _held(package)]


def unfold(reference: Reference, packages: Packages) -> tuple[Reference, ...]:
    """A reference and, for a package, its group, which may be where its training session left it, and the places of its
    model data, through the packages that it was made from.
    """
    unfolded = [reference]
    read = set()
    for at in unfolded:
        if group := _OF_A_GROUP.fullmatch(at.location.space):
            place = Location(f"{group['owner']}:model-package-group/{group['group']}")
            unfolded.append(Reference(place, reference.where))
        answer = packages.get(at.location.space)
        if isinstance(answer, Mapping) and at.location not in read:
            read.add(at.location)
            try:
                unfolded += data_places(answer, reference.where)
            except MalformedPackage:
                continue  # its doubt says so
    return tuple(unfolded)


def beginnings(
    job: TrainingJob, tagged: Sequence[str], packages: Packages
) -> tuple[tuple[Reference, ...], tuple[Remark, ...]]:
    """What the job begins from, the model data of its packages included, and remarks about what was not used.

    `tagged` is its lineage tag. A package of this account that nobody is known to have made is a doubt, unless it says
    itself where its model data came from.
    """
    named, notes = references(job, tagged)
    unfolded = {reference.location: unfold(reference, packages) for reference in named}
    places = each_once([place for places_behind in unfolded.values() for place in places_behind])
    leads_to = {at: tuple(place.location for place in places_behind) for at, places_behind in unfolded.items()}
    begins = tuple(
        replace(
            place,
            leads_to=leads_to.get(place.location, (place.location,)),
            unless_found=_doubt(place, packages) if is_own_package(place.location, job) and not place.exact else None,
        )
        for place in places
    )
    foreign = [
        FOREIGN_PACKAGE(where=place.where, arn=place.location.space)
        for place in begins
        if is_package(place.location) and not is_own_package(place.location, job)
    ]
    unfollowed = [each for place in begins if not place.exact for each in _not_followed(place, packages)]
    return begins, tuple(dict.fromkeys((*notes, *foreign, *unfollowed)))


def _not_followed(place: Reference, packages: Packages) -> list[Remark]:
    """What is said of model data of a package that lies where nobody can look up whose it is: mostly doubts."""
    answer = packages.get(place.location.space)
    if not isinstance(answer, Mapping):
        return []
    try:
        package = _read(answer)
    except MalformedPackage:
        return []  # its doubt says so
    held = [(text, read_location(text)) for text, _ in _model_data(package)]
    places = [*(at for _, at in held), read_location(package.source_uri)]
    forms = ["an access point" for at in places if at is not None and is_access_point(at)]
    forms += [UNKNOWN_FORM for text, at in held if at is None and looks_like_s3(text)]
    sources = [source for data in _held(package) for source in data.sources]
    forms += [MANIFEST for each in sources if each.manifest_s3_uri and not in_service_bucket(each.manifest_s3_uri)]
    remarks = [NOT_FOLLOWED(where=place.where, form=form) for form in dict.fromkeys(forms)]
    remarks += [hub for each in sources for hub in of_hub(each.hub_access_config.hub_content_arn, place.where)]
    return [*remarks, *(note for named in _named(package) for note in named.notes if note.kind is not TOO_MANY_OUTPUTS)]


def _doubt(place: Reference, packages: Packages) -> Remark | None:
    """What is not known of a package of this account; None where it says where its model data came from."""
    answer = packages.get(place.location.space)
    facts = {"where": place.where, "arn": place.location.space}
    if answer is None:
        return PACKAGE_NOT_ASKED(**facts)
    if isinstance(answer, Unread):
        kind = PACKAGE_REFUSED if answer.denied else PACKAGE_NOT_THERE
        return kind(**facts, source=answer.source, error=answer.error)
    try:
        says = any(not each.data for each in data_places(answer, ""))
        return None if says else PACKAGE_WITHOUT_ORIGIN(**facts)
    except MalformedPackage as error:
        return MALFORMED_PACKAGE(**facts, error=str(error))


def is_package(location: Location) -> bool:
    """Whether a place is a model package."""
    return _ARN.fullmatch(location.space) is not None


def _owner(arn: str) -> list[str]:
    """Partition and account; nothing where the text is no ARN that has them."""
    owner = arn.split(":")[1:5:3]
    return owner if len(owner) == 2 and owner[1].isdecimal() else []
