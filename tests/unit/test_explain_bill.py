"""What records explain of a bill: every hour once, and the rest with the most that it could have been."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.data import base_model_table, hardware_table
from flops_auditor.domain.bill.bill_lines import BillLine
from flops_auditor.domain.bill.billed import Billed, BillTooCoarse
from flops_auditor.domain.bill.doors import door_of_charge, door_of_hours, host_of
from flops_auditor.domain.bill.explain_bill import explain_bill
from flops_auditor.domain.bill.explanation import Explanation, RestReason
from flops_auditor.domain.bill.matching import TICKS, BilledTime, RunTime, match, ticks_between
from flops_auditor.domain.bill.recorded_runs import RecordedRun, recorded_run

AT = datetime(2026, 10, 5, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOST = "ml.p5.48xlarge"
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/tuned"
LINE = BillLine(
    account="111122223333",
    region="eu-west-1",
    service="AmazonSageMaker",
    usage_type=f"EU-Train:{HOST}",
    instance_type=HOST,
    resource=ARN,
    kind="Usage",
    unit="Hrs",
    start=AT,
    end=AT + HOUR,
    amount=10**10,
)
TOKENS = replace(LINE, service="AmazonBedrock", usage_type="EU-NovaPro-Customization-Training", unit="1K tokens")
ON_EC2 = replace(LINE, service="AmazonEC2", usage_type="EU-BoxUsage:p5.48xlarge", instance_type="", resource="i-1")
HARDWARE = hardware_table()


def run(
    hours: float = 1,
    start: datetime = AT,
    arn: str = ARN,
    hosts: Mapping[str, int] | None = None,
    tokens: int | None = None,
    models: tuple[str, ...] = (),
) -> RecordedRun:
    span = (start, start + hours * HOUR)
    there = {HOST: 1} if hosts is None else hosts
    return RecordedRun("0" * 64, arn, "111122223333", "eu-west-1", there, span, tokens, models)


def explained(*lines: BillLine, runs: tuple[RecordedRun, ...] = ()) -> Explanation:
    bill = Billed()
    for line in lines:
        bill.take(line)
    return explain_bill(bill, runs, HARDWARE, base_model_table())


def rest_of(explanation: Explanation) -> list[tuple[Fraction, RestReason]]:
    return [(each.host_seconds / 3600, each.why) for each in explanation.rest]


def doubts(explanation: Explanation) -> set[str]:
    return {each.kind.name for each in explanation.doubts}


def at(hours: int, **changes: str | int) -> BillLine:
    return replace(LINE, start=AT + hours * HOUR, end=AT + (hours + 1) * HOUR, **changes)


def test_a_recorded_job_explains_its_hours() -> None:
    whole = explained(LINE, at(1, amount=5 * 10**9), runs=(run(1.5),))
    assert (whole.share, whole.rest, whole.complete) == (1, (), True)
    assert whole.training.billed == 8 * 5400
    assert (whole.start, whole.end, whole.accounts) == (AT, AT + 2 * HOUR, ("111122223333",))


def test_what_no_record_explains_has_the_peak_of_the_hardware_as_its_ceiling() -> None:
    """8 H100 at 1978.9 TFLOP/s for an hour: the accelerators' highest peak, a whole number."""
    whole = explained(LINE)
    assert rest_of(whole) == [(1, RestReason.NO_RECORD)]
    assert whole.rest[0].ceiling_flop == whole.training.ceiling_flop == 8 * 3600 * 19789 * 10**11
    assert (whole.share, whole.complete) == (0, False)
    third = explained(replace(LINE, amount=3333333333)).rest[0]
    assert third.ceiling_flop == 8 * 3333333333 * 3600 * 19789 * 10**11 // 10**10


@pytest.mark.parametrize(
    "kind",
    [
        *("Credit", "Refund", "Fee", "RIFee", "Tax", "SavingsPlanNegation", "SavingsPlanRecurringFee"),
        *("SavingsPlanUpfrontFee", "BundledDiscount", "EdpDiscount", "PrivateRateDiscount", "Discount"),
        *("Purchase", "Adjustment", "Unused"),
    ],
)
def test_an_hour_counts_once_whatever_was_charged_for_it(kind: str) -> None:
    assert explained(LINE, replace(LINE, kind=kind)) == explained(LINE)


@pytest.mark.parametrize("kind", ["Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "Correction"])
def test_use_counts_in_whichever_way_it_was_paid(kind: str) -> None:
    assert rest_of(explained(LINE, replace(LINE, kind=kind))) == [(2, RestReason.NO_RECORD)]


def test_a_kind_of_line_that_is_not_known_counts_and_is_told() -> None:
    whole = explained(LINE, replace(LINE, kind="NewKind"), runs=(run(2, AT - HOUR),))
    assert rest_of(whole) == []
    assert doubts(whole) == {"unknown-kind-of-line"} and not whole.complete
    assert "NewKind" in whole.doubts[0].words


@pytest.mark.parametrize("kind", ["lines-twice", "lines-alike"])
def test_what_stands_twice_is_told_where_it_counts(kind: str) -> None:
    files = {"again" if kind == "lines-twice" else "alike": "a.csv and b.csv"}
    for line in (LINE, replace(TOKENS, resource=f"{ARN}")):
        whole = explained(replace(line, **files), runs=(run(),))
        assert kind in doubts(whole) and not whole.complete and "a.csv and b.csv" in whole.doubts[0].words
    for line in (replace(LINE, kind="Credit"), replace(LINE, usage_type="EU-Train:ml.m5.large", instance_type="")):
        assert explained(replace(line, **files)).complete


def test_what_is_taken_back_does_not_shorten_what_ran() -> None:
    whole = explained(LINE, replace(LINE, amount=-(10**10)))
    assert rest_of(whole) == [(1, RestReason.NO_RECORD)] and doubts(whole) == {"use-taken-back"}


@pytest.mark.parametrize("usage", ["EU-Cluster", "EU-Notebk", "EU-Host", "EU-Process"])
def test_no_record_explains_hours_of_a_door_that_has_none(usage: str) -> None:
    """Whatever the line names: verifiers take no statement that says so."""
    whole = explained(replace(LINE, usage_type=f"{usage}:{HOST}"), runs=(run(),))
    assert [day.hours.explained for day in whole.days] == [0]
    assert [hours for hours, _ in rest_of(whole)] == [1]


def test_hours_beyond_the_record_are_not_explained() -> None:
    whole = explained(LINE, at(1), at(2), at(3), runs=(run(2),))
    assert rest_of(whole) == [(2 - Fraction(1, 3600), RestReason.BEYOND_RECORD)], "a second is rounding"
    assert whole.rest[0].start == AT + 2 * HOUR and whole.rest[0].end == AT + 4 * HOUR


def test_a_meter_that_is_late_by_an_hour_is_no_rest() -> None:
    assert explained(replace(LINE, start=AT + HOUR, end=AT + 2 * HOUR), runs=(run(1),)).share == 1
    assert explained(at(-1), runs=(run(1),)).share == 1
    assert explained(at(3), runs=(run(1),)).share == explained(at(-3), runs=(run(1),)).share == 0


def test_a_name_that_was_used_again_explains_its_own_hours_alone() -> None:
    assert rest_of(explained(LINE, at(50), runs=(run(1),))) == [(1, RestReason.BEYOND_RECORD)]
    assert explained(LINE, at(50), runs=(run(1), run(1, AT + 50 * HOUR))).share == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(LINE, region="us-east-1"),
        replace(LINE, account="999900001111"),
        replace(LINE, usage_type=f"EU-SpotTrain:{HOST}"),
        replace(LINE, usage_type=f"EU-Any:{HOST}"),
        replace(LINE, region="", kind="SavingsPlanCoveredUsage"),
        replace(LINE, start=AT + HOUR, end=AT + 2 * HOUR),
    ],
)
def test_an_hour_of_a_record_explains_one_hour_whatever_lines_name_the_job(other: BillLine) -> None:
    whole = explained(other, LINE, runs=(run(1),))
    assert whole.training.explained == 8 * 3601 and not whole.complete, "a second is rounding"
    (rest,) = whole.rest
    assert (rest.host_seconds, rest.why, rest.resource) == (3599, RestReason.BEYOND_RECORD, ARN)
    assert (rest.account, rest.region) == (other.account, other.region or "eu-west-1"), "its own lines come first"


def test_lines_of_another_region_take_no_hour_of_the_jobs_own() -> None:
    own, elsewhere = [at(hour) for hour in range(3)], [at(hour, region="us-east-1") for hour in range(3)]
    [rest] = explained(*elsewhere, *own, runs=(run(3),)).rest
    assert (rest.region, rest.host_seconds) == ("us-east-1", 3 * 3600 - 1)


def test_other_hosts_than_the_record_has_are_not_explained() -> None:
    assert rest_of(explained(LINE, runs=(run(hosts={"ml.g5.xlarge": 8}),))) == [(1, RestReason.BEYOND_RECORD)]
    assert explained(replace(LINE, amount=2 * 10**10), runs=(run(hosts={HOST: 2}),)).share == 1


def test_a_record_without_times_explains_nothing() -> None:
    whole = explained(LINE, runs=(replace(run(), span=None),))
    assert rest_of(whole) == [(1, RestReason.RECORD_WITHOUT_HOURS)]


def test_jobs_that_the_bill_does_not_name_are_explained_by_account_region_host_and_time() -> None:
    unnamed = replace(LINE, resource="", amount=2 * 10**10)
    whole = explained(unnamed, runs=(run(1),))
    assert rest_of(whole) == [(1 - Fraction(1, 3600), RestReason.NO_RESOURCE)]
    assert whole.training.by_time_alone == whole.training.explained == 8 * 3601
    assert doubts(whole) == {"bill-without-resources"} and not whole.complete
    elsewhere = (
        replace(run(), account="4"),
        replace(run(), region="us-east-1"),
        run(1, AT + HOUR),
        run(1, hosts={"ml.p4d.24xlarge": 1}),
    )
    for other in elsewhere:
        assert explained(unnamed, runs=(other,)).training.explained <= 8, "but for a second of rounding"


def test_records_of_jobs_explain_no_cluster_by_time() -> None:
    cluster = replace(LINE, usage_type=f"EU-Cluster:{HOST}", resource="")
    assert rest_of(explained(cluster, runs=(run(),))) == [(1, RestReason.DOOR_NOT_RECORDED)]


def test_records_of_runs_on_clusters_explain_no_job_by_time() -> None:
    """Their hours are charged as those of the cluster."""
    on_a_cluster = run(1, arn="arn:aws:sagemaker:eu-west-1:111122223333:cluster/a1b2c3d4e5f6/100")
    whole = explained(replace(LINE, resource=""), runs=(on_a_cluster,))
    assert rest_of(whole) == [(1, RestReason.NO_RESOURCE)]


def test_a_job_that_the_bill_names_explains_no_other() -> None:
    """A spot job is charged less than it ran: what is left of it is nobody's."""
    whole = explained(replace(LINE, amount=10**9), replace(LINE, resource=""), runs=(run(5),))
    assert rest_of(whole) == [(1, RestReason.NO_RESOURCE)]


def test_several_accounts_and_regions_are_apart() -> None:
    whole = explained(
        LINE, replace(LINE, account="999900001111", region="us-east-1", resource="arn:other"), runs=(run(),)
    )
    assert [(each.account, each.region) for each in whole.rest] == [("999900001111", "us-east-1")]
    assert explained(replace(LINE, region="")).rest[0].region == "eu-west-1", "an ARN says which region"


@pytest.mark.parametrize(
    ("usage_type", "region"),
    [
        ("EU-Train:", "eu-west-1"),
        ("USE1-Train:", "us-east-1"),
        ("APS3-SpotTrain:", "ap-south-1"),
        ("UGW1-Train:", "us-gov-west-1"),
        ("Train:", ""),
        ("XYZ9-Train:", ""),
    ],
)
def test_a_usage_type_says_the_region_where_no_column_does(usage_type: str, region: str) -> None:
    """The columns of regions and resources may be missing."""
    unnamed = replace(LINE, usage_type=usage_type + HOST, region="", resource="", instance_type="")
    there = replace(run(), region=region or "eu-west-1")
    whole = explained(unnamed, runs=(there,))
    assert whole.training.explained == (8 * 3600 if region else 0)
    assert ("hours-without-region" in doubts(whole)) == (not region)
    assert not region or not explained(unnamed, runs=(replace(there, region="us-west-1"),)).training.explained


def test_by_day_and_service() -> None:
    whole = explained(LINE, at(20), ON_EC2, runs=(run(1),))
    assert [
        (str(day.day), day.door.name, day.hours.billed / 8 / 3600, day.hours.rest / 8 / 3600) for day in whole.days
    ] == [
        ("2026-10-05", "ec2", 1, 1),
        ("2026-10-05", "sagemaker-training", 1, 0),
        ("2026-10-06", "sagemaker-training", 1, 1),
    ]


@pytest.mark.parametrize(
    ("service", "usage_type", "resource", "door"),
    [
        ("AmazonSageMaker", "USE1-Train:ml.g5.xlarge", "", "sagemaker-training"),
        ("AmazonSageMaker", "Train:ml.g5.xlarge", "", "sagemaker-training"),
        ("AmazonSageMaker", "EU-Cluster:ml.p5.48xlarge-Reserved", "", "sagemaker-hyperpod"),
        ("AmazonSageMaker", "APN1-Studio:JupyterLab-ml.g5.xlarge", "", "sagemaker-notebooks"),
        ("AmazonSageMaker", "USE1-Notebk:ml.p3.2xlarge", "", "sagemaker-notebooks"),
        ("AmazonSageMaker", "USE1-Host:ml.g5.xlarge", "", "sagemaker-inference"),
        ("AmazonSageMaker", "USE1-Tsform:ml.g5.xlarge", "", "sagemaker-inference"),
        ("AmazonSageMaker", "USE1-Processing:ml.g5.xlarge", "", "sagemaker-processing"),
        ("AmazonSageMaker", "USE1-New:ml.g5.xlarge", "", "sagemaker-unknown"),
        ("AmazonSageMaker", "New", ARN, "sagemaker-training"),
        ("AmazonSageMaker", "New", "arn:aws:sagemaker:eu-west-1:1:cluster/a", "sagemaker-hyperpod"),
        ("AmazonEC2", "BoxUsage:p4d.24xlarge", "i-1", "ec2"),
        ("AmazonEC2", "USW2-SpotUsage:trn1.32xlarge", "i-1", "ec2"),
        ("AmazonEC2", "EUC1-UnusedBox:p5.48xlarge", "", "ec2-idle"),
        ("AmazonEC2", "EUC1-Reservation:p5.48xlarge", "", "ec2-idle"),
        ("AmazonEC2", "EBSOptimized:p3.2xlarge", "i-1", None),
        ("ElasticMapReduce", "BoxUsage:p3.2xlarge", "", None),
    ],
)
def test_a_usage_type_says_the_door(service: str, usage_type: str, resource: str, door: str | None) -> None:
    known = door_of_hours(service, usage_type, resource)
    assert (known and known.name) == door


@pytest.mark.parametrize(
    ("usage_type", "host"),
    [
        ("USE1-Train:ml.p4d.24xlarge", "ml.p4d.24xlarge"),
        ("BoxUsage:p6-b200.48xlarge", "ml.p6-b200.48xlarge"),
        ("BoxUsage:inf2.xlarge", "ml.inf2.xlarge"),
        ("Cluster:ml.u-p6e-gb200x72", "ml.u-p6e-gb200x72"),
        ("BoxUsage:gr6.4xlarge", "ml.gr6.4xlarge"),
        ("BoxUsage:g5g.metal", "ml.g5g.metal"),
        *(
            (f"BoxUsage:{name}", "")
            for name in ("m6g.large", "c7gn.xlarge", "t4g.small", "hpc7g.4xlarge", "im4gn.large")
        ),
        ("TimedStorage-ByteHrs", ""),
    ],
)
def test_hosts_with_accelerators_are_known_by_their_families(usage_type: str, host: str) -> None:
    assert host_of(usage_type, "") == host
    assert host_of("", usage_type.partition(":")[2]) == host


def test_every_host_with_accelerators_of_the_table_is_known() -> None:
    for name, kind in HARDWARE.instance_types.items():
        assert bool(host_of(f"Train:{name}", "")) == bool(kind.accelerator)


def test_what_is_no_door_of_training_is_named_and_is_not_counted_against_the_records() -> None:
    whole = explained(replace(LINE, usage_type="EU-Host:ml.p5.48xlarge", resource="arn:aws:sagemaker:r:1:endpoint/e"))
    assert rest_of(whole) == [(1, RestReason.NOT_TRAINING)]
    assert (whole.complete, whole.share, whole.training.billed) == (True, None, 0)
    assert whole.rest[0].ceiling_flop


def test_what_may_have_trained_is_not_explained_by_itself() -> None:
    assert rest_of(explained(ON_EC2)) == [(1, RestReason.DOOR_NOT_RECORDED)]
    assert not explained(ON_EC2).complete


@pytest.mark.parametrize(
    ("line", "doubt"),
    [
        (replace(ON_EC2, service="ElasticMapReduce"), "accelerators-of-other-services"),
        (replace(ON_EC2, unit="GB-Mo"), "unknown-unit"),
    ],
)
def test_what_is_not_counted_is_told(line: BillLine, doubt: str) -> None:
    whole = explained(line)
    assert (rest_of(whole), doubts(whole), whole.complete) == ([], {doubt}, False)


@pytest.mark.parametrize(
    "line", [replace(LINE, usage_type=f"EU-New:{HOST}", resource=""), replace(ON_EC2, usage_type="EU-New:p5.48xlarge")]
)
def test_a_use_that_is_not_known_counts_and_is_told(line: BillLine) -> None:
    assert rest_of(explained(line)) == [(1, RestReason.DOOR_NOT_RECORDED)]
    assert doubts(explained(line)) == {"unknown-usage-type"}


def test_a_host_that_the_table_lacks_has_no_ceiling_and_no_share() -> None:
    whole = explained(LINE, replace(LINE, usage_type="EU-Train:ml.p9.48xlarge", instance_type=""), runs=(run(),))
    assert [(each.host, each.accelerator_seconds, each.ceiling_flop) for each in whole.rest] == [
        ("ml.p9.48xlarge", None, None)
    ]
    assert (whole.share, whole.training.ceiling_flop, whole.training.unknown_host_seconds) == (None, None, 3600)
    assert whole.training.explained == 8 * 3600 and doubts(whole) == {"unknown-hosts"}
    known = replace(run(), hosts={"ml.p9.48xlarge": 1})
    alone = explained(replace(LINE, usage_type="EU-Train:ml.p9.48xlarge", instance_type=""), runs=(known,))
    assert (alone.rest, alone.training.ceiling_flop) == ((), 0)


@pytest.mark.parametrize(
    ("unit", "tokens"),
    [
        ("1K tokens", 2000),
        ("1M Tokens", 2 * 10**6),
        ("Tokens", 2),
        ("Million Tokens", 2 * 10**6),
        ("Model tokens", 2),
        ("Batch input tokens", 2),
        ("hours", None),
    ],
)
def test_training_that_is_charged_by_tokens_is_named_with_them(unit: str, tokens: int | None) -> None:
    whole = explained(replace(TOKENS, unit=unit, amount=2 * 10**10))
    assert [(each.tokens, each.amount, each.why) for each in whole.charges] == [(tokens, 2, RestReason.NO_RECORD)]
    assert not whole.complete and doubts(whole) == (set() if tokens else {"unknown-charges"})


def test_tokens_are_explained_by_the_record_of_a_run_of_that_time() -> None:
    assert explained(TOKENS, runs=(run(hosts={}, tokens=1000),)).complete
    for other in (3, -26):  # nothing says when tokens are charged: a day after the end may be late
        apart = explained(TOKENS, runs=(run(1, AT + other * HOUR, hosts={}, tokens=1000),))
        assert [each.why for each in apart.charges] == [RestReason.BEYOND_RECORD]
    assert [each.why for each in explained(replace(TOKENS, resource="")).charges] == [RestReason.NO_RESOURCE]


@pytest.mark.parametrize(
    ("service", "usage_type", "unit", "door"),
    [
        ("AmazonBedrock", "USE1-NovaPro-Customization-Training", "1K tokens", "bedrock-customisation"),
        ("AmazonBedrock", "USE1-NovaLite-input-tokens-custom-model", "1K tokens", None),
        ("AmazonBedrock", "USE1-NovaPro-Customization-Storage", "Mo", None),
        ("AmazonSageMaker", "USE1-Anything", "1M Tokens", "sagemaker-tokens"),
        ("AmazonS3", "Requests", "tokens", None),
    ],
)
def test_charges_for_training_are_known(service: str, usage_type: str, unit: str, door: str | None) -> None:
    known = door_of_charge(service, usage_type, unit, "")
    assert (known and known.name) == door


RUN = "arn:aws:sagemaker:eu-west-1:111122223333:"
TUNED = "arn:aws:bedrock:eu-west-1:111122223333:model-customization-job/meta.llama3-1-8b-instruct-v1:0/abcdefghijkl"


@pytest.mark.parametrize(
    ("resource", "usage_type", "unit", "service", "door"),
    [
        (f"{RUN}training-session/s", "EU-TrainingSession:Forward", "Units", "AmazonSageMaker", "sagemaker-tokens"),
        (f"{RUN}training-session/s", "EU-Session-Compute", "Hrs", "AmazonSageMaker", "sagemaker-tokens"),
        (f"{RUN}job/agentrft/x", "EU-AgentRFT", "Units", "AmazonSageMaker", "sagemaker-tokens"),
        (f"{RUN}training-job/x", "EU-ServerlessCustomization-SFT", "Units", "AmazonSageMaker", "sagemaker-tokens"),
        (f"{RUN}training-job/x", "EU-Train:serverless", "Hrs", "AmazonSageMaker", "sagemaker-tokens"),
        (TUNED, "EU-Distillation-Training", "1K tokens", "AmazonBedrock", "bedrock-customisation"),
        (TUNED, "EU-ContinuedPreTraining", "1K tokens", "AmazonBedrock", "bedrock-customisation"),
        (TUNED, "EU-Nova2Lite-RFT-hours", "Hours", "AmazonBedrock", "bedrock-customisation"),
        (TUNED, "EU-xyz", "Units", "AmazonBedrock", "bedrock-customisation"),
        (TUNED, "EU-MP:Customization-Training", "Units", "7dnsk3example", "bedrock-customisation"),
        (TUNED.replace("aws:", "aws-us-gov:", 1), "", "", "AmazonBedrock", "bedrock-customisation"),
    ],
)
def test_a_charge_that_names_a_run_counts_whatever_it_is_called(
    resource: str, usage_type: str, unit: str, service: str, door: str
) -> None:
    line = replace(LINE, resource=resource, usage_type=usage_type, unit=unit, service=service, instance_type="")
    whole = explained(line)
    assert [(each.door.name, each.amount, each.why) for each in whole.charges] == [(door, 1, RestReason.NO_RECORD)]
    assert "unknown-training-charge" in doubts(whole) and not whole.complete
    recorded = explained(line, runs=(run(arn=resource, hosts={}),))
    assert not recorded.complete and f"{usage_type} in {unit}" in str([each.words for each in recorded.doubts])


@pytest.mark.parametrize(
    ("resource", "usage_type", "unit", "instance_type"),
    [
        (f"{RUN}training-job/x", "EU-Train:VolumeUsage.gp2", "GB-Mo", ""),
        (f"{RUN}training-job/x", "EU-Train:ml.m5.large", "Hrs", "ml.m5.large"),
        (f"{RUN}training-job/x", "EU-Train", "Hrs", "ml.c5n.18xlarge"),
        (f"{RUN}training-job/x", "EU-DataTransfer-Out-Bytes", "GB", ""),
        (f"{RUN}endpoint/x", "EU-Serverless", "Units", ""),
        (f"{RUN}processing-job/x", "EU-Any", "Units", ""),
        (TUNED, "EU-NovaPro-Customization-Storage", "Mo", ""),
        (TUNED.replace("model-customization-job", "custom-model"), "EU-NovaPro-CustomModel", "Units", ""),
        (TUNED.replace("model-customization-job", "provisioned-model"), "EU-NovaPro-ModelUnits", "Hrs", ""),
    ],
)
def test_what_stands_apart_from_training_is_no_charge_for_it(
    resource: str, usage_type: str, unit: str, instance_type: str
) -> None:
    service = "AmazonBedrock" if "bedrock" in resource else "AmazonSageMaker"
    line = replace(LINE, resource=resource, usage_type=usage_type, unit=unit, instance_type=instance_type)
    whole = explained(replace(line, service=service))
    assert (whole.charges, whole.days, whole.complete) == ((), (), True)


def test_a_bill_by_the_month_is_refused_where_it_would_matter() -> None:
    month = timedelta(days=31)
    with pytest.raises(BillTooCoarse):
        explained(replace(LINE, end=AT + month))
    assert explained(replace(LINE, end=AT + month, usage_type="EU-Train:ml.m5.large", instance_type="")).complete
    assert explained(replace(LINE, end=AT + timedelta(days=1)), runs=(run(),)).share == 1


def test_a_bill_without_accelerators_is_explained() -> None:
    assert explained() == Explanation(None, None, (), (), (), (), ())
    assert explained().complete and explained().share is None


def test_an_hour_beside_a_day_takes_nothing_of_another_hour() -> None:
    """A folder may have a month by the hour and one by the day."""
    day = BilledTime(AT, AT + 24 * HOUR, 10**9, 10**9)
    hour = BilledTime(AT + HOUR, AT + 2 * HOUR, 10**9, 10**9)
    match([day, hour], [RunTime(AT + 20 * HOUR, AT + 21 * HOUR, 1)], same_run=True)
    assert (day.rest, hour.rest) == (0, 10**9)


spans = st.tuples(st.integers(0, 50), st.integers(1, 20), st.integers(1, 4))


@given(
    billed=st.lists(st.tuples(st.integers(0, 60), st.sampled_from([1, 24]), st.integers(0, 10**5)), max_size=8),
    runs=st.lists(spans, max_size=5),
    same_run=st.booleans(),
)
def test_no_hour_is_explained_twice(
    billed: list[tuple[int, int, int]], runs: list[tuple[int, int, int]], same_run: bool
) -> None:
    """Runs explain no more than they had, with a second for each host, and no period gets more than was billed."""
    periods = [
        BilledTime(AT + start * HOUR, AT + (start + hours) * HOUR, seconds * TICKS, seconds * TICKS)
        for start, hours, seconds in billed
    ]
    times = [RunTime(AT + start * HOUR, AT + (start + hours) * HOUR, hosts) for start, hours, hosts in runs]
    match(periods, times, same_run=same_run)
    explained_ticks = sum(each.ticks - each.rest for each in periods)
    had = sum(each.hosts * (ticks_between(each.start, each.end) + TICKS) for each in times)
    assert explained_ticks == had - sum(each.left for each in times)
    assert all(0 <= each.rest <= each.ticks for each in periods) and all(each.left >= 0 for each in times)


@given(
    lines=st.lists(
        st.builds(
            lambda hour, hours, amount, count, region, account, use: replace(
                at(hour),
                amount=amount * count,
                end=AT + (hour + hours) * HOUR,
                region=region,
                account=account,
                usage_type=f"EU-{use}:{HOST}",
            ),
            st.integers(-3, 9),
            st.sampled_from([1, 24]),
            st.integers(0, 10**10),
            st.integers(1, 9),
            st.sampled_from(["", "eu-west-1", "us-east-1"]),
            st.sampled_from(["111122223333", "999900001111"]),
            st.sampled_from(["Train", "SpotTrain", "New"]),
        ),
        max_size=8,
    ),
    hours=st.lists(st.tuples(st.integers(0, 9), st.fractions(0, 3, max_denominator=60), st.integers(1, 3)), max_size=3),
)
def test_what_is_explained_is_at_most_what_the_records_hold(
    lines: list[BillLine], hours: list[tuple[int, Fraction, int]]
) -> None:
    """Whatever lines of a bill name the job: hosts times time, and a second for each host and run."""
    runs = tuple(run(float(length), AT + start * HOUR, hosts={HOST: count}) for start, length, count in hours)
    spans = [(each.hosts[HOST], each.span) for each in runs if each.span]
    held = sum(count * (Fraction(ticks_between(*span), TICKS) + 1) for count, span in spans)
    whole = explained(*lines, runs=runs)
    assert whole.training.explained <= 8 * held
    assert whole.training.billed == whole.training.explained + 8 * sum(each.host_seconds for each in whole.rest)
    assert all(each.resource == ARN and each.host_seconds for each in whole.rest)


def test_a_record_says_what_it_explains() -> None:
    job = {
        **{"id": "1", "arn": ARN, "region": "eu-west-1", "start": "2026-10-05T10:00:00.500Z", "end": None},
        "instances": [{"type": HOST, "count": 2}, {"type": HOST, "count": "1"}],
        "finished": True,
    }
    model = {"original": {"base_model": "a/b"}, "lineage": {"base_model": "a/b", "other_names": ["b"]}}
    known = RecordedRun("1", ARN, "111122223333", "eu-west-1", {HOST: 3}, None, None, ("a/b", "b"))
    assert recorded_run({"job": job, **model}) == known
    ended = {**job, "end": "2026-10-05T12:00:00Z", "creation_time": "2026-10-05T09:00:00Z"}
    assert recorded_run({"job": ended, **model}).life == (AT - HOUR, AT + 2 * HOUR)
    ended = recorded_run({"job": {**job, "end": "2026-10-05T11:00:00.000Z"}, **model})
    assert ended.span == (AT + timedelta(milliseconds=500), AT + HOUR)
    assert recorded_run({"job": {**job, "end": "2026-10-05T09:00:00.000Z"}, **model}).span is None
    charged = {**job, "billable_tokens": {"training_tokens": "5", "sample_tokens": "0", "prefill_tokens": "7"}}
    assert recorded_run({"job": charged, **model}).tokens == 12
    running = {**charged, "finished": False}
    assert recorded_run({"job": running, **model}).tokens is None, "its service counts on"
