"""What AWS does and the local AWS does not: no test on the local AWS would notice it."""

from tests.template.bar import Subject, listed, source_queues, target
from tests.template.loading import expanded_template, load
from tests.template.tools import Findings


def test_a_function_that_feeds_its_own_queue_is_not_ended_as_a_loop() -> None:
    """Lambda's recursive loop detection stops the chain after some 16 invocations, unless it is allowed."""
    subject = Subject(load(), expanded_template(), Findings(), {})
    policies = [(subject.function_of_policy(name), s) for name, s in subject.statements() if name != "SchedulerRole"]
    feeding = {
        function
        for queue, function in source_queues(subject).items()
        for writer, statement in policies
        if writer == function
        and "sqs:SendMessage" in listed(statement["Action"])
        and target(statement["Resource"]) == queue
    }
    assert feeding == {"AuditFunction"}
    for function in feeding:
        assert subject.expanded["Resources"][function]["Properties"]["RecursiveLoop"] == "Allow"
