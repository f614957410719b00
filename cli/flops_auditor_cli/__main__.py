"""`python -m flops_auditor_cli`."""

from flops_auditor_cli.entry import run

run()
