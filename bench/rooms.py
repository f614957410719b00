"""The rooms of the house, drawn from the imports: `make rooms` writes them into docs/architecture.md.

An arrow that others imply is left out of a drawing (the transitive reduction); the table names every direct import.
"""

from importlib import import_module
from pathlib import Path

import grimp

from bench.marked import between

PAGE = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"
BEGIN = "<!-- rooms: written by `make rooms` from the imports -->\n"
END = "<!-- rooms: end -->\n"
PACKAGES = ("flops_auditor", "flops_auditor_cli")
HOUSE = (
    "flops_auditor_cli",
    "flops_auditor.aws",
    "flops_auditor.pages",
    "flops_auditor.use_cases",
    "flops_auditor.data",
    "flops_auditor.domain",
)
FLOORS = ("flops_auditor.domain", "flops_auditor.use_cases", "flops_auditor.aws")
"""The parts that have rooms of their own."""


def arrows(graph: grimp.ImportGraph, rooms: list[str]) -> dict[str, set[str]]:
    """Room -> the other rooms that a module of it imports."""

    def room_of(module: str) -> str | None:
        return next((room for room in rooms if module == room or module.startswith(f"{room}.")), None)

    goals_of: dict[str, set[str]] = {room: set() for room in rooms}
    for module in sorted(graph.modules):
        importer = room_of(module)
        if importer is None:
            continue
        imported = {room_of(each) for each in graph.find_modules_directly_imported_by(module)}
        goals_of[importer] |= {room for room in imported if room is not None and room != importer}
    return goals_of


def reach(goals_of: dict[str, set[str]], room: str) -> set[str]:
    """Every room that one leads to, itself left out."""
    seen: set[str] = set()
    waiting = list(goals_of[room])
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += goals_of[each]
    return seen


def reduced(goals_of: dict[str, set[str]]) -> dict[str, set[str]]:
    """Only the arrows that no others imply. The rooms' arrows run one way (import-linter), so there is one answer."""
    return {
        room: {goal for goal in goals if not any(goal in reach(goals_of, other) for other in goals - {goal})}
        for room, goals in goals_of.items()
    }


def short(room: str) -> str:
    """A room as a drawing names it: by its last word."""
    return room.rpartition(".")[2]


def drawing(goals_of: dict[str, set[str]]) -> list[str]:
    """A Mermaid flow chart."""
    lines = [
        f"    {short(room)} --> {short(goal)}" for room, goals in reduced(goals_of).items() for goal in sorted(goals)
    ]
    alone = [f"    {short(room)}" for room in goals_of if not any(short(room) in line.split() for line in lines)]
    return ["```mermaid", "flowchart TD", *lines, *alone, "```"]


def table(goals_of: dict[str, set[str]]) -> list[str]:
    """Each room with the sentence that its package says of itself and what it imports of the others."""
    rows = ["| room | what lives there | imports |", "| --- | --- | --- |"]
    for room, goals in goals_of.items():
        sentence = (import_module(room).__doc__ or "").strip().splitlines()[0]
        rows.append(f"| `{short(room)}` | {sentence} | {', '.join(map(short, sorted(goals))) or 'nothing'} |")
    return rows


def part() -> str:
    """What stands between the two marks of docs/architecture.md."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    lines = [*drawing(arrows(graph, list(HOUSE))), ""]
    for floor in FLOORS:
        goals_of = arrows(graph, sorted(graph.find_children(floor)))
        lines += [f"### Rooms of `{floor}`", "", *drawing(goals_of), "", *table(goals_of), ""]
    return "\n".join(lines)


def with_part(page: str) -> str:
    """The page with the part written anew."""
    return between(page, BEGIN, END, f"\n{part()}\n")


if __name__ == "__main__":
    PAGE.write_text(with_part(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
