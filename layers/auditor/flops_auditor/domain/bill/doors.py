"""Through which door a line of the bill was charged, read from the names that AWS gives to services and to usage.

A usage type is `USE1-Train:ml.p4d.24xlarge`: a region (none in us-east-1 for EC2), a component, a host. Sources: AWS
Price List usage types of AmazonSageMaker and AmazonEC2; AWS Data Exports, "Line item columns" of CUR 2.0.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

_SIZES = r"(?:[0-9]*xlarge|large|medium|metal)"
ACCELERATED = rf"\b(?:ml\.)?(?:(?:gr|p|g|trn|inf|dl)[0-9][a-z0-9-]{{0,40}}\.{_SIZES}|u-p[0-9][a-z0-9-]{{0,40}}x[0-9]+)"
"""Hosts with accelerators: EC2's families of accelerated computing whose accelerators train or infer,
and servers that are made of such hosts."""
TRAINING_CHARGES = r"(?i)customi[sz]ation-?(?:training|rft|distillation)|(?:fine-?tun|custom-?model-?training)"
"""Usage types of Amazon Bedrock for tuning a model; of its tokens most are inference."""
TOKENS = r"(?i)\btokens?\b"
"""Units in which training is charged by what it reads."""
RUNS = (
    r"^arn:[a-z-]+:(?P<service>sagemaker|bedrock):[^:]*:[^:]*:"
    r"(?:training-session|training-job|job|model-customization-job)/"
)
"""Resources whose charges are for training, whatever their usage type and unit are called, and whoever sells it."""
SAGEMAKER, EC2, BEDROCK = "AmazonSageMaker", "AmazonEC2", "AmazonBedrock"


class Purpose(StrEnum):
    """What the hours of a door are for."""

    TRAINING = "training"
    POSSIBLE = "possible"
    OTHER = "other"


@dataclass(frozen=True)
class Door:
    """A way of using accelerators that AWS charges. `name` is stable, `title` for people."""

    name: str
    title: str
    purpose: Purpose


TRAINING_JOBS = Door("sagemaker-training", "SageMaker training", Purpose.TRAINING)
SERVERLESS = Door("sagemaker-tokens", "SageMaker tokens", Purpose.TRAINING)
CUSTOMISATION = Door("bedrock-customisation", "Bedrock customisation", Purpose.TRAINING)
HYPERPOD = Door("sagemaker-hyperpod", "SageMaker HyperPod", Purpose.POSSIBLE)
UNKNOWN = Door("sagemaker-unknown", "SageMaker, other", Purpose.POSSIBLE)
HOSTS = Door("ec2", "EC2 (also Batch, EKS)", Purpose.POSSIBLE)
NOTEBOOKS = Door("sagemaker-notebooks", "SageMaker notebooks", Purpose.OTHER)
ENDPOINTS = Door("sagemaker-inference", "SageMaker endpoints", Purpose.OTHER)
PROCESSING = Door("sagemaker-processing", "SageMaker processing", Purpose.OTHER)
IDLE = Door("ec2-idle", "EC2, reserved, idle", Purpose.OTHER)
WITH_RECORDS = frozenset({TRAINING_JOBS, UNKNOWN})
"""Doors whose hours a record can explain: their lines name jobs."""

_OF_SAGEMAKER: Mapping[str, Door] = MappingProxyType(
    {
        "train": TRAINING_JOBS,
        "spottrain": TRAINING_JOBS,
        "cluster": HYPERPOD,
        "notebk": NOTEBOOKS,
        "studio": NOTEBOOKS,
        "rstudio": NOTEBOOKS,
        "canvas": NOTEBOOKS,
        "tensorboard": NOTEBOOKS,
        "host": ENDPOINTS,
        "asyncinf": ENDPOINTS,
        "tsform": ENDPOINTS,
        "endpoint": ENDPOINTS,
        "process": PROCESSING,
        "datawrangler": PROCESSING,
    }
)
"""How a component begins, in lower case."""
_OF_RESOURCES: Mapping[str, Door] = MappingProxyType(
    {
        "training-job": TRAINING_JOBS,
        "cluster": HYPERPOD,
        "notebook-instance": NOTEBOOKS,
        "app": NOTEBOOKS,
        "space": NOTEBOOKS,
        "endpoint": ENDPOINTS,
        "inference-component": ENDPOINTS,
        "inference-experiment": ENDPOINTS,
        "endpoint-config": ENDPOINTS,
        "model": ENDPOINTS,
        "transform-job": ENDPOINTS,
        "processing-job": PROCESSING,
    }
)
"""Kinds of SageMaker's resources, where the usage type does not tell."""
_ON_TOP_OF_HOSTS = frozenset({"ebsoptimized", "heavyusage", "cpucredits"})
"""Components of EC2 that name a host and are no hours of it."""
_IDLE = frozenset({"unusedbox", "unusedded", "reservation", "dedicatedres"})
"""Reserved hours: those that were used are charged as hours of the host besides."""
_HOST_HOURS = frozenset({"boxusage", "spotusage", "dedicatedusage", "hostboxusage", "schedusage"})

_REGIONS: Mapping[str, str] = MappingProxyType(
    {
        **{"AFS1": "af-south-1", "APE1": "ap-east-1", "APE2": "ap-east-2", "CAN1": "ca-central-1"},
        **{"CAN2": "ca-west-1", "EU": "eu-west-1", "EUC1": "eu-central-1", "EUC2": "eu-central-2"},
        **{"EUN1": "eu-north-1", "EUS1": "eu-south-1", "EUS2": "eu-south-2", "EUW1": "eu-west-1"},
        **{"EUW2": "eu-west-2", "EUW3": "eu-west-3", "ILC1": "il-central-1", "MEC1": "me-central-1"},
        **{"MES1": "me-south-1", "MXC1": "mx-central-1", "SAE1": "sa-east-1", "USE1": "us-east-1"},
        **{"USE2": "us-east-2", "USW1": "us-west-1", "USW2": "us-west-2", "APN1": "ap-northeast-1"},
        **{"APN2": "ap-northeast-2", "APN3": "ap-northeast-3", "APS1": "ap-southeast-1", "APS2": "ap-southeast-2"},
        **{"APS3": "ap-south-1", "APS4": "ap-southeast-3", "APS5": "ap-south-2", "APS6": "ap-southeast-4"},
        **{"APS7": "ap-southeast-5", "UGE1": "us-gov-east-1", "UGW1": "us-gov-west-1"},
    }
)
"""How usage types call a region (AWS Regions, "AWS Region billing codes"); those of the newest regions are not here."""
_REGION_BEFORE = re.compile(r"^[A-Z]{2,4}[0-9]?[A-Z]?[0-9]?-")
_HOST = re.compile(ACCELERATED)
_TOKENS = re.compile(TOKENS)
_CHARGE = re.compile(TRAINING_CHARGES)
_RUN = re.compile(RUNS)
_APART = re.compile(
    rf"(?i)\bml\.[a-z][a-z0-9-]{{0,40}}\.{_SIZES}|storage|volume|bytes|data-?(?:xfer|transfer)|\b[gt]i?b\b"
)
"""What is charged of a run and is no training: a host, which is hours; disks, what is kept or moved."""
_ANSWERS = re.compile(r"(?i)inference|model-?unit|provisioned")
_ANSWERS_UNLESS_IT_TRAINS = re.compile(r"(?i)(?:in|out)put-?tokens")
_TRAINS = re.compile(r"(?i)train(?!ed)|rft|distillation|customi[sz]ation")
"""Usage of what answers, where no run is charged: a run may generate what it trains on."""


def host_of(usage_type: str, instance_type: str) -> str:
    """The type of host that a line names, as SageMaker writes it (`ml.p5.48xlarge`); empty where it names none with
    accelerators.
    """
    match = _HOST.search(usage_type) or _HOST.search(instance_type)
    return "" if match is None else f"ml.{match[0].removeprefix('ml.')}"


def door_of_hours(service: str, usage_type: str, resource: str) -> Door | None:
    """The door of a host's hours; None where they are charged on top of the host's own, or by another service."""
    component = _component(usage_type)
    if service == SAGEMAKER:
        known = (door for begins, door in _OF_SAGEMAKER.items() if component.startswith(begins))
        return next(known, None) or _OF_RESOURCES.get(kind_of_resource(resource), UNKNOWN)
    if service != EC2 or component in _ON_TOP_OF_HOSTS:
        return None
    return IDLE if component in _IDLE else HOSTS


def is_known_use(usage_type: str) -> bool:
    """Whether a component of EC2 is known to be the hours of a host."""
    return _component(usage_type) in _HOST_HOURS | _IDLE


def door_of_charge(service: str, usage_type: str, unit: str, resource: str) -> Door | None:
    """The door of training that is charged by something else than hosts; None where the line is no such charge, or of
    what answers and is no run.
    """
    if _APART.search(usage_type) or _answers(usage_type) or _OF_RESOURCES.get(kind_of_resource(resource)) is ENDPOINTS:
        return None
    if service == SAGEMAKER:
        return SERVERLESS if _TOKENS.search(f"{unit} {usage_type}") or _CHARGE.search(usage_type) else None
    return CUSTOMISATION if service == BEDROCK and _CHARGE.search(usage_type) else None


def _answers(usage_type: str) -> bool:
    of_answers = _ANSWERS_UNLESS_IT_TRAINS.search(usage_type) and not _TRAINS.search(usage_type)
    return bool(_ANSWERS.search(usage_type) or of_answers)


def door_of_run(resource: str, usage_type: str, unit: str, instance_type: str) -> Door | None:
    """The door of training by what a line names, where its usage type is not known; None where it names no run, or is
    of a host, or of what stands apart from training.
    """
    run = _RUN.match(resource)
    if run is None or _APART.search(f"{usage_type} {unit} {instance_type}"):
        return None
    return CUSTOMISATION if run["service"] == "bedrock" else SERVERLESS


def kind_of_resource(resource: str) -> str:
    """What kind of thing an ARN of SageMaker names, such as `training-job`."""
    return resource.split(":", 5)[-1].split("/", 1)[0]


def region_of_use(usage_type: str) -> str:
    """The region that a usage type begins with; empty where it begins with none that is known."""
    before = _REGION_BEFORE.match(usage_type)
    return _REGIONS.get(before[0].removesuffix("-"), "") if before else ""


def _component(usage_type: str) -> str:
    return _REGION_BEFORE.sub("", usage_type.split(":", 1)[0]).lower()
