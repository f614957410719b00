"""FlopsMeter: counts the model FLOP of a training run from inside the process that trains."""

import logging
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.autograd import forward_ad
from torch.optim import optimizer

from flops_meter.account import Account
from flops_meter.calls import Lengths, describe, generates, lengths_of, tensors_of
from flops_meter.changes import Graphs, compiled_forms, registrations, watch_registrations
from flops_meter.hooks import CompiledEntry, ModuleHook, OutputHook
from flops_meter.journal import Journal, Settings
from flops_meter.prediction import Predictor, Sizes, same
from flops_meter.recomputed import in_backward, in_function
from flops_meter.sampling import Samples
from flops_meter.size import model_size
from flops_meter.updates import Updates
from flops_meter.watching import (
    Pass,
    Watch,
    foreign_modes,
    graph_nodes,
    settle_unseen,
    weights_seen,
)
from flops_meter.work import DENSE, DOUBTFUL, Gaps, Totals, Work, add, counted, total

_log = logging.getLogger("flops_meter")

_MAIN_SHARE = 2
"""A child with more than half (one in _MAIN_SHARE) of the parameters is where a wrapper hands its calls on to."""
_DEEPEST = 8
_REFRESH = 64
_MOST_UNFIRED = 3
_MOST_SOUGHT = 4
"""Steps of which nothing was seen, after each of which two are counted."""
_MOST_HELD = 256
"""Passes without gradients that wait until it is known what they were for."""
_MOST_KEYS = 256
"""Kinds of calls after which numbers and words among the arguments tell no kinds apart: a step's number does not."""

Key = int
"""A number for calls of one structure: entry, mode, what is trained, arguments."""
Passes = tuple[tuple[Key, int], ...]
"""Calls that one backward belongs to, and how often it came back to each."""


@dataclass(eq=False)
class _Call:
    """One forward pass of the model, until its FLOP are in the account."""

    key: Key
    sizes: Sizes
    module: nn.Module
    gradients: bool
    kind: str
    lengths: Lengths | None
    forward: Work | None
    watched: Pass | None = None
    expected: Work | None = None
    found: bool = False
    labelled: bool = False
    may_train: bool = False
    """Whether it stands in a step and nobody said that it is for something else."""
    times_back: int = 0
    last_task: int = -1
    backward_watched: bool = True
    alive: "weakref.ref[OutputHook] | None" = None
    settled: bool = False
    again: bool = False
    checkpointed: bool = False
    """In an autograd function's forward: a checkpoint of the reentrant kind calls it again in the backward."""
    waited: bool = False
    nodes: int = 0
    pairs: dict[int, int] = field(default_factory=dict)


class FlopsMeter:
    """Counts a model's training from inside: forward and backward passes that update parameters (Annex A.1).

    meter = FlopsMeter(model); with meter.step(tokens=n): loss.backward(). The forward pass may stand before the block
    or in it. `model` may be any torch.nn.Module, wrapped or compiled; `total_steps` lets the meter say early that the
    run will come near a threshold. What is written, where and how often: flops_meter.journal.Settings.

    Figures are whole FLOP of this process since it began, or since the run began where a state was loaded; the log
    lines add up all ranks. Counting never breaks a training run: an error inside is logged once and makes the lines
    say that the count is incomplete.
    """

    _came_back = False
    """Whether gradients came back in the step that runs, or in the last one and after it."""
    _undecided = False
    """Whether a step is over of which nobody asked yet what its passes without gradients were for."""
    _placed = False
    """Whether the step is one of `steps`, or of `uncounted_steps`, already."""
    _waited_for = False
    """Whether a backward may still have come to passes of the last step when it was over."""
    _aside: Work | None = None
    """What ran in the last step outside of passes; None where it was not counted."""
    _aside_before: Work | None = None
    """The same of the last counted step that trained without a backward."""
    _begun_at = 0
    _step_before = 0
    """FLOP of the last step that was counted as a whole and had a backward."""
    _unseen = 0
    """Steps that trained and of which nothing was seen."""
    _backward_ran = False
    """Whether weights have other gradients than at the last step's begin: a backward ran in it, seen or not."""
    _seek = 0
    """Steps that are counted to see what such a one is made of."""

    def __init__(
        self, model: nn.Module, *more: nn.Module, total_steps: int | None = None, settings: Settings | None = None
    ) -> None:
        self._account = Account()
        self._carried = Totals()
        self._forwards: dict[Key, Predictor] = {}
        self._backwards: dict[Passes, Predictor] = {}
        self._keys: dict[tuple[Any, ...], Key] = {}
        self._watch = Watch()
        owner = weakref.ref(self)
        self._watch.called_first = lambda module, args: _told(owner, module, args)
        self._beside: set[int] = set()
        self._watching = False
        self._always_watch = True
        self._always_watch_next = False
        self._stack: list[nn.Module] = []
        self._open: _Call | None = None
        self._pending: list[_Call] = []
        self._passed_by: list[_Call] = []
        self._held: list[_Call] = []
        self._updates = Updates()
        self._contexts: list[str] = []
        self._in_step = False
        self._told_tokens: int | None = None
        self._unmasked = [0, 0, 0]
        self._unfired: dict[Key, int] = {}
        self._joined: dict[Passes, tuple[int, Work]] = {}
        self._joins: set[Key] = set()
        self._flags: dict[tuple[Any, ...], int] = {}
        self._parameters: list[weakref.ref[nn.Parameter]] = []
        self._shapes = 0
        self._all_shapes: dict[tuple[Any, ...], int] = {}
        self._registered = -1
        self._until_refresh = 0
        self._graphs = Graphs()
        self._entries: list[weakref.ref[nn.Module]] = []
        self._given, self._called = list[int](), set[int]()  # entries that were handed over by name; that were called
        self._parts_hooked = False
        self._handles: list[Any] = []
        self._warned: set[str] = set()
        self.failure: str | None = None
        for each in (model, *more):
            self.watch(each)
        self._find_compiled()
        size = model_size(model)
        settings = settings or Settings.from_environment()
        self._samples = Samples(settings.job.arn)
        self._sampled = False
        self._journal = Journal(self._account, size, settings, total_steps)
        self._finalizer = weakref.finalize(self, self._journal.close)
        weakref.finalize(self, self._watch.end)
        handle = optimizer.register_optimizer_step_pre_hook(ModuleHook(lambda *_: _optimizes(owner)))
        self._handles.append(handle)
        weakref.finalize(self, handle.remove)

    # ----- What was counted

    @property
    def totals(self) -> Totals:
        """Everything this process counted, and what it took over from the state that was loaded."""
        self._guarded(self._settle)
        if not self._in_step:
            self._guarded(self._release)
            if not self._waiting() and self._open is None:
                self._stop_watching()
        return self._carried.plus(self._account.totals)

    @property
    def model_flop(self) -> int:
        """FLOP of forward and backward passes of training steps, padding included, recomputation not (Annex A.1)."""
        return self.totals.model_flop

    @property
    def executed_flop(self) -> int:
        """FLOP that training steps executed: model_flop and recomputed activations."""
        return self.totals.executed_flop

    @property
    def padding_flop(self) -> int:
        """The part of model_flop that was spent on padding."""
        return self.totals.padding_flop

    @property
    def useful_flop(self) -> int:
        """model_flop without padding."""
        totals = self.totals
        return totals.model_flop - totals.padding_flop

    @property
    def generation_flop(self) -> int:
        """FLOP of forward passes that generated text: rollouts, synthetic data (the cumulative basis)."""
        return self.totals.generation_flop

    @property
    def reference_flop(self) -> int:
        """FLOP of forward passes without gradients in training: teachers, reference models (the cumulative basis)."""
        return self.totals.reference_flop

    @property
    def evaluation_flop(self) -> int:
        """FLOP of evaluation."""
        return self.totals.evaluation_flop

    @property
    def unknown_operations(self) -> dict[str, int]:
        """Custom operations that may hide matrix products, and how often they ran in counted steps. Empty: none."""
        return {name: times for name, times in self._watch.unknown.items() if times}

    # ----- What happens

    @contextmanager
    def step(self, tokens: int | None = None) -> Iterator[None]:
        """One training step, or one micro-step of it. `tokens`: its positions without padding, if the caller knows."""
        self.begin_step(tokens)
        try:
            yield
        finally:
            self.end_step()

    def begin_step(self, tokens: int | None = None) -> None:
        """For hosts that call at the beginning and the end instead of opening a block."""
        self._guarded(self._begin_step, tokens)

    def end_step(self) -> None:
        """Ends what begin_step began, and writes a line when an interval is over."""
        self._guarded(self._end_step)
        self._write(self._journal.tick)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Forward passes in this block are evaluation, whatever they look like."""
        with self._context("evaluation"):
            yield

    @contextmanager
    def generation(self) -> Iterator[None]:
        """Forward passes in this block make training data: rollouts, synthetic data."""
        with self._context("generation"):
            yield

    @contextmanager
    def _context(self, kind: str) -> Iterator[None]:
        self._contexts.append(kind)
        try:
            yield
        finally:
            self._contexts.pop()

    def watch(self, module: nn.Module) -> None:
        """Count another module's passes too: a reference model, a teacher, the second of two networks."""
        self._given.append(len(self._entries))
        for each in _main_chain(module):
            self._hook(each)

    def _hook(self, module: nn.Module) -> None:
        index = len(self._entries)
        self._entries.append(weakref.ref(module))
        self._until_refresh = 0

        def before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._guarded(self._before, index, module, args, kwargs)

        def after(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            self._guarded(self._after, module, args, kwargs, output)

        if type(module).__name__ == "RecursiveScriptModule":
            self._watch.scripted = True
            return  # takes no hooks: its operations are found where they run, as those of a function are
        self._handles.append(module.register_forward_pre_hook(ModuleHook(before), with_kwargs=True))
        self._handles.append(module.register_forward_hook(ModuleHook(after), with_kwargs=True, always_call=True))

    def _find_compiled(self) -> None:
        """Compiled forms of the modules, where hooks inside are not called: made before or after the meter."""
        entries = {id(module): module for each in self._entries if (module := each()) is not None}
        for module in entries.values():
            self._enter_compiled(module)
        for each in compiled_forms():
            if id(each) not in entries and id(each._orig_mod) in entries:
                self._hook(each)

    def _enter_compiled(self, module: nn.Module) -> None:
        compiled = module._compiled_call_impl
        if compiled is None or isinstance(compiled, CompiledEntry):
            return
        index = next(place for place, each in enumerate(self._entries) if each() is module)
        owner = weakref.ref(module)

        def before(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._guarded(self._before, index, owner(), args, kwargs)

        def after(args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
            self._guarded(self._after, owner(), args, kwargs, output)

        module._compiled_call_impl = CompiledEntry(compiled, before, after)

    def _hook_parts(self) -> None:
        """The model is not called, its parts are: find their calls too."""
        self._parts_hooked = True
        known = {id(module) for each in self._entries if (module := each()) is not None}
        for module in [module for each in self._entries if (module := each()) is not None]:
            for part in _parts(module):
                if id(part) not in known:
                    known.add(id(part))
                    self._hook(part)

    def found_called(self, module: nn.Module, args: tuple[Any, ...]) -> None:
        """A module is called while everything is watched: one in a step that nobody handed over is, from now on."""
        if self._stack or not self._in_step or in_backward() or next(module.parameters(), None) is None:
            return
        entries = {id(entry) for each in self._entries if (entry := each()) is not None}
        if any(id(part) in entries for part in module.modules()):
            return  # handed over, or a wrapper around one that is
        index = len(self._entries)
        self._beside.add(index)
        self._hook(module)
        self._before(index, module, args, {})
        if self._sampled and self._open is not None:  # in the steps before nothing was counted for it
            self._open.found, self._open.expected = True, {}

    def close(self) -> None:
        """Write the last line and the file, and take the hooks off. What comes after is not counted."""
        self._guarded(self._settle)
        self._guarded(self._release, True)
        self._stop_watching()
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._write(self._journal.finish)
        self._finalizer.detach()

    # ----- Interruptions

    def state_dict(self) -> dict[str, Any]:
        """What to keep in a checkpoint, one per rank: totals and the chain of lines. JSON can hold it."""
        return {"totals": self.totals.to_dict(), **self._journal.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint: what was counted up to it counts, what was done after it and lost is `discarded`.

        What this meter counted before it loads another one's state goes on counting: load it before the first step.
        Raises ValueError when the state is not one of state_dict.
        """
        if not isinstance(state, dict) or "totals" not in state:
            raise ValueError("no state of a flops meter: pass what state_dict() gave")
        carried = Totals.from_dict(state["totals"])
        self._journal.resume(state, carried, self.totals)
        self._carried = carried

    def gathered_state(self, name: str) -> dict[str, Any] | None:
        """The state of all ranks together, on rank 0; None on the others. All ranks call it, with the same name."""
        totals = self._journal.gather(name, self.totals)
        return None if totals is None else {"totals": totals.to_dict(), **self._journal.state(), "gathered": True}

    def missed(self, steps: int) -> None:
        """Steps that were done before this meter knew of them, as when a checkpoint without a state goes on: blocks, as
        `step` has them, not an optimizer's updates of several."""
        self._carried.uncounted_steps += steps

    # ----- Inside

    def _guarded(self, do: Any, *args: Any) -> None:
        if self.failure is not None:
            return
        try:
            do(*args)
            if self._watch.error is not None:
                raise self._watch.error
        except Exception as error:
            if os.environ.get("FLOPS_METER_STRICT") == "1":
                raise
            self.failure = f"{type(error).__name__}: {error}"
            _log.exception("flops-meter stops counting; training goes on, and its lines say that the count is short")
            self._stop_watching()

    def _write(self, journal: Callable[[Totals, Gaps], None]) -> None:
        """A line that cannot be written ends no training: its standard output may be closed."""
        try:
            journal(self._carried, Gaps(self.failure is not None, frozenset(self.unknown_operations)))
        except Exception as error:
            if os.environ.get("FLOPS_METER_STRICT") == "1":
                raise
            self._warn(f"a line could not be written: {error!r}")

    def _begin_step(self, tokens: int | None) -> None:
        self._settle()
        self._release()
        self._stack.clear()
        self._in_step, self._came_back, self._backward_ran, self._aside = True, False, False, None
        self._placed = False
        self._begun_at = self._account.known.model_flop
        self._always_watch, self._seek = self._always_watch or self._seek > 0, max(self._seek - 1, 0)
        if self._always_watch:
            self._find_compiled()
        if not self._waiting():
            self._sampled = self._samples.draw()
        self._always_watch = self._always_watch or self._sampled
        modules = [module for each in self._entries if (module := each()) is not None]
        self._updates.look(modules, closely=self._always_watch)
        self._told_tokens = self._plausible(tokens)
        self._unmasked = [0, 0, 0]
        if not self._watching and (self._always_watch or self._waiting(watched=True)):
            self._start_watching()

    def _plausible(self, tokens: int | None) -> int | None:
        """Tokens as they were told; None for what is no number of them: the padding is then not known."""
        if tokens is None:
            return None
        try:
            whole = int(tokens)
        except (TypeError, ValueError, OverflowError):
            whole = -1
        if whole < 0 or whole != tokens:
            self._warn(f"step(tokens={tokens!r}) is no number of tokens and is not used")
            return None
        return whole

    def _end_step(self) -> None:
        fired = self._settle()
        if not fired:
            self._settle_blind()
        self._held += self._passed_by
        self._passed_by = []
        self._undecided, self._backward_ran = True, self._backward_ran or self._updates.has_new_gradients()
        self._waited_for = self._waiting()
        if self._came_back:
            self._count_step(True)
        if self._watching and self._always_watch:
            self._aside = total([self._watch.aside, self._watch.loss, self._watch.applied])
            if not self._updates.had_gradients():  # an optimizer without any to use trains by its own products
                add(self._aside, self._watch.optimizing)
            if self._came_back:
                self._step_before = self._account.known.model_flop - self._begun_at
        self._always_watch = self._always_watch_next or not fired
        self._always_watch_next = False
        if self._told_tokens is not None:
            dense, paired, positions = self._unmasked
            self._account.pad(dense, paired, positions, self._told_tokens)
            self._account.known.tokens += self._told_tokens
        self._in_step, self._told_tokens = False, None
        if not self._waiting(watched=True):
            self._stop_watching()

    def _waiting(self, watched: bool = False) -> bool:
        """Whether a backward may still come to passes that are over; `watched`: to some that were counted."""
        waiting = [*self._pending, *(each for each in self._held if each.checkpointed)]
        return any(each.watched is not None for each in waiting) if watched else bool(waiting)

    def _start_watching(self) -> None:
        self._watch.clear()
        self._watch.begin()
        self._watching = True

    def _stop_watching(self) -> None:
        if self._watching:
            self._watch.end()
            self._watch.clear()
            self._watching = False

    def _before(self, index: int, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._stack.append(module)
        if len(self._stack) > 1:
            return
        if in_backward():
            self._called_again(module, args, kwargs)
            return
        self._called.add(index)
        checkpointed = in_function()
        gradients = torch.is_grad_enabled() or checkpointed
        structure, sizes = describe(args, kwargs, values=len(self._keys) < _MOST_KEYS)
        context = self._contexts[-1] if self._contexts else ""
        derivatives = forward_ad._current_level  # of the forward kind: other work for the same call
        details = (index, module.training, gradients, checkpointed, derivatives, context, self._trainable(), structure)
        key = self._keys.setdefault(details, len(self._keys))
        lengths = lengths_of(args, kwargs)
        kind = context or _kind(module, kwargs)
        if index in self._beside and self._in_step and not context and kind == "evaluation":
            kind = "reference"  # a teacher in a step: it evaluates nothing
        call = _Call(key, sizes, module, gradients, kind, lengths, None, checkpointed=checkpointed)
        call.may_train = self._in_step and not context and kind != "generation"
        call.labelled = kwargs.get("labels") is not None
        if gradients:
            self._settle()
        if not self._in_step and not self._waiting():
            self._sampled = self._samples.draw()
        forward = self._forwards.get(key)
        if forward is None:
            forward = self._forwards[key] = Predictor()
        call.forward = forward.predict(sizes)
        known = call.forward is not None and not self._graphs.doubted(key)
        if gradients and self._unfired.get(key, 0) < _MOST_UNFIRED:
            back = self._backwards.get(((key, 1),))
            found = back is not None and back.predict(sizes) is not None
            known = known and (found or key in self._joins)
        call.expected = call.forward if known and self._sampled else None
        known = known and not self._sampled
        if not known and not self._watching:
            self._start_watching()
        elif (
            known
            and self._watching
            and gradients
            and not self._waiting()
            and not (self._in_step and self._always_watch)
        ):
            self._stop_watching()
        if self._watching:
            call.watched = self._watch.current = Pass(None if lengths is None else lengths.width)
            self._watch.length = call.watched.length
        self._open = call
        call.nodes = graph_nodes()

    def _after(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if module not in self._stack:
            return  # it failed before the meter's own hook ran
        while self._stack.pop() is not module:
            pass
        call = self._open
        if self._stack or call is None or call.module is not module:
            return
        self._open = None
        if in_backward():
            self._note_nodes(call)
            self._expect(call, output)
            return
        self._watch.current = None
        if sys.exc_info()[0] is not None and output is None:
            return  # the forward failed: nothing came of it
        if call.gradients and not call.checkpointed:
            self._note_nodes(call)
        if call.watched is not None:
            call.forward = call.watched.forward
            call.pairs = dict(self._watch.pairs)
            self._compare(call)
            self._forwards[call.key].add(call.sizes, call.forward)
        if call.checkpointed:
            self._hold(call)
        elif not self._expect(call, output):
            self._nothing_comes_back(call)
        busy = self._in_step and self._always_watch
        if self._watching and not busy and (not call.gradients or foreign_modes()) and not self._expecting():
            self._stop_watching()

    def _called_again(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A module is called in a backward: by a checkpoint around all of it, whose first call had no gradients."""
        if not torch.is_grad_enabled() or not self._held:
            return
        _, sizes = describe(args, kwargs)
        for call in reversed(self._held):
            if call.checkpointed and call.module is module and call.sizes == sizes:
                self._held.remove(call)
                call.nodes = graph_nodes()
                self._open = call
                return

    def _note_nodes(self, call: _Call) -> None:
        """How many autograd nodes its forward made."""
        made = graph_nodes() - call.nodes
        if call.watched is None:
            self._graphs.made(call.key, made)
        elif self._graphs.new_when_counted(call.key, made):
            call.expected = None  # the next call would have been counted for this: it says nothing of others

    def _expect(self, call: _Call, output: Any) -> bool:
        """Have gradients tell when they come back to the output. Returns whether they can."""
        wanted = [each for each in tensors_of(output) if each.requires_grad] if call.gradients else []
        if wanted:
            hook = OutputHook(_Arrival(self, call))
            call.alive = weakref.ref(hook)
            for each in wanted:
                each.register_hook(hook)  # type: ignore[no-untyped-call]
            self._pending.append(call)
        return bool(wanted)

    def _nothing_comes_back(self, call: _Call) -> None:
        """A pass to whose output no gradient can come."""
        if call.gradients:
            self._unfired[call.key] = self._unfired.get(call.key, 0) + 1
        if call.gradients and call.watched is not None and self._in_step:
            self._passed_by.append(call)
        elif call.may_train:
            self._hold(call)
        else:
            self._let_go([call])

    def _expecting(self) -> bool:
        """Whether a backward that is to be counted may still come without a step's block having begun."""
        return self._waiting(watched=True) and (self._in_step or not foreign_modes())

    # ----- Passes without gradients

    def _hold(self, call: _Call) -> None:
        """Until it is known what it was for: called again in a backward, or in a step that trains without one."""
        self._held.append(call)
        if len(self._held) > _MOST_HELD:
            self._let_go([self._held.pop(0)])

    def _let_go(self, calls: list[_Call], kind: str | None = None) -> None:
        """It trained nothing, as far as can be seen; `kind` 'model': it did."""
        for each in calls:
            if kind == "model":
                self._train(each.forward or {}, each.lengths, each.pairs, first=True)
            else:
                self._account.forward_only(each.kind, each.forward or {}, each.lengths, each.pairs)
            if each.expected is not None and each.watched is not None:
                self._put_right(kind or each.kind, each.expected, each.forward or {})

    def _release(self, last: bool = False) -> None:
        """A step is over, with what came after it: what were its passes without gradients for?

        Checkpointed ones wait once more, unless this is the `last` time: their backward may still come.
        """
        over = [each for each in self._held if last or each.waited or not each.checkpointed]
        self._held = [each for each in self._held if each not in over]
        for each in self._held:
            each.waited = True
        decided, self._undecided = self._undecided, False
        trained: list[_Call] = []
        if decided and not self._came_back:
            passes = [each for each in over if self._updates.are_of(each.module) or self._is_part(each.module)]
            if self._backward_ran and self._aside is None and not counted(self._aside_before or {}) and not passes:
                self._count_unseen()
            elif self._updates.changed():
                if self._updates.had_unused_gradients():
                    self._always_watch = False  # an optimizer, by gradients of a step before
                else:
                    trained = passes
                    self._trained_without_backward(passes)
        if decided and (self._came_back or self._waited_for):
            self._count_step(True)
        if decided and (self._came_back or (self._backward_ran and not trained)):
            self._updates.came_back()
        self._let_go([each for each in over if each not in trained])

    def _is_part(self, module: nn.Module) -> bool:
        """Whether it is a part of a model that was handed over, such as a frozen head that is called beside it.

        What was handed over by name is a part of models that are called themselves: not of what merely holds it and a
        teacher, as Lightning's module does.
        """
        given = {index: whole for index in self._given if (whole := self._entries[index]()) is not None}
        named = any(each is module for each in given.values())
        wholes = [whole for index, whole in given.items() if index in self._called or not named]
        return any(whole is not module and module in set(whole.modules()) for whole in wholes)

    def _trained_without_backward(self, passes: list[_Call]) -> None:
        """Zeroth order, forward-mode, by hand: the weights changed and no gradients came. What ran in the step trains.

        What ran outside of passes is seen where the step was counted, and remembered for those that were not.
        """
        self._let_go(passes, "model")
        aside, before = self._aside, self._aside_before
        if aside is None and before is None:
            self._count_step(bool(passes))
            self._look_closer()
            return
        if aside is not None:
            if before is not None and self._sampled:
                self._put_right("model", before, aside)
            self._aside_before = aside
        known = aside if aside is not None else before or {}
        self._train(known, None, {}, first=False)
        self._always_watch = before is not None and not same(before, known)
        if passes or counted(known):  # else an optimizer, in a block of its own
            self._count_step(True)
            self._warn("weights changed in a step without a backward pass: all products of the step count as training")

    def _count_unseen(self) -> None:
        """A backward ran and showed nothing, as in a function that was compiled around the model."""
        self._look_closer()
        self._account.known.model_flop += self._step_before
        self._count_step(self._step_before > 0)
        self._infer(self._step_before, "a backward pass showed nothing: its step counts as the last counted one")

    def _count_step(self, whole: bool) -> None:
        """The step trained: it is one of `steps` where its FLOP are in the account, else of `uncounted_steps`."""
        if not self._placed:
            self._account.known.steps += whole
            self._account.known.uncounted_steps += not whole
        self._placed = True

    def _look_closer(self) -> None:
        """A step showed nothing: count the next two, unless that was tried before."""
        self._unseen += 1
        self._seek = 2 if self._unseen <= _MOST_SOUGHT else 0
        self._always_watch = False

    def optimizes(self) -> None:
        """An optimizer begins: gradients that a backward left in the step may be gone when the step is over."""
        self._backward_ran = self._backward_ran or (self._in_step and self._updates.has_new_gradients())

    def arrived(self, call: _Call) -> None:
        """Gradients came back to the output of a call."""
        task = torch._C._current_graph_task_id()
        if call.settled:  # a graph that was kept: another backward, of a forward that is in the account already
            call.settled, call.again, call.times_back, call.forward = False, True, 0, {}
            call.backward_watched = True
            self._pending.append(call)
        if task != call.last_task:
            call.last_task = task
            call.times_back += 1
        call.backward_watched = call.backward_watched and self._watching
        if torch.is_grad_enabled():
            self._watch.higher_order = True

    def _settle(self) -> bool:
        """Account for the calls that gradients came back to since the last time. Returns whether there were any."""
        if not self._pending or in_backward():
            return False
        fired = [each for each in self._pending if each.times_back]
        waiting = []
        for each in self._pending:
            if each.times_back:
                continue
            if each.alive is not None and each.alive() is None:
                self._nothing_comes_back(each)
            else:
                waiting.append(each)
        self._pending = waiting
        if not fired:
            return False
        self._came_back = True
        for each in fired:
            each.settled = True
        backward = self._backward_of(fired)
        work = total([*(each.forward or {} for each in fired), backward])
        pairs = {window: amount for each in fired for window, amount in each.pairs.items()}
        if len(fired) == 1:
            self._train(work, fired[0].lengths, pairs, not fired[0].again)
        else:
            self._train_several(fired, backward, pairs)
        return True

    def _train(self, work: Work, lengths: Lengths | None, pairs: dict[int, int], first: bool) -> None:
        self._account.train(work, lengths, pairs, counts_tokens=first and self._told_tokens is None)
        if work.get(DOUBTFUL):
            self._warn("an autograd function may take products twice, which then count twice: uncertain_flop has them")
        if lengths is not None and lengths.real is None:
            self._unmasked[0] += work.get(DENSE, 0)
            self._unmasked[1] += counted(work) - work.get(DENSE, 0)
            self._unmasked[2] += lengths.positions if first else 0

    def _train_several(self, fired: list[_Call], backward: Work, pairs: dict[int, int]) -> None:
        """Several passes and one backward: its work is shared out by what the forward passes took."""
        whole = sum(counted(each.forward or {}) for each in fired)
        left = dict(backward)
        for place, each in enumerate(fired):
            last = place == len(fired) - 1
            mine = counted(each.forward or {})
            share = left if last else {kind: amount * mine // (whole or 1) for kind, amount in backward.items()}
            for kind, amount in share.items():
                left[kind] = left.get(kind, 0) - (0 if last else amount)
            self._train(total([each.forward or {}, share]), each.lengths, pairs, not each.again)

    def _backward_of(self, fired: list[_Call]) -> Work:
        """The backward of calls that gradients came back to: counted, remembered, or inferred."""
        key = tuple((each.key, each.times_back) for each in fired)
        sizes = tuple(size for each in fired for size in each.sizes)
        if self._watching and all(each.backward_watched for each in fired):
            backward = self._watch.behind_outputs
            settle_unseen(self._watch, backward)
            for each in fired:
                add(backward, self._unseen_head(each))
            self._watch.clear(self._waiting(watched=True))
            back = self._backwards.setdefault(key, Predictor())
            remembered = self._remembered(fired)
            if remembered is not None and all(each.expected is not None or each.again for each in fired):
                expected = [each.expected or {} for each in fired if not each.again]
                after = [each.forward or {} for each in fired if not each.again]
                self._put_right("model", total([*expected, remembered]), total([*after, backward]))
            back.add(sizes, backward)
            if len(fired) > 1 or fired[0].times_back > 1:
                self._joined[key] = sum(counted(each.forward or {}) for each in fired), backward
                self._joins.update(each.key for each in fired)
            return backward
        if self._watching:
            self._watch.clear()
        known = self._backwards[key].recall(sizes) if key in self._backwards else None
        if known is not None:
            return known
        self._always_watch_next = True
        if key in self._joined:
            before, like = self._joined[key]
            now = sum(counted(each.forward or {}) for each in fired)
            backward = {kind: amount * now // (before or 1) for kind, amount in like.items()}
            self._infer(counted(backward), "a backward pass of several forward passes had sizes not counted before")
            return backward
        backward = {}
        for each in fired:
            single = self._backwards.get(((each.key, 1),))
            found = single.recall(each.sizes) if single is not None else None
            if found is None:
                found = {kind: 2 * amount for kind, amount in (each.forward or {}).items()}
                self._infer(counted(found), "a backward pass ran where it could not be counted")
            for _ in range(each.times_back):
                add(backward, found)
        return backward

    def _remembered(self, fired: list[_Call]) -> Work | None:
        """The backward that would have counted without the sample: without the modules that it found."""
        known = [each for each in fired if not each.found]
        back = self._backwards.get(tuple((each.key, each.times_back) for each in known))
        return None if back is None else back.predict(tuple(size for each in known for size in each.sizes))

    def _put_right(self, kind: str, remembered: Work, found: Work) -> None:
        """A sampled call: where it did not take what was remembered, neither did those like it between the samples."""
        if same(remembered, found):
            return
        off = self._samples.correction(counted(remembered), counted(found))
        self._account.correct(kind, off, self._samples.uncertain)
        self._samples.varies()
        self._warn("calls that look alike do not take the same work: they are estimated from steps counted at random")

    def _compare(self, call: _Call) -> None:
        """A call that is counted after one of its kind made another graph: another forward, or the same by other ways?

        Where it is another one, what was remembered holds no more, and the calls in between are put right.
        """
        doubted, known = self._graphs.doubted(call.key), self._forwards[call.key].recall(call.sizes)
        if not doubted:
            return
        now, before = counted(call.forward or {}), counted(known or {})
        if known is not None and same(known, call.forward or {}):
            self._graphs.accept(call.key)
        elif self._graphs.begin_anew(call.key, seen_before=known is not None):
            back = self._backwards.get(((call.key, 1),))
            backward = counted((back.recall(call.sizes) if back else None) or {}) or 2 * before
            off = doubted * (now - before) * (before + backward) // before if before else 0
            self._account.known.model_flop += max(off, 0)
            self._infer(abs(off), "the model's structure changed in the run: a step's FLOP are inferred from the next")
            self._forwards[call.key] = Predictor()
            for old in [passes for passes in self._backwards if call.key in {part for part, _ in passes}]:
                del self._backwards[old]
                self._joined.pop(old, None)

    def _unseen_head(self, call: _Call) -> Work:
        """The vocabulary head where a kernel that no operation shows computes it together with the loss."""
        ask: Any = getattr(call.module, "get_output_embeddings", None)
        if not call.labelled or call.lengths is None or ask is None:
            return {}
        head = ask()
        weight = getattr(head, "weight", None)
        if not isinstance(weight, torch.Tensor) or weight.dim() != 2 or self._watch.called(head):
            return {}
        if weights_seen(self._watch, [weight]):
            return {}
        flop = 2 * call.lengths.positions * weight.numel() * (3 if weight.requires_grad else 2)
        self._infer(flop, "the vocabulary head runs inside a kernel that shows no operation: counted by its size")
        return {DENSE: flop}

    def _settle_blind(self) -> None:
        """Gradients came back to no output of a pass: what ran counts, and a forward that nobody saw is inferred.

        A pass that was seen is its forward: the loss stands in an attribute, deep in the output, or inside the model.
        """
        if not self._watching:
            return
        seen = self._watch.behind_outputs
        backward = counted(self._watch.backward)
        if not backward:
            return
        self._came_back = True
        passes = [*self._passed_by, *(each for each in self._pending if each.watched is not None)]
        if passes:
            self._settle_passed_by(passes, seen)
            return
        if not counted(self._watch.loss):
            add(seen, {DENSE: backward})  # half of it where every weight is trained, all of it where few are: the upper
            self._infer(backward, "a forward pass ran before the meter could see it: make the meter before it")
        self._account.train(seen, None, dict(self._watch.pairs), counts_tokens=False)
        self._watch.clear()
        if not self._parts_hooked:
            self._hook_parts()

    def _settle_passed_by(self, passes: list[_Call], seen: Work) -> None:
        """A backward that came to the insides of these passes."""
        for each in passes:
            each.settled = True  # gradients that come to its output later are another backward
        self._pending = [each for each in self._pending if not each.settled]
        self._passed_by = []
        pairs = {window: amount for each in passes for window, amount in each.pairs.items()}
        lengths = passes[0].lengths if len(passes) == 1 else None
        self._train(total([*(each.forward or {} for each in passes), seen]), lengths, pairs | self._watch.pairs, True)
        self._watch.clear()

    def _infer(self, flop: int, why: str) -> None:
        self._account.known.inferred_flop += flop
        self._warn(why)

    def _warn(self, why: str) -> None:
        """Once."""
        if why not in self._warned:
            self._warned.add(why)
            _log.warning("flops-meter: %s", why)

    def _trainable(self) -> int:
        """A number for which parameters there are, and which of them need gradients now."""
        self._until_refresh -= 1
        values = [each() for each in self._parameters]
        if self._until_refresh < 0 or self._registered != registrations() or any(each is None for each in values):
            modules = [module for each in self._entries if (module := each()) is not None]
            found = dict.fromkeys(parameter for module in modules for parameter in module.parameters())
            self._parameters = [weakref.ref(each) for each in found]
            self._until_refresh = _REFRESH
            values = list(found)
            shapes = tuple(_shape(each) for each in found)
            self._shapes = self._all_shapes.setdefault(shapes, len(self._all_shapes))
            self._registered = watch_registrations(part for module in modules for part in module.modules())
        flags = tuple([each.requires_grad for each in values if each is not None])
        return self._flags.setdefault((self._shapes, flags), len(self._flags))


def _told(owner: "weakref.ref[FlopsMeter]", module: nn.Module, args: tuple[Any, ...]) -> None:
    meter = owner()
    if meter is not None:
        meter._guarded(meter.found_called, module, args)


def _optimizes(owner: "weakref.ref[FlopsMeter]") -> None:
    meter = owner()
    if meter is not None:
        meter._guarded(meter.optimizes)


class _Arrival:
    """Tells the meter, if it still lives, that gradients came back to a call."""

    __slots__ = ("_call", "_meter")

    def __init__(self, meter: FlopsMeter, call: _Call) -> None:
        self._meter, self._call = weakref.ref(meter), call

    def __call__(self) -> None:
        meter = self._meter()
        if meter is not None:
            meter._guarded(meter.arrived, self._call)


def _shape(parameter: nn.Parameter) -> tuple[int, ...]:
    """As a whole, where DeepSpeed's ZeRO stage 3 takes it apart between the steps."""
    return tuple(getattr(parameter, "ds_shape", parameter.shape))


def _kind(module: nn.Module, kwargs: dict[str, Any]) -> str:
    """What a pass is for that no gradients come back to."""
    if generates(kwargs) and not torch.is_grad_enabled():
        return "generation"
    return "reference" if module.training else "evaluation"


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """The modules right inside, those of its lists too, that have parameters."""
    for each in module.children():
        if isinstance(each, nn.ModuleList | nn.ModuleDict):
            yield from each.children()
        elif next(each.parameters(), None) is not None:
            yield each


def _main_chain(module: nn.Module) -> list[nn.Module]:
    """The module and, inside it, those that hold more than half of the parameters: a host may call any of them."""
    chain = [module]
    while len(chain) < _DEEPEST:
        top = chain[-1]
        whole = sum(each.numel() for each in top.parameters())
        main = [
            each
            for each in top.children()
            if _MAIN_SHARE * sum(part.numel() for part in each.parameters()) > whole
            and not isinstance(each, nn.ModuleList | nn.ModuleDict | nn.ParameterList)
        ]
        if not main or not list(main[0].children()):
            return chain
        chain.append(main[0])
    return chain
