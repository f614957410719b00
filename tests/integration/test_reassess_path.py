"""An instance type that a later release knows, on the deployed template: recorded, settled, exported, verified."""

import json
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from flops_auditor.domain.audit.tables import INSTANCE_TYPES
from flops_auditor_cli.local_aws.processes import REPOSITORY
from tests.fakes.tables_of_then import with_row
from tests.integration.deployed import Deployed, fresh_job

UNKNOWN_TYPE = "ml.p98.48xlarge"  # no other test of the stack has a job on it
UNKNOWN = {"InstanceType": UNKNOWN_TYPE, "InstanceCount": 1, "VolumeSizeInGB": 500}


class Release:
    """A copy of the layer whose table knows one more instance type, and its command line."""

    def __init__(self, folder: Path, deployed: Deployed) -> None:
        layer = folder / "layer"
        shutil.copytree(REPOSITORY / "layers" / "auditor" / "flops_auditor", layer / "flops_auditor")
        table = layer / "flops_auditor" / "data" / INSTANCE_TYPES
        table.write_text(with_row("ml.p5.48xlarge", UNKNOWN_TYPE)(table.read_text()))
        self.table = sha256(table.read_bytes()).hexdigest()
        self._path = os.pathsep.join([str(layer), str(REPOSITORY / "cli")])
        self._state = {"FLOPS_AUDITOR_LOCAL": "1", "FLOPS_AUDITOR_STATE": str(deployed.stack.state_dir)}

    def run(self, *arguments: str, older: bool = False) -> Any:
        """A command of that release, or of the deployed one: its JSON and exit code."""
        path = os.pathsep.join(str(REPOSITORY / folder) for folder in ("layers/auditor", "cli"))
        done = subprocess.run(
            [sys.executable, "-m", "flops_auditor_cli", *arguments, "--output", "json"],
            env={**os.environ, **self._state, "PYTHONPATH": path if older else self._path},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode in (0, 2), done.stdout + done.stderr
        return json.loads(done.stdout)


def test_a_type_that_a_later_release_knows_settles_its_jobs(deployed: Deployed, tmp_path: Path) -> None:
    job = fresh_job(ResourceConfig=UNKNOWN)
    deployed.load(job)
    deployed.announce(job)
    arn = job["TrainingJobArn"]
    assert deployed.record(arn).predicate["verdict"] == "indeterminate"
    deployed.idle()
    later = Release(tmp_path, deployed)
    [row] = later.run("reassess", "--instance-type", UNKNOWN_TYPE)["records"]
    assert (row["before"], row["verdict"], row["tables"]) == ("indeterminate", "below", INSTANCE_TYPES)
    content = deployed.record(arn).predicate
    assert (content["revision"], content["verdict"]) == (1, "below")
    assert list(content["reassessed"]["tables"]) == [INSTANCE_TYPES]
    assert later.run("reassess", "--instance-type", UNKNOWN_TYPE)["records"] == []
    deployed.idle()
    assert deployed.versions(f"tables/{later.table}") == [f"tables/{later.table}"]
    deployed.invoke("SealFunctionName")
    bundle = str(tmp_path / "bundle.zip")
    assert later.run("export", bundle, "--job", job["TrainingJobName"])["records"] == 2
    today = sha256((REPOSITORY / "layers/auditor/flops_auditor/data" / INSTANCE_TYPES).read_bytes()).hexdigest()
    verified = later.run("verify", bundle, "--recompute", "--accept-table", today)
    assert (verified["verdict"], verified["records"]) == ("valid", 2)
    unknown = later.run("verify", bundle, "--recompute", older=True)
    assert [finding["error"] for finding in unknown["findings"]] == ["UnknownTables"]
    accepted = later.run("verify", bundle, "--recompute", "--accept-table", later.table, older=True)
    assert accepted["verdict"] == "valid"
