"""What a command prints as JSON, with amounts as their exact texts, to be compared to the last FLOP."""

from typing import Any


def exact(document: Any) -> Any:
    """The document with every amount as its exact text instead of the number to compare."""
    if isinstance(document, dict):
        members = {name: exact(each) for name, each in document.items() if not name.endswith("_exact")}
        texts = {name.removesuffix("_exact"): each for name, each in document.items() if name.endswith("_exact")}
        return {**members, **texts}
    return [exact(each) for each in document] if isinstance(document, list) else document
