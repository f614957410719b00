"""Where lines for a shell copy files to: every place in S3 that a command of one names and does not copy from.

Facts: AWS CLI Command Reference (s3 cp, mv, sync; s3api put-object); s5cmd (cp, mv, sync, pipe); MinIO client (cp,
mirror: `alias/bucket/key`); rclone (copy, sync, rcat: `remote:bucket/key`); gsutil; Hadoop's FileSystem shell (-put).
"""

import re
import shlex
from collections.abc import Iterator, Mapping

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.s3_spellings import in_bucket, read_s3

_TOOLS = frozenset({"s3", "s3api", "s5cmd", "s3cmd", "s4cmd", "s3-cli", "mc", "rclone", "gsutil", "fs", "dfs"})
_TOOLS_OF_ALIASES = {"mc": "/", "mcli": "/", "rclone": ":"}
"""What ends the name by which they know a store, before bucket and key."""
_COPIES = frozenset(
    {"cp", "mv", "sync", "copy", "move", "copyto", "moveto", "mirror", "rsync", "put", "copyfromlocal", "distcp"}
)
_ONLY_WRITES = frozenset({"pipe", "rcat"})
"""They take what they write from another command."""
_PUTS = frozenset({"put-object", "copy-object", "upload-part", "create-multipart-upload"})
_FLAGS = re.compile(
    r"--?(?:no-.*|recursive|quiet|only-show-errors|delete|dry-?run|follow-symlinks|exact-timestamps|size-only|progress"
    r"|force.*|ignore-.*|overwrite|watch|remove|preserve|verbose|[a-z])",
    re.IGNORECASE,
)
"""Options that take no value: the word after one is what is copied."""
_MAY_COPY = re.compile(rf"\b(?:{'|'.join((*_COPIES, *_ONLY_WRITES, *_PUTS))})\b", re.IGNORECASE)
_ENDS = "();<>|&`\n"
_SETS = re.compile(r"(?P<name>[A-Za-z_]\w{0,99})=(?P<value>.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:(?P<name>[A-Za-z_]\w*)|\{(?P<braced>[A-Za-z_]\w*)(?::?-[^{}]*+)?\})")
_MOST_VARIABLES = 4
LONGEST_VARIABLE = 2_500
"""Of a variable that is filled in; SageMaker takes no hyperparameter that is longer."""
_DEEPEST = 3
"""Lines within the words of lines, as `bash -c "..."` has them."""


def copied_to(line: str, variables: Mapping[str, str]) -> list[Location]:
    """The places in S3 to which a line copies, variables filled in where the line or these set them. In linear time."""
    if _MAY_COPY.search(line) is None:
        return []
    return list(dict.fromkeys(_copied_to(line, dict(variables), _DEEPEST)))


def _copied_to(line: str, variables: dict[str, str], deepest: int) -> Iterator[Location]:
    if _MAY_COPY.search(line) is None:
        return
    command: list[str] = []
    for word in (*_words(line.replace("\\\n", " ")), _ENDS):
        if word.strip(_ENDS):
            command.append(word)
            continue
        yield from _of_command(command, variables)
        yield from (place for each in command if _is_line(each) for place in _inside(each, variables, deepest))
        command = []


def _inside(line: str, variables: dict[str, str], deepest: int) -> Iterator[Location]:
    if deepest:
        yield from _copied_to(line, variables, deepest - 1)


def _is_line(word: str) -> bool:
    return len(word.split(maxsplit=2)) > 2


def _words(line: str) -> list[str]:
    """Words as a shell reads them, and what ends a command; where it would read none, whatever blanks part."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_ENDS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:
        return re.findall(r"[();<>|&`\n]+|[^\s();<>|&`'\"]+", line)


def _of_command(command: list[str], variables: dict[str, str]) -> Iterator[Location]:
    """Where one command copies to; variables that it sets are set from then on."""
    tool, verb = "", 0
    for at, word in enumerate(command):
        name = word.rpartition("/")[2].lower()
        if tool and name.lstrip("-") in _COPIES | _ONLY_WRITES | _PUTS:
            verb = at
            break
        tool = name if name in _TOOLS or name in _TOOLS_OF_ALIASES else tool
        if (setting := _SETS.fullmatch(word)) and len(setting["value"]) <= LONGEST_VARIABLE:
            value = _filled_in(setting["value"], variables)
            variables[setting["name"]] = value if len(value) <= LONGEST_VARIABLE else ""
    if not verb:
        return
    words = [_filled_in(word, variables) for word in command[verb + 1 :]]
    name = command[verb].lstrip("-").lower()
    if name in _PUTS:
        yield from filter(None, [_put(words)])
        return
    given, values = _operands(words)
    only = name in _ONLY_WRITES or (values and len(given) == 1)
    for text in given if only else given[1:]:
        if place := _place(text, tool):
            yield place


def _operands(words: list[str]) -> tuple[list[str], bool]:
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


def _put(words: list[str]) -> Location | None:
    """The place of options `--bucket` and `--key`."""
    by_option: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, equals, value = word.partition("=")
        by_option.setdefault(option, value if equals else following)
    bucket, key = by_option.get("--bucket", ""), by_option.get("--key", "")
    return in_bucket(bucket, key) if bucket and key else None


def _filled_in(word: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(
        lambda match: variables.get(match["name"] or match["braced"], match[0]), word, count=_MOST_VARIABLES
    )
