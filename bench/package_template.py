"""Writes the packaged template as plain CloudFormation, for StackSets and others that take no transform.

`make package-template` calls it with what `sam package` wrote, in which functions and layer have their addresses in S3.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.template.loading import Template, expand, load

LARGEST = 1024 * 1024
"""Bytes of a template in S3 (AWS CloudFormation User Guide, quotas)."""


class NotPackaged(Exception):
    """The template cannot be rolled out as it is."""


def plain(packaged: Template) -> str:
    """The template after AWS's serverless transform, as JSON. Raises NotPackaged."""
    code = [each["Properties"].get("CodeUri") or each["Properties"].get("ContentUri") for each in serverless(packaged)]
    if not code or not all(str(address).startswith("s3://") for address in code):
        raise NotPackaged("functions or layer are not in S3: `sam package` writes their addresses into the template")
    text = json.dumps(expand(packaged), separators=(",", ":"))
    if len(text.encode()) > LARGEST:
        raise NotPackaged(f"the template has {len(text):,} bytes, more than CloudFormation takes")
    return text


def serverless(template: Template) -> list[Template]:
    """The resources that have code."""
    kinds = ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion")
    return [each for each in template["Resources"].values() if each["Type"] in kinds]


def main() -> None:
    """The packaged template in, the plain one out."""
    packaged, output = map(Path, sys.argv[1:])
    output.write_text(plain(load(packaged)))
    sys.stdout.write(f"{output}: {output.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
