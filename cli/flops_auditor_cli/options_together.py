"""Options that belong together and that several commands have: declared once, handed to a command as one value."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

CommandFunction = Callable[..., None]


def with_options(
    name: str, options: Mapping[str, Any], defaults: Mapping[str, Any], make: Callable[..., Any]
) -> Callable[[CommandFunction], CommandFunction]:
    """Give a command options (name -> annotation), and hand it what `make` makes of them as its parameter `name`."""
    added = [
        Parameter(option, Parameter.KEYWORD_ONLY, default=defaults.get(option), annotation=annotation)
        for option, annotation in options.items()
    ]

    def decorated(command: CommandFunction) -> CommandFunction:
        @wraps(command)
        def told(**given: Any) -> None:
            value = make(**{option: given.pop(option) for option in options})
            command(**{name: value}, **given)

        own = [each for each in signature(command).parameters.values() if each.name != name]
        kept = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own]
        vars(told)["__signature__"] = Signature([*kept, *added], return_annotation=None)
        del vars(told)["__wrapped__"]
        return told

    return decorated
