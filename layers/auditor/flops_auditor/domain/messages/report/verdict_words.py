"""Verdicts as a reader who is no engineer reads them: a large word, a mark that needs no colour, and what it means."""

from dataclasses import dataclass

from flops_auditor.domain.messages.report.job_line import Group, JobLine


@dataclass(frozen=True)
class VerdictWords:
    """`tone` is the group by which it is coloured and filtered."""

    label: str
    mark: str
    tone: str
    meaning: str


WORDS_OF = {
    "above": VerdictWords(
        "Above", "\N{BLACK UP-POINTING TRIANGLE}", "above", "The compute is over at least one threshold."
    ),
    "indeterminate": VerdictWords(
        "Not certain",
        "\N{BLACK DIAMOND}",
        "indeterminate",
        "The evidence does not say on which side of a threshold the compute is. Records call this indeterminate.",
    ),
    "below": VerdictWords(
        "Below", "\N{BLACK DOWN-POINTING TRIANGLE}", "below", "The compute is below every threshold, also at most."
    ),
    "disputed": VerdictWords(
        "Disputed",
        "\N{BLACK DIAMOND}",
        "indeterminate",
        "The compute is over a threshold of which it is disputed whether it counts.",
    ),
    "not in force": VerdictWords(
        "Above, law not in force",
        "\N{WHITE UP-POINTING TRIANGLE}",
        "above",
        "The compute is over a threshold of a law that is not in force yet.",
    ),
    "silent": VerdictWords(
        "Not assessed",
        "\N{EN DASH}",
        "not_assessed",
        "The run was compared with no threshold: no policy has one for such a run.",
    ),
}
ON_ITS_WORD = VerdictWords(
    "Below, on its word",
    "\N{WHITE DOWN-POINTING TRIANGLE}",
    "word",
    "The compute is below every threshold if what the job says of itself is true. Nobody else confirms it.",
)
NOT_ASSESSED_ON_ITS_WORD = VerdictWords(
    "Not assessed, on its word",
    ON_ITS_WORD.mark,
    ON_ITS_WORD.tone,
    "The run is compared with no threshold if what the job says of itself is true. Nobody else confirms it.",
)
WORDS_OF_GROUP: dict[Group, VerdictWords] = {
    "above": WORDS_OF["above"],
    "indeterminate": WORDS_OF["indeterminate"],
    "word": ON_ITS_WORD,
    "below": WORDS_OF["below"],
    "not_assessed": WORDS_OF["silent"],
}


def words_of(line: JobLine) -> VerdictWords:
    """The words for a job."""
    if line.group == "word":
        return NOT_ASSESSED_ON_ITS_WORD if line.shown_as == "silent" else ON_ITS_WORD
    return WORDS_OF[line.shown_as]
