"""Lines for a shell: where they copy files to, every place in S3 that a command of one names and does not copy from;
what they copy from; and what else their words say, joined, ended and filled in as a shell does.

Facts: AWS CLI Command Reference (s3 cp, mv, sync; s3api put-object); s5cmd (cp, mv, sync, pipe); MinIO client (cp,
mirror: `alias/bucket/key`); rclone (copy, sync, rcat: `remote:bucket/key`); gsutil; Hadoop's FileSystem shell (-put).
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.s3_spellings import PLACE, in_bucket, read_s3
from flops_auditor.domain.runs.sources.channel_paths import CODE, path_in_channel, whole_path
from flops_auditor.domain.runs.sources.variables import LONGEST_VARIABLE, filled_in, is_open

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
_FLAGS = re.compile(
    r"--?(?:no-.*|recursive|quiet|only-show-errors|delete|dry-?run|follow-symlinks|exact-timestamps|size-only|progress"
    r"|force.*|ignore-.*|overwrite|watch|remove|preserve|verbose|[a-z])",
    re.IGNORECASE,
)
"""Options that take no value: the word after one is what is copied."""
_MAY_COPY = re.compile(rf"\b(?:{'|'.join((*_COPIES, *_ONLY_WRITES, *_PUTS))})\b", re.IGNORECASE)
_ENDS = "();<>|&`\n"
_SETS = re.compile(r"(?P<name>[A-Za-z_]\w{0,99})=(?P<value>.*)", re.DOTALL)
_SAYS = re.compile(r"[-+~]*(?P<name>[A-Za-z_@][\w./@-]{0,255}+)=(?P<value>.*)", re.DOTALL)
_MAY_JOIN = re.compile(r"['\"\\$;&|<>()`\n]")
"""Signs by which a shell's words are not what stands between blanks."""
_GOES_TO = frozenset({"cd", "pushd"})
_LONGEST_FOLDER = 200
"""Characters of where a command runs: those of a channel are the first ones."""
_OF_A_PATH = re.compile(r"[-_./]+")
_FOLDERS_OF_MODELS = frozenset(
    {*("model", "models", "weights", "adapter", "adapters", "checkpoint", "checkpoints", "ckpt", "ckpts")}
    | {"output", "outputs", "run", "runs"}
)
"""Words of a relative path to a model: a hub's name of one has none of them."""
_DEFAULT = re.compile(r"\$\{(?P<name>[A-Za-z_]\w{0,99}):?=(?P<value>[^{}$]*+)\}")
"""A word that sets a variable which has no value yet."""
_MOST_FILLED = 20_000
"""Characters that variables may add to a line."""
_WORD = re.compile(r"[();<>|&`\n]+|(?:'[^'\n]*+'|\"[^\"\n]*+\"|\\.|[^\s();<>|&`'\"\\])++")
_BEFORE_A_QUOTE = re.compile(r"\$([A-Za-z_]\w{0,99}+)(?=['\"])")
"""A variable that ends where a quote does: without the quote, what follows would be of its name."""
_QUOTES = re.compile(r"['\"]|\\(?=.)")
_DEEPEST = 3
"""Lines within the words of lines, as `bash -c "..."` has them."""


@dataclass(frozen=True)
class ShellLine:
    """What a line says: the places that it copies to and from, and under which options it names others, or paths in
    channels. `open_source`: it copies from a place in S3 that nothing tells. `unread`: its variables hold more than is
    filled in.
    """

    to: tuple[Location, ...] = ()
    sources: tuple[Location, ...] = ()
    open_source: bool = False
    by_option: tuple[tuple[str, str], ...] = ()
    unread: bool = False


NOTHING_SAID = ShellLine()


@dataclass
class _Reading:
    """What was read of a line so far; `variables` are those that are set by now, `plain` are places that stand in it as
    they are, `folder` is where its commands run, and `room` is how much is still filled in.
    """

    variables: dict[str, str]
    plain: frozenset[str]
    room: int
    folder: str = CODE
    to: list[Location] = field(default_factory=list)
    sources: list[Location] = field(default_factory=list)
    open_source: bool = False
    by_option: dict[tuple[str, str], None] = field(default_factory=dict)

    @classmethod
    def of(cls, line: str, variables: Mapping[str, str]) -> "_Reading":
        """That of a line of which nothing was read."""
        return cls(dict(variables), frozenset(PLACE.findall(line)), len(line) + _MOST_FILLED)

    def filled(self, text: str) -> str:
        """A word with its variables filled in, as long as there is room."""
        if not is_open(text):
            return text
        text = filled_in(text, self.variables) if self.room > 0 else text
        self.room -= len(text)
        return text

    def as_line(self) -> ShellLine:
        """All that was read."""
        to, sources = (tuple(dict.fromkeys(each)) for each in (self.to, self.sources))
        return ShellLine(to, sources, self.open_source, tuple(self.by_option), self.room <= 0)


def read_line(line: str, variables: Mapping[str, str], any_words: bool = False) -> ShellLine:
    """What a line says that copies, or, of `any_words`, of any; variables filled in where the line or these set them.
    In linear time.
    """
    joins = any_words and ("/" in line or "$" in line) and _MAY_JOIN.search(line) is not None
    if not joins and _MAY_COPY.search(line) is None:
        return NOTHING_SAID
    reading = _Reading.of(line, variables)
    _read(line, reading, _DEEPEST)
    return reading.as_line()


def _read(line: str, reading: _Reading, deepest: int) -> None:
    command: list[str] = []
    for word in (*_words(line.replace("\\\n", " ")), _ENDS):
        if word.strip(_ENDS):
            command.append(word)
            continue
        _of_command(command, reading)
        for each in command if deepest else ():
            if _is_line(each):
                _read(each, reading, deepest - 1)
        command = []


def _is_line(word: str) -> bool:
    return len(word.split(maxsplit=2)) > 2


def _words(line: str) -> list[str]:
    """Words as a shell reads them, and what ends a command; where it would read none, as far as quotes have an end."""
    line = _BEFORE_A_QUOTE.sub(r"${\1}", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars=_ENDS)
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        return list(lexer)
    except ValueError:
        return [_QUOTES.sub("", word) for word in _WORD.findall(line)]


def said_by(command: Sequence[str], variables: Mapping[str, str]) -> ShellLine:
    """What the words of a command are, by option: places, and paths in channels."""
    reading = _Reading.of(" ".join(command), variables)
    texts = _said_by(command, reading)
    reading.by_option = {each: None for each in texts if PLACE.match(each[1]) or ":/" not in each[1]}
    return reading.as_line()


def _said_by(words: Sequence[str], reading: _Reading) -> Iterator[tuple[str, str]]:
    """What words say that may hold places, or is a path in a channel, filled in, each under the option that it is the
    value of; what stands under none, and is read as it is, is left out.
    """
    before = ""
    for word in words:
        setting = _SAYS.fullmatch(word)
        name, value = (setting["name"], setting["value"]) if setting else (before, word)
        value = reading.filled(value)
        if ":/" in value:
            if name or value not in reading.plain or is_open(value):
                yield name, value
        elif path := _path_in_channel(value, reading.folder, bool(name)):
            yield name, path
        before = word.lstrip("-") if word.startswith("-") and not setting else ""


def _path_in_channel(text: str, folder: str, has_option: bool) -> str:
    """The path in a channel that a word is, seen from where a command runs; "" for any other word."""
    if "/" in text and path_in_channel(text) is not None:
        return text
    here = has_option and folder != CODE and text[:1] not in ("", "/", "-", "$") and _is_relative(text)
    path = f"{folder}/{text}"
    return path if here and path_in_channel(path) is not None else ""


def _is_relative(text: str) -> bool:
    """Whether a word is a path rather than a name."""
    return text.startswith(".") or not _FOLDERS_OF_MODELS.isdisjoint(_OF_A_PATH.split(text.lower()))


def _of_command(command: list[str], reading: _Reading) -> None:
    """What one command says; variables that it sets are set from then on, and where it goes to, the next ones run."""
    tool, verb = "", 0
    for at, word in enumerate(command):
        name = word.rpartition("/")[2].lower()
        if tool and name.lstrip("-") in _COPIES | _ONLY_WRITES | _PUTS:
            verb = at
            break
        tool = name if name in _TOOLS or name in _TOOLS_OF_ALIASES else tool
        if (setting := _SETS.fullmatch(word)) and len(setting["value"]) <= LONGEST_VARIABLE:
            value = filled_in(setting["value"], reading.variables)
            reading.variables[setting["name"]] = value if len(value) <= LONGEST_VARIABLE else ""
        elif (default := _DEFAULT.fullmatch(word)) and len(default["value"]) <= LONGEST_VARIABLE:
            reading.variables.setdefault(default["name"], default["value"])
    reading.by_option |= dict.fromkeys(_said_by(command, reading))
    _go(command, reading)
    if verb:
        words = [filled_in(word, reading.variables) for word in command[verb + 1 :]]
        _of_copy(tool, command[verb].lstrip("-").lower(), words, reading)


def _go(command: list[str], reading: _Reading) -> None:
    """Go where a command goes to."""
    for word, to in pairwise(command):
        if word in _GOES_TO and not to.startswith("-"):
            folder = reading.filled(to)
            folder = folder if folder[:1] in "/$" else f"{reading.folder}/{folder}"
            reading.folder = whole_path(folder[:LONGEST_VARIABLE])[:_LONGEST_FOLDER]


def _of_copy(tool: str, verb: str, words: list[str], reading: _Reading) -> None:
    if verb in _PUTS:
        reading.to += filter(None, [_put(words)])
        return
    given, values = _operands(words)
    only = verb in _ONLY_WRITES or (values and len(given) == 1)
    reading.to += filter(None, (_place(text, tool) for text in (given if only else given[1:])))
    for text in () if only else given[:-1]:
        place = _place(text, tool)
        reading.sources += [place] if place else []
        from_here = tool in _OF_S3 and not is_open(given[-1]) and _place(given[-1], tool) is None
        reading.open_source = reading.open_source or (place is None and from_here and text.startswith("$"))


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
