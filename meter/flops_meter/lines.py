"""The line that a meter writes once an interval: its words, the chain of digests, the metric definitions. Pure.

    flops_meter v=1 seq=2 job=arn:... ranks=8 reporting=8 attempt=1 since=... to=... covered=... model_flop=... ... \
prev=1f2e... chain=9ab0...

Words are `name=value` with one blank between them. All amounts are cumulative over the run. `chain` is the first
32 hexadecimal digits of SHA-256 over the line up to it, `prev` the chain of the line before: a line that was changed,
left out or pasted from another job is seen by whoever has the log. docs/adr/1702 says what a reader can rely on.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

PREFIX = "flops_meter v=1"
_DIGITS = 32
_CHECKED = 12
"""Hexadecimal digits of a digest that a metric, a 64-bit float, holds exactly."""

AMOUNTS = (
    "model_flop",
    "executed_flop",
    "padding_flop",
    "evaluation_flop",
    "generation_flop",
    "reference_flop",
    "discarded_flop",
    "inferred_flop",
    "tokens",
    "steps",
    "uncounted_steps",
)
"""Cumulative whole numbers, as in flops_meter.work.Totals."""

ORDER = (
    "seq",
    "job",
    "ranks",
    "reporting",
    "attempt",
    "since",
    "to",
    "covered",
    *AMOUNTS,
    "unknown_ops",
    "failed",
    "job_check",
)
"""Words that each line has, as they are written."""
OPTIONAL = ("uncertain_flop", "mfu")
"""Words that stand behind them, in this order, where there is something to say."""
METRICS = (*(word for word in ORDER if word != "job"), *OPTIONAL, "chain_check")
"""Words that are numbers, each a metric `flops_auditor:<word>`.

seq: this line's number, from 1; attempt: from 1, one more after each interruption; ranks: processes of the run,
reporting: those whose counts are in the line; since, to: Unix seconds of the time that the amounts cover; covered:
seconds of it in which the meter ran (interruptions left out); unknown_ops: custom operations that may hide work;
uncertain_flop: how far model_flop may be off by chance, where work was estimated from steps counted at random;
failed: 1 when counting stopped on an error; job_check: 48 bits of SHA-256 of the job's ARN, so that metrics alone show
a line of another job; chain_check: 48 bits of chain; mfu: of this interval, where the hardware's peak is known.
"""
_NEVER_LESS = (*AMOUNTS, "to", "ranks", "failed")
"""Whole numbers that do not shrink from one line of an attempt to the next; nor does `covered`."""
METRIC_PREFIX = "flops_auditor:"
_WHOLE = re.compile("[0-9]{1,400}")
_SECONDS = re.compile("[0-9]{1,20}(?:\\.[0-9]+)?")
_PAINT = "(?:\\x1b\\[[0-9;]*m|[ \\t])*"
_TIME = "(?:[0-9-]{10}T[0-9:.]+(?:Z|[+-][0-9:]+)? )?"
_BAR = "(?:[^\"'>]*(?:\\r|(?:it/s|s/it)[^\\]]*\\]))?"
_LAUNCHERS = "(?:\\[[a-z]*[0-9][^\\] ]*\\](?:<stdout>)?: ?|algo-[0-9]+: |\\([A-Za-z]+ [a-z]+=[^)]*\\) ?)?"
_BEFORE = f"^{_TIME}{_BAR}{_PAINT}{_LAUNCHERS}{_PAINT}"
"""What may stand before a line: the time that CloudWatch prints; a progress bar on the same stream; blanks and colours;
what launchers put there: mpirun [1,0]<stdout>:, torchrun [default0]:, DeepSpeed algo-1:, Ray (Worker pid=1)."""
_BEGINS = re.compile(f"{_BEFORE}(?={PREFIX} )")


@dataclass(frozen=True)
class Line:
    """One line, read: words by name, in order."""

    words: Mapping[str, str]

    def number(self, name: str) -> int:
        """A whole number. Raises MalformedLine."""
        if not _WHOLE.fullmatch(self.words[name]):
            raise MalformedLine(f"{name} is no whole number in {self.words}")
        return int(self.words[name])

    @property
    def covered(self) -> float:
        """Seconds that the amounts cover. Raises MalformedLine."""
        if not _SECONDS.fullmatch(self.words["covered"]):
            raise MalformedLine(f"covered is no number of seconds in {self.words}")
        return float(self.words["covered"])

    @property
    def never_less(self) -> dict[str, float]:
        """What does not shrink within an attempt. Raises MalformedLine."""
        return {**{name: self.number(name) for name in _NEVER_LESS}, "covered": self.covered}


class MalformedLine(ValueError):
    """A line that begins like one of a meter and is none."""


@dataclass(frozen=True)
class Break:
    """Where a log is not what a meter wrote, and why: `place` counts the meter's lines from 1."""

    place: int
    why: str


def genesis(job: str) -> str:
    """The chain before the first line of a job."""
    return hashlib.sha256(f"{PREFIX} job={job}".encode()).hexdigest()[:_DIGITS]


def check_number(text: str) -> int:
    """48 bits of SHA-256, as a number that a metric can hold exactly."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:_CHECKED], 16)


def write(words: Mapping[str, object], previous: str) -> tuple[str, str]:
    """The line, and its chain."""
    body = " ".join([PREFIX, *(f"{name}={value}" for name, value in words.items()), f"prev={previous}"])
    chain = hashlib.sha256(body.encode()).hexdigest()[:_DIGITS]
    return f"{body} chain={chain} chain_check={int(chain[:_CHECKED], 16)}", chain


def read(text: str) -> Line | None:
    """The meter's line in a line of a log, where the metric definitions find one; else None. Raises MalformedLine."""
    own = _own(text)
    if own is None:
        return None
    pairs = [word.partition("=") for word in own.split()[1:]]
    words = {name: value for name, sign, value in pairs if sign}
    expected = ["v", *ORDER, *(name for name in OPTIONAL if name in words), "prev", "chain", "chain_check"]
    if len(words) != len(pairs) or list(words) != expected:
        raise MalformedLine(f"words are name=value, each once and in order, to the chain: {own[:200]!r}")
    return Line(words)


def _own(text: str) -> str | None:
    """The meter's part of a line of a log, without what colours it."""
    begins = _BEGINS.match(text)
    return None if begins is None else re.sub("\\x1b\\[[0-9;]*m", "", text[begins.end() :])


def _own_chain(text: str) -> str:
    body = (_own(text) or "").rpartition(" chain=")[0]
    return hashlib.sha256(body.encode()).hexdigest()[:_DIGITS]


def verify(log: Iterable[str], job: str | None = None) -> tuple[Sequence[Line], Sequence[Break]]:
    """Read a log and say where it is not what one meter wrote: changed, cut, pasted or of another job.

    A line of a new attempt may go on from any earlier line: what was written between that and the interruption was
    lost and done again. Within an attempt neither amounts shrink nor the time they cover, the number of ranks and
    `failed`; attempts never go back, but where a count begins anew, without the state of the one before.
    """
    lines: list[Line] = []
    breaks: list[Break] = []
    chains: dict[str, Line] = {}
    highest = 0
    for text in log:
        place = len(lines) + 1
        try:
            line = read(text)
            if line is None:
                continue
            words, attempt, _ = line.words, line.number("attempt"), (line.number("seq"), line.never_less)
        except MalformedLine as error:
            breaks.append(Break(place, str(error)))
            continue
        lines.append(line)
        own = _own_chain(text)
        if words["chain"] != own:
            breaks.append(Break(place, "the line was changed: its chain is not its digest"))
        elif words["chain_check"] != str(int(own[:_CHECKED], 16)):
            breaks.append(Break(place, "the line was changed: its chain_check is not its chain's"))
        if words["job_check"] != str(check_number(words["job"])):
            breaks.append(Break(place, "its job_check is another job's"))
        if job is not None and words["job"] != job:
            breaks.append(Break(place, f"it is of another job: {words['job']}"))
        breaks += [Break(place, why) for why in _out_of_order(line, lines[:-1], chains, highest)]
        highest = attempt if _begins(line) else max(highest, attempt)
        chains[words["chain"]] = line
    return lines, breaks


def _out_of_order(line: Line, earlier: Sequence[Line], chains: Mapping[str, Line], highest: int) -> Iterator[str]:
    """Why a line does not follow those before it. `chains`: those by their chain; `highest`: the latest attempt."""
    words, sequence, attempt, begins = line.words, line.number("seq"), line.number("attempt"), _begins(line)
    before, parent = earlier[-1] if earlier else None, chains.get(words["prev"])
    if words["chain"] in chains:
        yield "the same line stood there before: it was put in again"
    if (sequence != 1 and begins) or (parent is not None and sequence != parent.number("seq") + 1):
        yield "its number is not the next one"
    if begins:
        if before is not None and line.number("since") < before.number("since"):
            yield "it begins anew at an earlier time"
        return
    if parent is not None and words["since"] != parent.words["since"]:
        yield "its since is not that of the line it goes on from"
    if attempt < highest:
        yield "an earlier attempt after a later one"
    if before is None:
        yield "lines before it are missing"
    elif attempt == before.number("attempt"):
        if words["prev"] != before.words["chain"]:
            yield "lines before it are missing, or were put in"
        now = line.never_less
        shrunk = [name for name, amount in before.never_less.items() if now[name] < amount]
        if shrunk:
            yield f"smaller than in the line before: {', '.join(shrunk)}"
    elif parent is None:
        yield "a new attempt that goes on from no line of this log"


def _begins(line: Line) -> bool:
    """Whether the chain begins with this line."""
    return line.words["prev"] == genesis(line.words["job"])


def counts_of(lines: Sequence[Line]) -> list[Line]:
    """The last line of each count. More than one: a process began to count anew, and their amounts add up.

    A chain that begins anew under the same `since` is the same count, which went on from before its first line.
    """
    counts: list[Line] = []
    for line in lines:
        if counts and not (_begins(line) and line.number("since") > counts[-1].number("since")):
            counts.pop()
        counts.append(line)
    return counts


def metric_definitions() -> list[dict[str, str]]:
    """MetricDefinitions of CreateTrainingJob: Name and Regex of each number.

    Held to a whole line: from its beginning, or what may stand there, word by word to the chain. A line that quotes
    one gives no metric, nor does one with a word more: a word that came twice would leave open which one holds.
    Nothing says whether SageMaker's engine takes `$`, so that what follows a line is let pass.
    """
    number, word = "([0-9]+(?:\\.[0-9]+)?)", "[a-z_]+=[^ ]+ "
    begin, end = f"{_BEFORE}{PREFIX} ", "prev=[0-9a-f]+ chain=[0-9a-f]+ chain_check="
    maybe = "".join(f"(?:{name}=[0-9.]+ )?" for name in OPTIONAL)
    found = {}
    for place, name in enumerate(ORDER):
        rest = len(ORDER) - place - 1
        found[name] = f"{begin}(?:{word}){{{place}}}{name}={number} (?:{word}){{{rest}}}{maybe}{end}[0-9]+"
    for name in OPTIONAL:
        given = maybe.replace(f"(?:{name}=[0-9.]+ )?", f"{name}={number} ")
        found[name] = f"{begin}(?:{word}){{{len(ORDER)}}}{given}{end}[0-9]+"
    found["chain_check"] = f"{begin}(?:{word}){{{len(ORDER)}}}{maybe}{end}{number}"
    return [{"Name": METRIC_PREFIX + name, "Regex": found[name]} for name in METRICS]


def metrics_of(text: str) -> dict[str, float]:
    """What SageMaker's metric definitions find in a line of a log."""
    found = {}
    for each in metric_definitions():
        match = re.search(each["Regex"], text)
        if match is not None:
            found[each["Name"]] = float(match.group(1))
    return found
