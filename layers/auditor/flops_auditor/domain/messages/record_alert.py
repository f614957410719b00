"""What people are told about a record, as plain text that reads well on a phone, with a twin for machines.

Names and tags of a job come from strangers: nothing of them can break a line, a subject or an attribute, and what they
hide or imitate is shown for what it is, where a line is made, once.
"""

import json
import re
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from flops_auditor.domain.compute.run_estimate import (
    AMEND_THE_FIGURE,
    CAUTIOUS_BOUND,
    CAUTIOUS_BOUNDS,
    COUNT_THE_RUN,
    NARROWING,
)
from flops_auditor.domain.law.assessment import DISPUTED as DISPUTED_KIND
from flops_auditor.domain.law.policy import BASES
from flops_auditor.domain.lineage.lineage import added_up, listed
from flops_auditor.domain.lineage.tree import own_bound
from flops_auditor.domain.messages.duties import (
    OTHER_WORDING,
    duties_in_words,
    forms_of,
    waits_for_its_law,
)
from flops_auditor.domain.messages.job_in_words import job_in_words
from flops_auditor.domain.runs.remedies import AMEND, KNOW_THE_TYPE
from flops_auditor.domain.values.amounts import excess_in_percent, flop
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import LONGEST_REMARK, bounded, printable
from flops_auditor.domain.values.visible import as_written

if TYPE_CHECKING:
    from flops_auditor.domain.runs.case import Case

WIDTH = 72
LONGEST_SUBJECT = 99
"""Amazon SNS: a subject is ASCII without line breaks, less than 100 characters."""
LONGEST_TEXT = 700
MOST_IN_CHAIN = 12
MOST_DOUBTS = 8
MOST_REMEDIES = 8
DISPUTED_READING = DISPUTED_KIND.name
_INDENT = "  "
_UNBROKEN = "\N{NO-BREAK SPACE}"
_STAYS = re.compile(r" (?=%|(?:\d+[.)]|[-*]) )")
"""A space that ends no line: a sign belongs to its number, and no line that is wrapped begins as a step or a point."""
_COMMAND = re.compile(r"`([^`]*)`")
_STEP = re.compile(r"\d+\. ")
HEADLINES = {
    "above": "ABOVE a threshold",
    "indeterminate": "on an UNKNOWN SIDE of a threshold",
    "below": "BELOW every threshold, as it turned out",
}
ON_ITS_WORD = "BELOW every threshold, ON THE JOB'S OWN WORD"
NOT_BINDING_YET = "ABOVE a threshold of a law that is NOT IN FORCE yet"
DISPUTED = "OVER a threshold of which it is DISPUTED whether it counts"
A_PERSON_DECIDES = "Tell whoever answers for this in your organisation. The figure is an indication; a person decides."
WHAT_A_MAIL_MEANS = "What this mail means, and what to do with it: `flops-auditor docs you-got-a-mail`"
LAST_OF_ITS_CAUSE = """
THE LAST OF ITS KIND TODAY
  This is message {count} of this day about jobs that are under every
  amount of compute, and not below for this alone ({cause}).
  Further ones are recorded and not mailed until tomorrow (UTC):
  flops-auditor records list --verdict {verdict}
"""
AFTER_A_STOP = (
    "Wait for the record of the ended job; it gives the final figure and comes by itself.",
    "If the run is meant to cross the line, decide that first. Then start it again with the tag "
    "flops-auditor:never-stop = true.",
)


@dataclass(frozen=True)
class Alert:
    """A message for people (`subject`, `body`: plain text) and for machines (`attributes`)."""

    subject: str
    body: str
    attributes: Mapping[str, str]


def is_news(content: Mapping[str, Any]) -> bool:
    """Whether people are told of a record: not of a job that is below every threshold and always was, or that never
    trained, nor of a verdict that they know already.
    """
    verdict, before = content["verdict"], content["previous_verdict"]
    crossed = any(change["to"] == "above" for change in content["changes"])
    known = (verdict == before and not crossed) or (verdict == "below" and before is None)
    known = known and not (before is None and above_but_for_its_word(content))
    known = known or (before is None and never_trained(content))
    return bool(content["action"]) or not known


def compose(content: Mapping[str, Any], case: "Case | None" = None) -> Alert:
    """The alert about a record's predicate, with who created the job, where the case that it rests on is at hand."""
    name = content["job"]["name"]
    stopped = content["action"] is not None
    parts = [
        section("", [_happened(content, name)]),
        section("FIGURES", _figures(content)),
        section("AGAINST THE THRESHOLDS", _against(content)),
        section("ON THE JOB'S OWN WORD", own_word(content)),
        section("IN DOUBT", doubts_in_words(content)),
        section("THE CHAIN", chain(content), fill=False),
        section("WHAT TO DO", numbered(_steps(content))),
        section("THE JOB", job_in_words(content["job"], content["original"]["base_model"], case)),
        section("THE RECORD", _record(content)),
    ]
    word = "BELOW, ON ITS OWN WORD" if content["rests_on"]["on_the_jobs_word"] else content["verdict"].upper()
    word += ", NOT IN FORCE" if binds_nobody_yet(content, day_of(content)) else ""
    headline = "STOPPED" if stopped else "DISPUTED" if is_disputed(content) else word
    return Alert(
        subject=subject(f"[FLOPs Auditor] {headline}: {name}"),
        body="\n\n".join(part for part in parts if part) + "\n",
        attributes=attributes("stopped" if stopped else "record", content),
    )


def _happened(content: Mapping[str, Any], name: str) -> str:
    job, count = content["job"], content["lineage"]["ancestors"]
    together = f"Together with {earlier_runs(count)} it continues, it" if count else "It"
    done = "is running" if content["action"] else "was audited"
    sentences = f"{printable(job['kind'])} {name} ({printable(job['status'])}) {done}. {together} is {_where(content)}."
    if content["action"]:
        sentences += f" FLOPs Auditor asked for it to be stopped: {printable(content['action']['reason'])}."
    if content["previous_verdict"]:
        sentences += f" An earlier record said: {content['previous_verdict']}. This one supersedes it"
        crossed = [_changed(change, content) for change in content["changes"] if change["to"] == "above"]
        sentences += f", since now it is over {' and '.join(crossed)}." if crossed else "."
    return sentences


def _where(content: Mapping[str, Any]) -> str:
    """On which side of its thresholds a job is."""
    if content["rests_on"]["on_the_jobs_word"]:
        return ON_ITS_WORD
    if binds_nobody_yet(content, day_of(content)):
        return NOT_BINDING_YET
    return DISPUTED if is_disputed(content) else HEADLINES[content["verdict"]]


def never_trained(content: Mapping[str, Any]) -> bool:
    """Whether the service saw no training at all: whatever is in doubt of such a job, it took 0 FLOP."""
    estimate = content["estimate"]
    at_most = {estimate["ceiling_flop"], estimate["upper_flop"]}
    more = {CAUTIOUS_BOUND.name, CAUTIOUS_BOUNDS.name}
    return at_most == {"0"} and more.isdisjoint(each["kind"] for each in estimate["assumptions"])


def cause_of(content: Mapping[str, Any]) -> str | None:
    """What alone keeps a job from being below whose upper bound is under every amount: a kind of doubt, or a line that
    applies whatever the compute, since something is said of the model. None for any other job.

    Such jobs cost next to nothing to start, and one of them makes all doubtful that continue it, so their alerts are
    bounded; one that may be over an amount, be it without its own word, or was said to be, never is.
    """
    without = content["rests_on"]["without_statements"]
    lines = [*content["assessments"], *(without["assessments"] if without else ())]
    amounts = [(a["upper_flop"], int(a["threshold_flop"])) for a in lines if a["threshold_flop"] != "0"]
    if (
        content["verdict"] == "below"
        or content["previous_verdict"] not in (None, "below")
        or content["action"]
        or not amounts
        or not all(upper is not None and int(upper) < amount for upper, amount in amounts)
    ):
        return None
    causes = [doubt["kind"] for a in content["assessments"] for doubt in a["doubts"]]
    causes += [a["scenario"] for a in content["assessments"] if a["verdict"] == "above"]
    return min(causes, default=None)


def above_but_for_its_word(content: Mapping[str, Any]) -> bool:
    """Whether a job is below on its own word alone, and above without it: people are told of it."""
    rests = content["rests_on"]
    return bool(rests["on_the_jobs_word"]) and rests["verdict_without_statements"] == "above"


def own_word(content: Mapping[str, Any]) -> list[str]:
    """What the verdict would be without what the job says of itself, where that is another one."""
    rests = content["rests_on"]
    without = rests["verdict_without_statements"]
    if without == content["verdict"] or not rests["milder"]:
        return []
    statements = [f"- {bounded(words, 200)}" for words in rests["milder"][:MOST_DOUBTS]]
    return [f"Without what the job says of itself it would be {without.upper()}. It says:", *statements]


def is_disputed(content: Mapping[str, Any]) -> bool:
    """Whether a threshold is crossed of which it is disputed whether that counts, and none that certainly does."""
    return content["verdict"] == "indeterminate" and any(map(disputed_line, content["assessments"]))


def disputed_line(assessment: Mapping[str, Any]) -> bool:
    """Whether a line is crossed of which it is disputed whether that counts."""
    return any(doubt["kind"] == DISPUTED_READING for doubt in assessment["doubts"])


def earlier_runs(count: int) -> str:
    """So many ancestors, in words."""
    return "the earlier run" if count == 1 else f"the {count} earlier runs"


def _figures(content: Mapping[str, Any]) -> list[str]:
    estimate, total, count = content["estimate"], content["cumulative"], content["lineage"]["ancestors"]
    method = f"Method: {estimate['method']}."
    if not count:
        return [f"{bounds_in_words(total)}.", f"{method} {_uncertainty(estimate, 'The', 'the')}"]
    together = _excess(total["best_flop"], total["upper_flop"], "The", "the")
    return [
        f"{bounds_in_words(total)}, with {earlier_runs(count)}. {together}",
        f"This run alone: {own_in_words(estimate)}. {method} {_uncertainty(estimate, 'Its', 'its')}",
    ]


def own_in_words(estimate: Mapping[str, Any]) -> str:
    """What a run took without those that it continues: the figures that are added up."""
    return f"{flop(estimate['best_flop'])} FLOP, at most {flop(own_bound(estimate), 'upper')} FLOP"


def bounds_in_words(figures: Mapping[str, Any]) -> str:
    """Best estimate, lower and upper bound."""
    least = f", at least {flop(figures['lower_flop'], 'lower')}" if figures["lower_flop"] is not None else ""
    return f"Best estimate {flop(figures['best_flop'])}{least}, at most {flop(figures['upper_flop'], 'upper')} FLOP"


def _uncertainty(estimate: Mapping[str, Any], whose: str, of_whom: str) -> str:
    """How far the bound of a run alone is over its best estimate; a method's own one where more is allowed for."""
    best, upper, cautious = (estimate[name] for name in ("best_flop", "upper_flop", "cautious_upper_flop"))
    if best and upper and cautious and int(best) and int(cautious) > int(upper):
        excess = excess_in_percent(int(upper), int(best))
        own = f"The method's own bound, {flop(upper, 'upper')}, is {excess} % over {of_whom} best estimate"
        return f"{own}; {of_whom} upper bound also allows for what is not known, or speaks against it."
    return _excess(best, upper, whose, of_whom)


def _excess(best: str | None, upper: str | None, whose: str, of_whom: str) -> str:
    """How far an upper bound is over the best estimate that stands beside it."""
    if best is None or upper is None:
        return "Nothing bounds the compute from above."
    if not int(best):
        return ""
    return f"{whose} upper bound is {excess_in_percent(int(upper), int(best))} % over {of_whom} best estimate."


def named(policy: str, scenario: str, title: str) -> str:
    """A threshold by its title and its ids."""
    return f"{title} ({policy}, {scenario})"


def _changed(change: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    policy, scenario = change["policy"], change["scenario"]
    titles = {(a["policy"], a["scenario"]): a["title"] for a in content["assessments"]}
    return named(policy, scenario, titles[policy, scenario])


def _against(content: Mapping[str, Any]) -> list[str]:
    """Each threshold with its verdict. What being over it means is said once for lines that mean the same under one
    condition; what is in doubt stands in a section of its own.
    """
    lines = []
    told: set[tuple[str, str, bool]] = set()
    for a in content["assessments"]:
        notes = [note["words"] for note in a["notes"]]
        if a["reading"] == "ours" and a["left_open"]:
            notes.append("a reading of ours" + (f": {a['left_open']}" if a["verdict"] != "below" else ""))
        open_ = a["verdict"] == "indeterminate" and a["doubts"]
        reasons = bounded("; ".join([a["reason"], *notes, *(["see what is in doubt"] if open_ else [])]), LONGEST_TEXT)
        line = f"{named(a['policy'], a['scenario'], a['title'])}: {a['verdict'].upper()}; {reasons}."
        waits = waits_for_its_law(a.get("in_force"), day_of(content))
        means = (a["condition"], a["meaning"], waits)
        if a["verdict"] != "below" and means not in told:
            told.add(means)
            binds = "Once it is in force, over it" if waits else "Over it"
            line += f" {binds}{_condition(a)}, {a['meaning']}."
        if a["verdict"] != "below":
            line += f" Counted: {BASES[a['basis']]}, by {a['source']}."
        lines.append(line)
    return lines


def day_of(content: Mapping[str, Any]) -> date:
    """The day of a record, and of the message about it."""
    return read_time(content["recorded_at"]).date()


def binds_nobody_yet(content: Mapping[str, Any], today: date) -> bool:
    """Whether all lines that are crossed belong to regimes that are not in force yet."""
    over = [a for a in content["assessments"] if a["verdict"] == "above"]
    return bool(over) and all(waits_for_its_law(a.get("in_force"), today) for a in over)


def _condition(assessment: Mapping[str, Any]) -> str:
    """Where a regime applies at all, within a sentence."""
    return f", {assessment['condition']}" if assessment["condition"] else ""


def doubts_in_words(content: Mapping[str, Any]) -> list[str]:
    """What keeps verdicts open, or may change them, each once; and what the advice is about, where a bound is why."""
    open_ = [a for a in content["assessments"] if a["verdict"] != "below"]
    silent = [] if content["assessments"] else content["not_assessed"]
    asked = {each["kind"] for a in open_ if a["verdict"] == "indeterminate" for each in a["settle"]}
    behind = [each for each in content["estimate"]["assumptions"] if each.get("settle", {}).get("kind") in asked]
    doubts = [*(doubt for a in open_ for doubt in a["doubts"]), *unassessed_doubts(content), *silent, *behind]
    distinct = list(dict.fromkeys(doubt["words"] for doubt in doubts))
    more = len(distinct) - MOST_DOUBTS
    lines = [f"- {bounded(words, LONGEST_REMARK)}." for words in distinct[:MOST_DOUBTS]]
    return [*lines, *([f"- and {more} more: see the record."] if more > 0 else [])]


def unassessed_doubts(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of a run that no line is assessed for, and that is in doubt: what may make it another kind of run."""
    if content["assessments"] or content["verdict"] != "indeterminate":
        return []
    return [*content["estimate"]["doubts"], *content.get("lineage", {}).get("doubts", ())]


def chain(content: Mapping[str, Any]) -> list[str]:
    """The last runs before this one, oldest first, each with its own best estimate."""
    count = content["lineage"]["ancestors"]
    if not count:
        return []
    shown = nearest_ancestors(content, MOST_IN_CHAIN)
    lines = [f"{count - len(shown)} more before"] if count > len(shown) else []
    lines += [f"{flop(a['best_flop']):>9}  {shorten(name_of(a['job_arn']))}" for a in shown]
    lines.append(f"{flop(content['estimate']['best_flop']):>9}  {shorten(content['job']['name'])} (this run)")
    return lines


def nearest_ancestors(content: Mapping[str, Any], most: int) -> list[Mapping[str, Any]]:
    """Of the listed ancestors that count at most `most`, the nearest to a job, the farthest of them first."""
    counted = {ancestor.job_id for ancestor in added_up(listed(content), content["job"]["activity"])}
    by_id = {each["job_id"]: each for each in content["cumulative"]["ancestors"] if each["job_id"] in counted}
    order: list[Mapping[str, Any]] = []
    seen: set[str] = set()
    level = sorted(content["lineage"]["parents"])
    while level and len(order) < most:
        nearer = [by_id[job_id] for job_id in level if job_id in by_id and job_id not in seen]
        seen |= set(level)
        order += nearer
        level = sorted({parent for ancestor in nearer for parent in parents_in(ancestor)} - seen)
    return order[:most][::-1]


def parents_in(ancestor: Mapping[str, Any]) -> Sequence[str]:
    """What a listed ancestor continues, where that counts: of a run that generated data it does not."""
    return () if ancestor["activity"] == "synthetic-data" else ancestor.get("parents", ())


def _steps(content: Mapping[str, Any]) -> list[str]:
    """Remedies and duties alone: nothing here is in the words of a job's owner."""
    verdict, arn = content["verdict"], content["job"]["arn"]
    if verdict == "below" and content["rests_on"]["on_the_jobs_word"]:
        return [
            "Ask the job's owner for evidence of what the job says of itself. The record names it.",
            f"Have somebody who knows sign for it, or for better figures: {AMEND.words(arn)}",
            "If it is wrong, correct the tag, then record what is right in the same way.",
        ]
    if verdict == "below":
        return ["Nothing, unless somebody has acted on the earlier record already."]
    duties = duties_in_words(content["assessments"], content["due"], day_of(content))
    if verdict == "above":
        return [
            _decide(content),
            *duties,
            *_form(content),
            f"If the figure is wrong, {AMEND.words(arn)}",
        ]
    if content["action"]:
        return [*duties, *AFTER_A_STOP]
    return [*(bounded(words, 500) for words in remedies(content)), *duties]


def _form(content: Mapping[str, Any]) -> list[str]:
    """Where the figures of a form are, if a duty may be met with one."""
    forms = forms_of(content)
    return [
        f"The figures for the form {form}: `flops-auditor form {in_commands(content)}"
        f"{f' --form {shlex.quote(form)}' if len(forms) > 1 else ''}`"
        for form in map(printable, forms)
    ]


def _decide(content: Mapping[str, Any]) -> str:
    """That a person decides, where the duties apply at all, what they are about, and what is said of that."""
    over = [a for a in content["assessments"] if a["verdict"] == "above"]
    over = [a for a in over if any(duty["state"] != OTHER_WORDING for duty in a["duties"])]
    applies = " or ".join(dict.fromkeys(a["condition"] for a in over if a["condition"]))
    limits = limits_in_words(over)
    placing = placing_in_words(over, content["lineage"]["stated"])
    if not applies and not limits:
        return A_PERSON_DECIDES
    due = f" What follows is due {applies}." if applies else ""
    return f"{A_PERSON_DECIDES}{due}{f' {placing}.' if placing else ''}{f' {limits}.' if limits else ''}"


def limits_in_words(over: Iterable[Mapping[str, Any]]) -> str:
    """To what the duties of crossed lines are limited; each limit with its line, where they have different ones."""
    every = list(over)
    limits: dict[str, list[str]] = {}
    for a in every:
        if not a.get("wording_of"):
            limits.setdefault(a["limited_to"], []).append(a["scenario"])
    if not any(limits):
        return ""
    if len(limits) == 1:
        return f"It is limited to {next(iter(limits))}"
    unlimited = limits.pop("", [])
    by_limit = "; ".join(f"by {', '.join(names)} to {what}" for what, names in limits.items())
    return f"It is limited {by_limit}" + (f"; by {', '.join(unlimited)} it is not limited" if unlimited else "")


def placing_in_words(lines: Iterable[Mapping[str, Any]], stated: Mapping[str, Any]) -> str:
    """What is said of the placing on which the regimes of lines depend; empty where none does, or nothing is said."""
    if {a["condition_asks"] for a in lines if a["condition"]} != {"placed_on_market"}:
        return ""
    who = ", by a tag alone," if "placed_on_market" in stated.get("unconfirmed", ()) else ""
    since = f" since {stated['placedOn']}" if stated.get("placedOn") else ""
    answers = {True: f"It is said{who} to be so placed{since}", False: f"It is said{who} not to be so placed"}
    return answers.get(bool(stated["placedOnMarket"]), "") if "placedOnMarket" in stated else ""


def remedies(content: Mapping[str, Any]) -> list[str]:
    """What would settle the open verdicts, as sentences: of each subject one, however many share a kind.

    A better figure is advised where an open one is all that a verdict waits for; not on an instance type that is not
    known, where nothing compares evidence with what the hardware can do.
    """
    advice = [each for a in content["assessments"] for each in a["settle"]]
    silent = [] if content["assessments"] else content["not_assessed"]
    advice += [doubt["settle"] for doubt in (*unassessed_doubts(content), *silent) if doubt.get("settle")]
    kinds = {each["kind"] for each in advice}
    if KNOW_THE_TYPE.name in kinds:
        advice = [each for each in advice if each["kind"] not in NARROWING]
    distinct = list(dict.fromkeys(each["words"] for each in advice if each["kind"] != AMEND_THE_FIGURE))
    if kinds & (NARROWING - {COUNT_THE_RUN}) and KNOW_THE_TYPE.name not in kinds:
        distinct.append(AMEND.words(content["job"]["arn"]))
    more = len(distinct) - MOST_REMEDIES
    lines = [sentence(words) for words in distinct[:MOST_REMEDIES]]
    left = f"And {more} more: `flops-auditor records show {in_commands(content)}`"
    return [*lines, *([left] if more > 0 else [])]


def sentence(words: str) -> str:
    """Words as a sentence; one that ends in a command has no full stop, which would be copied with it."""
    told = words[:1].upper() + words[1:].rstrip(".")
    return told if told.endswith("`") else f"{told}."


def in_commands(content: Mapping[str, Any]) -> str:
    """The job as commands name it: by its ARN, since other jobs may have its name."""
    return shlex.quote(printable(content["job"]["arn"]))


def _record(content: Mapping[str, Any]) -> list[str]:
    job, quoted = content["job"], in_commands(content)
    return [
        f"`flops-auditor records show {quoted}`",
        *([f"`flops-auditor records lineage {quoted}`"] if content["lineage"]["ancestors"] else []),
        f"Record: {job['id'][:16]}..., revision {content['revision']}, ledger {printable(content['ledger_id'])}. The "
        "next checkpoint, within 15 minutes, puts it into the log; `flops-auditor verify` checks that.",
        WHAT_A_MAIL_MEANS,
    ]


def attributes(kind: str, content: Mapping[str, Any], **more: Any) -> dict[str, str]:
    """The twin for machines: at most ten texts (what SNS passes to a queue), one of them JSON."""
    job, total = content["job"], content["cumulative"]
    document = {
        "job": {"name": job["name"], "arn": job["arn"], "id": job["id"], "status": job["status"]},
        "estimate": {key: content["estimate"][key] for key in ("method", "best_flop", "upper_flop")},
        "cumulative": {key: total[key] for key in ("lower_flop", "best_flop", "upper_flop")},
        "ancestors": content["lineage"]["ancestors"],
        "assessments": [
            {key: a[key] for key in ("policy", "scenario", "threshold_flop", "verdict")} for a in content["assessments"]
        ],
        "verdict": content["verdict"],
        "verdict_without_statements": content["rests_on"]["verdict_without_statements"],
        "revision": content["revision"],
        "ledger_id": content["ledger_id"],
        "notification_due": content["notification_due"],
        **more,
    }
    values = {
        "kind": kind,
        "verdict": content["verdict"],
        "job_arn": printable(job["arn"]),
        "job_id": job["id"],
        "method": content["estimate"]["method"],
        "best_flop": total["best_flop"],
        "upper_flop": total["upper_flop"],
        "notification_due": content["notification_due"],
        "json": json.dumps(document, ensure_ascii=True, sort_keys=True, separators=(",", ":")),
    }
    return {key: value for key, value in values.items() if value}


def section(title: str, lines: Iterable[str], fill: bool = True) -> str:
    """A heading over wrapped, indented paragraphs; an empty text if there is nothing to say."""
    indent = _INDENT if title else ""
    shown = [
        wrapped(line, indent, "   " if _STEP.match(line) else "") if fill else _INDENT + as_written(line.strip())
        for line in lines
        if line
    ]
    return "\n".join(([title] if title else []) + shown) if shown else ""


def wrapped(text: str, indent: str = "", hanging: str = "") -> str:
    """One paragraph, at most WIDTH wide; a longer word, such as an ARN, stays whole, and so does a command, which
    stands between backticks in `text`: it can be copied in one piece.
    """
    shown = _STAYS.sub(_UNBROKEN, as_written(text.strip()))
    filled = textwrap.fill(
        _COMMAND.sub(lambda command: command[1].replace(" ", _UNBROKEN), shown),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + hanging,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return filled.replace(_UNBROKEN, " ")


def numbered(steps: Iterable[str]) -> list[str]:
    """Steps with their numbers."""
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def shorten(name: str) -> str:
    """A name that fits the width of a phone beside a figure."""
    return bounded(name, WIDTH - 26)


def subject(text: str) -> str:
    """A subject line that SNS takes: ASCII, one line, less than 100 characters."""
    line = printable(text).encode("ascii", "replace").decode()
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 3] + "..."
