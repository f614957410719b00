"""What the use cases need from outside, as protocols. Adapters: flops_auditor.aws; twins: tests/fakes."""
