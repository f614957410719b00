"""What is known of a local AWS that runs: where it answers, as whom one talks to it, and what is deployed on it."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

REGION = "eu-west-1"
ACCOUNT_ID = "111122223333"
STATE_FILE = "stack.json"


@dataclass
class Stack:
    """A running local AWS. `outputs` are those of the deployed CloudFormation stack, empty before `deploy`."""

    state_dir: Path
    endpoint_url: str
    sagemaker_endpoint_url: str
    region: str = REGION
    account_id: str = ACCOUNT_ID
    pids: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    ca_bundle: str = ""

    def environment(self) -> dict[str, str]:
        """The variables with which an AWS SDK or the AWS CLI talks to this stack, and to nothing else."""
        trust = {"AWS_CA_BUNDLE": self.ca_bundle} if self.ca_bundle else {}
        return trust | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_SAGEMAKER": self.sagemaker_endpoint_url,
            "AWS_ENDPOINT_URL_BEDROCK": self.sagemaker_endpoint_url,
            "AWS_ENDPOINT_URL_BATCH": self.sagemaker_endpoint_url,
            "AWS_ENDPOINT_URL_CLOUDWATCH": self.sagemaker_endpoint_url,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            # The emulator reads the account from the access key.
            "AWS_ACCESS_KEY_ID": self.account_id,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str, region: str | None = None, **config: Any) -> Any:
        """A boto3 client of this stack; `alarms` is CloudWatch on the emulator, where the stack's alarms are."""
        import boto3  # noqa: PLC0415 - only people who use the local AWS need it
        from botocore.config import Config  # noqa: PLC0415

        on_moto = service in ("sagemaker", "bedrock", "batch", "cloudwatch")
        session: Any = boto3.Session()
        return session.client(
            "cloudwatch" if service == "alarms" else service,
            region_name=region or self.region,
            endpoint_url=self.sagemaker_endpoint_url if on_moto else self.endpoint_url,
            aws_access_key_id=self.account_id,
            aws_secret_access_key="local",  # noqa: S106 - the emulator takes any
            verify=self.ca_bundle or None,
            config=Config(**({"s3": {"addressing_style": "path"}} | config)),
        )

    def alive(self) -> bool:
        """Whether its processes still run."""
        return bool(self.pids) and all(map(runs, self.pids.values()))

    def save(self) -> None:
        """Write the state file."""
        text = json.dumps(asdict(self) | {"state_dir": str(self.state_dir)}, indent=2)
        path = self.state_dir / STATE_FILE
        new = path.with_suffix(".new")
        new.write_text(text + "\n")
        new.replace(path)


def runs(pid: int) -> bool:
    """Whether this process is alive (a zombie of ours is collected first)."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process has the number now
        return False
    return True


def read(state_dir: Path) -> Stack | None:
    """The stack of this state folder, or None where none was started."""
    path = state_dir / STATE_FILE
    if not path.exists():
        return None
    members = json.loads(path.read_text())
    return Stack(**(members | {"state_dir": state_dir}))
