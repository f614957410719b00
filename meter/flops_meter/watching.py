"""Counting what really runs, operation by operation, while it runs: for the first call of each kind alone."""

import sys
from collections.abc import Callable, Iterable, Mapping
from threading import Lock, get_ident
from typing import Any

import torch
from torch import nn
from torch.optim import optimizer
from torch.utils import _python_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

from flops_meter.formulas import (
    Formula,
    Seen,
    attention,
    bounds_of,
    formula_of,
    is_attention,
    is_unknown,
    pairs_in,
    recurrent,
)
from flops_meter.functions import FUNCTIONS
from flops_meter.recomputed import Functions, in_backward, in_function, read
from flops_meter.values import tensors_in
from flops_meter.work import DENSE, DOUBTFUL, SIGNAL, SURPLUS, Work, add, counted, total

_ASIDE = {"prim::device", "aten::sym_is_contiguous", "aten::is_contiguous", "aten::is_strides_like_format"}
_ASIDE |= {f"aten::{name}" for name in ("is_non_overlapping_and_dense", "size", "sym_size", "stride", "sym_stride")}
_ASIDE |= {f"aten::{name}" for name in ("storage_offset", "sym_storage_offset", "numel", "sym_numel", "dim")}
_ASIDE |= {"prim::layout"}
"""What a tensor subclass is asked about itself: no work."""


_COPIES = {"aten::_to_copy", "aten::clone"}
"""The same values in another precision, on another device, in another order."""


def graph_nodes() -> int:
    """How many nodes of graphs this thread has made: what it grows by in a forward is a mark of the graph it made."""
    return int(torch._C._autograd._get_sequence_nr())


def foreign_modes() -> bool:
    """Whether somebody else's dispatch mode is on, so that ours must end in the order in which it began."""
    return any(not isinstance(mode, Watch) for mode in _python_dispatch._get_current_dispatch_mode_stack())


class _Compiler:
    """Held off while any watch is on: compiled code that meets a dispatch mode at its first call is skipped for good.

    Watches of several meters end in any order, in several threads; the compiler has one stance for all of them.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._watches: set[int] = set()
        self._stance: Any = None

    def hold_off(self, watch: object) -> None:
        """Where there is a compiler."""
        with self._lock:
            self._watches.add(id(watch))
            if self._stance is None and "torch._dynamo" in sys.modules:
                self._stance = torch.compiler.set_stance("force_eager")

    def let_go(self, watch: object) -> None:
        """As it was before, when the last watch is off."""
        with self._lock:
            self._watches.discard(id(watch))
            if not self._watches and self._stance is not None:
                self._stance.__exit__(None, None, None)
                self._stance = None


_COMPILER = _Compiler()


class Pass:
    """Where the operations of one forward pass are added up."""

    def __init__(self, length: int | None) -> None:
        self.forward: Work = {}
        self.length = length


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A dispatch mode that adds up the FLOP of every operation, by where it runs.

    `current` is the pass whose forward runs. In a backward, what runs under gradients or inside a module's call is
    recomputation of activations (torch.utils.checkpoint and its relatives run the forward again so); `higher_order`
    says that gradients alone do not mean that, since the backward itself is differentiated. Outside of both, what
    gradients can come back through is `loss`: it stands between the model's output and the loss. What else runs there,
    but for optimizers, is `aside`: it counts where the weights change without a backward. `optimizing` is what an
    optimizer runs, `applied` what autograd functions run that no gradient comes back through: a reference's head.
    """

    supports_higher_order_operators = True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """The compiler is held off already (`begin`); a wrapper that does it again would import it into every run."""
        return False

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.current: Pass | None = None
        self.higher_order = False
        self.loss: Work = {}
        self.backward: Work = {}
        self.aside: Work = {}
        self.optimizing: Work = {}
        self.applied: Work = {}
        self.length: int | None = None
        self.unknown: dict[str, int] = {}
        self.error: Exception | None = None
        self.called_first: Callable[[nn.Module, Any], None] | None = None
        """Told of each call of a module that stands in no pass, before it."""
        self.pairs: dict[int, int] = {}
        self.scripted = False
        """Whether a scripted model runs: inside of it no tensor says that it needs gradients."""
        self._wrapped = False
        self._formulas: dict[Any, tuple[str, Formula | None]] = {}
        self._composite: dict[Any, bool] = {}
        self.functions = Functions(self._is_on, self._guarded)
        self._modules = _Modules(self)

    def clear(self, waiting: bool = False) -> None:
        """Forget what was added up, for the next step. `waiting`: the backward of a counted pass is to come."""
        self.loss, self.backward, self.aside, self.pairs = {}, {}, {}, {}
        self.optimizing, self.applied = {}, {}
        self._wrapped = False
        self.higher_order = False
        self.functions.forget()
        self._modules.clear(waiting)

    def begin(self) -> None:
        """Switch on, until end."""
        _COMPILER.hold_off(self)
        self.__enter__()  # type: ignore[no-untyped-call]
        self._modules.begin()
        self.functions.begin()

    def end(self) -> None:
        """Switch off, wherever it stands on the stack of modes; nothing where it is off."""
        self.functions.end()
        self._modules.end()
        _COMPILER.let_go(self)
        if not self._is_on():
            return
        above = []
        while _python_dispatch._get_current_dispatch_mode() is not self:
            above.append(_python_dispatch._pop_mode())
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        for mode in reversed(above):
            _python_dispatch._push_mode(mode)

    def _is_on(self) -> bool:
        """Whether this thread's operations are seen."""
        return self in _python_dispatch._get_current_dispatch_mode_stack()

    # ----- One operation

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, torch._ops.HigherOrderOperator):
            self._guarded(self._higher_order_operator, func, args)
            return NotImplemented
        if any(each.__name__ == "FakeTensor" for each in types):
            return func(*args, **kwargs)  # somebody works shapes out: nothing runs
        name, formula = self._guarded(self._known, func) or (func._schema.name, None)
        if name in _ASIDE:
            return NotImplemented
        if any(_in_parts(each) for each in types):
            self._wrapped = True  # its parts do not say whether the whole needs gradients
            return NotImplemented
        if formula is None and self._is_composite(func):
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        self._guarded(self._count, func, name, formula, args, kwargs, result)
        return result

    def _count(self, func: Any, name: str, formula: Formula | None, args: Any, kwargs: Any, result: Any) -> None:
        if formula is not None:
            arguments = _named(func, args, kwargs)
            work = formula(Seen(arguments, result, self.current.length if self.current else self.length))
            bounds = bounds_of(arguments)
            if bounds is not None:
                self._note_pairs(work, bounds)
            self._add({kind: int(amount) for kind, amount in work.items()}, read(func, args))
        elif name in self.unknown and not self._modules.stands_for(in_backward()):
            self.unknown[name] += 1
        if name in _COPIES and args[0].dim() >= 2:
            self.functions.identities.copied(args[0], result)
        else:
            self.functions.ran(func, args, kwargs, result)

    def _guarded(self, do: Any, *args: Any) -> Any:
        """An error of the meter's own in the middle of somebody's operation: told, never raised there."""
        if self.error is not None:
            return None
        try:
            return do(*args)
        except Exception as error:
            self.error = error
            return None

    def called(self, module: nn.Module) -> bool:
        """Whether a linear layer was called since the last clear."""
        return id(module) in self._modules.called

    def _known(self, func: Any) -> tuple[str, Formula | None]:
        found = self._formulas.get(func)
        if found is None:
            name = func._schema.name
            formula = formula_of(name)
            if name.startswith("aten::mkldnn_rnn_layer"):
                formula = self._recurrent(backward="backward" in name)
            if formula is None and is_attention(name, dict.fromkeys((a.name for a in func._schema.arguments), 1)):
                formula = self._attention(name)
            if formula is None and is_unknown(name):
                self.unknown.setdefault(name, 0)
            found = self._formulas[func] = name, formula
        return found

    def _is_composite(self, func: Any) -> bool:
        known = self._composite.get(func)
        if known is None:
            key = "CompositeImplicitAutograd"
            known = self._composite[func] = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), key)
        return known

    def _attention(self, name: str) -> Formula:
        formula = attention(name, lambda *operands: self.functions.wanted(operands, (0, 1, 2)))
        return formula if "backward" in name or "bwd" in name else self._noting(formula, "qkv")

    def _recurrent(self, backward: bool) -> Formula:
        return recurrent(backward, lambda *operands: self.functions.wanted(operands, (0, 5)))

    def _noting(self, formula: Formula, operands: str) -> Formula:
        def noting(seen: Seen) -> Work:
            self.functions.note_wanted([_operand(seen.arguments, each) for each in operands])
            return formula(seen)

        return noting

    def _higher_order_operator(self, func: Any, args: Any) -> None:
        name = str(func.name()) if callable(getattr(func, "name", None)) else str(func)
        tensors = [each for each in args if isinstance(each, torch.Tensor)]
        if "flex_attention" in name and len(tensors) >= 3:
            arguments = dict(zip(("query", "key", "value"), tensors, strict=False))
            if "backward" in name:
                arguments["grad_out"] = tensors[-1]
            self._add(attention("flex_attention")(Seen(arguments, None)), args)
        elif "triton" in name:
            self.unknown[name] = self.unknown.get(name, 0) + 1

    def _note_pairs(self, work: Work, bounds: tuple[Any, Any]) -> None:
        """How many pairs the kernel works on: read from the bounds it was given, in counted steps alone."""
        for kind in list(work):
            if kind.startswith("ragged:"):
                window = int(kind.partition(":")[2])
                queries, keys = (each.tolist() for each in bounds)
                self.pairs[window] = pairs_in(queries, keys, window)

    def _add(self, work: Work, operands: list[Any]) -> None:
        taken = self.functions.takes(operands)
        if in_backward():
            again = bool(self._modules.again) or (FUNCTIONS.gradients() and not self.higher_order)
            if again or self.functions.takes_again(operands):
                spent = sum(amount for kind, amount in work.items() if not kind.startswith("ragged"))
                work = {SURPLUS: spent} | {
                    kind.replace("ragged:", "ragged-surplus:"): amount
                    for kind, amount in work.items()
                    if kind.startswith("ragged")
                }
            elif self.functions.may_take_again(operands):
                work = {**work, DOUBTFUL: counted(work)}
            add(self.backward, work)
            self._modules.saw_backward()
            return
        if taken:
            work = {SURPLUS: counted(work)}
        if self.current is not None:
            add(self.current.forward, work)
        elif in_function():
            add(self.loss if self.functions.comes_back(operands) else self.applied, work)
        elif torch.is_grad_enabled():
            wanted = self._wrapped or self.scripted or _needs_gradients(operands)
            add(self.loss, work if wanted else {SIGNAL: counted(work)})
        else:
            add(self.optimizing if self._modules.optimizing else self.aside, work)
            return
        self._modules.saw_forward(operands)

    @property
    def behind_outputs(self) -> Work:
        """What ran behind the passes of a step with a backward, the backward included."""
        return total([self.backward, self.loss, {SIGNAL: counted(self.applied)}])


def _needs_gradients(args: Any) -> bool:
    return any(
        _needs_gradients(each) if isinstance(each, list | tuple) else getattr(each, "requires_grad", False)
        for each in args
    )


def _in_parts(kind: type) -> bool:
    """A distributed tensor works on its own shard next, a nested one on the values of all its sequences: those count,
    so that all ranks add up to the whole, and no length is more than a number."""
    return kind.__name__ in ("DTensor", "NestedTensor")


def _named(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    names = [each.name for each in func._schema.arguments]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _operand(arguments: Mapping[str, Any], initial: str) -> Any:
    whole = {"q": "query", "k": "key", "v": "value"}[initial]
    return arguments[whole] if whole in arguments else arguments[initial]


def _linear_size(module: nn.Module) -> tuple[int, int] | None:
    """Logical inner and outer size of a linear layer, whatever way its weight is stored."""
    inner, outer = getattr(module, "in_features", None), getattr(module, "out_features", None)
    if isinstance(inner, int) and isinstance(outer, int) and next(iter(module.children()), None) is None:
        return inner, outer
    return None


class _Modules:
    """Calls of modules while the watch is on.

    Linear layers whose product no operation showed, such as kernels launched directly, are counted by logical size; a
    module that is called within a backward is activations' recomputation.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._thread = 0
        self._handles: list[Any] = []
        self._open: list[tuple[nn.Module, list[bool]]] = []
        self._unseen: list[tuple[Any, int, int, list[bool]]] = []
        self.used: set[int] = set()
        self.called: set[int] = set()
        self.again = 0
        self.optimizing = 0

    def begin(self) -> None:
        module = torch.nn.modules.module
        self._thread = get_ident()
        self._handles = [
            module.register_module_forward_pre_hook(self._before),
            module.register_module_forward_hook(self._after, always_call=True),
            optimizer.register_optimizer_step_pre_hook(self._optimizes),
            optimizer.register_optimizer_step_post_hook(self._optimized),
        ]

    def end(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._open.clear()
        self.again = self.optimizing = 0

    def clear(self, waiting: bool) -> None:
        self.again = 0
        self._unseen.clear()
        if not waiting:
            self.used.clear()
            self.called.clear()

    def stands_for(self, backward: bool) -> bool:
        """Whether the size of a linear layer stands for an operation without a formula that runs now."""
        if not backward:
            return bool(self._open)
        node = torch._C._current_autograd_node() if self._unseen else None
        return any(own is node for own, _, _, _ in self._unseen)

    def saw_forward(self, args: Any) -> None:
        for _, seen in self._open:
            seen[0] = True
        for each in tensors_in(args):
            self.used |= self._watch.functions.identities.places(each)

    def saw_backward(self) -> None:
        if self._unseen:
            node = torch._C._current_autograd_node()
            for own, _, _, seen in self._unseen:
                seen[0] = seen[0] or own is node

    def settle(self, into: Work) -> None:
        """Add the backward of layers that no operation showed."""
        for _, flop, wanted, seen in self._unseen:
            if not seen[0]:
                add(into, {DENSE: flop * wanted})
        self._unseen.clear()

    def _optimizes(self, *_: Any) -> None:
        self.optimizing += 1

    def _optimized(self, *_: Any) -> None:
        self.optimizing -= 1

    def _elsewhere(self, module: nn.Module) -> bool:
        """Whether another thread's call is heard: its operations are not. A replica's of DataParallel and a backward's
        belong here, too.
        """
        return get_ident() != self._thread and not in_backward() and not getattr(module, "_is_replica", False)

    def _before(self, module: nn.Module, args: Any) -> None:
        if self._elsewhere(module):
            return
        self.again += in_backward()
        for each in FUNCTIONS.running():
            each.calls_modules = True
        if self._watch.current is None and self._watch.called_first is not None:
            self._watch.called_first(module, args)
        if _linear_size(module) is not None:
            self.called.add(id(module))
            self._open.append((module, [False]))

    def _after(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._elsewhere(module):
            return
        self.again -= in_backward() and self.again > 0
        size = _linear_size(module)
        if size is None or not self._open or self._open[-1][0] is not module:
            return
        _, seen = self._open.pop()
        current = self._watch.current
        if seen[0] or current is None or in_backward() or not isinstance(output, torch.Tensor) or not output.numel():
            return
        if output.shape[-1] != size[1]:
            return
        flop = 2 * output.numel() * size[0]
        add(current.forward, {DENSE: flop})
        name = f"module::{type(module).__name__}"
        self._watch.unknown[name] = self._watch.unknown.get(name, 0) + 1
        if output.requires_grad:
            inputs = any(isinstance(each, torch.Tensor) and each.requires_grad for each in args)
            weights = any(each.requires_grad and each.dim() >= 2 for each in module.parameters(recurse=False))
            self._unseen.append((output.grad_fn, flop, int(inputs) + int(weights), [False]))


def settle_unseen(watch: Watch, into: Work) -> None:
    """Add to a counted backward what no operation showed."""
    watch._modules.settle(into)


def weights_seen(watch: Watch, weights: Iterable[torch.Tensor]) -> bool:
    """Whether any of the weights was an operand of an operation that counts."""
    return any(watch.functions.identities.places(each) <= watch._modules.used for each in weights)
