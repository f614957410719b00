"""One name, one thing: no class, and no set of allowed words, is called as another one is in another module."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def named(tree: ast.Module) -> Iterator[str]:
    """Classes, and aliases such as `Role = Literal[...]`; those of one module alone begin with an underscore."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            yield from (each.id for each in node.targets if isinstance(each, ast.Name) and each.id.istitle())


def test_a_name_means_one_thing() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for folder in ("layers/auditor/flops_auditor", "cli/flops_auditor_cli"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for name in named(ast.parse(path.read_text(encoding="utf-8"))):
                if not name.startswith("_"):
                    places[name].append(path.relative_to(ROOT).as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
