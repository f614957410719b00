"""What is a service's stands in its parser: other rooms work on runs of any service, by values that a parser gives."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from flops_auditor.domain.runs.sources import (
    batch_job_answer,
    customization_job_answer,
    sagemaker_job_answer,
    training_job_answer,
    training_session_answer,
)

LAYER = Path(__file__).parents[2] / "layers" / "auditor" / "flops_auditor"
PARSERS = LAYER / "domain" / "runs" / "sources"
DOMAIN = sorted(path for path in (LAYER / "domain").rglob("*.py") if PARSERS not in path.parents)
COLLECTORS = {
    *("collect_training_job.py", "collect_customization_job.py", "collect_training_session.py"),
    *("collect_sagemaker_job.py", "collect_batch_job.py"),
}
SPELLINGS = {
    *(LAYER / "domain" / "runs" / name for name in ("model_names.py", "s3_spellings.py")),
    LAYER / "domain" / "bill" / "doors.py",
    LAYER / "domain" / "ledger" / "billed_doors.py",
}
"""How the models that AWS offers, and places, are spelt: owners of any service's runs name them so. How a bill calls
services.
"""
USE_CASES = sorted(path for path in (LAYER / "use_cases").rglob("*.py") if path.name not in COLLECTORS)
WORDS = re.compile(
    r"sagemaker|serverless|jumpstart|hub-content|algo-|/opt/ml|GPUUtilization|training-?job|bedrock|customization.job|training-session",
    re.IGNORECASE,
)
LEFT = {
    ("evidence.py", "bedrock:model-customization-job"): "the name of a kind of evidence",
    ("evidence.py", "sagemaker:training-job"): "the name of a kind of evidence, and what evidence is of if nobody says",
    ("evidence.py", "sagemaker:training-session"): "the name of a kind of evidence",
    ("evidence.py", "sagemaker:job"): "the name of a kind of evidence",
    ("evidence.py", "sagemaker:cluster-run"): "the name of a kind of evidence",
    ("explain_bill.py", "training-job"): "whose hours a bill charges as training, beside those of other runs",
    ("hyperparameters.py", "sagemaker_program"): "a hyperparameter, beside those of other tools",
    ("techniques.py", "sagemaker"): "a word of names that people give their programs, beside those of other tools",
    ("rests_on.py", "occupancy of the accelerators (GPUUtilization)"): "told, and of no other service so far",
}
"""What may stay, and why."""


def fields() -> set[str]:
    """Names of fields in the answers of services that are no words of English."""
    answers = (
        training_job_answer,
        customization_job_answer,
        training_session_answer,
        sagemaker_job_answer,
        batch_job_answer,
    )
    shapes = [each for answer in answers for each in vars(answer).values() if inspect.isclass(each)]
    names = {
        str(field.alias) for shape in shapes if issubclass(shape, BaseModel) for field in shape.model_fields.values()
    }
    return {name for name in names if re.search("[a-z0-9][A-Z]", name)}


FIELDS = fields()


def texts(tree: ast.AST) -> set[str]:
    """Texts in code that are no docstrings."""
    told = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
    return {
        each.value
        for each in ast.walk(tree)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in told
    }


def of_sagemaker(text: str) -> bool:
    return WORDS.search(text) is not None or names_a_field(text)


def names_a_field(text: str) -> bool:
    return not FIELDS.isdisjoint(re.findall(r"\w+", text))


def test_what_is_looked_for() -> None:
    assert {"BillableTokenCount", "SecondaryStatusTransitions", "TrainingJobStatus"} <= FIELDS
    assert of_sagemaker("tokens: BillableTokenCount")
    assert of_sagemaker("serverless job: its hardware is not disclosed")
    assert of_sagemaker("that of CloudWatch (namespace /aws/sagemaker/TrainingJobs, statistic Average)")
    assert not of_sagemaker("the hours of training of a job")


@pytest.mark.parametrize(
    "path", [p for p in DOMAIN if p not in SPELLINGS], ids=lambda path: str(path.relative_to(LAYER / "domain"))
)
def test_no_word_of_a_service_stands_outside_its_parser(path: Path) -> None:
    left = {text for name, text in LEFT if name == path.name}
    assert {text for text in texts(ast.parse(path.read_text(encoding="utf-8"))) if of_sagemaker(text)} == left


@pytest.mark.parametrize("path", USE_CASES, ids=lambda path: path.name)
def test_no_field_of_a_service_is_read_outside_its_parser_and_collector(path: Path) -> None:
    assert not {text for text in texts(ast.parse(path.read_text(encoding="utf-8"))) if names_a_field(text)}


@pytest.mark.parametrize("path", DOMAIN, ids=lambda path: str(path.relative_to(LAYER / "domain")))
def test_a_status_is_told_and_decides_nothing(path: Path) -> None:
    read = [
        each
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.Attribute) and each.attr == "status" and isinstance(each.ctx, ast.Load)
    ]
    assert len(read) == (1 if path.name == "record.py" else 0)
