"""Texts that a run's owner passes within texts: JSON and command lines, in a value and in each other, however deep.

One reader for all who look into them: what a text says of the model and its numbers, and which places it names. It
reads as much as any service takes; of more it says so, and drops nothing in silence.
"""

import json
import re
import shlex
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import takewhile
from typing import Literal

from flops_auditor.domain.runs.hyperparameters import (
    IN_TEXT,
    STARTED,
    STARTS_AGAIN,
    counts_against,
    is_for_people,
    name_of_a_model,
    plain,
)
from flops_auditor.domain.runs.precision_hints import may_hint
from flops_auditor.domain.runs.programs_of_a_line import trains_more_than_once
from flops_auditor.domain.values.texts import read_json

LONGEST_TEXT = 256_000
"""Characters of all values of one kind that are read, and of a command line. SageMaker takes no more than 100
hyperparameters of 2,500 characters (API Reference, CreateTrainingJob), a file any.
"""
_MOST_WITHIN = 5 * LONGEST_TEXT
"""Characters of texts within these, which are read once more: of 2,500, as deep as brackets can be, one after another,
under four times as many.
"""
_DEEPEST = 200
"""Objects and lists within each other that are read at once: how many Python reads depends on its version."""
LONGEST_NAME = 256
"""Characters of all names that a text stands under, of which the last ones tell the most."""
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""Brackets, and quoted texts, of which none is walked again: one without an end goes on to the end."""
_OPTION = re.compile(r"--[A-Za-z]")
_HAS_OPTIONS = re.compile(r"(?:^|[\s'\"])--[A-Za-z]")
_SETTING = re.compile(r"[+~]*[A-Za-z_@][\w./@-]*=[^=]*")
"""Hydra: `optim.lr=1e-4`."""
_OPTION_WITH_JSON = re.compile(r"(?P<name>[-+]*[A-Za-z_][\w./-]*)=(?P<json>\s*[\[{].*)", re.DOTALL)
_PAIR = re.compile(
    r"(?<![\w-])(?<!\w\.)(?:(?P<option>-{1,2})(?P<of>[A-Za-z_][\w./-]{0,255}+)\s{1,9}|"
    r"(?P<name>[A-Za-z_][\w./-]{0,255}+)['\"]?[ \t]{0,9}(?:[:=(>]|=>|:=)[ \t]{0,9}"
    r"(?:(?:!{1,2}|&)\w{1,64}+[ \t]{1,9})?)(?:[A-Za-z.]{1,40}+\((?=['\"])|[rbfRBF]{1,2}(?=['\"]))?"
    r"['\"]?(?P<value>(?:\$\{[^\s{}]{1,256}+\}|[^\s'\"=,;{}\[\]()<>&])++)(?!=)"
)
"""A setting in a text of any other notation: YAML, also with a tag or an anchor, TOML, Python, its texts and its calls,
XML, a line of `name=value` among other words.
"""
_MAY_BE_A_PLACE = re.compile(r"^/(?!/)|:/|\$")
"""What a setting holds that may be a place, or a path in a container."""
_FOLDED = re.compile(r"(?<=:)[ \t]{0,9}[|>][-+]?[ \t]{0,9}\r?\n[ \t]{0,99}")
"""YAML: a value that stands in the next line."""
_SLASH = re.compile("%2F", re.IGNORECASE)
_A_PLACE = r"(?:[A-Za-z0-9+.-]{1,32}+:/|/(?!/)|\$|arn:)[^\s'\"=,;{}\[\]()<>]++"
"""What may be a place, or a path in a container, to where it surely ends."""
_THREE_QUOTES = re.compile(rf"(?P<quote>['\"])(?P=quote){{2}}(?:\r?\n(?={_A_PLACE}))?")
"""TOML, Python."""
_ANCHOR = re.compile(rf"&(?P<name>\w{{1,64}}+)\s{{1,99}}['\"]?(?P<value>{_A_PLACE})")
_ALIAS = re.compile(r"(?<=[\s:\[,-])\*(?P<name>\w{1,64}+)")
_LONGEST_ALIAS = 1_100
_MOST_ALIASES = 100
"""Of a text of YAML, that are read as what they stand for."""
_ITEM = re.compile(rf"[\s\[(,'\"-]*+(?P<value>{_A_PLACE})[\s\]),'\"]*+(?:\s#.*)?")
"""A value that stands in a line of its own, alone or of a list."""
_LIST = re.compile(
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w./-]{0,255}+)['\"]?[ \t]{0,9}[:=(][ \t]{0,9}"
    r"[\[(](?P<items>[^\[\](){}]{1,9999}+)[\])]"
)
_OF_A_LIST = re.compile(_A_PLACE)
_HEADING = re.compile(
    r"(?:(?P<name>[A-Za-z_][\w./-]{0,255}+)['\"]?[ \t]{0,9}[:=][ \t]{0,9}(?:&\w{1,64}+[ \t]{0,9}|[\[(][ \t]{0,9})?+)?"
    r"(?P<bracket>[{}]|$)"
)
"""What opens or closes a group of settings: `model: {`, or, at the end of a line, `model:`, `models: [`."""
_REMARK = re.compile(r"(?<=[:=])[ \t]{1,9}#.*")
"""Behind a name, whose value is in the next line."""
_APART = re.compile(r"(?:^|[._-])(?:bucket|key|prefix)(?:[._-]?name)?$", re.IGNORECASE)
"""Names of parts of a place."""
_OF_PYTHON = re.compile(r"\s*\[\s*'-")
"""How a list of options begins in the quotes of Python."""
_TABLE = re.compile(r"\[{1,2}(?P<name>[\w.'\"-]{1,255}+)\]{1,2}")
"""TOML, INI."""
_MOST_ABOVE = 8
"""Groups within each other of which names are kept."""
_FILE = re.compile(r"(?:.*[/=])?(?P<name>[^/=]+\.(?:py|sh|ya?ml|toml|cfg|conf|ini))", re.IGNORECASE)
_STARTS_A_MODULE = "-m"
_SIGNS = re.compile(r"[;&|<>]++")
"""What ends a command of a shell, or hands on what it says; quotes or not, since what is quoted may be a line."""
_REDIRECTS = re.compile(r"&?\d?[<>]")
_END = ";"
"""In place of all signs that end a command."""

SERVER = "inference"
"""What the options of a command stand below that serves a model, and trains none."""
_SERVERS = ("vllm", "sglang", "lmdeploy", "trtllm", "ollama")
"""Programs that serve models, `vllm serve`, and whose modules do: `vllm.entrypoints.openai.api_server`."""
_TO_SERVE = frozenset({"serve", "run"})

_Waiting = deque[tuple[str, object, int | None]]
"""Names that a text, or what JSON holds, stands under, it, and its place in a list."""
TextKind = Literal["text", "item", "key", "line", "rest", "head", "pair", "place", "unfilled"]


@dataclass(frozen=True, slots=True)
class NestedText:
    """A text with all names that it stands under, joined by "."; `owner` is the first of them, as its owner wrote it.

    It is a `text`, one `item` of a list, a `key` that may be a place, a whole `line`, or a word of one, whose options
    are leaves, too, or the `rest` of a line: what it starts. The `head` of a line is what stands before its options.
    A `pair` is a setting in a text that is read as none of these, a `place` one that may name a place, and `unfilled`
    an option's value that the shell would fill in.
    """

    owner: str
    name: str
    text: str
    kind: TextKind = "text"


@dataclass(frozen=True, slots=True)
class NestedTexts:
    """All texts in values. `unread`: there are more, or deeper ones, than are read."""

    leaves: tuple[NestedText, ...]
    unread: bool = False


def texts_in(values: Mapping[str, str]) -> NestedTexts:
    """The texts in values by name, of too many characters those in the shortest values."""
    return _texts_in(tuple(values.items()))


def texts_of_command(command: Sequence[str]) -> NestedTexts:
    """The texts in the options of a command line, each under the option's name, and what it starts."""
    return _texts_of_command(tuple(command))


def statements_in(texts: NestedTexts, values: Mapping[str, str]) -> dict[str, str]:
    """What the texts in `values` say, by name: in place of a value with texts in it these. Items of a list are one
    text; of two texts of one name neither is lost.
    """
    stated: list[tuple[str, str]] = []
    lists: dict[str, list[str]] = {}
    for leaf in texts.leaves:
        if leaf.kind == "item":
            lists.setdefault(leaf.name, []).append(leaf.text)
        elif leaf.kind in ("rest", "head", "pair", "unfilled"):
            stated.append((leaf.name, leaf.text))
        elif leaf.kind == "text":
            stated.append((leaf.name, values.get(leaf.owner, leaf.text) if leaf.name == leaf.owner else leaf.text))
    stated += [(name, ",".join(items)) for name, items in lists.items()]
    by_name: dict[str, str] = {}
    seen: Counter[str] = Counter()
    for name, text in stated:
        free = name
        while free in by_name:
            seen[name] += 1
            free = f"{seen[name]}.{name}"
        by_name[free] = text
    return by_name


@lru_cache(8)
def _texts_in(values: tuple[tuple[str, str], ...]) -> NestedTexts:
    reader = _Reader()
    short, left = set(), LONGEST_TEXT
    for name, value in sorted(values, key=lambda each: (len(each[1]), each[0])):
        left -= len(value)
        if left < 0:
            reader.unread = True
            break
        short.add(name)
    leaves: list[NestedText] = []
    for name, value in values:
        if name in short:
            leaves += list(reader.inside(name, value)) or [NestedText(name, name, value)]
    return NestedTexts(tuple(leaves), reader.unread)


@lru_cache(4)
def _texts_of_command(command: tuple[str, ...]) -> NestedTexts:
    reader = _Reader()
    words: list[str] = []
    left = LONGEST_TEXT
    for part in command:
        left -= len(part)
        if left < 0:
            reader.unread = True
            break
        words += _words(part) if any(map(str.isspace, part)) else [part]
    options, rest = _taken_apart(words)
    twice = _said_twice(options)
    leaves = [leaf for name, value in options.items() for leaf in reader.option(name, value, twice=name in twice)]
    again = _starts_again(STARTS_AGAIN, STARTS_AGAIN) if trains_more_than_once(" ".join(command)[:LONGEST_TEXT]) else []
    return NestedTexts((*leaves, *_started(STARTED, STARTED, rest), *again), reader.unread)


def _started(owner: str, name: str, rest: str) -> list[NestedText]:
    return [NestedText(owner, name, rest, "rest")] if rest else []


def _starts_again(owner: str, name: str) -> list[NestedText]:
    return [NestedText(owner, name, "true", "rest")]


class _Reader:
    def __init__(self) -> None:
        self.unread = False
        self._left = _MOST_WITHIN

    def option(self, name: str, value: str, *, twice: bool) -> Iterator[NestedText]:
        """The texts in what an option says, `twice` where another command says it, too."""
        if _is_filled_in(value):
            return iter(_unfilled(name, name, value, twice=twice))
        return self.inside(name, value)

    def inside(self, owner: str, value: str) -> Iterator[NestedText]:
        """The texts in a value, from the outermost to the innermost."""
        waiting: _Waiting = deque([(owner, value, None)])
        while waiting:
            name, node, place = waiting.popleft()
            if isinstance(node, str):
                tree = self._tree(node)
                if tree is None:
                    yield from self._line(owner, name, node, place, waiting)
                    continue
                node, name = tree, name if place is None or isinstance(tree, str) else _below(name, place)
            if isinstance(node, dict):
                for key, each in node.items():
                    if ":" in key or "/" in key:
                        yield NestedText(owner, name, key, "key")
                    waiting.append((_below(name, key), each, None))
            elif isinstance(node, list):
                words = [each for each in node if isinstance(each, str)]
                if any(map(_OPTION.match, words)):
                    yield from self._options(owner, name, words, waiting)
                    if trains_more_than_once(" ".join(words)):
                        yield from _starts_again(owner, _below(name, STARTS_AGAIN))
                    yield from (NestedText(owner, name, each, "line") for each in words)
                    node = [each for each in node if not isinstance(each, str)]
                for number, each in enumerate(node):
                    waiting.append((_below(name, number) if isinstance(each, dict | list) else name, each, number))
            elif isinstance(node, str):
                waiting.append((name, node, place))
            elif node is not None:
                yield NestedText(owner, name, str(node), "text" if place is None else "item")

    def _line(self, owner: str, name: str, text: str, place: int | None, waiting: _Waiting) -> Iterator[NestedText]:
        """A text that is no JSON, as it is, or as the line for a shell that it looks like."""
        words = _words(text) if _is_line(text) and self._may_read(text) else []
        if words:
            yield from self._options(owner, name, words, waiting)
            before = list(takewhile(lambda word: not word.startswith("-") and "=" not in word, words))
            before = [word for word in before if word != _END]
            if before or name_of_a_model(name):
                yield NestedText(owner, name, " ".join(before) or plain(text), "head")
        if not is_for_people(name) and trains_more_than_once(text, surely_a_line=bool(words)):
            yield from _starts_again(owner, _below(name, STARTS_AGAIN))
        settings = (not words or "\n" in text) and not is_for_people(name)
        if settings and _has_settings(laid := self._laid_out(text)) and self._may_read(text):
            stated = dict.fromkeys(_settings_in(laid))
            apart = any("bucket" in inner.lower() for _, inner, _ in stated)
            for above, inner, value in stated:
                whole = _below(name, f"{IN_TEXT}.{above}.{inner}")
                if _MAY_BE_A_PLACE.search(value) or (apart and _APART.search(inner)):
                    yield NestedText(owner, whole.replace("..", "."), value, "place")
                if "{" not in value and not words:
                    alone = _against(owner, _below(name, f"{IN_TEXT}.{inner}"), value, "pair")
                    yield from alone or _against(owner, whole, value, "pair")
        yield NestedText(owner, name, plain(text), "line" if words else "text" if place is None else "item")

    def _options(self, owner: str, name: str, words: Sequence[str], waiting: _Waiting) -> Iterator[NestedText]:
        options, rest = _taken_apart(words)
        twice = _said_twice(options)
        for option, value in options.items():
            if _is_filled_in(value):
                yield from _unfilled(owner, _below(name, option), value, twice=option in twice)
            else:
                waiting.append((_below(name, option), value, None))
        yield from _started(owner, _below(name, STARTED), rest)

    def _tree(self, text: str) -> object:
        """What a text of JSON holds, numbers as they are written, where that is more than one plain word; None for any
        other text.
        """
        if text.lstrip()[:1] not in ("{", "[", '"'):
            return None
        if _OF_PYTHON.match(text) and '"' not in text:
            text = text.replace("'", '"')
        tree = _json(_folded(text) if _depth(text) > _DEEPEST else text)
        return tree if tree is not None and tree != text.strip() and self._may_read(text) else None

    def _laid_out(self, text: str) -> str:
        """A text with each value beside its name, in one quote, a "/" as it is read in an address, and what an alias of
        YAML stands for in its place.
        """
        text = _THREE_QUOTES.sub(r"\g<quote>", _FOLDED.sub(" ", _SLASH.sub("/", text)))
        anchors = dict(_ANCHOR.findall(text)) if "&" in text else {}
        anchors = {name: value for name, value in anchors.items() if len(value) <= _LONGEST_ALIAS}
        if not anchors:
            return text
        laid, count = _ALIAS.subn(lambda match: anchors.get(match["name"], match[0]), text, _MOST_ALIASES)
        self.unread = self.unread or count >= _MOST_ALIASES
        return laid

    def _may_read(self, text: str) -> bool:
        self._left -= len(text)
        self.unread = self.unread or self._left < 0
        return self._left >= 0


def _has_settings(text: str) -> bool:
    return _PAIR.search(text) is not None or _LIST.search(text) is not None or "\n" in text


def _settings_in(text: str) -> Iterator[tuple[str, str, str]]:
    """Settings in a text of any notation: the names that they stand below, by tables, indents and brackets, their own
    name, and their value.
    """
    table, indented, opened = "", list[tuple[int, str]](), list[str]()
    for line in map(partial(_REMARK.sub, ""), text.splitlines()):
        written = line.strip(" \t-")
        indent = len(line) - len(line.lstrip(" \t-"))
        while indented and indented[-1][0] >= indent and written:
            indented.pop()
        if of_table := _TABLE.fullmatch(written):
            table, indented, opened = of_table["name"].replace('"', "").replace("'", ""), [], []
            continue
        done = 0
        names = [table, *(name for _, name in indented[-_MOST_ABOVE:]), *opened[-_MOST_ABOVE:]]
        if (item := _ITEM.fullmatch(line)) and names[-1]:
            yield ".".join(filter(None, names[:-1]))[-LONGEST_NAME:], names[-1], item["value"]
            continue
        for listed in _LIST.finditer(line):
            for value in _OF_A_LIST.findall(listed["items"]):
                yield ".".join(filter(None, names))[-LONGEST_NAME:], listed["name"], value
        for pair in _PAIR.finditer(line):
            _open_and_close(opened, line[done : pair.start()])
            above = [table, *(name for _, name in indented[-_MOST_ABOVE:]), *opened[-_MOST_ABOVE:]]
            yield ".".join(filter(None, above))[-LONGEST_NAME:], pair["of"] or pair["name"], pair["value"]
            done = pair.end()
        heading = _open_and_close(opened, line[done:])
        if heading and not opened:
            indented.append((indent, heading))


def _open_and_close(opened: list[str], text: str) -> str:
    """Add to the groups that are open, and take from them, what a text opens and closes; the name at its end."""
    for heading in _HEADING.finditer(text):
        if heading["bracket"] == "{":
            opened.append(heading["name"] or "")
        elif heading["bracket"] == "}":
            del opened[-1:]
        elif heading["name"]:
            return heading["name"]
    return ""


def _against(owner: str, name: str, text: str, kind: TextKind) -> list[NestedText]:
    """What was read for sure of no text, where it only counts against its owner."""
    return [NestedText(owner, name, text, kind)] if counts_against(name, text) else []


def _unfilled(owner: str, name: str, text: str, *, twice: bool) -> list[NestedText]:
    """An option's value with variables in it, where it can only count against its owner, may name a format, or is said
    `twice`, so that what is said beside it is not the whole of it.
    """
    kept = twice or may_hint(name, text)
    return [NestedText(owner, name, text, "unfilled")] if kept else _against(owner, name, text, "unfilled")


def _said_twice(options: Mapping[str, str]) -> set[str]:
    """The options that two commands say: those of the earlier one have numbers before their names."""
    earlier = {name for number, _, name in (each.partition(".") for each in options) if number.isdigit()}
    return {each for each in options if each in earlier or each.partition(".")[2] in earlier & options.keys()}


def _is_filled_in(value: str) -> bool:
    return "$" in value and not _is_json(value)


def _below(name: str, inner: object) -> str:
    return f"{name}.{inner}"[-LONGEST_NAME:]


def _is_line(text: str) -> bool:
    """Whether a text looks like a line for a shell: options, or settings and nothing else."""
    if _HAS_OPTIONS.search(text):
        return True
    words = text.split() if "=" in text else []
    return len(words) > 1 and all(map(_SETTING.fullmatch, words))


def _json(text: str) -> object:
    """An object, a list or a text; None for anything else."""
    try:
        tree = read_json(text, number=str)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict | list | str) else None


def _depth(text: str) -> int:
    """How many objects and lists lie within each other at most; 0 in what is no JSON, since one of them has no end."""
    if text.count("{") + text.count("[") <= _DEEPEST:
        return 0
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        deepest = max(deepest, depth)
    return 0 if depth else deepest


def _folded(text: str) -> str:
    """A text of JSON with what lies deeper than is read at once as texts within it, which are read next."""
    parts, done, opened, depth = [], 0, 0, 0
    for match in _BRACKETS.finditer(text):
        change = {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        depth += change
        if change > 0 and depth == _DEEPEST + 1:
            opened = match.start()
        elif change < 0 and depth == _DEEPEST:
            parts += [text[done:opened], json.dumps(text[opened : match.end()])]
            done = match.end()
    return "".join((*parts, text[done:]))


def _words(text: str) -> list[str]:
    """Words of a line for a shell; what it quotes may be a line itself. A text of JSON is one word."""
    if _is_json(text):
        return [text]
    if (option := _OPTION_WITH_JSON.fullmatch(text.strip())) and _is_json(option["json"]):
        return [text.strip()]
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return [inner for word in words for inner in ([word] if _is_json(word) else _cut(word))]


def _cut(word: str) -> list[str]:
    """The words in one, without the signs of a shell that stick to them."""
    return [part for inner in word.split() for part in _between_signs(inner)] or [word]


def _between_signs(word: str) -> list[str]:
    """A word and what ends it; of an address, whose query may have such signs, only those behind it end it."""
    if _REDIRECTS.match(word):
        return [_END]
    if "://" in word:
        return [_out_of_brackets(word.rstrip(";&|"))]
    parts = [each for part in _SIGNS.split(word) for each in (_out_of_brackets(part), _END)]
    return [each for each in parts[:-1] if each]


def _out_of_brackets(word: str) -> str:
    """A word without the brackets around several words that it begins or ends."""
    opened = word.count("(") - word.count(")")
    return word.lstrip("(") if opened > 0 else word.rstrip(")") if opened < 0 else word


def _is_json(text: str) -> bool:
    """Whether it is JSON, or would be, were it less deep."""
    start = text.lstrip()[:1]
    return start in ("{", "[") and (_depth(text) > _DEEPEST or _json(text) is not None)


def _taken_apart(words: Sequence[str]) -> tuple[dict[str, str], str]:
    """What the options of a command line say: `--name value`, `--name=value` and `name=value`; "true" for an option
    without a value; of one that another command says otherwise both; those of a server of models below SERVER. Then the
    words that tell what is started: modules, files of code and of settings, and all that are neither options nor their
    values.
    """
    values: dict[str, str] = {}
    before_it, of_it = dict[str, str](), dict[str, str]()
    started: list[str] = []
    serves = False
    for position, word in enumerate(words):
        if word == _END:
            serves = False
            before_it |= of_it
            of_it.clear()
            continue
        serves = serves or _is_server(words, position)
        name, equals, value = word.partition("=")
        if not equals:
            following = words[position + 1] if words[position + 1 : position + 2] not in ([], [_END]) else "-"
            value = "true" if following.startswith("-") and not _is_number(following) else following
        is_option = bool((word.startswith("-") or equals) and not _is_number(word) and name.strip("-+"))
        if is_option:
            option = f"{SERVER}.{name.lstrip('-+')}" if serves else name.lstrip("-+")
            if before_it.get(option, value) != value:
                values[f"{len(values)}.{option}"] = before_it.pop(option)
            values[option] = of_it[option] = value
        before = words[position - 1] if position else ""
        if before == _STARTS_A_MODULE:
            started.append(word.rpartition(".")[2])
        elif file := _FILE.fullmatch(word):
            started.append(file["name"])
        elif not is_option and (not before.startswith("-") or "=" in before or _is_number(before)):
            started.append(word.rpartition("/")[2])
    return values, " ".join(started)


def _is_server(line: Sequence[str], position: int) -> bool:
    """Whether a word of a command line starts a server of models, and is not the value of an option."""
    before = line[position - 1] if position else ""
    starts = before[:2] != "--" and before[-1:] in ("m", "c")
    if before.startswith("-") and not starts:
        return False
    name = line[position].rpartition("/")[2].lower()
    if name in _SERVERS:
        return not _TO_SERVE.isdisjoint(line[position + 1 : position + 2])
    return name.startswith(_SERVERS) and "serve" in name


def _is_number(text: str) -> bool:
    return text[1:2].isdigit()
