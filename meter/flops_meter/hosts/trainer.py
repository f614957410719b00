"""Hugging Face Trainer, and TRL's trainers, which are Trainers: SFT, DPO, GRPO and the rest."""

from typing import Any

from torch import nn
from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

from flops_meter.hosts.making import go_on, meter_for
from flops_meter.meter import FlopsMeter

_OTHER_MODELS = ("ref_model", "teacher_model", "reward_model", "value_model")
"""Attributes under which trainers keep models that update nothing."""
_OTHER_LISTS = ("reward_funcs",)


class FlopsMeterCallback(TrainerCallback, ExportableState):
    """Counts a Trainer's run: `Trainer(..., callbacks=[FlopsMeterCallback()])`, or FLOPS_METER=1.

    The totals go into each checkpoint's trainer_state.json and are taken up again from there. With the trainer handed
    in (FLOPS_METER=1 does), its reference and reward models are counted too, on their own counter.
    """

    def __init__(self, trainer: Any = None) -> None:
        self._trainer = trainer
        self._saved: dict[str, Any] | None = None
        self.meter: FlopsMeter | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Make the meter, and go on from the checkpoint that the trainer goes on from."""
        if self.meter is not None:
            self.meter.close()
        others = _models_beside(self._trainer, model)
        self._trainer = None  # no cycle, and nothing kept alive
        self.meter = meter_for(model, *others, total_steps=state.max_steps)
        if state.global_step == 0 or self.meter is None:
            return
        saved = (state.stateful_callbacks or {}).get(type(self).__name__)
        saved = saved[-1] if isinstance(saved, list) and saved else saved
        totals = saved.get("args", {}).get("meter") if isinstance(saved, dict) else None
        if totals is None:
            self.meter.missed(state.global_step)
        elif args.process_index == 0:
            go_on(self.meter, totals, state.global_step)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A step begins: micro-steps of gradient accumulation are in it."""
        if self.meter is not None:
            self.meter.begin_step()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A step ended. Before a checkpoint the ranks' totals come together."""
        if self.meter is None:
            return
        self.meter.end_step()
        if control.should_save:
            self._saved = self.meter.gathered_state(f"step {state.global_step}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Write the last line and the file."""
        if self.meter is not None:
            self.meter.close()

    def state(self) -> dict[str, Any]:
        """For trainer_state.json, with the ranks' totals of the step that is saved."""
        if self.meter is not None and self._saved is None:
            self._saved = self.meter.state_dict()
        saved, self._saved = self._saved, None
        return {"args": {"meter": saved}, "attributes": {}}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "FlopsMeterCallback":
        """What transformers makes of the checkpoint's entry, if asked to restore callbacks."""
        return cls()


def _models_beside(trainer: Any, model: Any) -> list[nn.Module]:
    found = [getattr(trainer, name, None) for name in _OTHER_MODELS]
    for name in _OTHER_LISTS:
        many = getattr(trainer, name, None)
        found += many if isinstance(many, list | tuple) else [many]
    return [each for each in found if isinstance(each, nn.Module) and each is not model]
