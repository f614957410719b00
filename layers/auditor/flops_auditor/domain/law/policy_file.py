"""Reading a policy file strictly: a word that nothing reads would make a rule apply where it should not."""

import json
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any, Literal, get_args

from flops_auditor.domain.law.policy import (
    Basis,
    Circumstance,
    Comparison,
    Disputed,
    Duty,
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
from flops_auditor.domain.values.amounts import parse_amount
from flops_auditor.domain.values.errors import AuditorError

MOST_DAYS = 3650
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
    }
)
_RULE = frozenset(
    {
        "scenario",
        "title",
        "when",
        "threshold",
        "share_of_original",
        "comparison",
        "basis",
        "includes_pretraining",
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
_WHEN = frozenset({"role", "original", "systemic_risk", "general_purpose", "at_least", "below"})
_DUTY = frozenset(
    {"what", "article", "to", "within_days", "since", "reading", "left_open", "form", "exemption", "transition"}
)


def parse_policy(text: str) -> Policy:
    """Read a policy file. Raises MalformedPolicy naming the rule or the duty."""
    try:
        document = json.loads(text, object_pairs_hook=_once)
        _known("the policy", document, _POLICY)
        exemptions = {name: _exemption(name, each) for name, each in document.get("exemptions", {}).items()}
        transitions = {name: _transition(name, each) for name, each in document.get("transitions", {}).items()}
        duties = {name: _duty(name, duty, exemptions, transitions) for name, duty in document["duties"].items()}
        groups = tuple(tuple(_rule(rule, duties) for rule in group) for group in document["groups"])
        _check_names(groups)
        return Policy(
            policy_id=_text(document, "id"),
            title=_text(document, "title"),
            jurisdiction=_text(document, "jurisdiction"),
            in_force=_day("the policy", document, "in_force") if document["in_force"] is not None else None,
            condition=_maybe_text(document, "condition"),
            condition_asks=(
                _one_of("condition_asks", document, ("placed_on_market",)) if "condition_asks" in document else None
            ),
            sources=tuple(
                Source(_text(each, "title"), _one_of("read", each, ("text", "secondary")))
                for each in document["sources"]
            ),
            systemic_risk_over=_amount(document, "systemic_risk_over"),
            original_compute=_one_of("original_compute", document, ("range", "lowest"), "range"),
            readings={name: _reading_of(name, each) for name, each in document.get("readings", {}).items()},
            groups=groups,
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, AuditorError) as error:
        raise MalformedPolicy(f"{type(error).__name__}: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose members have names of their own."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise MalformedPolicy(f"{next(name for name in names if names.count(name) > 1)} stands twice in one object")
    return found


def _day(where: str, found: Mapping[str, Any], key: str) -> date:
    try:
        return date.fromisoformat(found[key])
    except (TypeError, ValueError) as error:
        raise MalformedPolicy(f"{where}: {key} is {str(found[key])[:40]!r}, not a day such as 2026-11-24") from error


def _exemption(name: str, found: Mapping[str, Any]) -> Exemption:
    _known(f"exemption {name}", found, frozenset({"what", "article", "licences"}))
    licences = _texts(found, "licences")
    return Exemption(_text(found, "what"), _text(found, "article"), frozenset(map(str.lower, licences)))


def _transition(name: str, found: Mapping[str, Any]) -> Transition:
    _known(f"transition {name}", found, frozenset({"placed_before", "until", "article"}))
    before, until = (_day(f"transition {name}", found, key) for key in ("placed_before", "until"))
    if until <= before:
        raise MalformedPolicy(f"transition {name}: until {until} is not after {before}")
    return Transition(before, until, _text(found, "article"))


def _reading_of(name: str, found: Mapping[str, Any]) -> ReadingOf:
    _known(f"reading {name}", found, frozenset({"reading", "left_open", "source"}))
    if name not in get_args(Circumstance):
        raise MalformedPolicy(f"reading {name}: not one of {', '.join(get_args(Circumstance))}")
    reading = _one_of("reading", found, ("ours", "disputed"))
    return ReadingOf(reading, _text(found, "left_open"), _text(found, "source"))


def _duty(
    name: str, duty: Mapping[str, Any], exemptions: Mapping[str, Exemption], transitions: Mapping[str, Transition]
) -> Duty:
    where = f"duty {name}"
    _known(where, duty, _DUTY)
    days = duty.get("within_days")
    if days is not None and (type(days) is not int or not 0 <= days <= MOST_DAYS):
        raise MalformedPolicy(f"{where}: within_days is not a number of days up to {MOST_DAYS}")
    if (days is None) != ("since" not in duty):
        raise MalformedPolicy(f"{where}: within_days and since belong together")
    return Duty(
        duty_id=name,
        what=_text(duty, "what"),
        article=_text(duty, "article"),
        to=_maybe_text(duty, "to"),
        within_days=days,
        since=_one_of("since", duty, get_args(Since), "met"),
        form=_maybe_text(duty, "form"),
        exemption=exemptions[duty["exemption"]] if "exemption" in duty else None,
        transition=transitions[duty["transition"]] if "transition" in duty else None,
        **_reading(where, duty),
    )


def _rule(rule: Mapping[str, Any], duties: Mapping[str, Duty]) -> Rule:
    where = f"rule {rule['scenario']}"
    when = rule["when"]
    _known(where, rule, _RULE)
    _known(where, when, _WHEN)
    if ("threshold" in rule) == ("share_of_original" in rule):
        raise MalformedPolicy(f"{where}: give either threshold or share_of_original")
    owed = _texts(rule, "duties")
    unknown = sorted(set(owed) - set(duties))
    if unknown:
        raise MalformedPolicy(f"{where}: the policy has no duty {', '.join(unknown)}")
    parsed = Rule(
        scenario=_text(rule, "scenario"),
        title=_text(rule, "title"),
        roles=tuple(role for role in get_args(Role) if role in _texts(when, "role")),
        original=_one_of("original", when, ("known", "unknown", "any"), "any"),
        systemic_risk=_yes_or_no(when, "systemic_risk"),
        general_purpose=_general_purpose(when),
        at_least=_amount(when, "at_least") or 0,
        below=_amount(when, "below"),
        amount=_divided(where, rule, "threshold"),
        share=_divided(where, rule, "share_of_original"),
        comparison=_one_of("comparison", rule, get_args(Comparison)),
        basis=_one_of("basis", rule, get_args(Basis)),
        includes_pretraining=bool(_yes_or_no(rule, "includes_pretraining")),
        meaning=_text(rule, "meaning"),
        source=_text(rule, "source"),
        disputed=_disputed(where, rule),
        duties=tuple(duties[name] for name in owed),
        limited_to=_maybe_text(rule, "limited_to"),
        exemptions=_yes_or_no(rule, "exemptions") is not False,
        **_reading(where, rule),
    )
    if not when["role"] or not set(when["role"]) <= set(get_args(Role)):
        raise MalformedPolicy(f"{where}: role is not of {', '.join(get_args(Role))}")
    if parsed.below is not None and parsed.at_least >= parsed.below:
        raise MalformedPolicy(f"{where}: no original is at least {parsed.at_least} and below {parsed.below}")
    if parsed.share is not None and parsed.original != "known":
        raise MalformedPolicy(f"{where}: a share needs an original that is known")
    return parsed


def _disputed(where: str, rule: Mapping[str, Any]) -> Disputed | None:
    """A rule that is disputed as a whole is so where it is crossed; another one may be so there alone."""
    if "disputed_if_crossed" not in rule:
        return Disputed(_maybe_text(rule, "left_open")) if rule.get("reading") == "disputed" else None
    found = rule["disputed_if_crossed"]
    _known(where, found, frozenset({"left_open", "certain_if_over"}))
    certain = tuple(_texts(found, "certain_if_over")) if "certain_if_over" in found else ()
    if rule.get("reading") == "disputed":
        return Disputed(_maybe_text(rule, "left_open"), certain)
    return Disputed(_text(found, "left_open"), certain)


def _check_names(groups: tuple[tuple[Rule, ...], ...]) -> None:
    scenarios = {rule.scenario for group in groups for rule in group}
    for rule in (rule for group in groups for rule in group):
        missing = sorted(set(rule.disputed.certain_if_over if rule.disputed else ()) - scenarios)
        if missing:
            raise MalformedPolicy(f"rule {rule.scenario}: certain_if_over names no rule: {', '.join(missing)}")
        if rule.disputed and rule.scenario in rule.disputed.certain_if_over:
            raise MalformedPolicy(f"rule {rule.scenario}: certain_if_over names the rule itself")
    if len(set(groups)) < len(groups) or any(len(set(group)) < len(group) for group in groups):
        raise MalformedPolicy("a rule or a group of rules stands twice")


def _reading(where: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """How a sentence is read; what is not the text's own says what is left open."""
    reading = _one_of("reading", found, get_args(Reading))
    left_open = _maybe_text(found, "left_open")
    if (reading == "text") == bool(left_open):
        raise MalformedPolicy(f"{where}: left_open says what a reading of ours or a disputed one leaves open")
    return {"reading": reading, "left_open": left_open}


def _known(where: str, found: Mapping[str, Any], allowed: frozenset[str]) -> None:
    strange = sorted(set(found) - allowed)
    if strange:
        raise MalformedPolicy(f"{where}: unknown fields {', '.join(strange)}")


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found[key]
    if not isinstance(value, str) or not value.strip():
        raise MalformedPolicy(f"{key} is not a text")
    return value


def _maybe_text(found: Mapping[str, Any], key: str) -> str:
    return _text(found, key) if key in found else ""


def _texts(found: Mapping[str, Any], key: str) -> list[str]:
    value = found[key]
    if not isinstance(value, list) or not all(isinstance(each, str) and each.strip() for each in value):
        raise MalformedPolicy(f"{key} is not a list of texts")
    if len(set(value)) < len(value):
        raise MalformedPolicy(f"{key} names something twice")
    return value


def _one_of(key: str, found: Mapping[str, Any], allowed: tuple[str, ...], default: str | None = None) -> Any:
    value = found.get(key, default)
    if not isinstance(value, str) or value not in allowed:
        raise MalformedPolicy(f"{key} is {value!r}, not one of {', '.join(allowed)}")
    return value


def _yes_or_no(found: Mapping[str, Any], key: str) -> bool | None:
    value = found.get(key)
    if value is not None and not isinstance(value, bool):
        raise MalformedPolicy(f"{key} is {value!r}, not true or false")
    return value


def _amount(found: Mapping[str, Any], key: str) -> int | None:
    return parse_amount(found[key]) if key in found else None


def _general_purpose(when: Mapping[str, Any]) -> bool | Literal["not stated"] | None:
    return "not stated" if when.get("general_purpose") == "not stated" else _yes_or_no(when, "general_purpose")


def _divided(where: str, rule: Mapping[str, Any], key: str) -> Fraction | None:
    """An amount, or an amount over a divisor ("1e23/3"): a line that something can cross."""
    if key not in rule:
        return None
    top, _, divisor = _text(rule, key).partition("/")
    try:
        line = Fraction(parse_amount(top), parse_amount(divisor or "1"))
    except AuditorError as error:
        raise MalformedPolicy(f"{where}: {key}: {error}") from error
    if line <= 0:
        raise MalformedPolicy(f"{where}: {key} is not over 0")
    return line
