"""docs/operations.md names every alarm of template.yaml, and nothing else."""

import re
from fnmatch import fnmatchcase

import pytest

from tests.template.account_points import OPENED
from tests.template.bar import watched
from tests.template.loading import REPOSITORY, expanded_template

OPERATIONS = (REPOSITORY / "docs" / "operations.md").read_text()
README = (REPOSITORY / "README.md").read_text()
TEMPLATE = expanded_template()["Resources"]
ALARMS = {name: each["Properties"] for name, each in TEMPLATE.items() if each["Type"] == "AWS::CloudWatch::Alarm"}
BY_DEFAULT = [name for name in ALARMS if name not in OPENED]
OWN_METRICS = {
    metric["MetricName"]: metric["Dimensions"]
    for each in ALARMS.values()
    for metric in watched(each)
    if metric["Namespace"] == "FlopsAuditor"
}


def test_each_alarm_has_one_row_and_each_row_an_alarm() -> None:
    rows = [row.replace("…", "*") for row in re.findall(r"^\| `(\S+Alarm)` \|", OPERATIONS, re.M)]
    assert [name for name in ALARMS if sum(fnmatchcase(name, row) for row in rows) != 1] == []
    assert [row for row in rows if not any(fnmatchcase(name, row) for name in ALARMS)] == []


def test_the_cost_counts_the_alarms() -> None:
    for page in (OPERATIONS, README):
        assert re.findall(r"(\d+) alarms", page) == [str(len(BY_DEFAULT))]


def test_doctor_counts_those_that_paused_schedules_leave() -> None:
    always = [name for name, each in TEMPLATE.items() if name in ALARMS and "Condition" not in each]
    assert re.findall(r"`doctor` counts (\d+)", OPERATIONS) == [str(len(always))]


def test_a_restored_table_is_given_what_dynamodb_does_not_restore() -> None:
    """DynamoDB API Reference, RestoreTableFromBackup: time to live, among others, must be set again."""
    _, _, steps = OPERATIONS.partition("aws dynamodb restore-table-from-backup")
    table = TEMPLATE["RecordTable"]["Properties"]
    assert table["DeletionProtectionEnabled"] and "--deletion-protection-enabled" in steps
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert "PointInTimeRecoveryEnabled=true" in steps
    expires = table["TimeToLiveSpecification"]["AttributeName"]
    assert (
        f"update-time-to-live --table-name TABLE --time-to-live-specification Enabled=true,AttributeName={expires}"
        in steps
    )


@pytest.mark.parametrize("metric", sorted(OWN_METRICS))
def test_a_function_emits_the_metric_of_its_alarm(metric: str) -> None:
    """An alarm on a metric that nobody emits would never ring, or always."""
    [dimension] = OWN_METRICS[metric]
    folder = dimension["Value"]["Fn::Sub"].rsplit("-", 1)[1]
    assert f'"{metric}"' in (REPOSITORY / "functions" / folder / "app.py").read_text()


def test_every_metric_of_a_function_is_read_by_somebody() -> None:
    """Each costs 0.30 USD a month while it has data: an alarm, the dashboard or a document reads it."""
    apps = "".join(path.read_text() for path in (REPOSITORY / "functions").glob("*/app.py"))
    emitted = set(re.findall(r'(?:count\(|add_metric\(name=)"(\w+)"', apps))
    dashboard = TEMPLATE["DashboardOfTheStack"]["Properties"]["DashboardBody"]["Fn::Sub"]
    read = set(OWN_METRICS) | set(re.findall(r'"FlopsAuditor", "(\w+)"', dashboard))
    documents = OPERATIONS + (REPOSITORY / "docs" / "threat-model.md").read_text()
    assert emitted >= set(OWN_METRICS) | {"Recorded"}
    assert [name for name in emitted - read if f"`{name}`" not in documents] == []
