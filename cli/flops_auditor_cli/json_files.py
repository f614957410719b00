"""JSON files that people name on the command line; - is what comes on stdin."""

import json
import sys
from pathlib import Path
from typing import Any

from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.values.canonical_json import each_key_once
from flops_auditor.domain.values.errors import WrongInput


class UnreadableFile(WrongInput):
    """A file is not what the command needs, which its remedy says."""

    def __init__(self, problem: str, needed: str) -> None:
        super().__init__(problem)
        self.remedy = needed


def read_json(path: Path, needed: str) -> Any:
    """A JSON file. `needed` says which files the command takes. Raises UnreadableFile: of two values under one key
    nobody can say which one counts.
    """
    try:
        return plain(json.loads(_read(path), object_pairs_hook=each_key_once))
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}", needed) from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path} is not JSON: {error}", needed) from error


def _read(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
