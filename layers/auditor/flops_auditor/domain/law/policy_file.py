"""Reading a policy file strictly: a word that nothing reads would make a rule apply where it should not.

What is accepted has to go through audit, record, alert and plan, for whichever run: so texts, days, lines and their
number are bounded here, and names are such as keys and commands can hold.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import product
from typing import Any, Literal, NamedTuple, get_args

from flops_auditor.domain.law.policy import (
    Basis,
    Circumstance,
    Comparison,
    Disputed,
    Duty,
    Effect,
    Exemption,
    MalformedPolicy,
    Policy,
    Reading,
    ReadingOf,
    Role,
    Rule,
    Since,
    Source,
    Transition,
)
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.values.amounts import UnreadableAmount, parse_amount

LONGEST_TEXT = 600
"""Characters of one text."""
LONGEST_NAME = 64
"""Characters of the name of a policy, a scenario, a duty: they stand in keys and commands."""
LONGEST_OF_A_RUN = 100_000
"""Characters that the lines and duties of one run may have together: its record has to fit an item of 400 kB."""
MOST_GROUPS = 16
MOST_RULES = 48
"""Rules of one group."""
LONGEST_TIME = 3650
"""Days within which a duty may be due."""
YEARS = range(1950, 2200)
LARGEST_SHARE = 1000
"""Of the original's compute."""
_NAME = re.compile(rf"[a-z0-9][a-z0-9._-]{{0,{LONGEST_NAME - 1}}}")
FAILED_RUNS: Circumstance = "failed-runs"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"\d+(?:\.\d+)?(?:[eE]\+?\d+)?")

_POLICY = frozenset(
    {
        "id",
        "title",
        "jurisdiction",
        "in_force",
        "condition",
        "condition_asks",
        "sources",
        "systemic_risk_over",
        "original_compute",
        "readings",
        "exemptions",
        "transitions",
        "duties",
        "groups",
        "trust_statements",
        "wording_of",
    }
)
_RULE = frozenset(
    {
        "scenario",
        "title",
        "when",
        "threshold",
        "share_of_original",
        "at_any_compute",
        "takes_original_for",
        "comparison",
        "basis",
        "includes_pretraining",
        "text_where_bases_agree",
        "meaning",
        "source",
        "reading",
        "left_open",
        "disputed_if_crossed",
        "duties",
        "limited_to",
        "exemptions",
    }
)
_LINES = ("threshold", "share_of_original", "at_any_compute")
"""Where the line lies: one of them; the last one is true, or not there."""
_WHEN = frozenset({"role", "original", "systemic_risk", "designated", "general_purpose", "at_least", "over", "at_most"})
_OF_ONE_RUN: tuple[frozenset[Role], ...] = (frozenset({"developer", "modifier"}), frozenset({"data-generator"}))
"""Roles that the lines of one run may be of: both of the first where it is not known whose model is trained."""
_DUTY = frozenset(
    {
        "what",
        "article",
        "to",
        "within_days",
        "since",
        "reading",
        "left_open",
        "form",
        "exemption",
        "transition",
        "no_transition",
    }
)


class _Object(NamedTuple):
    """An object of the file, and where it stands, for messages. Each reader raises MalformedPolicy."""

    where: str
    members: Mapping[str, Any]

    def wrong(self, what: str) -> MalformedPolicy:
        return MalformedPolicy(f"{self.where}: {what}")

    def __contains__(self, key: object) -> bool:
        return key in self.members

    def get(self, key: str) -> Any:
        if key not in self.members:
            raise self.wrong(f"{key} is missing")
        return self.members[key]

    def text(self, key: str, most: int = LONGEST_TEXT) -> str:
        return self._text(key, self.get(key), most)

    def _text(self, key: str, value: object, most: int = LONGEST_TEXT) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(f"{key} is not a text")
        if len(value) > most or not value.isprintable():
            raise self.wrong(f"{key} is longer than {most} characters, or has line breaks or the like")
        return value

    def maybe_text(self, key: str) -> str:
        return self.text(key) if key in self else ""

    def name(self, key: str) -> str:
        return self.named(key, self.get(key))

    def named(self, what: str, value: object) -> str:
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self.wrong(f"{what} is not a name: at most {LONGEST_NAME} of a-z, 0-9, '.', '_' and '-'")
        return value

    def texts(self, key: str) -> list[str]:
        value = self.get(key)
        if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
            raise self.wrong(f"{key} is not a list of texts")
        if len(set(value)) < len(value):
            raise self.wrong(f"{key} names something twice")
        return [self._text(key, each) for each in value]

    def one_of(self, key: str, allowed: tuple[str, ...], default: str | None = None) -> Any:
        value = self.get(key) if default is None else self.members.get(key, default)
        if not isinstance(value, str) or value not in allowed:
            raise self.wrong(f"{key} is {repr(value)[:60]}, not one of {', '.join(allowed)}")
        return value

    def yes_or_no(self, key: str) -> bool | None:
        value = self.members.get(key)
        if key in self and not isinstance(value, bool):
            raise self.wrong(f"{key} is {repr(value)[:60]}, not true or false")
        return value

    def day(self, key: str) -> date:
        value = self.get(key)
        try:
            day = date.fromisoformat(value if isinstance(value, str) and _DAY.fullmatch(value) else "")
        except ValueError:
            day = None
        if day is None or day.year not in YEARS:
            raise self.wrong(f"{key} is {repr(value)[:60]}, not a day such as 2026-11-24")
        return day

    def amount(self, key: str) -> int | None:
        """A whole number of FLOP."""
        return self.whole(key, self.get(key)) if key in self else None

    def whole(self, key: str, value: object) -> int:
        """A positive whole number, as a text or as a number."""
        try:
            amount = parse_amount(value)
        except UnreadableAmount as error:
            raise self.wrong(f"{key}: {error}") from error
        if not _WHOLE.fullmatch(str(value).strip()) or Fraction(str(value).strip()) != amount:
            raise self.wrong(f"{key}: {str(value)[:60]!r} is not a whole number such as 1e23")
        return amount

    def divided(self, key: str) -> Fraction | None:
        """An amount, or an amount over a divisor ("1e23/3")."""
        if key not in self:
            return None
        top, bar, divisor = self.text(key).partition("/")
        return Fraction(self.whole(key, top), self.whole(key, divisor) if bar else 1)


def _object(where: str, value: object, allowed: Iterable[str]) -> _Object:
    if not isinstance(value, dict):
        raise MalformedPolicy(f"{where}: not an object")
    strange = sorted(str(each)[:60] for each in set(value) - set(allowed))
    if strange:
        raise MalformedPolicy(f"{where}: unknown fields {', '.join(strange)}")
    return _Object(where, value)


def _objects(where: str, value: object) -> Mapping[str, Any]:
    """Objects by their names."""
    if not isinstance(value, dict):
        raise MalformedPolicy(f"{where}: not an object")
    for name in value:
        _Object(where, {}).named(f"{name[:60]!r}", name)
    return value


def _list(where: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise MalformedPolicy(f"{where}: not a list")
    return value


def parse_policy(text: str) -> Policy:
    """Read a policy file. Raises MalformedPolicy naming the rule or the duty, and its member."""
    try:
        document = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicy(f"not JSON: {error}") from error
    policy = _object("the policy", document, _POLICY)
    exemptions = {
        name: _exemption(name, each)
        for name, each in _objects("exemptions", policy.members.get("exemptions", {})).items()
    }
    transitions = {
        name: _transition(name, each)
        for name, each in _objects("transitions", policy.members.get("transitions", {})).items()
    }
    duties = {
        name: _duty(name, duty, exemptions, transitions)
        for name, duty in _objects("duties", policy.get("duties")).items()
    }
    listed = [_list("a group", group) for group in _list("groups", policy.get("groups"))]
    if not all(listed):
        raise policy.wrong("a group has no rules")
    groups = tuple(tuple(_rule(rule, duties) for rule in group) for group in listed)
    readings = _readings(_objects("readings", policy.members.get("readings", {})))
    _check_names(groups, readings)
    _check_size(groups)
    parsed = Policy(
        policy_id=policy.name("id"),
        title=policy.text("title"),
        jurisdiction=policy.text("jurisdiction"),
        in_force=None if policy.get("in_force") is None else policy.day("in_force"),
        condition=policy.maybe_text("condition"),
        condition_asks=(policy.one_of("condition_asks", ("placed_on_market",)) if "condition_asks" in policy else None),
        sources=tuple(map(_source, _list("sources", policy.get("sources")))),
        systemic_risk_over=policy.amount("systemic_risk_over"),
        original_compute=policy.one_of("original_compute", ("range", "lowest"), "range"),
        readings=readings,
        groups=groups,
        trusts_statements=policy.yes_or_no("trust_statements") is not False,
        wording_of=policy.name("wording_of") if "wording_of" in policy else "",
    )
    if parsed.condition_asks and not parsed.condition:
        raise policy.wrong("condition_asks says what answers a condition: there is none")
    if parsed.wording_of == parsed.policy_id:
        raise policy.wrong("wording_of names the policy itself: leave it out where the policy holds the law")
    _check_read(parsed, duties, exemptions, transitions)
    _check_reached(parsed)
    return parsed


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members have names of their own."""
    names = [name for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise MalformedPolicy(f"{twice[0][:60]} stands twice in one object")
    return dict(pairs)


def _source(each: object) -> Source:
    source = _object("a source", each, ("title", "read"))
    return Source(source.text("title"), source.one_of("read", ("text", "secondary")))


def _exemption(name: str, each: object) -> Exemption:
    exemption = _object(f"exemption {name}", each, ("what", "article", "licences"))
    licences = exemption.texts("licences")
    return Exemption(exemption.text("what"), exemption.text("article"), frozenset(map(str.lower, licences)))


def _transition(name: str, each: object) -> Transition:
    transition = _object(f"transition {name}", each, ("placed_before", "until", "article"))
    before, until = transition.day("placed_before"), transition.day("until")
    if until <= before:
        raise transition.wrong(f"until {until} is not after {before}")
    return Transition(before, until, transition.text("article"))


def _readings(readings: Mapping[str, Any]) -> dict[Circumstance, ReadingOf]:
    if unknown := sorted(set(readings) - set(get_args(Circumstance))):
        raise MalformedPolicy(f"reading {unknown[0]}: not one of {', '.join(get_args(Circumstance))}")
    known: tuple[Circumstance, ...] = get_args(Circumstance)
    return {name: _reading_of(name, readings[name]) for name in known if name in readings}


def _reading_of(name: str, each: object) -> ReadingOf:
    reading = _object(f"reading {name}", each, ("reading", "left_open", "source", "effect", "lines"))
    if reading.members.get("reading") == "disputed":
        if name != FAILED_RUNS:
            raise reading.wrong(f"only {FAILED_RUNS} may be disputed")
        if unread := sorted(reading.members.keys() & {"effect", "lines"}):
            raise reading.wrong(f"a disputed one has no {unread[0]}: each line that such runs cross stays open")
    return ReadingOf(
        reading.one_of("reading", ("ours", "disputed")),
        reading.text("left_open"),
        reading.text("source"),
        reading.one_of("effect", get_args(Effect), "stricter"),
        frozenset(reading.texts("lines")) if "lines" in reading else frozenset(),
    )


def _duty(name: str, each: object, exemptions: Mapping[str, Exemption], transitions: Mapping[str, Transition]) -> Duty:
    duty = _object(f"duty {name}", each, _DUTY)
    days = duty.members.get("within_days")
    if "within_days" in duty and (type(days) is not int or not 0 <= days <= LONGEST_TIME):
        raise duty.wrong(f"within_days is not a number of days up to {LONGEST_TIME}")
    if (days is None) != ("since" not in duty):
        raise duty.wrong("within_days and since belong together")
    if "no_transition" in duty and "transition" not in duty:
        raise duty.wrong("no_transition says why a transition does not hold: name that")
    return Duty(
        duty_id=name,
        what=duty.text("what"),
        article=duty.text("article"),
        to=duty.maybe_text("to"),
        within_days=days,
        since=duty.one_of("since", get_args(Since), "met"),
        form=duty.maybe_text("form"),
        exemption=exemptions[duty.one_of("exemption", tuple(exemptions))] if "exemption" in duty else None,
        transition=transitions[duty.one_of("transition", tuple(transitions))] if "transition" in duty else None,
        no_transition=duty.maybe_text("no_transition"),
        **_reading(duty),
    )


def _rule(each: object, duties: Mapping[str, Duty]) -> Rule:
    scenario = _object("a rule", each, each if isinstance(each, dict) else ()).name("scenario")
    rule = _object(f"rule {scenario}", each, _RULE)
    when = _object(rule.where, rule.get("when"), _WHEN)
    if sum(name in rule for name in _LINES) != 1 or rule.yes_or_no("at_any_compute") is False:
        raise rule.wrong(f"give one of {', '.join(_LINES)}")
    owed = rule.texts("duties")
    unknown = sorted(set(owed) - set(duties))
    if unknown:
        raise rule.wrong(f"the policy has no duty {', '.join(unknown)}")
    roles = when.texts("role")
    if not roles or not set(roles) <= set(get_args(Role)):
        raise when.wrong(f"role is not of {', '.join(get_args(Role))}")
    parsed = Rule(
        scenario=scenario,
        title=rule.text("title"),
        roles=tuple(role for role in get_args(Role) if role in roles),
        original=when.one_of("original", ("known", "unknown", "any"), "any"),
        systemic_risk=when.yes_or_no("systemic_risk"),
        designated=when.yes_or_no("designated"),
        general_purpose=_general_purpose(when),
        at_least=when.amount("at_least") or 0,
        over=when.amount("over"),
        at_most=when.amount("at_most"),
        amount=Fraction(0) if "at_any_compute" in rule else rule.divided("threshold"),
        share=rule.divided("share_of_original"),
        takes_original_for=rule.amount("takes_original_for") or 0,
        comparison=rule.one_of("comparison", get_args(Comparison)),
        basis=rule.one_of("basis", get_args(Basis)),
        includes_pretraining=bool(rule.yes_or_no("includes_pretraining")),
        meaning=rule.text("meaning"),
        source=rule.text("source"),
        disputed=_disputed(rule),
        duties=tuple(duties[name] for name in owed),
        limited_to=rule.maybe_text("limited_to"),
        exemptions=rule.yes_or_no("exemptions") is not False,
        text_where_bases_agree=bool(rule.yes_or_no("text_where_bases_agree")),
        **_reading(rule),
    )
    _check_line(rule, parsed)
    return parsed


def _check_line(where: _Object, rule: Rule) -> None:
    """A line that something can cross, and a condition that something can meet."""
    if rule.at_any_compute and (rule.comparison == "at least" or rule.includes_pretraining):
        raise where.wrong("at_any_compute has the comparison greater than, and includes no pretraining")
    if rule.amount is not None and 0 < rule.amount < 1:
        raise where.wrong("threshold is under 1 FLOP")
    if rule.share is not None and rule.share > LARGEST_SHARE:
        raise where.wrong(f"share_of_original is over {LARGEST_SHARE}")
    least = max(rule.at_least, 0 if rule.over is None else rule.over + 1)
    if rule.at_most is not None and least > rule.at_most:
        raise where.wrong(f"no original is at least {least} and at most {rule.at_most}")
    if rule.takes_original_for and (rule.original != "unknown" or rule.at_any_compute or rule.includes_pretraining):
        raise where.wrong("takes_original_for is for a line of originals that are unknown, without their pretraining")
    if rule.text_where_bases_agree and (rule.basis != "cumulative" or rule.reading != "ours"):
        raise where.wrong("text_where_bases_agree is for a line on the cumulative basis that is a reading of ours")
    if rule.share is not None and rule.original != "known":
        raise where.wrong("a share needs an original that is known")


def _disputed(rule: _Object) -> Disputed | None:
    """A rule that is disputed as a whole is so where it is crossed; another one may be so there alone."""
    whole = rule.members.get("reading") == "disputed"
    if "disputed_if_crossed" not in rule:
        return Disputed(rule.maybe_text("left_open")) if whole else None
    disputed = _object(rule.where, rule.get("disputed_if_crossed"), ("left_open", "source", "certain_if_over"))
    certain = tuple(disputed.texts("certain_if_over")) if "certain_if_over" in disputed else ()
    left_open = rule.maybe_text("left_open") if whole else disputed.text("left_open")
    return Disputed(left_open, certain, disputed.maybe_text("source"))


def _check_names(groups: tuple[tuple[Rule, ...], ...], readings: Mapping[Circumstance, ReadingOf]) -> None:
    """Lines are told apart by the names of their scenarios: one of them stands in one group alone."""
    scenarios = {rule.scenario for group in groups for rule in group}
    for name, reading in readings.items():
        if missing := sorted(reading.lines - scenarios):
            raise MalformedPolicy(f"reading {name}: lines names no rule: {', '.join(missing)}")
    for rule in (rule for group in groups for rule in group):
        missing = sorted(set(rule.disputed.certain_if_over if rule.disputed else ()) - scenarios)
        if missing:
            raise MalformedPolicy(f"rule {rule.scenario}: certain_if_over names no rule: {', '.join(missing)}")
        if rule.disputed and rule.scenario in rule.disputed.certain_if_over:
            raise MalformedPolicy(f"rule {rule.scenario}: certain_if_over names the rule itself")
    before: set[str] = set()
    for group in groups:
        if len(set(group)) < len(group):
            raise MalformedPolicy(f"rule {group[0].scenario}: a rule stands twice in its group")
        names = {rule.scenario for rule in group}
        if twice := sorted(names & before):
            raise MalformedPolicy(f"rule {twice[0]}: the same scenario stands in two groups; give one another name")
        before |= names


def _check_read(
    policy: Policy,
    duties: Mapping[str, Duty],
    exemptions: Mapping[str, Exemption],
    transitions: Mapping[str, Transition],
) -> None:
    """Nothing stands in the file that no rule and no duty reads."""
    owed = policy.duties
    unnamed = {
        "duty": set(duties) - {duty.duty_id for duty in owed},
        "exemption": {name for name, each in exemptions.items() if all(duty.exemption is not each for duty in owed)},
        "transition": {name for name, each in transitions.items() if all(duty.transition is not each for duty in owed)},
    }
    for what, names in unnamed.items():
        if names:
            raise MalformedPolicy(f"{what} {min(names)}: no {'rule' if what == 'duty' else 'duty'} names it")


def _check_reached(policy: Policy) -> None:
    """Each rule is the first of its group that applies to some run: else an earlier one always comes before it."""
    for group in policy.groups:
        alone, left = replace(policy, groups=(group,)), {id(rule): rule for rule in group}
        for role, original in product(get_args(Role), _originals(alone)):
            [first] = alone.rules(role, original)
            left.pop(id(first), None)
            if not left:
                break
        if unreached := next(iter(left.values()), None):
            raise MalformedPolicy(
                f"rule {unreached.scenario}: it applies to no run, since rules before it in its group do: put it "
                "before them, or leave it out"
            )


def _originals(policy: Policy) -> Iterator[Original]:
    """One original of each kind that the rules of a policy tell apart."""
    bounds = [each for group in policy.groups for rule in group for each in (rule.at_least, rule.over, rule.at_most)]
    lines = {each for each in (*bounds, policy.systemic_risk_over) if each is not None}
    amounts = sorted({max(0, line + step) for line in lines for step in (-1, 0, 1)})
    for flop, designated, general_purpose in product((None, *amounts), (False, True), (None, False, True)):
        yield Original(pretraining_flop=flop, systemic_risk=designated, general_purpose=general_purpose)


def _check_size(groups: tuple[tuple[Rule, ...], ...]) -> None:
    """Of each group one rule may speak of a run, which generates training data or trains a model."""
    size = max(
        sum(max((_size(rule) for rule in group if roles.intersection(rule.roles)), default=0) for group in groups)
        for roles in _OF_ONE_RUN
    )
    if len(groups) > MOST_GROUPS or size > LONGEST_OF_A_RUN or any(len(group) > MOST_RULES for group in groups):
        raise MalformedPolicy(
            f"the policy: it has more than {MOST_GROUPS} groups, a group more than {MOST_RULES} rules, or its rules "
            f"and duties more than {LONGEST_OF_A_RUN} characters for one run: make texts shorter, or two policies of it"
        )


def _size(rule: Rule) -> int:
    """Characters of a rule and its duties, by and large."""
    return len(repr(rule))


def _reading(rule: _Object) -> dict[str, Any]:
    """How a sentence is read; what is not the text's own says what is left open."""
    reading = rule.one_of("reading", get_args(Reading))
    left_open = rule.maybe_text("left_open")
    if (reading == "text") == bool(left_open):
        raise rule.wrong("left_open says what a reading of ours or a disputed one leaves open")
    return {"reading": reading, "left_open": left_open}


def _general_purpose(when: _Object) -> bool | Literal["not stated"] | None:
    return "not stated" if when.members.get("general_purpose") == "not stated" else when.yes_or_no("general_purpose")
