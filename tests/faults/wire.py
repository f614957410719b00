"""A fault proxy (microburst) between the deployed functions and each half of the local AWS."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flops_auditor_cli.local_aws import Stack, start, stop
from flops_auditor_cli.local_aws.processes import HOST, free_ports, tools_dir

ON_EMULATOR = ("dynamodb", "s3", "kms", "sns", "sqs")
ON_MOTO = ("sagemaker", "cloudwatch")
THROTTLING = {
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "s3": ("SlowDown", 503),
    "kms": ("ThrottlingException", 400),
    "sns": ("Throttling", 400),
    "sqs": ("RequestThrottled", 400),
    "sagemaker": ("ThrottlingException", 400),
    "cloudwatch": ("Throttling", 400),
}


def faults_of(service: str) -> list[dict[str, Any]]:
    """Each kind of fault, once."""
    code, status = THROTTLING[service]
    return [
        {"error": {"code": code, "status": status}},
        {"error": {"code": "InternalFailure", "status": 500}},
        {"timeout_ms": 300},
        {"reset": True},
        {"latency": {"min": 200, "max": 1000}},
        {"response": {"truncate_frac": 0.5}},
        {"response": {"abort_frac": 0.3}},
    ]


def rules(services: tuple[str, ...], share: float) -> list[dict[str, Any]]:
    """Rules by which `share` of the calls of every service meets a fault, of each kind as often as of the others.

    A call meets the first rule that fires, so each next rule must fire more often among what is left.
    """
    found = []
    for service in services:
        kinds = faults_of(service)
        each, left = share / len(kinds), 1.0
        for kind in kinds:
            found.append({"service": service, "probability": each / left, **kind})
            left -= each
    return found


@dataclass
class Proxy:
    """One running microburst."""

    url: str
    services: tuple[str, ...]
    process: subprocess.Popen[bytes]

    def inject(self, share: float) -> None:
        """From now on, `share` of the calls meets a fault."""
        self._call("POST", "rules", rules(self.services, share) if share else [])

    def counted(self) -> Counter[str]:
        """Faults so far, by service and kind, as "kms error:ThrottlingException"."""
        found = self._call("GET", "fired?limit=1000000")
        return Counter(f"{each['service']} {each['action']}" for each in found)

    def requests(self) -> tuple[int, int]:
        """(requests, faults) so far."""
        found = self._call("GET", "stats")["requests"]
        return int(found["total"]), int(found["faulted"])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - http on this machine
            f"{self.url}/_microburst/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None

    def end(self) -> None:
        """End the process by its own id."""
        os.kill(self.process.pid, signal.SIGTERM)
        self.process.wait(20)


def launch(upstream: str, port: int, services: tuple[str, ...], log: Path) -> Proxy:
    """Start a proxy before `upstream`, and wait until it answers."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                str(tools_dir() / "faults" / "bin" / "microburst"),
                *("--upstream", upstream, "--port", str(port), "--host", HOST, "--no-resign"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    proxy = Proxy(f"http://{HOST}:{port}", services, process)
    for _ in range(100):
        try:
            proxy.inject(0)
        except OSError:
            time.sleep(0.1)
        else:
            return proxy
    proxy.end()
    raise AssertionError(f"microburst does not answer: {log.read_text()[-2000:]}")


@contextmanager
def stack_behind_proxies(folder: Path) -> Iterator[tuple[Stack, list[Proxy]]]:
    """A local AWS whose functions reach it through two proxies; whoever tests it does not."""
    ports = free_ports(2)
    through = {f"AWS_ENDPOINT_URL_{name.upper()}": f"http://{HOST}:{ports[0]}" for name in ON_EMULATOR}
    through |= {f"AWS_ENDPOINT_URL_{name.upper()}": f"http://{HOST}:{ports[1]}" for name in ON_MOTO}
    stack = start(folder / "state", through)
    proxies: list[Proxy] = []
    try:
        proxies.append(launch(stack.endpoint_url, ports[0], ON_EMULATOR, folder / "emulator-proxy.log"))
        proxies.append(launch(stack.sagemaker_endpoint_url, ports[1], ON_MOTO, folder / "sagemaker-proxy.log"))
        yield stack, proxies
    finally:
        for proxy in proxies:
            proxy.end()
        stop(folder / "state")
