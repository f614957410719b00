"""Whether a job's metric definitions are those that flops-meter prints: what reads its lines decides what they say.

A definition with the meter's name and an expression of its owner's can read another word as model_flop, or find no
`failed` in a line that has one. Expressions are compared by their digest, since running one that somebody else wrote
may take for ever.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from flops_auditor.domain.runs.meter_lines import word_of
from flops_auditor.domain.runs.meter_words import Facts

EXPRESSIONS = {
    "seq": frozenset({"acdb9d57356ff1fa"}),
    "ranks": frozenset({"5ba704041c757809"}),
    "reporting": frozenset({"26b78a7e0e60cfa0"}),
    "attempt": frozenset({"1f189220ad79cfc7"}),
    "since": frozenset({"fd4cd4c9f852fdbe"}),
    "to": frozenset({"4ffb8b49344f5eaa"}),
    "covered": frozenset({"b54d7c86ea02f97c"}),
    "model_flop": frozenset({"2ac1561b497dcf37"}),
    "executed_flop": frozenset({"1c8c65debba6ce96"}),
    "padding_flop": frozenset({"6710257decc2744d"}),
    "evaluation_flop": frozenset({"ca687e5a2b2a3fc7"}),
    "generation_flop": frozenset({"545c689babc57d9a"}),
    "reference_flop": frozenset({"b34e5c035d1ca3ac"}),
    "discarded_flop": frozenset({"0ea3916fd21e583b"}),
    "inferred_flop": frozenset({"c1ccc1c90cf891e9"}),
    "tokens": frozenset({"5ab2a6f4f8225236"}),
    "steps": frozenset({"e8f92a38f02f2b1b"}),
    "uncounted_steps": frozenset({"3aa4fad14d675ec0"}),
    "unknown_ops": frozenset({"4fb78264ecb44d78"}),
    "failed": frozenset({"6149390ffa55c075"}),
    "job_check": frozenset({"86cddd5d920345c7"}),
    "uncertain_flop": frozenset({"22d9f2958d4efc3c"}),
    "mfu": frozenset({"71af4e1c31b7db94"}),
    "chain_check": frozenset({"f6e94999d44e06a7"}),
}
"""By word: the beginning of the SHA-256 of each expression that a version of the meter printed
(`flops-meter metric-definitions`). A new version adds its own beside those of the versions that are in use.
"""
_UNSAID = ("uncertain_flop",)
"""Words that a line has only where there is something to say: without a definition, nobody knows whether it had."""


def digest(expression: str) -> str:
    """As in EXPRESSIONS."""
    return hashlib.sha256(expression.encode(errors="replace")).hexdigest()[:16]


def with_definitions(facts: Facts, expressions: Sequence[tuple[str, str]]) -> Facts:
    """With the words that the definitions, pairs of name and expression, leave out or read in a way of their own.

    A name with blanks around it is another one, which may arrive without them: its word is changed, whatever it reads.
    Nothing where the job's answer names no definition of the meter: then its lines came another way.
    """
    own = [(word, name, one) for name, one in expressions if (word := word_of(name.strip())) is not None]
    if not own:
        return facts
    defined = {word for word, name, _ in own if word_of(name)}
    changed = [word for word, name, one in own if not word_of(name) or digest(one) not in EXPRESSIONS[word]]
    return replace(
        facts,
        undefined=tuple(word for word in _UNSAID if word not in defined),
        changed=tuple(dict.fromkeys(changed)),
    )
