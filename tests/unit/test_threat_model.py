"""docs/threat-model.md names tests that are there, and docs/ledger.md every error that a verifier can name."""

import re
from pathlib import Path

import pytest

from flops_auditor.domain.ledger import ledger_errors
from flops_auditor.domain.ledger.ledger_errors import LedgerError

ROOT = Path(__file__).parents[2]
THREATS = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(
    set(re.findall(r"`((?:attacks|unit|contract|integration|oracles)/[a-z_]+\.py(?:::[a-z_0-9]+)?)`", THREATS))
)
ERRORS = sorted(
    name
    for name, found in vars(ledger_errors).items()
    if isinstance(found, type) and issubclass(found, LedgerError) and not found.__subclasses__()
)


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_the_threat_model_names_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    assert f"def {name}" in (ROOT / "tests" / file).read_text(encoding="utf-8")


def test_every_holder_has_a_test() -> None:
    table = THREATS.split("| holds |")[1].split("\n\n")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ") and not row.startswith("| ---")]
    assert len(rows) >= 8
    assert all(re.search(r"_[a-z]+\.py", row.rsplit("|", 2)[1]) for row in rows)


def test_whatever_an_owner_can_do_has_a_test_or_is_said_to_be_unseen() -> None:
    table = THREATS.split("| the owner can |")[1].split("\n\n")[0]
    rows = [row for row in table.splitlines()[2:] if row.startswith("| ")]
    assert len(rows) >= 12
    for row in rows:
        seen, shown = row.split("|")[2].strip(), row.rsplit("|", 2)[1]
        assert re.search(r"_[a-z]+\.py", shown) or seen == "no", row


@pytest.mark.parametrize("error", ERRORS)
def test_the_ledgers_page_says_what_an_error_means(error: str) -> None:
    assert error in (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
