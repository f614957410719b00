"""Without PyTorch there is nothing to test here: the main environment has none."""

import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(autouse=True)
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An error inside the meter fails the test instead of making a count incomplete."""
    monkeypatch.setenv("FLOPS_METER_STRICT", "1")
    monkeypatch.delenv("FLOPS_METER", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    if "torch" in sys.modules:
        from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

        assert _get_current_dispatch_mode_stack() == [], "a meter is still watching"


@pytest.fixture
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parents[2]
