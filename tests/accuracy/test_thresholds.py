"""The right threshold under both policies from nothing but a model's name, for every base model with a usable figure.

The expected thresholds are computed here from the raw table with rules written out a second time, in decimals.
"""

import csv
from decimal import Decimal
from fractions import Fraction
from importlib import resources

import pytest

from flops_auditor import data
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.compute.cautions import MOST_VOCABULARY
from flops_auditor.domain.compute.run_estimate import MOST_TOKENS, MOST_TOKENS_OF_A_PARAMETER
from flops_auditor.domain.runs.evidence import Evidence
from tests.fakes.cases import audit
from tests.fakes.jobs import describe

TABLES = data.load_tables()
ROWS = list(csv.DictReader(resources.files("flops_auditor.data").joinpath("base_models.csv").read_text().splitlines()))
WEAK = ("recalled", "not opened", "speculative")


def audited(name: str) -> Audit:
    return audit(Evidence(describe(HyperParameters={"model_name_or_path": name}, Environment={})), TABLES)


def pretraining(row: dict[str, str]) -> int | None:
    if row["method"] == "undisclosed" or any(word in row["source"].lower() for word in WEAK):
        return None
    columns = ("pretraining_flop", "pretraining_flop_low", "pretraining_flop_high")
    figures = [Decimal(row[name]) for name in columns if row[name]]
    active = row["params_active"] or row["params_total"]
    if active and row["pretraining_tokens"]:
        figures.append(6 * Decimal(active) * Decimal(row["pretraining_tokens"]))
    return int(min(figures))


def expected(flop: int | None) -> dict[str, int]:
    if flop is None or flop < 10**23:
        aws = 33 * 10**21
    elif flop >= 10**25:
        aws = 33 * 10**23
    else:
        aws = flop * 30 // 100
    small = flop is not None and flop < 10**23
    eu = 10**23 if small else (10**23 if flop is None else flop) // 3
    return {"aws-flops-meter-2026-05": aws, "eu-gpai-guidelines-2025-07": eu}


def thresholds(found: Audit) -> dict[str, int]:
    """The modifier's threshold of each policy: the first assessment, before those on the cumulative basis."""
    result: dict[str, int] = {}
    for assessment in found.assessments:
        result.setdefault(assessment.policy, assessment.threshold_flop)
    return result


KNOWN = [(row, flop) for row in ROWS if (flop := pretraining(row)) is not None]


def test_at_least_a_hundred_models_have_a_usable_figure_and_an_alias():
    assert len(KNOWN) >= 100
    assert sum(bool(row["aliases"]) for row, _ in KNOWN) >= 100


@pytest.mark.parametrize(("row", "flop"), KNOWN, ids=[row["model_id"] for row, _ in KNOWN])
def test_threshold_from_the_model_id_alone_and_from_every_alias(row, flop):
    for name in (row["model_id"], *[alias for alias in row["aliases"].split(";") if alias]):
        found = audited(name)
        assert found.base_model == row["model_id"]
        assert found.original.pretraining_flop == flop
        assert thresholds(found) == expected(flop), name


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["method"] == "undisclosed"], ids=lambda row: row["model_id"]
)
def test_an_undisclosed_original_takes_the_default_thresholds_and_says_so(row):
    found = audited(row["model_id"])
    assert found.original.pretraining_flop is None
    assert "not disclosed" in found.original.source
    assert thresholds(found) == expected(None)


@pytest.mark.parametrize(
    ("name", "flop", "aws", "eu"),
    [
        # 6 x 8 030 261 248 x 15e12: the lower of it and Epoch AI's 1.224e24
        ("unsloth/Meta-Llama-3.1-8B-bnb-4bit", 722723512320 * 10**12, 216817053696 * 10**12, 240907837440 * 10**12),
        # known and below 1e23: 3.3e22, and 1e23 for original and modification together
        ("TheBloke/Llama-2-7B-GPTQ", 80861011968 * 10**12, 33 * 10**21, 10**23),
        # 3.8e25 by Epoch AI, 6 x 405 853 388 800 x 15.6e12 = 3.7988e25: a systemic-risk original
        ("meta-llama/Llama-3.1-405B-Instruct-FP8", 3798787719168 * 10**13, 33 * 10**23, 1266262573056 * 10**13),
        # 6 x 1.54e9 x 18e12 = 1.6632e23 (the Commission's example D), which the table holds as 1.663e23
        ("Qwen/Qwen2.5-1.5B-Instruct", 1663 * 10**20, 4989 * 10**19, 1663 * 10**20 // 3),
        ("mistralai/Mistral-7B-Instruct-v0.3", None, 33 * 10**21, 10**23 // 3),
    ],
)
def test_thresholds_worked_out_by_hand(name, flop, aws, eu):
    found = audited(name)
    assert found.original.pretraining_flop == flop
    assert thresholds(found) == {"aws-flops-meter-2026-05": aws, "eu-gpai-guidelines-2025-07": eu}


@pytest.mark.parametrize("where", ["hyperparameter", "environment", "tag", "jumpstart", "serverless"])
def test_the_name_is_found_wherever_a_job_keeps_it(where):
    jumpstart = {"Key": "sagemaker-sdk:jumpstart-model-id", "Value": "meta-textgeneration-llama-3-1-8b"}
    arn = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/meta-textgeneration-llama-3-1-8b/1.0.0"
    places = {
        "hyperparameter": {"HyperParameters": {"model_id": '"meta-textgeneration-llama-3-1-8b"'}},
        "environment": {"Environment": {"HF_MODEL_ID": "meta-llama/Llama-3.1-8B"}},
        "tag": {"Tags": [{"Key": "flops-auditor:base-model", "Value": "meta-llama/Meta-Llama-3.1-8B"}]},
        "jumpstart": {"Tags": [jumpstart]},
        "serverless": {"ServerlessJobConfig": {"BaseModelArn": arn, "JobType": "FineTuning", "Peft": "LORA"}},
    }
    found = audit(Evidence(describe(**places[where])), TABLES)
    assert found.base_model == "meta-llama/Llama-3.1-8B"
    assert thresholds(found)["aws-flops-meter-2026-05"] == 216817053696 * 10**12


def test_no_model_was_trained_on_more_than_the_most_that_above_takes_for_plausible():
    """What is taken for the most is rounded up, by less than a hundredth."""
    trained = [m for m in TABLES.models.models.values() if m.pretraining_tokens and m.params_active]
    most = max(m.pretraining_tokens or 0 for m in trained)
    each = max(Fraction(m.pretraining_tokens or 0, m.params_active or 1) for m in trained)
    assert most <= MOST_TOKENS <= most * Fraction(101, 100)
    assert each <= MOST_TOKENS_OF_A_PARAMETER <= each * Fraction(101, 100)


def test_no_models_embedding_has_more_rows_than_a_trainers_count_may_leave_out():
    rows = max(model.shape.vocabulary for model in TABLES.models.models.values() if model.shape is not None)
    assert rows <= MOST_VOCABULARY <= rows * Fraction(101, 100)
