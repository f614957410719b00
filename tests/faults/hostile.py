"""Hostile values, and strategies made from botocore's own shapes."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from hypothesis import strategies as st

ESCAPE = "\x1b[31mred\x1b]8;;https://evil.example\x07link\x1b[2J"
HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;"
FORMULA = '=HYPERLINK("https://evil.example","open")'
LINES = "urgent\r\nBcc: all@evil.example\n\nbody"
BIDI = "\u202egnp.exe\u2066"
TEXTS = (ESCAPE, HTML, FORMULA, "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", LINES, BIDI, "\x00\x07\x7f\x9b", "é" * 300)
GARBAGE: tuple[Any, ...] = (
    None, -1, 0, "", "many", math.nan, math.inf, -math.inf, [], {}, "1e309", "NaN", -0.5, True, [None], {"a": 1},
    10**400, "9" * 5000, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), ESCAPE,
)  # fmt: skip
"""In place of any value of an answer."""
AMOUNTS = (
    "-5",
    "NaN",
    "1e309",
    "Infinity",
    "0x10",
    "1,000,000",
    "1e-3",
    "six",
    "1 e 9",
    "9" * 5000,
    "--1",
    ESCAPE,
)
"""In place of an amount that a person wrote in a tag."""

odd_text = st.one_of(st.sampled_from(TEXTS), st.text(max_size=40))
odd = st.one_of(
    st.sampled_from(GARBAGE), odd_text, st.integers(), st.floats(), st.datetimes(timezones=st.just(UTC)), st.booleans()
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), odd_text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(odd_text, inner, max_size=4)),
    max_leaves=12,
)


def answers(operation: str = "DescribeTrainingJob", service: str = "sagemaker") -> st.SearchStrategy[dict[str, Any]]:
    """Answers of an operation, every member optional: mostly of the shape that botocore knows, here and there not."""
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).output_shape
    assert isinstance(shape, StructureShape)
    found: st.SearchStrategy[dict[str, Any]] = _structure(shape, 0)
    return found


def _structure(shape: StructureShape, depth: int) -> st.SearchStrategy[Any]:
    members = {name: st.one_of(_of(member, depth + 1), odd) for name, member in shape.members.items()}
    likely = {name: _of(shape.members[name], depth + 1) for name in shape.required_members}
    return st.fixed_dictionaries(likely, optional={name: s for name, s in members.items() if name not in likely})


def _of(shape: Shape, depth: int) -> st.SearchStrategy[Any]:
    if isinstance(shape, StructureShape):
        return _structure(shape, depth) if depth < 5 else st.just({})
    if isinstance(shape, ListShape):
        return st.lists(_of(shape.member, depth + 1), max_size=3)
    if isinstance(shape, MapShape):
        return st.dictionaries(odd_text, _of(shape.value, depth + 1), max_size=3)
    if isinstance(shape, StringShape):
        return st.one_of(st.sampled_from(shape.enum), odd_text) if shape.enum else odd_text
    simple: dict[str, st.SearchStrategy[Any]] = {
        "timestamp": st.datetimes(timezones=st.just(UTC)),
        "boolean": st.booleans(),
        "float": st.floats(),
        "double": st.floats(),
    }
    return simple.get(shape.type_name, st.integers())


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, inner ones too."""
    found = [at] if at else []
    children = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += paths(child, (*at, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy of a document with another value at one place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy
