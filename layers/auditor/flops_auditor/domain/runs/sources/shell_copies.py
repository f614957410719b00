"""Commands that copy files between a container and S3: where to, every place in S3 that one names and does not copy
from, and what from.

Facts: AWS CLI Command Reference (s3 cp, mv, sync; s3api put-object, get-object); s5cmd (cp, mv, sync, pipe); MinIO
client (cp, mirror: `alias/bucket/key`); rclone (copy, sync, rcat: `remote:bucket/key`); gsutil; Hadoop's FileSystem
shell (-put); boto3 (download_file).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.s3_spellings import in_bucket, read_s3
from flops_auditor.domain.runs.sources.variables import is_open, is_told

_TOOLS = frozenset({"s3", "s3api", "s5cmd", "s3cmd", "s4cmd", "s3-cli", "mc", "rclone", "gsutil", "fs", "dfs"})
_TOOLS_OF_ALIASES = {"mc": "/", "mcli": "/", "rclone": ":"}
"""What ends the name by which they know a store, before bucket and key."""
_OF_S3 = frozenset({"s3", "s5cmd", "s3cmd", "s4cmd", "s3-cli"})
"""One end of what they copy lies in S3."""
_COPIES = frozenset(
    {"cp", "mv", "sync", "copy", "move", "copyto", "moveto", "mirror", "rsync", "put", "copyfromlocal", "distcp"}
)
_ONLY_WRITES = frozenset({"pipe", "rcat"})
"""They take what they write from another command."""
_PUTS = frozenset({"put-object", "copy-object", "upload-part", "create-multipart-upload"})
_GETS = frozenset({"get-object"})
_OF_BOTO3 = ("download_file", "download_fileobj", "get_object")
_FLAGS = re.compile(
    r"--?(?:no-.*|recursive|quiet|only-show-errors|delete|dry-?run|follow-symlinks|exact-timestamps|size-only|progress"
    r"|force.*|ignore-.*|overwrite|watch|remove|preserve|verbose|[a-z])",
    re.IGNORECASE,
)
"""Options that take no value: the word after one is what is copied."""
_MAY_COPY = re.compile(rf"\b(?:{'|'.join((*_COPIES, *_ONLY_WRITES, *_PUTS, *_GETS, *_OF_BOTO3))})\b", re.IGNORECASE)
_ARGUMENT = r"\s{0,9}(?:\w{1,32}\s{0,9}=\s{0,9})?['\"](?P<%s>[^'\"\n]{1,1100}+)['\"]\s{0,9}"
_DOWNLOADS = re.compile(
    rf"\b(?:{'|'.join(_OF_BOTO3)})\("
    + ",".join(_ARGUMENT % name for name in ("bucket", "key"))
    + f"(?:,{_ARGUMENT % 'target'})?"
)
"""boto3, with texts as they are for arguments in their order."""


@dataclass(frozen=True)
class ShellCopy:
    """What one command copies: places that it copies to and from, and the path or the place that it copies to, as it is
    written. `open_sources`: what it copies from S3 that nothing tells, as it is written. `open_target`: a shell makes
    where it copies to in a way that is not followed.
    """

    to: tuple[Location, ...] = ()
    sources: tuple[Location, ...] = ()
    target: str = ""
    open_sources: tuple[str, ...] = ()
    open_target: bool = False


def may_copy(line: str) -> bool:
    """Whether any command of a line may copy."""
    return _MAY_COPY.search(line) is not None


def copy_of(command: Sequence[str]) -> ShellCopy:
    """What a command whose words are filled in copies."""
    tool = ""
    for at, word in enumerate(command):
        name = word.rpartition("/")[2].lower()
        verb = name.lstrip("-")
        if tool and verb in _COPIES | _ONLY_WRITES | _PUTS | _GETS:
            return _copied(tool, verb, command[at + 1 :])
        tool = name if name in _TOOLS or name in _TOOLS_OF_ALIASES else tool
    return ShellCopy()


def copied_by_code(text: str) -> Iterator[ShellCopy]:
    """What code within a line downloads from a bucket and a key that stand in it."""
    for match in _DOWNLOADS.finditer(text) if "(" in text else ():
        if (place := in_bucket(match["bucket"], match["key"])) is not None:
            yield ShellCopy(sources=(place,), target=match["target"] or "")


def _copied(tool: str, verb: str, words: Sequence[str]) -> ShellCopy:
    if verb in _PUTS | _GETS:
        return _object(verb, words)
    given, values = _operands(words)
    only = verb in _ONLY_WRITES or (values and len(given) == 1)
    to = tuple(filter(None, (_place(text, tool) for text in (given if only else given[1:]))))
    if only or not given:
        return ShellCopy(to)
    target = given[-1]
    places = {text: _place(text, tool) for text in given[:-1]}
    from_here = tool in _OF_S3 and not is_open(target) and _place(target, tool) is None
    unknown = tuple(text for text, place in places.items() if place is None and text.startswith("$") and from_here)
    return ShellCopy(to, tuple(filter(None, places.values())), target, unknown, not is_told(target))


def _operands(words: Sequence[str]) -> tuple[list[str], bool]:
    """What is no option, nor an option's value, and whether there are such values. What looks like a path is none."""
    given, values = [], False
    before = ""
    for word in words:
        option = before.startswith("-") and before != "-" and "=" not in before
        option = option and (word.isdigit() or not _FLAGS.fullmatch(before))
        path = word == "-" or word[:1] in "/.~$" or (read_s3(word) is not None and not word.startswith("http"))
        if option and not path and not word.startswith("-"):
            values = True
        elif word == "-" or not word.startswith("-"):
            given.append(word)
        before = word
    return given, values


def _place(text: str, tool: str) -> Location | None:
    if (place := read_s3(text)) is not None:
        return place
    alias, _, rest = text.partition(_TOOLS_OF_ALIASES.get(tool, "\n"))
    bucket, _, key = rest.strip("/").partition("/")
    return in_bucket(bucket, key) if key and re.fullmatch(r"[\w-]+", alias) and "/" not in alias else None


def _object(verb: str, words: Sequence[str]) -> ShellCopy:
    """What is copied to or from the place of options `--bucket` and `--key`."""
    by_option: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        by_option.setdefault(option, value if equals else following)
    bucket, key = by_option.get("--bucket", ""), by_option.get("--key", "")
    place = in_bucket(bucket, key) if bucket and key else None
    if verb in _PUTS:
        return ShellCopy(() if place is None else (place,))
    unknown = (f"{bucket}/{key}",) if place is None and bucket.startswith("$") else ()
    return ShellCopy((), () if place is None else (place,), words[-1] if words else "", unknown)
