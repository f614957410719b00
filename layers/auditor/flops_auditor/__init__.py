"""FLOPs Auditor: training compute of SageMaker training jobs against the EU AI Act thresholds."""

__version__ = "0.1.0"
