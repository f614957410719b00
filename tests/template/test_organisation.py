"""What an organisation rolls out: the packaged template is plain, the commands of docs/organisation.md are AWS's."""

import json
import re
import shlex

import jmespath
import pytest
from botocore import xform_name
from botocore.session import get_session

from bench.package_template import NotPackaged, plain, serverless
from flops_auditor_cli.region_stacks import template as regions_template
from tests.template.loading import REPOSITORY, Template, expanded_template, load

PAGE = (REPOSITORY / "docs" / "organisation.md").read_text()
COMMANDS = re.findall(r"^    (aws .+)$", PAGE, re.M)
ADDRESS = "s3://artifacts/flops-auditor/0.1.0/abc"


def packaged() -> Template:
    """The template as `sam package` writes it."""
    template = load()
    for each in serverless(template):
        member = "CodeUri" if "CodeUri" in each["Properties"] else "ContentUri"
        each["Properties"][member] = ADDRESS
    return template


def test_the_packaged_template_takes_its_code_from_the_bucket_and_is_otherwise_the_same() -> None:
    document = json.loads(plain(packaged()))
    assert "Transform" not in document
    places = [
        each["Properties"].get("Code") or each["Properties"].get("Content")
        for each in document["Resources"].values()
        if each["Type"] in ("AWS::Lambda::Function", "AWS::Lambda::LayerVersion")
    ]
    assert len(places) == 7
    assert all(place == {"S3Bucket": "artifacts", "S3Key": "flops-auditor/0.1.0/abc"} for place in places)
    kept = expanded_template()
    assert {name for name in document["Resources"] if "Layer" not in name} == {
        name for name in kept["Resources"] if "Layer" not in name
    }
    assert document["Parameters"] == kept["Parameters"]


def test_what_is_not_packaged_is_refused() -> None:
    with pytest.raises(NotPackaged):
        plain(load())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_of_aws(command: str) -> None:
    words = shlex.split(command)
    [service, operation], options = words[1:3], [word for word in words[3:] if word.startswith("--")]
    model = get_session().get_service_model("s3" if service == "s3api" else service)
    names = {xform_name(name).replace("_", "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    known = {f"--{xform_name(name).replace('_', '-')}" for name in shape.members} | {"--region", "--query"}
    assert set(options) <= known
    assert set(shape.required_members) <= {
        name for name in shape.members if f"--{xform_name(name).replace('_', '-')}" in options
    }


def test_stack_sets_are_allowed_first_and_a_delegated_administrator_can_run_every_command() -> None:
    """AWS's model says which operations take CallAs; without it the account itself is asked."""
    assert COMMANDS[0] == "aws cloudformation activate-organizations-access"
    model = get_session().get_service_model("cloudformation")
    operations = {xform_name(name).replace("_", "-"): model.operation_model(name) for name in model.operation_names}
    used = {each.split()[2] for each in COMMANDS if "stack-set" in each or "stack-instances" in each}
    assert used == {name for name in used if "CallAs" in operations[name].input_shape.members}
    assert {"create-stack-set", "create-stack-instances", "update-stack-set", "describe-stack-set"} <= used
    assert "needs `--call-as DELEGATED_ADMIN`" in PAGE


def test_parameters_that_the_page_names_exist() -> None:
    named = set(re.findall(r"ParameterKey=(\w+)", PAGE)) - {"HomeRegion"}
    assert named <= set(load()["Parameters"])
    assert "HomeRegion" in regions_template()
    for name in ("CentralAlertTopic", "CentralAlertKey", "CheckpointMails", "AlertEmail", "OperationsEmail"):
        assert f"`{name}" in PAGE
        assert name in load()["Parameters"]


def test_an_upgrade_keeps_every_parameter_that_the_stack_set_has() -> None:
    """CloudFormation gives a parameter that an update does not name the template's default."""
    queries = re.findall(r"describe-stack-set .*--query '([^']+)' > parameters\.json", PAGE)
    assert len(queries) == 2, "of the accounts' stacks, and of those in other regions"
    [query] = set(queries)
    parameters = [{"ParameterKey": name, "ParameterValue": "ours"} for name in load()["Parameters"]]
    kept = jmespath.search(query, {"StackSet": {"Parameters": parameters}})
    assert kept == [{"ParameterKey": name, "UsePreviousValue": True} for name in load()["Parameters"]]
    updates = re.findall("update-stack-set .*", PAGE)
    assert len(updates) == len(queries)
    assert all(update.endswith("--parameters file://parameters.json") for update in updates)


def test_the_first_roll_out_names_what_the_encrypted_topic_needs() -> None:
    create = re.findall("create-stack-set .*", PAGE)[0]
    assert set(re.findall("ParameterKey=([A-Za-z]+)", create)) >= {"CentralAlertTopic", "CentralAlertKey"}


def test_a_bucket_in_the_first_region_is_made_without_its_name() -> None:
    """us-east-1 is no value of LocationConstraint (Amazon S3 API Reference, CreateBucketConfiguration)."""
    assert "in us-east-1 without `--create-bucket-configuration`" in PAGE
