"""The hardware tables: every SageMaker training instance type has a peak, a count and a source."""

import gzip
import json
from fractions import Fraction
from pathlib import Path

import botocore
import moto
import pytest

from flops_auditor import data
from flops_auditor.domain.audit.tables import FILES
from flops_auditor.domain.compute.hardware import HardwareTable, HardwareTableInvalid
from flops_auditor.domain.values.precision import PRECISIONS, UnknownPrecision, recognise_precision

ACCELERATORS = "accelerator,fp32_tflops,bf16_tflops,tdp_watts,note,confidence,source\n"
TYPES = (
    "instance_type,accelerator,accelerator_count,vcpus,"
    "cpu_manufacturer,sustained_clock_ghz,cpu_simd,source,confidence\n"
)
GOOD = ACCELERATORS + "X1,10,100,300,,high,datasheet\n"


def find(name: str):
    found = data.hardware_table().find(name)
    assert found is not None, name
    return found


def sagemaker_training_instance_types() -> set[str]:
    folder = Path(botocore.__file__).parent / "data" / "sagemaker" / "2017-07-24"
    packed = folder / "service-2.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "service-2.json").read_bytes()
    return set(json.loads(text)["shapes"]["TrainingInstanceType"]["enum"])


def accelerated_types_of_ec2() -> dict[str, tuple[str, Fraction]]:
    """The accelerator of each type of EC2 that has any, in EC2's words, and how many, as moto has AWS's answers."""
    packed = (Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz").read_bytes()
    found = {}
    for name, answer in json.loads(gzip.decompress(packed)).items():
        chips = answer.get("NeuronInfo", {}).get("NeuronDevices", [])
        for each in [*answer.get("GpuInfo", {}).get("Gpus", []), *chips]:
            found[f"ml.{name}"] = (each["Name"], Fraction(each["Count"] or str(each["GpuPartitionSize"])))
    return found


def test_table_lists_the_training_instance_types_of_sagemaker_and_whole_families_of_ec2():
    table = data.hardware_table().instance_types
    of_sagemaker, of_ec2 = sagemaker_training_instance_types(), accelerated_types_of_ec2()
    assert of_sagemaker - set(table) == set(), "botocore lists types that instance_types.csv lacks"
    alone = set(table) - of_sagemaker
    assert alone <= set(of_ec2), "instance_types.csv lists types that neither SageMaker nor EC2 knows"
    assert {name: (table[name].accelerator.name, table[name].units) for name in alone} == {
        name: of_ec2[name] for name in alone
    }
    families = {name.rpartition(".")[0] for name, each in table.items() if each.accelerator}
    assert {name for name in of_ec2 if name.rpartition(".")[0] in families} - set(table) == set()
    assert len(of_sagemaker) >= 225


@pytest.mark.parametrize("name", sorted(data.hardware_table().instance_types))
def test_every_type_has_a_peak_a_count_and_a_source(name):
    instance_type = find(name)
    rate, basis = instance_type.peak()
    assert 10**10 < rate <= instance_type.ceiling_peak
    assert basis.startswith("dense ")
    assert instance_type.units >= Fraction(1, 8)
    assert len(instance_type.source) > 20
    assert instance_type.power_watts is not None and instance_type.power_watts > 0
    assert instance_type.power_basis
    for precision in PRECISIONS:
        assert 0 < instance_type.peak(precision)[0] <= instance_type.ceiling_peak


@pytest.mark.parametrize(
    ("name", "units", "flop_per_s", "basis"),
    [
        ("ml.p5.48xlarge", 8, 989_400_000_000_000, "dense BF16"),
        ("ml.p4d.24xlarge", 8, 312_000_000_000_000, "dense BF16"),
        ("ml.g5.xlarge", 1, 70_000_000_000_000, "dense BF16"),
        ("ml.p3.16xlarge", 8, 125_000_000_000_000, "dense FP16 (V100-16GB has no BF16)"),
        ("ml.g4dn.12xlarge", 4, 65_000_000_000_000, "dense FP16 (T4 has no BF16)"),
        ("ml.p2.16xlarge", 16, 4_370_000_000_000, "dense FP32 (K80 has no BF16)"),
        ("ml.trn1.32xlarge", 16, 190_000_000_000_000, "dense BF16"),
        ("ml.trn2.48xlarge", 16, 667_000_000_000_000, "dense BF16"),
        # 12 physical cores x 3.1 GHz x 64 FLOP per cycle
        ("ml.m5.12xlarge", 1, 24 * 3_100_000_000 * 64, "dense FP32 (Intel CPU (48 vCPU) has no BF16)"),
        # 8 physical cores x 2.9 GHz x 32 FLOP per cycle
        ("ml.c4.4xlarge", 1, 8 * 2_900_000_000 * 32, "dense FP32 (Intel CPU (16 vCPU) has no BF16)"),
        ("ml.m7i.24xlarge", 1, 48 * 3_200_000_000 * 1024, "dense BF16"),
    ],
)
def test_default_peak_is_dense_bf16_or_the_hardwares_own(name, units, flop_per_s, basis):
    """Guidelines, Annex A.3: H is the dense BF16 peak (989 TFLOP/s for an H100)."""
    instance_type = find(name)
    assert instance_type.units == units
    assert instance_type.peak() == (Fraction(flop_per_s), basis)


def test_asked_precision_and_ceiling():
    h100, a100, v100 = find("ml.p5.48xlarge"), find("ml.p4d.24xlarge"), find("ml.p3.2xlarge")
    assert h100.peak("fp8") == (Fraction(1_978_900_000_000_000), "dense FP8")
    assert h100.peak("fp4")[0] == 1_978_900_000_000_000
    assert h100.ceiling_peak == 1_978_900_000_000_000
    assert a100.peak("fp8") == (Fraction(312 * 10**12), "dense BF16 (A100-40GB has no FP8)")
    assert a100.peak("tf32")[0] == 156 * 10**12
    assert v100.peak("bf16") == (Fraction(125 * 10**12), "dense FP16 (V100-16GB has no BF16)")
    assert v100.peak("tf32") == (Fraction("15.7") * 10**12, "dense FP32 (V100-16GB has no TF32)")
    assert find("ml.p6-b200.48xlarge").ceiling_peak == 9000 * 10**12
    with pytest.raises(UnknownPrecision, match="int3"):
        h100.peak("int3")


def test_unknown_type_is_none_and_bare_accelerator_names_are_found():
    table = data.hardware_table()
    assert table.find("ml.p99.48xlarge") is None
    assert table.find("p5.48xlarge") is None
    for name, full in (
        ("a100", "A100-40GB"),
        ("H100", "H100"),
        ("v100", "V100-16GB"),
        ("a100-80gb", "A100-80GB"),
        ("rtx pro 4500", "RTX PRO 4500 Blackwell Server Edition"),
    ):
        found = table.find_accelerator(name)
        assert found is not None and found.name == full
    for unclear in ("a10", "rtx pro", "", "b"):
        assert table.find_accelerator(unclear) is None


def test_fractional_accelerators_count_as_fractions():
    table = HardwareTable.parse(GOOD, TYPES + "ml.f.large,X1,0.125,4,AMD,,AVX2,doc,high\n")
    shared = table.find("ml.f.large")
    assert shared is not None and shared.units == Fraction(1, 8)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("bfloat16", "bf16"),
        ("bf16-mixed", "bf16"),
        ("torch.float16", "fp16"),
        ('"16-mixed"', "fp16"),
        ("FP8", "fp8"),
        ("32", "fp32"),
        ("nf4", None),
        ("", None),
    ],
)
def test_spellings_of_precisions(spelling, name):
    assert recognise_precision(spelling) == name


@pytest.mark.parametrize(
    ("accelerators", "types", "message"),
    [
        (GOOD + "X1,10,100,300,,high,datasheet\n", TYPES, "accelerators row 3: X1 is a duplicate"),
        (ACCELERATORS + "X1,10,100,300,,high,\n", TYPES, "accelerators row 2: no source"),
        (ACCELERATORS + "X1,10,-1,300,,high,doc\n", TYPES, "bf16_tflops '-1' must be positive"),
        (ACCELERATORS + "X1,10,0,300,,high,doc\n", TYPES, "must be positive"),
        (ACCELERATORS + "X1,10,nan,300,,high,doc\n", TYPES, "must be positive"),
        (ACCELERATORS + "X1,10,fast,300,,high,doc\n", TYPES, "is not a number"),
        (ACCELERATORS + "X1,,100,300,,high,doc\n", TYPES, "no fp32_tflops"),
        (ACCELERATORS + "X1,10,100,300.5,,high,doc\n", TYPES, "whole number"),
        (ACCELERATORS + "X1,10,100,300,,sure,doc\n", TYPES, "confidence must be"),
        (ACCELERATORS + "X1,10\n", TYPES, "wrong number of columns"),
        (ACCELERATORS, TYPES, "accelerators: no rows"),
        (GOOD, TYPES, "instance types: no rows"),
        (GOOD, TYPES + "ml.a,Y9,1,4,AMD,,AVX2,doc,high\n", "row 2: accelerator 'Y9' is not in"),
        (GOOD, TYPES + "ml.a,X1,0,4,AMD,,AVX2,doc,high\n", "contradict each other"),
        (GOOD, TYPES + "ml.a,,2,4,AMD,3,AVX2,doc,high\n", "contradict each other"),
        (GOOD, TYPES + "ml.a,,0,4,AMD,,AVX2,doc,high\n", "needs a clock"),
        (GOOD, TYPES + "ml.a,,0,4,AMD,3,MMX,doc,high\n", "needs a clock"),
        (GOOD, TYPES + "ml.a,X1,1,,AMD,3,AVX2,doc,high\n", "no vcpus"),
        (GOOD, TYPES + "ml.a,X1,1,4,AMD,3,AVX2,,high\n", "row 2: no source"),
        (GOOD, TYPES + "ml.a,X1,1,4,AMD,3,AVX2,d,high\nml.a,X1,1,4,AMD,3,AVX2,d,high\n", "row 3: ml.a is a duplicate"),
    ],
)
def test_a_bad_row_is_named(accelerators, types, message):
    with pytest.raises(HardwareTableInvalid) as caught:
        HardwareTable.parse(accelerators, types)
    assert message in str(caught.value)
    assert caught.value.remedy


def test_digests_name_the_version_of_each_file():
    digests = data.load_tables().digests
    assert digests.keys() >= set(FILES)
    assert all(len(value) == 64 for value in digests.values())
