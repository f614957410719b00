"""Tables as an earlier release could have shipped them."""

from collections.abc import Callable, Mapping

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.tables import ACCELERATORS, BASE_MODELS, INSTANCE_TYPES, Tables, parse_tables

Edit = Callable[[str], str]


def tables_with(edits: Mapping[str, Edit]) -> Tables:
    """Today's tables, some of whose files were different."""
    files = dict(load_tables().files)
    for name, edit in edits.items():
        files[name] = edit(files[name].decode()).encode()
        assert files[name] != load_tables().files[name], f"{name} is as it is today"
    return parse_tables(files)


def without_row(first_cell: str) -> Edit:
    """Without the row that begins so."""
    return lambda text: "".join(line for line in text.splitlines(True) if not line.startswith(f"{first_cell},"))


def with_row(like: str, first_cell: str) -> Edit:
    """With a row like another one, under another name."""

    def edit(text: str) -> str:
        row = next(line for line in text.splitlines(True) if line.startswith(f"{like},"))
        return text + row.replace(f"{like},", f"{first_cell},", 1)

    return edit


UNKNOWN_TYPE = "ml.p99.48xlarge"
EARLIER: dict[str, Mapping[str, Edit]] = {
    "a row was edited since": {ACCELERATORS: lambda text: text.replace(",989.4,989.4,", ",990,990,")},
    "a model was added since": {BASE_MODELS: without_row("Qwen/Qwen2.5-7B")},
    "an instance type was added since": {INSTANCE_TYPES: without_row("ml.p5.48xlarge")},
}
