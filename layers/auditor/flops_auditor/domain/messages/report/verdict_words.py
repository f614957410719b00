"""Verdicts as a reader who is no engineer reads them: a large word, a mark that needs no colour, and what it means."""

from dataclasses import dataclass

from flops_auditor.domain.messages.report.job_line import JobLine


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
    "silent": VerdictWords("Not assessed", "\N{EN DASH}", "not_assessed", "No policy has a threshold for this run."),
}
ON_ITS_WORD = VerdictWords(
    "Below, on its word",
    "\N{WHITE DOWN-POINTING TRIANGLE}",
    "word",
    "The compute is below every threshold if what the job says of itself is true. Nobody else confirms it.",
)


def words_of(line: JobLine) -> VerdictWords:
    """The words for a job."""
    return ON_ITS_WORD if line.group == "word" else WORDS_OF[line.shown_as]
