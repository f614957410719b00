"""Starting and ending the two processes of the local AWS: ministack, and moto for SageMaker."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from flops_auditor.domain.values.errors import AuditorError
from flops_auditor_cli.local_aws.stack import ACCOUNT_ID, REGION, STATE_FILE, Stack, read, runs

HOST = "127.0.0.1"
REPOSITORY = Path(__file__).resolve().parents[3]
READY_SECONDS = 60.0
END_SECONDS = 10.0


class LocalAwsError(AuditorError):
    """The local AWS did not start, or a deployment on it failed."""

    remedy = "Read the log named in the message; `make demo-down` ends what is left, `make setup` renews the tools."


def tools_dir() -> Path:
    """Where `make setup` puts the programs that have an environment of their own."""
    return Path(os.environ.get("FLOPS_AUDITOR_TOOLS", REPOSITORY / ".tools"))


def start(state_dir: Path, environment: Mapping[str, str] | None = None, *, enforce: bool = False) -> Stack:
    """Start the local AWS with its state in `state_dir`, or return the one that runs there already.

    `environment` is added to the emulator's own and so reaches every Lambda function. `enforce`: every call needs the
    permission that it would need on AWS, by its caller's role and the bucket's or key's policy; over TLS then, since
    these policies refuse anything else. Nothing listens but on 127.0.0.1.
    """
    state_dir = state_dir.resolve()
    stack = read(state_dir)
    if stack is not None:
        if stack.alive():
            return stack
        stop(state_dir)
    state_dir.mkdir(parents=True, exist_ok=True)
    emulator_port, sagemaker_port = free_ports(2)
    scheme = "https" if enforce else "http"
    stack = Stack(state_dir, f"{scheme}://{HOST}:{emulator_port}", f"http://{HOST}:{sagemaker_port}")
    base = base_environment(state_dir)
    enforcement = {}
    if enforce:
        certificate, key = make_certificate(state_dir)
        stack.ca_bundle = str(certificate)
        tls = {"USE_SSL": "1", "MINISTACK_SSL_CERT": str(certificate), "MINISTACK_SSL_KEY": str(key)}
        enforcement = tls | {"AUTH": "true", "AWS_CA_BUNDLE": str(certificate)}
    launch(
        stack,
        "sagemaker",
        [sys.executable, "-m", "flops_auditor_cli.local_aws.sagemaker_server", "--port", str(sagemaker_port)],
        base | {"MOTO_ACCOUNT_ID": ACCOUNT_ID, "PYTHONPATH": python_path()},
    )
    aws = stack.environment()
    # The emulator sets the endpoint of its own Lambdas; SageMaker's and CloudWatch's they inherit from its environment.
    inherited = {name: aws[name] for name in aws if name.startswith("AWS_ENDPOINT_URL_")}
    launch(
        stack,
        "emulator",
        [str(tools_dir() / "localaws" / "bin" / "python"), "-P", str(Path(__file__).with_name("emulator.py"))],
        base
        | inherited
        | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(emulator_port),
            "LAMBDA_EXECUTOR": "local",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            "POWERTOOLS_DEV": "false",
            # Listeners on fixed ports of every address, which nothing here uses.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }
        | enforcement
        | dict(environment or {}),
    )
    wait_until_ready(stack, "sagemaker", f"{stack.sagemaker_endpoint_url}/moto-api/data.json")
    wait_until_ready(stack, "emulator", f"{stack.endpoint_url}/_ministack/health")
    return stack


def stop(state_dir: Path) -> bool:
    """End the processes of the stack in `state_dir`, and all that it stored; False where there is none."""
    stack = read(state_dir)
    if stack is None:
        return False
    for pid in stack.pids.values():
        end(pid)
    (state_dir / STATE_FILE).unlink(missing_ok=True)
    return True


def base_environment(state_dir: Path) -> dict[str, str]:
    """What both processes get: no credentials, profiles or proxies of the person who starts them."""
    temporary = state_dir / "tmp"
    temporary.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    # Several interpreters read the same sources: no byte code beside them, for it would change the layer's content.
    return kept | {"HOME": str(state_dir), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}


def make_certificate(state_dir: Path) -> tuple[Path, Path]:
    """A certificate of this machine for itself, and its key."""
    certificate, key = state_dir / "tls.pem", state_dir / "tls.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"]
    names = ["-addext", f"subjectAltName=IP:{HOST},DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(  # noqa: S603 - our own command
        [*command, *names, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    return certificate, key


def python_path() -> str:
    """Where the moto process finds this package, installed or not."""
    return os.pathsep.join(str(REPOSITORY / folder) for folder in ("cli", "layers/auditor"))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as sockets:
        held = [sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in held]


def launch(stack: Stack, name: str, command: list[str], environment: Mapping[str, str]) -> None:
    """Start a process in a session of its own, its output in `<state>/<name>.log`, and note its id."""
    if not Path(command[0]).exists():
        raise LocalAwsError(f"{command[0]} is missing")
    with log_of(stack, name).open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            cwd=stack.state_dir,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stack.pids[name] = process.pid
    stack.save()


def log_of(stack: Stack, name: str) -> Path:
    """The log of one of the two processes."""
    return stack.state_dir / f"{name}.log"


def wait_until_ready(stack: Stack, name: str, url: str) -> None:
    """Wait until the process answers."""
    deadline = time.monotonic() + READY_SECONDS
    trust = ssl.create_default_context(cafile=stack.ca_bundle) if url.startswith("https:") else None
    while time.monotonic() < deadline:
        if not runs(stack.pids[name]):
            break
        try:
            with urllib.request.urlopen(url, timeout=2, context=trust):  # noqa: S310 - on this machine
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    log = log_of(stack, name)
    tail = log.read_text(errors="replace")[-2000:]
    stop(stack.state_dir)
    raise LocalAwsError(f"the local AWS ({name}) does not answer at {url}; {log} ends with:\n{tail}")


def end(pid: int) -> None:
    """End a process and the Lambda workers in its session."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, sign)
        deadline = time.monotonic() + END_SECONDS
        while runs(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not runs(pid):
            break
    # Workers outlive a parent that ended first.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
