"""What people type: an engineer, an officer, a regulator, a controller. Files are named as they lie in their folder."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path

from tests.fakes.bills import Month, write_csv
from tests.fakes.bundles import Bundle, small_world
from tests.fakes.clusters import describe_cluster, host, kubectl, line, listing, node, pod, pytorch_job, sacct
from tests.fakes.ledger_world import World
from tests.transcripts import ROOT, Step

_LLAMA = "--instance-type ml.p5.48xlarge --base-model meta-llama/Llama-3.1-8B"

_CLUSTER = "--cluster cluster.json --nodes nodes.json"

_AMEND = 'flops-auditor amend domain-adapt-3 --who "A. Person" --why "counted in the log"'

ENGINEER = (
    Step("flops-auditor --version", "fine"),
    Step(f"flops-auditor plan {_LLAMA} --hours 24", "below every threshold"),
    Step(f"flops-auditor plan {_LLAMA} --tokens 1e13", "over a threshold"),
    Step(f"flops-auditor plan {_LLAMA} --tokens 1e13 --instances 8 --hours 72", "the inputs contradict each other"),
    Step(f"flops-auditor plan {_LLAMA} --tokens 1e12 --sequence-length 8192 --method lora", "below every threshold"),
    Step(f"flops-auditor plan {_LLAMA}-Instrukt --hours 24", "below, and a name that no table has"),
    Step("flops-auditor plan job.json --output markdown", "below every threshold"),
    Step("flops-auditor plan --instance-type ml.p99.48xlarge --hours 1", "the question makes no sense"),
    Step("flops-auditor catalog explain meta-llama/Llama-3.1-8B-Instruct", "fine"),
    Step("flops-auditor catalog explain meta-lama/Llama-3.1-8B", "not in the table"),
    Step("flops-auditor catalog policies", "fine"),
    Step("flops-auditor audit lora-llama-3-1-8b.json --metrics lora-metrics.json", "below every threshold"),
    Step("flops-auditor audit continued-pretraining-64-p5.json", "over a threshold"),
    Step("flops-auditor audit missing.json", "a file is missing"),
    Step("flops-auditor audit lora-llama-3-1-8b.json --output csv", "below every threshold"),
    Step(f"flops-auditor explain-cluster slurm.txt {_CLUSTER} --until 2026-10-02", "hours that no run explains"),
    Step(
        f"flops-auditor explain-cluster pods.json {_CLUSTER} --until 2026-10-01T10:00",
        "runs explain all, and are below",
    ),
    Step(f"flops-auditor explain-cluster job.json {_CLUSTER}", "no file of a cluster's operator"),
    Step("flops-auditor docs operatons", "no such document"),
    Step("flops-auditor plan --tokens 1e9 --licence Llama-3.1", "an option makes no sense"),
)
REGULATOR = (
    Step("flops-auditor verify bundle.zip --as-of 2026-11-01T02:00:00Z", "valid"),
    Step("flops-auditor verify bundle.zip --as-of 2026-11-01T02:00:00Z --pin checkpoint.txt", "valid"),
    Step("flops-auditor verify edited.zip --as-of 2026-11-01T02:00:00Z", "tampered"),
    Step("flops-auditor verify bundle.zip --as-of 2027-11-01", "valid but stale"),
    Step("flops-auditor verify late.zip --as-of 2026-11-02T03:00Z", "valid, with reservations"),
    Step("flops-auditor verify late.zip --as-of 2027-11-01", "valid, with reservations"),
    Step("flops-auditor verify bundle.zip --as-of 2020-01-01", "cannot verify"),
    Step("flops-auditor verify missing.zip", "a file is missing"),
    Step("flops-auditor verify checkpoint.txt", "cannot verify"),
)
CONTROLLER = (
    Step("flops-auditor explain-bill march.csv --bundle bundle.zip", "the bill has more than the records"),
    Step("flops-auditor explain-bill explained.csv --bundle bundle.zip", "records explain the bill"),
    Step("flops-auditor explain-bill checkpoint.csv --bundle bundle.zip", "no bill that can be read"),
)
OFFICER = (
    Step("flops-auditor records list", "fine"),
    Step("flops-auditor records list --verdict above", "fine"),
    Step("flops-auditor records show continued-pretraining-64-p5", "fine"),
    Step("flops-auditor records show continued-pretraining", "nothing is recorded of that name"),
    Step("flops-auditor records lineage domain-adapt-3", "fine"),
    Step("flops-auditor models show", "fine"),
    Step(f"{_AMEND} --tokens 2e9 --dry-run", "over a threshold", dated=True),
    Step(f"{_AMEND} --dry-run", "the question makes no sense"),
    Step("flops-auditor form continued-pretraining-64-p5", "fine"),
    Step("flops-auditor form in-house/base-34c", "nothing is recorded of that name"),
    Step("flops-auditor notify-draft continued-pretraining-64-p5", "fine"),
    Step("flops-auditor export for-the-regulator.zip --overwrite", "fine"),
    Step("flops-auditor export for-the-regulator.zip", "a file is there already"),
    Step("flops-auditor export other.zip --job continued-pretraining", "nothing is recorded of that name"),
    Step("flops-auditor report", "fine", dated=True),
    Step("flops-auditor reassess --job domain-adapt-3 --dry-run", "fine"),
    Step("flops-auditor keys list", "fine"),
    Step("flops-auditor watch", "fine"),
    Step("flops-auditor doctor", "not healthy", dated=True),
    Step("flops-auditor reconcile --dry-run", "fine"),
    Step("flops-auditor redrive", "fine"),
    Step("flops-auditor audit --job-name continued-pretraining", "no such job"),
    Step("flops-auditor records list --stack-name flops-auditors", "no such deployment"),
)


def lay_out(folder: Path) -> None:
    """The files that both of them have in their folder."""
    jobs, metrics = ROOT / "events" / "jobs", ROOT / "events" / "metrics"
    for name in ("lora-llama-3-1-8b.json", "continued-pretraining-64-p5.json"):
        (folder / name).write_bytes((jobs / name).read_bytes())
    (folder / "lora-metrics.json").write_bytes((metrics / "lora-llama-3-1-8b.json").read_bytes())
    described = json.loads((jobs / "lora-llama-3-1-8b.json").read_text())
    asked = ("TrainingJobName", "HyperParameters", "AlgorithmSpecification", "RoleArn", "OutputDataConfig")
    request = {name: described[name] for name in (*asked, "ResourceConfig", "StoppingCondition")}
    (folder / "job.json").write_text(json.dumps(request))
    lay_out_cluster(folder)
    late = World()
    late.add(1)
    late.at += timedelta(hours=26)
    late.seal()
    Bundle(late, folder).path.rename(folder / "late.zip")
    bundle = Bundle(small_world(), folder)
    (folder / "checkpoint.txt").write_bytes(bundle.files["checkpoint"])
    (folder / "checkpoint.csv").write_bytes(bundle.files["checkpoint"])
    write_bills(folder)
    bundle.edit_payload(1, lambda payload: payload.replace(b"Completed", b"Cancelled"))
    bundle.path = folder / "edited.zip"
    bundle.verify()


def lay_out_cluster(folder: Path) -> None:
    """A cluster of two hosts: what AWS answers about it, and what its operator exports."""
    (folder / "cluster.json").write_text(json.dumps(describe_cluster()))
    (folder / "nodes.json").write_text(json.dumps(listing(node(1), node(2))))
    unsaid = line("7_1", start=5, end=9, hosts=host(2), comment="")
    (folder / "slurm.txt").write_bytes(sacct(line(), unsaid, line("7_2", start=5, end=8, hosts=host(1))))
    pods = (pod(number, start=0, end=10) for number in (1, 2))
    (folder / "pods.json").write_bytes(kubectl(pytorch_job(start=0, end=10), *pods))


def write_bills(folder: Path) -> None:
    """A bill of the jobs that the bundle has, and one that has more."""
    start, hours = datetime(2026, 3, 1, 0, 10, tzinfo=UTC), timedelta(hours=1)
    where = {"line_item_usage_account_id": "123456789012", "product_region_code": "eu-west-1"}
    own = "arn:aws:sagemaker:eu-west-1:123456789012:"

    def add(usage_type: str, resource: str, time: timedelta, hosts: int = 1, service: str = "AmazonSageMaker") -> None:
        month.hosts(service, usage_type, start, start + time, hosts, **where, line_item_resource_id=resource)

    month = Month()
    for number in range(11):
        add("EU-Train:ml.p5.48xlarge", f"{own}training-job/secret-job-{number:06d}", 10 * hours)
    write_csv(folder / "explained.csv", month.rows)
    add("EU-Train:ml.p4d.24xlarge", f"{own}training-job/not-recorded", 3 * hours, 2)
    add("EU-Cluster:ml.p5.48xlarge", f"{own}cluster/a1b2c3", 30 * hours, 4)
    add("EU-Notebk:ml.g5.xlarge", f"{own}notebook-instance/sketches", 3 * hours)
    add("EU-SpotUsage:p4d.24xlarge", "i-0123456789abcdef0", 2 * hours, service="AmazonEC2")
    charged = {**where, "pricing_unit": "1K tokens"}
    month.add("AmazonBedrock", "EU-NovaPro-Customization-Training", start, Fraction("1234.567"), **charged)
    write_csv(folder / "march.csv", month.rows)


PEOPLE = {"engineer": ENGINEER, "officer": OFFICER, "controller": CONTROLLER, "regulator": REGULATOR}
WITH_A_DEPLOYMENT = {"officer"}
WITH_A_BILL = {"controller"}
"""Who needs the extra `bill`."""
