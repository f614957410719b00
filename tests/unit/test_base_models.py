"""Base models: the right original and the right figure from an identifier, and never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor import data
from flops_auditor.domain.compute.attention import SPREAD_OF_EXPERTS, SPREAD_OF_SHAPES, shape_of
from flops_auditor.domain.originals.base_models import BaseModelTable, BaseModelTableInvalid

TABLE = data.base_model_table()
HEADER = (
    "model_id,aliases,developer,params_total,params_active,pretraining_tokens,pretraining_flop,method,systemic_risk,"
    "source,confidence\n"
)

SPELLINGS = {
    "meta-llama/Llama-3.1-8B": [
        "meta-llama/Llama-3.1-8B-Instruct",
        "META-LLAMA/llama-3.1-8b",
        " meta-llama/Meta-Llama-3.1-8B ",
        '"meta-llama/Llama-3.1-8B"',
        "Llama-3.1-8B",
        "unsloth/Meta-Llama-3.1-8B-bnb-4bit",
        "hugging-quants/Meta-Llama-3.1-8B-Instruct-AWQ-INT4",
        "meta-textgeneration-llama-3-1-8b-instruct",
        "meta-textgeneration-llama-3-1-8b/2.*",
        "meta-textgeneration-llama-3-1-8b/*",
        "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/meta-textgeneration-llama-3-1-8b/1.2.0",
        "arn:aws:sagemaker:eu-west-1:123456789012:hub-content/Own/ModelReference/meta-textgeneration-llama-3-1-8b",
        "/opt/ml/input/data/model/Llama-3.1-8B",
        "s3://bucket/prefix/meta-llama/Llama-3.1-8B-Instruct/",
        "s3://b/hub/models--meta-llama--Llama-3.1-8B/snapshots/0123456789abcdef0123456789abcdef01234567/",
        "https://huggingface.co/meta-llama/Llama-3.1-8B/tree/main",
        "meta-llama/Llama-3.1-8B@main",
    ],
    "meta-llama/Meta-Llama-3-8B": ["unsloth/llama-3-8b-bnb-4bit", "meta-llama/Meta-Llama-3-8B-Instruct"],
    "meta-llama/Llama-3.2-1B": ["unsloth/Llama-3.2-1B-Instruct-unsloth-bnb-4bit"],
    "meta-llama/Llama-2-7b-hf": [
        "TheBloke/Llama-2-7B-GPTQ",
        "meta-textgenerationneuron-llama-2-7b",
        "s3://jumpstart-private-cache-prod-us-west-2/meta-training/train-meta-textgeneration-llama-2-7b.tar.gz",
    ],
    "mistralai/Mistral-7B-v0.1": [
        "TheBloke/Mistral-7B-Instruct-v0.2-AWQ",
        "s3://jumpstart-cache-prod-eu-west-1/huggingface-training/train-huggingface-llm-mistral-7b.tar.gz",
    ],
    "Qwen/Qwen2.5-7B": [
        "RedHatAI/Qwen2.5-7B-Instruct-quantized.w8a8",
        "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4",
        "bartowski/Qwen2.5-7B-Instruct-GGUF",
        "huggingface-llm-qwen2-5-7b-instruct",
    ],
    "Qwen/Qwen3-0.6B-Base": [
        "Qwen/Qwen3-0.6B-FP8",
        "arn:aws-eusc:sagemaker:eusc-de-east-1:aws:hub-content/SageMakerPublicHub/Model/huggingface-reasoning-qwen3-06b/1.*",
    ],
    "tiiuae/falcon-7b": [
        "s3://jumpstart-cache-prod-us-east-1/huggingface-llm/huggingface-llm-falcon-7b-bf16/artifacts/inference/v1.0.1/",
    ],
    "meta-llama/Llama-3.2-3B": ["meta-llama/Llama-3.2-3B-Instruct-SpinQuant_INT4_EO8"],
    "amazon.nova-2-lite-v1:0": ["nova-lite-2/prod", "s3://escrow-nova-model/nova-lite-2/prod/"],
    "google/gemma-3-4b-pt": ["google/gemma-3-4b", "google/gemma-3-4b-it", "unsloth/gemma-3-4b-it-bnb-4bit"],
    "microsoft/phi-4": ["unsloth/phi-4-bnb-4bit", "microsoft/phi-4"],
    "FacebookAI/roberta-base": ["roberta-base", "huggingface-tc-roberta-base"],
    "openai/gpt-oss-20b": ["unsloth/gpt-oss-20b-BF16"],
    "amazon.nova-lite-v1:0": ["arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0:300k"],
}


@pytest.mark.parametrize(
    ("spelling", "model_id"), [(spelling, model_id) for model_id, found in SPELLINGS.items() for spelling in found]
)
def test_spellings_of_one_model(spelling, model_id):
    resolution = TABLE.look_up(spelling)
    assert resolution.model is not None, resolution.reason
    assert resolution.model.model_id == model_id


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "llama-3",
        "llama",
        "8b",
        "base",
        "roberta",
        "bert",
        "meta-llama/Llama-3.1-80B",
        "meta-llama/Llama-3.1-7B",
        "meta-llama/Llama-3.4-8B",
        "meta-llama/Llama-4-8B",
        "google/t5-v1_1-base",
        "Qwen/Qwen2.5-8B",
        "someone/Llama-3.1-8B",
        "someone/my-llama-3-8b-finetune",
        "NousResearch/Hermes-3-Llama-3.1-8B",
        "s3://bucket/jobs/my-llama-3-8b-finetune/output/model.tar.gz",
        "EleutherAI/pythia-1.4b@step1000",
        "/opt/ml/model/prod",
        "s3://jumpstart-cache-prod-us-east-1/some/other/path/",
        "s3://my-bucket/huggingface-llm-falcon-7b-bf16/tuned/output/model.tar.gz",
        "x" * 2000,
        "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/nothing-known/1.0.0",
    ],
)
def test_never_guessed_across_sizes_versions_or_publishers(identifier):
    resolution = TABLE.look_up(identifier)
    assert resolution.model is None
    assert resolution.reason


def test_every_id_and_alias_resolves_to_its_own_row():
    for model in TABLE.models.values():
        for identifier in (model.model_id, *model.aliases):
            assert TABLE.resolve(identifier) is model, identifier


@given(st.text(max_size=60) | st.from_regex(r"(s3://|/|arn:aws:sagemaker:)[ -~]{0,60}", fullmatch=True))
def test_any_text_gives_an_answer_with_a_reason(text):
    assert TABLE.look_up(text).reason


@given(st.sampled_from(sorted(TABLE.models)), st.sampled_from(["-bnb-4bit", "-GPTQ", "-AWQ", "-GGUF", "-FP8"]))
def test_a_quantised_copy_has_the_compute_of_its_original(model_id, suffix):
    """Guidelines, Annex A.1: the compute that trained the weights counts, whatever they are stored in."""
    if "nova" in model_id or "titan" in model_id:
        return
    assert TABLE.resolve(model_id + suffix) is TABLE.models[model_id]


def model(identifier):
    found = TABLE.resolve(identifier)
    assert found is not None
    return found


def test_the_lower_of_two_figures_is_used_and_the_other_kept():
    figure = model("meta-llama/Llama-3.1-8B").pretraining_for_threshold()
    assert figure.flop == 6 * 8_030_261_248 * 15 * 10**12
    assert figure.other_flop == 1_224 * 10**21
    assert "lowest of several figures" in figure.explanation
    published = model("Qwen/Qwen-7B").pretraining_for_threshold()
    assert published.flop == 101 * 10**21
    assert published.flop < (model("Qwen/Qwen-7B").architecture_flop or 0)


@pytest.mark.parametrize("candidate", sorted(TABLE.models))
def test_no_row_uses_a_figure_above_any_other_that_is_known(candidate):
    row = TABLE.models[candidate]
    figure = row.pretraining_for_threshold()
    listed = (row.pretraining_flop_low, row.pretraining_flop, row.pretraining_flop_high, row.architecture_flop)
    known = [flop for flop in listed if flop]
    used = figure.flop if figure.flop is not None else figure.weak_flop
    if row.method == "undisclosed":
        assert (figure.flop, figure.weak_flop, row.trusted) == (None, None, False)
    else:
        assert used == min(known)
    assert (figure.flop is not None) == row.trusted


def test_active_parameters_count_for_mixtures_of_experts():
    row = model("deepseek-ai/DeepSeek-V3")
    assert row.params_total == 671 * 10**9
    assert row.architecture_flop == 6 * 37 * 10**9 * 14_800 * 10**9


@pytest.mark.parametrize(
    "identifier", ["bert-base-uncased", "mistralai/Mixtral-8x7B-Instruct-v0.1", "google-t5/t5-large"]
)
def test_a_weak_source_counts_as_undisclosed_and_says_so(identifier):
    row = model(identifier)
    figure = row.pretraining_for_threshold()
    assert figure.flop is None and figure.weak_flop and not row.trusted
    assert "counts as undisclosed" in figure.explanation


@pytest.mark.parametrize(
    ("identifier", "systemic"),
    [
        ("meta-llama/Llama-3.1-405B-Instruct", True),
        ("meta-llama/Llama-3.1-70B", False),
        ("amazon.nova-pro-v1:0", False),
    ],
)
def test_systemic_risk_originals(identifier, systemic):
    """Art. 51(2): presumed above 1e25 FLOP of cumulative training compute. The policy says so, not the table."""
    assert data.policy("eu-gpai-guidelines-2025-07").is_systemic(model(identifier).original) is systemic
    assert not data.policy("us-ca-sb-53-2026-01").is_systemic(model(identifier).original)


ROW = "a/M-7B,{aliases},A,{total},{active},{tokens},{flop},{method},{risk},{source},{confidence}\n"
DEFAULT = {
    "aliases": "",
    "total": "7e9",
    "active": "",
    "tokens": "1e12",
    "flop": "4.2e22",
    "method": "6ND",
    "risk": "",
    "source": "card",
    "confidence": "high",
}


def row(**changed):
    return ROW.format(**{**DEFAULT, **changed})


def test_a_listed_systemic_risk_model_needs_no_figure():
    table = BaseModelTable.parse(HEADER + row(flop="", method="undisclosed", risk="yes"))
    assert table.models["a/M-7B"].systemic_risk


def test_ambiguous_names_resolve_to_nothing():
    other = row().replace("a/M-7B", "b/M-7B-Instruct")
    table = BaseModelTable.parse(HEADER + row() + other)
    assert table.resolve("a/M-7B") is table.models["a/M-7B"]
    resolution = table.look_up("unsloth/M-7B-chat")
    assert resolution.model is None
    assert "ambiguous: a/M-7B, b/M-7B-Instruct" in resolution.reason


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("", "no rows"),
        (row() + row(), "row 3: a/M-7B already means a/M-7B"),
        (row(source=""), "row 2: no source"),
        (row(method="guess"), "method 'guess'"),
        (row(confidence="sure"), "confidence must be"),
        (row(risk="maybe"), "systemic_risk must be"),
        (row(active="8e9"), "more active parameters"),
        (row(total="", active="8e9"), "more active parameters"),
        (row(flop=""), "contradicts pretraining_flop"),
        (row(method="undisclosed"), "contradicts pretraining_flop"),
        (row(tokens="-3"), "pretraining_tokens"),
        ("a/M,b\n", "wrong number of columns"),
    ],
)
def test_a_bad_row_is_named(rows, message):
    with pytest.raises(BaseModelTableInvalid) as caught:
        BaseModelTable.parse(HEADER + rows)
    assert message in str(caught.value)


def test_no_model_has_a_shape_further_from_usual_than_the_bound_takes():
    """The bound on attention of a model of unknown shape holds for every model whose shape is known."""
    table = data.base_model_table()
    sizes = [size for name in table.models if (size := table.find(name).size) is not None and size.shape is not None]
    assert len(sizes) > 300
    for size in sizes:
        layers, width = shape_of(size.active)
        spread = SPREAD_OF_EXPERTS if size.total > size.active else SPREAD_OF_SHAPES
        assert size.shape.layers * size.shape.attention_width <= spread * layers * width, size.source
