"""However a name, a format or a length is spelt, it is heard where it counts against the run."""

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.metric_signs import only_training_emits
from flops_auditor.domain.values.precision import is_unknown_precision, recognise_precision
from tests.fakes.cases import declared_by, parsed
from tests.fakes.jobs import describe

LARGE = "meta-llama/Llama-3.1-405B"
SMALL = "HuggingFaceTB/SmolLM2-360M"
VOCABULARY = load_tables().metrics


def declared(**parameters: str) -> Declared:
    return declared_by(parsed(describe(HyperParameters=parameters, Environment={})))


@pytest.mark.parametrize(
    "name",
    [
        *("modelname", "MODELNAME", "basemodel", "Base Model", "BASE-MODEL", "HFModelID", "policyModel", "llmModel"),
        *("hf_checkpoint", "load_hf", "model_repo", "model-uri", "backbone", "trainer.Model Name", "from_pretrained"),
    ],
)
def test_a_models_name_is_found_however_its_own_is_spelt(name: str) -> None:
    assert {each.text for each in declared(**{"model_id": LARGE, name: SMALL}).names} == {LARGE, SMALL}


@pytest.mark.parametrize(
    "text",
    [
        f"model:\n  pretrained:\n    name: {SMALL}",
        f"models:\n  - name: {SMALL}",
        f"model_name_or_path: >-\n  {SMALL}",
        f"AutoModel.from_pretrained('{SMALL}')",
        f"<model_name_or_path>{SMALL}</model_name_or_path>",
        f"model_name_or_path={SMALL.replace('/', '%2F')}&lr=1e-4",
    ],
)
def test_a_models_name_is_found_in_texts_of_more_notations(text: str) -> None:
    found = declared(model_id=LARGE, cfg=text)
    assert {each.text: each.in_text for each in found.names} == {LARGE: False, SMALL: True}


@pytest.mark.parametrize("name", ["critic.model_name", "RewardModel.path", "tokenizer.name", "hub_model_id"])
def test_the_names_of_other_models_are_none_however_they_are_spelt(name: str) -> None:
    assert [each.text for each in declared(**{"model_id": LARGE, name: SMALL}).names] == [LARGE]


@pytest.mark.parametrize("text", ["FP-8", "fp_8", "float-8", "MXFP-8", "fp 8", "f8", "8bit-float", "8", "int8"])
def test_a_format_with_a_sign_between_or_one_that_is_not_known_raises_the_bound(text: str) -> None:
    found = declared(precision=text)
    assert {found.precision, found.hinted_precision} & {"fp8", "fp4"}


@pytest.mark.parametrize("name", ["fp_8", "use-fp-8", "FP-8", "Use FP 8"])
def test_a_switch_of_a_format_is_one_however_it_is_spelt(name: str) -> None:
    on, off = declared(**{name: "true"}), declared(**{name: "false"})
    assert "fp8" in (on.precision, on.hinted_precision)
    assert (off.precision, off.hinted_precision) == ("", "")


@pytest.mark.parametrize(
    "text", ["bf16", "BF16-Mixed", "auto", "mixed", "true", "no", "", "64-true", "0.9", "3", "highest"]
)
def test_what_states_no_faster_format_raises_nothing(text: str) -> None:
    assert not is_unknown_precision(text)
    assert declared(mixed_precision=text).hinted_precision == ""


def test_formats_are_compared_without_signs_between() -> None:
    spelt = {text: recognise_precision(text) for text in ("BF-16", "b float 16", "fp_16", "FP-8", "nv-fp4", "1.6")}
    assert spelt == {
        "BF-16": "bf16",
        "b float 16": "bf16",
        "fp_16": "fp16",
        "FP-8": "fp8",
        "nv-fp4": "fp4",
        "1.6": None,
    }


@pytest.mark.parametrize(
    "more",
    [
        *({"cfg": text} for text in ("cutoff_len: 8192", "[data]\ncutoff_len = 8192", "{'cutoff_len': 8192}")),
        {"cfg": "python t.py data.max_length=8192"},
        *({name: "8192"} for name in ("seqlen", "n_ctx", "context_window", "max_source_length", "max_model_len")),
        *({name: "8192"} for name in ("max_completion_length", "max_position_embeddings", "Cutoff Len")),
    ],
)
def test_of_two_lengths_the_larger_counts_wherever_it_stands(more: dict[str, str]) -> None:
    assert declared(max_seq_length="512", **more).sequence_length == 8192


@pytest.mark.parametrize(
    "alone", [{"cfg": "cutoff_len: 512"}, {"n_ctx": "512"}, {"max_model_len": "512"}, {"max_completion_length": "512"}]
)
def test_a_length_that_is_not_sure_says_nothing_alone(alone: dict[str, str]) -> None:
    assert declared(**alone).sequence_length is None


def test_passes_that_a_command_in_a_value_sets_are_heard() -> None:
    assert declared(cfg="python t.py trainer.max_epochs=3").epochs == 3


@pytest.mark.parametrize(
    "name",
    [
        *(
            "TrainLoss",
            "trainLoss",
            "Loss/train/total",
            "LearningRate",
            "mlm_loss",
            "router_aux_loss",
            "MFU (%)",
            "hfu",
        ),
        *("load_balancing_loss", "TFLOPS/GPU", "model_flops_utilization", "gradNorm", "Training Loss"),
    ],
)
def test_metrics_of_training_are_heard_however_they_are_spelt(name: str) -> None:
    assert only_training_emits(name, VOCABULARY)


@pytest.mark.parametrize("name", ["FlopsAuditor:model_flop", "flops-auditor:steps", "evalLoss", "wikitext_loss"])
def test_no_spelling_makes_a_metric_one_of_a_meter_or_of_training(name: str) -> None:
    assert VOCABULARY.recognise(name) is None and not only_training_emits(name, VOCABULARY)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("mode", "train"), ("task", "fine-tune"), ("train", "true"), ("max_train_steps", "1000"), ("LR", "1e-4")),
        *(("train_batch_size", "8"), ("lr_scheduler", "cosine"), ("adam_beta1", "0.9"), ("learningrate", "1e-4")),
    ],
)
def test_settings_of_training_are_heard_however_they_are_spelt(name: str, value: str) -> None:
    assert declared(**{name: value}).training_signs
    assert not declared(mode="eval", task="summarize", train="false").training_signs
