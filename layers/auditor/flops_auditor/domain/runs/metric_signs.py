"""What the names of a run's metrics tell of the kind of run: that it trains, and that it generates what it trains on.

Names alone, no figure rests on them: they speak against what a run's owner says. Sources: TRL (GRPO, PPO, online DPO),
verl, OpenRLHF, NeMo and NeMo-RL, Megatron-LM, Lightning's LearningRateMonitor, as they log.
"""

import re

from flops_auditor.domain.runs.trainer_metrics import METER, TrainerMetrics, is_like_the_meters, normalise
from flops_auditor.domain.values.spelling import all_squeezed, squeezed

_OF_TRAINING_ALONE = all_squeezed(
    {
        *("loss", "training_loss", "lm_loss", "loss_lm", "reduced_train_loss", "learning_rate", "lr"),
        *("pg_loss", "policy_loss", "value_loss", "vf_loss", "actor_loss", "critic_loss", "critic_vf_loss"),
        *("objective_kl", "objective_entropy", "policy_entropy_avg", "policy_approxkl_avg", "policy_clipfrac_avg"),
        *("total_loss", "avg_loss", "batch_loss", "step_loss", "iter_loss", "nll_loss", "dpo_loss", "losses_total"),
        *("loss_train", "losses_train", "loss_metrics_global_avg_loss", "loss_metrics_global_max_loss"),
        *(
            "hfu",
            "hfu(%)",
            "model_flops_utilization",
            "tflops_gpu",
            "gnorm",
            "trained_tokens",
            "rewards_margins",
            "rewards_accuracies",
        ),
        *("tokens_seen", "consumed_tokens", "consumed_samples", "consumed_train_samples"),
    }
)
"""Names without a leading `train_`: what such a name says is of training as well. Not `perplexity`, `reward` or `kl`,
which evaluations emit, too.
"""
_TRAINING = re.compile(
    r"(?:.*[^a-z])?train(?:ing)?[-_./: ].*|actor/.*|(?:.*[^a-z])?grad(?:ient)?[-_ ]?norm(?:[^a-z].*)?"
)
"""verl's `actor/` are metrics of its updates."""
_LOSS = re.compile(
    r"(?:(?:mlm|mtp|aux|auxiliary|router|moe|load|balanc(?:e|ing)|z|kd|distill(?:ation)?|contrastive|diffusion|sft)_)"
    r"{1,4}loss"
)
"""Losses that no evaluation is scored by; of others the first word may be that of a dataset."""
_LEARNING_RATE = re.compile(r"lr(?:-.*)?|learning[-_]rate.*")
"""One part of a name: `actor/lr`, Lightning's `lr-AdamW`."""
OF_ROLLOUTS = re.compile(
    r"reward|reward_std|frac_reward_zero_std|completion_length|completions_.*|response_length.*|clip_ratio.*"
    r"|objective_(?:kl|rlhf_reward|scores)|policy_(?:approxkl|clipfrac)_avg|actor_(?:pg_.*|ppo_kl)|critic_rewards_.*"
    r"|rollouts?_.*|time_rollouts?|timing_s_gen|mean_gen_tokens_per_sample"
    r"|(?:env_runners_)?episode_(?:reward|return|len).*|ep_(?:rew|len)_mean"
)
"""Not `rewards_chosen` and the like, which preference tuning emits."""
_OF_PROGRESS = re.compile(
    r"(?:global|total|current|optimi[sz]er|opt|num|n|completed)?_?(?:step|iteration|iter|epoch|update|batch)(?:e?s)?(?:_?num)?"
    r"|(?:.{0,80}_)?(?:tokens?|tok|words|samples?|sequences?|seqs?|examples?|steps?|iterations?|iters?|it|batches)"
    r"_?(?:per|p|_)_?(?:s|secs?|seconds?|min|minute|gpu|device|chip)(?:_.{0,80})?"
    r"|(?:.{0,80}_)?(?:throughput|tps|tgs|wps|ups)(?:[_(].{0,80})?"
    r"|(?:step|iteration|iter|batch)_?time.{0,80}|time_?(?:per|_)_?(?:step|iteration|iter|batch)"
)
"""How far, and how fast: what training emits, and evaluation or generation may."""
_OF_TABLES = re.compile(
    r"(?:[a-z_]{1,20}[:_])?(?:rmse|rmsle|mae|mape|mphe|auc|aucpr|m?error|m?logloss|ndcg|map|r2)(?:[@_].{0,20})?"
)
"""As SageMaker's XGBoost prints them ("train:rmse"), and others of its kind."""
_OF_EVALUATION = frozenset({"eval", "evaluation", "val", "valid", "validation", "test", "dev", "benchmark"})


def only_training_emits(name: str, vocabulary: TrainerMetrics) -> bool:
    """Whether only a run that trains emits a metric of this name. Samples/s and the like may be those of an evaluation,
    unless they are called those of training, and so may most words of a meter.
    """
    known = vocabulary.recognise(name)
    quantity = "" if known is None else known.quantity
    if quantity not in {"", "sample_rate"}:
        return quantity != METER
    plain = name.strip().lower()
    if is_like_the_meters(name) or _is_of_evaluation(plain):
        return False
    if any(map(_LEARNING_RATE.fullmatch, re.split(r"[/.: ]", plain))) or _TRAINING.fullmatch(plain):
        return True
    bare, whole = normalise(name), squeezed(normalise(name))
    return _LOSS.fullmatch(bare) is not None or not _OF_TRAINING_ALONE.isdisjoint((whole, whole.removeprefix("train")))


def trains_no_language_model(name: str) -> bool:
    """Whether a metric of this name is one of models of tables, or of rankings."""
    return _OF_TABLES.fullmatch(normalise(name)) is not None


def training_may_emit(name: str, vocabulary: TrainerMetrics) -> bool:
    """Whether a metric of this name is one of a run at work: only training emits it, or it tells how far or how fast it
    came, and not of an evaluation.
    """
    if only_training_emits(name, vocabulary):
        return True
    if is_like_the_meters(name) or _is_of_evaluation(name.strip().lower()):
        return False
    return _OF_PROGRESS.fullmatch(normalise(name)) is not None


def _is_of_evaluation(plain: str) -> bool:
    return re.split(r"[^a-z]+", plain, maxsplit=1)[0] in _OF_EVALUATION


def only_rollouts_emit(name: str) -> bool:
    """Whether only a run that generates what it trains on emits a metric of this name."""
    return OF_ROLLOUTS.fullmatch(normalise(name)) is not None
