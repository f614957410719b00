"""What settles a doubt about a run: the few things that people can do. None of these words is a job owner's."""

from dataclasses import replace

from flops_auditor.domain.values.remarks import Remark, Remedy

ASK = "`flops-auditor amend {job} --who NAME --why REASON --ask-again`"
"""Has the sources asked once more, and the record superseded by what they answer."""
BETTER = "`flops-auditor amend {job} --who NAME --why REASON --tokens NUMBER --parameters NUMBER`"
"""Takes a person's own figures."""
SAY_THE_LENGTH = "`flops-auditor amend {job} --who NAME --why REASON --sequence-length NUMBER`"
"""Takes a person's word for how long the sequences were."""
FIGURES_GIVEN = Remedy(
    "beyond-the-figures",
    "the figures that somebody gave are used, and do not settle this: give better ones of runs that it continues, each "
    f"for its own record; ask for what service, metrics and tags say by now, with {ASK}; or have the next run count "
    "its own model FLOP (flops-meter)",
)
"""For a run of which a person gave tokens and parameters: the same advice would lead back to itself."""
AMEND = Remedy("amend", f"give better evidence: {BETTER}")
COUNT_ALL = Remedy(
    "count-the-generation",
    "say how many tokens it trained on, and add those that were generated for it, each as the parameters of the model "
    f"that made it, divided by three times those of the trained one: {BETTER}",
)
CORRECT_STATEMENT = Remedy(
    "correct-statement",
    "correct {statement} for the next run, and amend this record: "
    "`flops-auditor amend {job} --who NAME --why REASON {option} NUMBER`",
)
CORRECT_ACTIVITY = Remedy("correct-activity", f"correct the tag flops-auditor:activity, then: {ASK}")
CORRECT_TAG = Remedy("correct-tag", f"correct {{statement}}, then: {ASK}")
AMEND_ORIGINAL = Remedy(
    "amend-original",
    "say how much compute the original took: "
    "`flops-auditor amend {job} --who NAME --why REASON --pretraining-flop NUMBER`",
)
ASK_AGAIN = Remedy("ask-again", f"ask again: {ASK}")
GRANT = Remedy("grant-access", f"grant what {{source}} was refused, then: {ASK}")
REPAIR_MODELS = Remedy(
    "repair-models", f"put a version of the file of models that can be read into the archive (models/), then: {ASK}"
)
TAG_LINEAGE = Remedy(
    "tag-lineage",
    "say what the job continues: tag it with flops-auditor:lineage (names or ARNs of jobs, or S3 URIs, or none), "
    f"then: {ASK}",
)
WAIT = Remedy("wait", "nothing to do: it settles by itself when the other run is recorded")
KNOW_THE_TYPE = Remedy(
    "know-instance-type",
    "upgrade to a release whose table has the instance type (`flops-auditor catalog instance-types` shows it), or add "
    "its row to instance_types.csv and deploy (no release has that table: whoever verifies the records with "
    "--recompute has to accept it with --accept-table); then: `flops-auditor reassess --job {job}`",
)


def advised_anew(remark: Remark) -> Remark:
    """The remark of a run whose figures a person gave: to give them is no advice any more."""
    remedy = remark.kind.remedy
    return replace(remark, instead=FIGURES_GIVEN) if remedy is not None and BETTER in remedy.template else remark
