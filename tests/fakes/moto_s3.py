"""moto copies the objects of a bucket, contents and all, to list their versions (moto 5.2.5); no listing shows them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.s3.models import FakeKey


def _itself(key: FakeKey, _: dict[int, Any]) -> FakeKey:
    """All that a listing notes in a version is whether it is the latest, which each finds out anew."""
    return key


@contextmanager
def listed_without_copies() -> Iterator[None]:
    """Have listings show the objects themselves: nothing else of moto takes deep copies of them."""
    with patch.object(FakeKey, "__deepcopy__", _itself, create=True):
        yield
