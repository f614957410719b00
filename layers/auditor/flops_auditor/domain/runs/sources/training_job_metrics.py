"""How the hosts of a training job are measured.

SageMaker Developer Guide, "Amazon SageMaker AI metrics in Amazon CloudWatch"; the names of hosts are also those in the
container's resourceconfig.json.
"""

from flops_auditor.domain.runs.run import HostMetrics

NAMESPACE = "/aws/sagemaker/TrainingJobs"
HOST_METRICS = HostMetrics(
    occupancy="GPUUtilization",
    host="algo-",
    where=f"CloudWatch (namespace {NAMESPACE}, statistic Average, per host)",
)
