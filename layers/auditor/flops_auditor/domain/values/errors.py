"""The root of every error this product raises on purpose. Each says what to do next."""


class AuditorError(Exception):
    """An expected failure, with a remedy a person can follow.

    `name` is stable and goes into records, metrics and logs; the message is for people.
    """

    remedy = "See `flops-auditor docs operations`."

    @property
    def name(self) -> str:
        """The error's stable name."""
        return type(self).__name__


class MalformedEvent(AuditorError):
    """An event that does not name a run."""

    remedy = "Send the EventBridge event unchanged; its detail must name the run by its ARN."


class WrongInput(AuditorError):
    """What a person gave makes no sense, or is not there; nothing failed."""
