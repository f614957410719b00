"""PyTorch Lightning: `Trainer(callbacks=[FlopsMeterLightningCallback()])`, or FLOPS_METER=1."""

from typing import Any

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

from flops_meter.hosts.making import go_on, meter_for
from flops_meter.meter import FlopsMeter


class FlopsMeterLightningCallback(Callback):  # type: ignore[misc]
    """Counts a Lightning run, a step for each batch. The state goes into Lightning's checkpoints."""

    def __init__(self) -> None:
        self.meter: FlopsMeter | None = None
        self._state: dict[str, Any] | None = None
        self._evaluating: Any = None
        self._saved = 0
        self._counted = 0
        """Batches of fits before this one, by the same trainer: they are in the counts of their meters."""

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Make the meter. Lightning calls training_step, so that the modules inside are what is called."""
        total = trainer.estimated_stepping_batches * trainer.accumulate_grad_batches
        known = int(total) if 0 < total < 1e15 else None
        self.meter = meter_for(pl_module, *pl_module.children(), total_steps=known)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Go on from the checkpoint that Lightning goes on from: only now it knows how far that one was."""
        done, state = self._batches_of(trainer), self._state
        self._state = None
        if self.meter is None:
            return
        if state is None:
            self.meter.missed(done - self._counted)
        elif trainer.global_rank == 0:
            go_on(self.meter, state, done)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """A micro-step begins."""
        if self.meter is not None:
            self.meter.begin_step()

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A micro-step ended."""
        if self.meter is not None:
            self.meter.end_step()

    def on_validation_start(self, trainer: Any, pl_module: Any) -> None:
        """What runs until validation ends is evaluation."""
        if self.meter is not None:
            self._evaluating = self.meter.evaluation()
            self._evaluating.__enter__()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Back to training."""
        if self._evaluating is not None:
            self._evaluating.__exit__(None, None, None)
            self._evaluating = None

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the last line and the file."""
        self._counted = self._batches_of(trainer)
        if self.meter is not None:
            self.meter.close()

    def state_dict(self) -> dict[str, Any]:
        """For Lightning's checkpoint, which all ranks make together and the first one writes: the totals of all."""
        self._saved += 1
        state = None if self.meter is None else self.meter.gathered_state(f"checkpoint {self._saved}")
        return state or {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """From Lightning's checkpoint, before the fit begins."""
        self._state = state_dict or None

    @staticmethod
    def _batches_of(trainer: Any) -> int:
        """Batches that a trainer trained on, before its checkpoint, too."""
        return int(trainer.fit_loop.epoch_loop.batch_progress.total.completed)
