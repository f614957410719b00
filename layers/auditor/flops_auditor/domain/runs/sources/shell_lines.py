"""Lines for a shell: what their words say, joined, ended and filled in as a shell does, under which options; what they
copy; which texts stand in them; and where a shell makes a value in a way that is not followed.

Facts: Bash Reference Manual, "Shell Parameters", "Arrays", "Looping Constructs", "Bourne Shell Builtins" (read, set);
GNU findutils, xargs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.s3_spellings import PLACE, read_s3
from flops_auditor.domain.runs.sources.channel_paths import path_in_channel
from flops_auditor.domain.runs.sources.held_paths import HeldPaths
from flops_auditor.domain.runs.sources.shell_copies import ShellCopy, copied_by_code, copy_of, may_copy
from flops_auditor.domain.runs.sources.shell_prints import text_printed
from flops_auditor.domain.runs.sources.shell_words import (
    ENDS,
    PRINTED,
    shell_words,
    with_printed_named,
    without_documents,
)
from flops_auditor.domain.runs.sources.variables import LONGEST_VARIABLE, filled_in, is_open, is_told, made_of
from flops_auditor.domain.runs.sources.working_folder import WorkingFolder

_SETS = re.compile(r"(?P<name>[A-Za-z_]\w{0,99})(?P<adds>\+?)=(?P<value>.*)", re.DOTALL)
_SAYS = re.compile(r"[-+~]*(?P<name>[A-Za-z_@][\w./@-]{0,255}+)=(?P<value>.*)", re.DOTALL)
_OF_A_PATH = re.compile(r"[-_./]+")
_FOLDERS_OF_MODELS = frozenset(
    {*("model", "models", "weights", "adapter", "adapters", "checkpoint", "checkpoints", "ckpt", "ckpts")}
    | {"output", "outputs", "run", "runs"}
)
"""Words of a relative path to a model."""
_LIKE_A_HUBS_NAME = re.compile(r"[^/.]+/[^/]+")
_DEFAULT = re.compile(r"\$\{(?P<name>[A-Za-z_]\w{0,99}):?=(?P<value>[^{}$]*+)\}")
"""A word that sets a variable which has no value yet."""
_VARIABLE_ALONE = re.compile(r"\$\{?(?P<name>[A-Za-z_]\w{0,99}+)(?:\[[@*\d]{1,4}\])?\}?")
_SETS_OTHERWISE = frozenset({"read", "mapfile", "readarray", "printf", "getopts", "select"})
"""Commands that set variables to what they are not told in their words."""
_HANDS_ON = frozenset({"xargs", "parallel"})
_HANDED = "{}"
_PARAMETERS = ("@", "*", *"0123456789")
"""Names of a script's parameters."""
_LISTS = re.compile(r"[\s,\[\]{}()'\"]+")
_MOST_OF_A_LIST = 200
_IN_ITS_MIDDLE = re.compile(r"(?<=.)\$\( .*", re.DOTALL)
"""Behind the beginning of a value, what is made in a way that is not followed."""
_MOST_FILLED = 20_000
"""Characters that variables may add to a line."""
_MOST_IN_A_TEXT = 50
"""Variables of a text within a line."""
_DEEPEST = 3
"""Lines within the words of lines, as `bash -c "..."` has them."""


@dataclass(frozen=True)
class ShellLine:
    """What a line says: the places that it copies to and from, and under which options it names others, or paths in
    channels; `copied` are of these what a path holds that was copied there. `open_sources`: it copies these from S3,
    and nothing tells what they are; `open_target`: nor where it copies to. `not_told`: options whose value a shell
    makes in a way that is not followed, and whether a place stands near it. `texts` stand within it. `unread`: its
    variables hold more than is filled in.
    """

    to: tuple[Location, ...] = ()
    sources: tuple[Location, ...] = ()
    open_sources: tuple[str, ...] = ()
    open_target: bool = False
    by_option: tuple[tuple[str, str], ...] = ()
    copied: tuple[tuple[str, str], ...] = ()
    not_told: tuple[tuple[str, bool], ...] = ()
    texts: tuple[str, ...] = ()
    unread: bool = False


NOTHING_SAID = ShellLine()


@dataclass
class _Reading:
    """What was read of a line so far; `variables` are those that are set by now, `made` are set in a way that is not
    followed, `printed` are commands whose output is one, `plain` are places that stand in it as they are, and `room` is
    how much is still filled in. `sign` ended the last command, whose words are `last`; `array` is the variable whose
    elements are read.
    """

    variables: dict[str, str]
    plain: frozenset[str]
    near: bool
    room: int
    made: set[str] = field(default_factory=set)
    printed: dict[str, str] = field(default_factory=dict)
    folder: WorkingFolder = field(default_factory=WorkingFolder)
    paths: HeldPaths = field(default_factory=HeldPaths)
    sign: str = ""
    last: Sequence[str] = ()
    array: str = ""
    elements: list[str] = field(default_factory=list)
    to: list[Location] = field(default_factory=list)
    sources: list[Location] = field(default_factory=list)
    open_sources: list[str] = field(default_factory=list)
    open_target: bool = False
    by_option: dict[tuple[str, str], None] = field(default_factory=dict)
    copied: dict[tuple[str, str], None] = field(default_factory=dict)
    not_told: dict[tuple[str, bool], None] = field(default_factory=dict)
    texts: dict[str, None] = field(default_factory=dict)

    @classmethod
    def of(cls, line: str, variables: Mapping[str, str]) -> "_Reading":
        """That of a line of which nothing was read."""
        plain = frozenset(PLACE.findall(line))
        near = any(read_s3(each) is not None for each in plain)
        return cls(dict(variables), plain, near, len(line) * (2 + _DEEPEST) + _MOST_FILLED)

    @property
    def is_piped(self) -> bool:
        """Whether the next command is handed what the last one prints."""
        return "|" in self.sign and "||" not in self.sign

    def filled(self, text: str, most: int = 4) -> str:
        """A word with its variables filled in, as long as there is room."""
        if not is_open(text):
            return text
        text = self.fill(text, most) if self.room > 0 else text
        self.room -= len(text)
        return text

    def fill(self, text: str, most: int = 4) -> str:
        """The same of one that is no longer than a variable may be; defaults may be variables themselves."""
        for match in islice(PRINTED.finditer(text), most) if self.printed else ():
            if (line := self.printed.pop(match[0], None)) is not None:
                self.variables[match[0]] = _printed_by(line, self)[:LONGEST_VARIABLE]
        once = filled_in(text, self.variables, most)
        return filled_in(once, self.variables, most) if once != text and "${" in once else once

    def set(self, name: str, value: str) -> None:
        """Have a variable hold a value."""
        if len(value) <= LONGEST_VARIABLE:
            self.variables[name] = value
        else:
            self.variables.pop(name, None)
            self.made.add(name)

    def is_told(self, value: str) -> bool:
        """Whether it is known how the line makes a value, or only others set what it holds."""
        name = match["name"] if (match := _VARIABLE_ALONE.match(value)) else ""
        return is_told(value) and name not in self.made and (name not in self.variables or self.room <= 0)

    def as_line(self) -> ShellLine:
        """All that was read."""
        return ShellLine(
            to=tuple(dict.fromkeys(self.to)),
            sources=tuple(dict.fromkeys(self.sources)),
            open_sources=tuple(dict.fromkeys(self.open_sources)),
            open_target=self.open_target,
            by_option=tuple(self.by_option),
            copied=tuple(self.copied),
            not_told=tuple(self.not_told),
            texts=tuple(self.texts),
            unread=self.room <= 0,
        )


def read_line(line: str, variables: Mapping[str, str], any_words: bool = False) -> ShellLine:
    """What a line says that copies, or, of `any_words`, of any; variables filled in where the line or these set them.
    In linear time.
    """
    if not (any_words and ("/" in line or "$" in line)) and not may_copy(line):
        return NOTHING_SAID
    reading = _Reading.of(line, variables)
    for copy in copied_by_code(line):
        _copy(copy, reading)
    _read(line, reading, _DEEPEST)
    return reading.as_line()


def said_by(command: Sequence[str], variables: Mapping[str, str]) -> ShellLine:
    """What the words of a command are, by option: places, and paths in channels."""
    reading = _Reading.of(" ".join(command), variables)
    _say([reading.filled(word) for word in command], reading)
    told = (each for each in reading.by_option if PLACE.match(each[1]) or ":/" not in each[1])
    return ShellLine(by_option=tuple(told), unread=reading.room <= 0)


def parameters_of(command: Sequence[str]) -> dict[str, str]:
    """The parameters of a script that a command is given as a text: `bash -c SCRIPT NAME PARAMETER...`."""
    at = next((at for at, word in enumerate(command[:9]) if re.fullmatch(r"-[a-z]{0,9}c", word)), len(command))
    return _parameters(command[at + 2 :])


def _parameters(words: Sequence[str]) -> dict[str, str]:
    if not words:
        return {}
    numbered = {str(at): word for at, word in enumerate(words[:10]) if len(word) <= LONGEST_VARIABLE}
    return {**numbered, **dict.fromkeys("@*", " ".join(words[1:])[:LONGEST_VARIABLE])}


def _read(line: str, reading: _Reading, deepest: int) -> None:
    line, documents = without_documents(line.replace("\\\n", " "))
    command: list[str] = []
    for word in (*shell_words(with_printed_named(line, reading.printed)), "\n"):
        if word.strip(ENDS):
            command.append(word)
            continue
        _of_command(command, reading, deepest)
        _end(command, word, reading)
        command = []
    for document in documents:
        reading.texts[reading.filled(document, _MOST_IN_A_TEXT)] = None
        if deepest:
            _read(document, reading, deepest - 1)


def _end(command: list[str], sign: str, reading: _Reading) -> None:
    """Do what a sign does that ends a command."""
    setting = _SETS.fullmatch(command[-1]) if command and sign.startswith("(") else None
    if setting and not setting["value"]:
        reading.array = setting["name"]
        reading.elements = [reading.variables.get(reading.array, "")] if setting["adds"] else []
    elif reading.array:
        reading.elements += command
        if ")" in sign:
            reading.set(reading.array, reading.fill(" ".join(reading.elements).strip()))
            reading.array = ""
    is_pattern = "case" in command or ";;" in reading.sign
    for each in sign:
        if each == "(":
            reading.folder.open_shell()
        elif each == ")" and not is_pattern:
            reading.folder.end_shell()
    sign = sign.strip("\n") or "\n"
    reading.sign = sign if command else f"{reading.sign}{sign}"[-4:]
    reading.last = command or reading.last


def _of_command(command: list[str], reading: _Reading, deepest: int) -> None:
    """What one command says; variables that it sets are set from then on, and where it goes to, the next ones run."""
    if not command:
        return
    reading.variables["PWD"] = reading.folder.now
    _set(command, reading)
    filled = [reading.filled(word) for word in command]
    piped = reading.is_piped
    if ">" in reading.sign:
        reading.paths.redirected(filled[0], reading.folder)
    for words in _ways(command, filled, reading):
        _say(words, reading)
        if not _copy(copy_of(words), reading):
            reading.paths.of_command(words, reading.folder, piped)
    reading.folder.go(filled)
    for at, (word, whole) in enumerate(zip(command, filled, strict=True)):
        if _is_line(whole) and not whole.startswith("$( "):
            if ":/" in whole or "/opt/ml/" in whole:
                reading.texts[whole] = None
            if deepest:
                inner = word if _is_line(word) else whole
                setting = _SETS.fullmatch(inner)
                _read_within(setting["value"] if setting else inner, filled[at + 1 : at + 11], reading, deepest - 1)


def _copy(copy: ShellCopy, reading: _Reading) -> bool:
    """Note what is copied; whether a path holds it from then on."""
    reading.to += copy.to
    reading.sources += copy.sources
    reading.open_sources += copy.open_sources
    reading.open_target = reading.open_target or copy.open_target
    held = bool(copy.target and copy.sources) and read_s3(copy.target) is None
    if held:
        reading.paths.hold(reading.folder.path(copy.target), str(copy.sources[-1]))
    return held


def _is_line(word: str) -> bool:
    return len(word.split(maxsplit=1)) > 1


def _read_within(line: str, parameters: Sequence[str], reading: _Reading, deepest: int) -> None:
    """Read a line within a word, which runs in a shell of its own, with what follows it as parameters."""
    kept = {name: value for name in _PARAMETERS if (value := reading.variables.pop(name, None)) is not None}
    reading.variables |= _parameters(parameters)
    _read_apart(line, reading, deepest)
    for name in _PARAMETERS:
        reading.variables.pop(name, None)
    reading.variables |= kept


def _read_apart(line: str, reading: _Reading, deepest: int) -> None:
    """Read a line in a shell of its own, which leaves the one that it stands in where it is."""
    before = reading.sign, reading.last
    reading.folder.open_shell()
    reading.sign = ""
    _read(line, reading, deepest)
    reading.folder.end_shell()
    reading.sign, reading.last = before


def _ways(command: list[str], filled: list[str], reading: _Reading) -> Iterator[list[str]]:
    """The words of a command, and the same with what variables hold as words, and with what it is handed through a
    pipe.
    """
    yield filled
    parts = [
        part
        for word, whole in zip(command, filled, strict=True)
        for part in (whole.split() if _VARIABLE_ALONE.fullmatch(word) and is_told(whole) else [whole])
    ]
    if len(parts) > len(filled):
        yield parts
    at = next((at for at, word in enumerate(filled[:9]) if word in _HANDS_ON), None)
    if at is not None:
        handed = _handed_on(reading)
        named = next((word[2:] or name for word, name in pairwise(filled[:19]) if word.startswith("-I")), _HANDED)
        yield [*(word.replace(named, handed) for word in filled[at + 1 :]), handed]


def _handed_on(reading: _Reading) -> str:
    """What the command before a pipe prints."""
    if not reading.is_piped:
        return made_of("")
    return text_printed([reading.fill(word) for word in reading.last], reading.folder, reading.paths)


def _set(command: list[str], reading: _Reading) -> None:
    """Set what a command sets."""
    for at, word in enumerate(command):
        if setting := _SETS.fullmatch(word):
            before = reading.variables.get(setting["name"], "") if setting["adds"] else ""
            short = len(setting["value"]) <= LONGEST_VARIABLE
            reading.set(setting["name"], before + (reading.fill(setting["value"]) if short else setting["value"]))
        elif (default := _DEFAULT.fullmatch(word)) and len(default["value"]) <= LONGEST_VARIABLE:
            reading.variables.setdefault(default["name"], default["value"])
        elif word == "for" and command[at + 2 : at + 3] == ["in"]:
            values = [reading.filled(each) for each in command[at + 3 :]]
            reading.set(command[at + 1], values[0] if len(values) == 1 else f"{{{' , '.join(values)} }}")
        elif word in _SETS_OTHERWISE:
            names = [each for each in command[at + 1 :] if each.isidentifier()]
            reading.made.update(names)
            for name in names:
                reading.variables.pop(name, None)
            if word == "read" and names and "|" in reading.sign:
                reading.set(names[0], _handed_on(reading))
    if "<<<" in reading.sign and "read" in reading.last:
        reading.set(reading.last[-1], reading.fill(command[0]))


def _printed_by(line: str, reading: _Reading) -> str:
    """What a command prints whose line is given."""
    _read_apart(line, reading, 0)
    words = [reading.fill(word) for word in shell_words(line)]
    return text_printed(words, reading.folder, reading.paths)


def _say(words: Sequence[str], reading: _Reading) -> None:
    """Note what words say that may hold places, or is a path in a channel, each under the option that it is the value
    of; what stands under none, and is read as it is, is left out. A list of places stands under one.
    """
    before = ""
    for word in words:
        setting = _SAYS.fullmatch(word)
        name, value = (setting["name"], setting["value"]) if setting else (before, word)
        places = [_say_one(name, each, reading) for each in _one_by_one(value)]
        if word.startswith("-"):
            before = "" if setting else word.lstrip("-")
        elif setting or not (any(places) or name.endswith("s")):
            before = ""


def _one_by_one(value: str) -> list[str]:
    """A value, or what it lists."""
    lists = value[:1] in ("[", "(") or (value[:1] == "{" and "'" not in value and '"' not in value)
    several = ("," in value and "{" not in value) or len(PLACE.findall(value)) > 1
    if not lists and not several:
        return [value]
    parts = [each for each in _LISTS.split(value, maxsplit=_MOST_OF_A_LIST) if each]
    return parts if lists else [value, *parts]


def _say_one(name: str, value: str, reading: _Reading) -> bool:
    """Note one; whether it is a place or a path in a channel."""
    value = _IN_ITS_MIDDLE.sub("$()", value)
    if name and not reading.is_told(value):
        near = reading.near or value.startswith("$( ")
        reading.not_told[name, near] = None
    if ":/" in value:
        if name or value not in reading.plain or is_open(value):
            reading.by_option[name, value] = None
        return read_s3(value) is not None
    if path := _path_in_channel(name, value, reading):
        reading.by_option[name, path] = None
    elif name and (held := reading.paths.at(reading.folder.path(value))):
        (reading.by_option if held.written else reading.copied)[name, held.origin] = None
        if not is_told(held.origin):
            reading.not_told[name, False] = None
        return True
    return bool(path)


def _path_in_channel(name: str, text: str, reading: _Reading) -> str:
    """The path in a channel that a word is, seen from where a command runs; "" for any other word."""
    from_root = text[:1] in ("/", "$") or text.startswith(("file:", "'", '"'))
    if "/" in text and path_in_channel(text) is not None and (from_root or reading.folder.is_first):
        return text
    path = reading.folder.path(text)
    relative = name and text[:1] not in ("", "/", "-", "$") and _is_relative(text)
    return path if relative and path_in_channel(path) is not None else ""


def _is_relative(text: str) -> bool:
    """Whether a word is a path rather than a name: a hub's name is two, of which none begins as a folder of models."""
    if text.startswith("."):
        return True
    folders = text.lower().split("/")
    hubs = _LIKE_A_HUBS_NAME.fullmatch(text) is not None
    told = [_OF_A_PATH.split(each, 1)[0] for each in folders] if hubs else _OF_A_PATH.split(text.lower())
    return not _FOLDERS_OF_MODELS.isdisjoint(told)
