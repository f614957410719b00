"""Where the ledger's objects are in the archive bucket. Keys follow from contents, so a retry meets itself."""

import hashlib
import re
from collections.abc import Callable

RECORDS = "records/"
EVIDENCE = "evidence/"
ANCESTORS = "ancestors/"
TABLES = "tables/"
MODELS = "models/"
LOG = "log/"
CHECKPOINTS = "checkpoints/"
FRONTIERS = "frontiers/"
ROTATIONS = "rotations/"
KEYS = "keys.json"
CLUSTERS = "clusters/"
"""What AWS answered about clusters and their hosts: no part of the ledger, but what its evidence is taken from."""
DESCRIBED, HOSTS, UNSEEN, GONE = "described", "hosts", "unseen", "gone"

LARGEST_OBJECT = 1 << 26
"""Bytes. Evidence is the largest of what audits write, and a batch of what seals write."""
_SMALL = 1 << 20
_LARGEST = tuple((prefix, _SMALL) for prefix in (RECORDS, CHECKPOINTS, FRONTIERS, ROTATIONS, KEYS))

_DIGITS = re.compile(r"[0-9]{1,20}")
_JOB_ID = re.compile(r"[0-9a-f]{64}")


def job_id(arn: str, creation_time: str) -> str:
    """Hex SHA-256 of "<ARN>|<creation time, ISO 8601 with Z>": a job's name may be used again, this may not."""
    return hashlib.sha256(f"{arn}|{creation_time}".encode()).hexdigest()


def record_key(job: str, revision: int) -> str:
    """The record's exact envelope line, without a newline."""
    return f"{RECORDS}{_checked(job)}/{revision}.json"


def evidence_key(job: str, revision: int) -> str:
    """What AWS answered about the run, byte for byte."""
    return f"{EVIDENCE}{_checked(job)}/{revision}.json"


def ancestors_key(job: str, sha256: str) -> str:
    """A large set of ancestors, first needed by this job's record; the digest is in the key, so it is written once."""
    return f"{ANCESTORS}{_checked(job)}/{_checked(sha256)}.json"


def tables_key(sha256: str) -> str:
    """A version of a table or policy that a record rests on, by its digest, so every version is kept once."""
    return f"{TABLES}{_checked(sha256)}"


def models_key(number: int) -> str:
    """A version of the file of models, from 0."""
    return f"{MODELS}{number:06d}.yaml"


def batch_key(first_index: int) -> str:
    """The leaves from `first_index` on, one line each."""
    return f"{LOG}{first_index:020d}.ndjson"


def checkpoint_key(size: int) -> str:
    """The signed note over the first `size` leaves."""
    return f"{CHECKPOINTS}{size:020d}"


def frontier_key(size: int) -> str:
    """The compact Merkle state over the first `size` leaves: a cache, checked against the checkpoint's root."""
    return f"{FRONTIERS}{size:020d}.json"


def rotation_key(number: int) -> str:
    """The signed request for the ledger's rotation `number`, from 0: the line that becomes a leaf."""
    return f"{ROTATIONS}{number:06d}.json"


def clusters_folder(region: str, name: str, cluster: str = "", what: str = "") -> str:
    """Where what is kept of the clusters of a name is; of one of them, by its id, and of its description,
    its hosts, times in which nobody asked, or when it was found to be gone.
    """
    return "/".join(part for part in (f"{CLUSTERS}{region}", name, cluster, what) if part) + "/"


def described_cluster_key(region: str, name: str, cluster: str, at: str, sha256: str) -> str:
    """What AWS answered about a cluster at a moment, by the digest of what counts in it."""
    return f"{clusters_folder(region, name, cluster, DESCRIBED)}{at}/{_checked(sha256)}.json"


def cluster_host_key(region: str, name: str, cluster: str, instance: str, sha256: str) -> str:
    """What AWS answered about a host, by the digest of what counts in it, so that every unlike answer is kept once."""
    return f"{clusters_folder(region, name, cluster, HOSTS)}{instance}/{_checked(sha256)}.json"


def unseen_cluster_key(region: str, name: str, cluster: str, since: str) -> str:
    """Until when nobody asked about a cluster from a moment on, so that a time is kept once."""
    return f"{clusters_folder(region, name, cluster, UNSEEN)}{since}.json"


def gone_cluster_key(region: str, name: str, cluster: str, at: str) -> str:
    """That a cluster was no longer listed at a moment."""
    return f"{clusters_folder(region, name, cluster, GONE)}{at}.json"


def number_of(key: str, key_of: Callable[[int], str]) -> int | None:
    """The index or size in a key that `key_of` makes, such as `batch_key`; None for any other key."""
    digits = key.rsplit("/", 1)[-1].split(".", 1)[0]
    number = int(digits) if _DIGITS.fullmatch(digits) else None
    return number if number is not None and key_of(number) == key else None


def largest(key: str) -> int:
    """Bytes that an object of the ledger has at most under this key: a larger one is somebody else's, and not read."""
    return next((most for prefix, most in _LARGEST if key.startswith(prefix)), LARGEST_OBJECT)


def _checked(job: str) -> str:
    if not _JOB_ID.fullmatch(job):
        raise ValueError(f"{job[:80]!r} is not a job id")
    return job
