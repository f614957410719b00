"""template.yaml as data, and as what AWS's serverless transform makes of it."""

from __future__ import annotations

import copy
import json
import subprocess
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
TEMPLATE = REPOSITORY / "template.yaml"
TOOLS = REPOSITORY / ".tools"

Template = dict[str, Any]


class TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` is {"Ref": "x"}."""


def short_form(loader: TemplateLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    """The long form of a CloudFormation function."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


TemplateLoader.add_multi_constructor("!", short_form)


def load(path: Path = TEMPLATE) -> Template:
    """The template with every short form made long."""
    return load_text(path.read_text())


def load_text(text: str) -> Template:
    """A template from its text, with every short form made long; the caller may change it."""
    return copy.deepcopy(_parsed(text))


@cache
def _parsed(text: str) -> Template:
    loaded: Template = yaml.load(text, Loader=TemplateLoader)  # noqa: S506 - a SafeLoader
    return loaded


# Runs on the sam environment's interpreter, which has AWS's own translator. What `sam package` has not uploaded yet has
# no address in S3.
EXPAND = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
template = json.load(sys.stdin)
for resource in template["Resources"].values():
    for name in ("CodeUri", "ContentUri"):
        if not str(resource.get("Properties", {}).get(name, "s3://")).startswith("s3://"):
            resource["Properties"][name] = "s3://bucket/key"
from samtranslator.sdk.parameter import SamParameterValues
import boto3
parameters = {n: p["Default"] for n, p in template.get("Parameters", {}).items() if "Default" in p}
translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="eu-west-1"))
json.dump(translator.translate(template, parameters), sys.stdout)
"""


def expand(template: Template) -> Template:
    """What the serverless transform makes of the template: CloudFormation alone."""
    finished = subprocess.run(
        [TOOLS / "sam" / "bin" / "python", "-c", EXPAND],
        input=json.dumps(template),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "AWS_DEFAULT_REGION": "eu-west-1"},
    )
    if finished.returncode:
        raise AssertionError(f"the serverless transform refused the template:\n{finished.stderr[-3000:]}")
    expanded: Template = json.loads(finished.stdout)
    return expanded


@lru_cache(maxsize=1)
def expanded_template() -> Template:
    """The expanded template.yaml; do not change it."""
    return expand(load())
