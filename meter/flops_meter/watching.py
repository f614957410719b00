"""Counting what really runs, operation by operation, while it runs: for the first call of each kind alone."""

import sys
from collections.abc import Callable, Iterable, Mapping
from threading import get_ident
from typing import Any

import torch
from torch import nn
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
from flops_meter.work import DENSE, SURPLUS, Work, add

FORWARD = "forward"
BACKWARD = "backward"
LOSS = "loss"
"""Operations under gradients that belong to no pass: what stands between the model's output and the loss."""

_ASIDE = {"prim::device", "aten::sym_is_contiguous", "aten::is_contiguous", "aten::is_strides_like_format"}
_ASIDE |= {f"aten::{name}" for name in ("is_non_overlapping_and_dense", "size", "sym_size", "stride", "sym_stride")}
_ASIDE |= {f"aten::{name}" for name in ("storage_offset", "sym_storage_offset", "numel", "sym_numel", "dim")}
_ASIDE |= {"prim::layout"}
"""What a tensor subclass is asked about itself: no work."""


def in_backward() -> bool:
    """Whether autograd runs this thread's code now."""
    return bool(torch._C._current_graph_task_id() != -1)


def graph_nodes() -> int:
    """How many nodes of graphs this thread has made: what it grows by in a forward is a mark of the graph it made."""
    return int(torch._C._autograd._get_sequence_nr())


def foreign_modes() -> bool:
    """Whether somebody else's dispatch mode is on, so that ours must end in the order in which it began."""
    return any(not isinstance(mode, Watch) for mode in _python_dispatch._get_current_dispatch_mode_stack())


class Pass:
    """Where the operations of one forward pass are added up."""

    def __init__(self, length: int | None) -> None:
        self.forward: Work = {}
        self.length = length


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A dispatch mode that adds up the FLOP of every operation, by where it runs.

    `current` is the pass whose forward runs. In a backward, what runs under gradients or inside a module's call is
    recomputation of activations (torch.utils.checkpoint and its relatives run the forward again so); `higher_order`
    says that gradients alone do not mean that, since the backward itself is differentiated.
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
        self.length: int | None = None
        self.unknown: dict[str, int] = {}
        self.error: Exception | None = None
        self.called_first: Callable[[nn.Module, Any], None] | None = None
        """Told of each call of a module that stands in no pass, before it."""
        self.pairs: dict[int, int] = {}
        self.weights: set[int] = set()
        self._outputs: set[int] = set()
        self._wanted: dict[tuple[int, ...], tuple[bool, bool, bool]] = {}
        self._wanted_by_state: dict[tuple[int, ...], tuple[bool, bool]] = {}
        self._formulas: dict[Any, tuple[str, Formula | None]] = {}
        self._composite: dict[Any, bool] = {}
        self._modules = _Modules(self)
        self._stance: Any = None

    def clear(self) -> None:
        """Forget what was added up, for the next step."""
        self.loss, self.backward, self.pairs = {}, {}, {}
        self._wanted.clear()
        self._wanted_by_state.clear()
        self._outputs.clear()
        self.higher_order = False
        self._modules.clear()

    def begin(self) -> None:
        """Switch on, until end."""
        # Without it, compiled code would be skipped for good when it meets a dispatch mode at its first call.
        if "torch._dynamo" in sys.modules:
            self._stance = torch.compiler.set_stance("force_eager")
        self.__enter__()  # type: ignore[no-untyped-call]
        self._modules.begin()

    def end(self) -> None:
        """Switch off, wherever it stands on the stack of modes; nothing where it is off."""
        self._modules.end()
        if self._stance is not None:
            self._stance.__exit__(None, None, None)
            self._stance = None
        if self not in _python_dispatch._get_current_dispatch_mode_stack():
            return
        above = []
        while _python_dispatch._get_current_dispatch_mode() is not self:
            above.append(_python_dispatch._pop_mode())
        self.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        for mode in reversed(above):
            _python_dispatch._push_mode(mode)

    # ----- One operation

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, torch._ops.HigherOrderOperator):
            self._guarded(self._higher_order_operator, func, args)
            return NotImplemented
        if any(each.__name__ == "FakeTensor" for each in types):
            return func(*args, **kwargs)  # somebody works shapes out: nothing runs
        name, formula = self._guarded(self._known, func) or (func._schema.name, None)
        if name in _ASIDE or any(_in_parts(each) for each in types):
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
            self._add({kind: int(amount) for kind, amount in work.items()}, args)
        elif name == "aten::_to_copy" and args[0].dim() == 2:
            self._modules.copied(args[0], result)
        elif name in self.unknown and not self._modules.stands_for(in_backward()):
            self.unknown[name] += 1

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

    def expect(self, outputs: Iterable[torch.Tensor]) -> None:
        """Outputs of a pass that a loss is going to be made of."""
        self._outputs.update(storage_of(each) for each in outputs)

    def _fused_loss(self, args: Any) -> bool:
        """Whether an operation without gradients works on a pass's output or, after one, on a weight.

        A loss that makes its gradients in its forward does so in an autograd function: the head, fused with it.
        """
        if not self._outputs or self.backward:
            return False  # after the backward it is an optimizer, and the memory of outputs is others'
        places = {storage_of(each) for each in args if isinstance(each, torch.Tensor)} - {0}
        return not places.isdisjoint(self._outputs | self.weights)

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
        formula = attention(name, self._gradients_wanted)
        backward = "backward" in name or "bwd" in name

        def noting(seen: Seen) -> Work:
            if not backward:
                query, key, value = (_operand(seen.arguments, part) for part in ("q", "k", "v"))
                flags = (query.requires_grad, key.requires_grad, value.requires_grad)
                self._wanted[_place(query, key, value)] = flags
            return formula(seen)

        return noting

    def _recurrent(self, backward: bool) -> Formula:
        formula = recurrent(
            backward, lambda values, state: self._wanted_by_state.get(_place(values, state), (True, True))
        )

        def noting(seen: Seen) -> Work:
            if not backward:
                values, state = seen.arguments["input"], seen.arguments["hx_"]
                self._wanted_by_state[_place(values, state)] = values.requires_grad, state.requires_grad
            return formula(seen)

        return noting

    def _gradients_wanted(self, query: Any, key: Any, value: Any) -> tuple[bool, bool, bool]:
        """Which gradients a backward is for: the kernel makes all three, the forward saw which are wanted."""
        return self._wanted.get(_place(query, key, value), (True, True, True))

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

    def _add(self, work: Work, args: Any) -> None:
        if in_backward():
            if self._modules.again or (torch.is_grad_enabled() and not self.higher_order):
                spent = sum(amount for kind, amount in work.items() if not kind.startswith("ragged"))
                work = {SURPLUS: spent} | {
                    kind.replace("ragged:", "ragged-surplus:"): amount
                    for kind, amount in work.items()
                    if kind.startswith("ragged")
                }
            add(self.backward, work)
            self._modules.saw_backward()
        elif self.current is not None:
            add(self.current.forward, work)
            self._modules.saw_forward(args)
        elif torch.is_grad_enabled() or self._fused_loss(args):
            add(self.loss, work)
            self._modules.saw_forward(args)


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


def _place(*tensors: Any) -> tuple[int, ...]:
    return tuple(each.data_ptr() for each in tensors)


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
        self._copies: dict[int, int] = {}
        self.used: set[int] = set()
        self.called: set[int] = set()
        self.again = 0

    def begin(self) -> None:
        module = torch.nn.modules.module
        self._thread = get_ident()
        self._handles = [
            module.register_module_forward_pre_hook(self._before),
            module.register_module_forward_hook(self._after, always_call=True),
        ]

    def end(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._open.clear()
        self.again = 0

    def clear(self) -> None:
        self.again = 0
        self._unseen.clear()
        self._copies.clear()
        self.used.clear()
        self.called.clear()

    def stands_for(self, backward: bool) -> bool:
        """Whether the size of a linear layer stands for an operation without a formula that runs now."""
        if not backward:
            return bool(self._open)
        node = torch._C._current_autograd_node() if self._unseen else None
        return any(own is node for own, _, _, _ in self._unseen)

    def copied(self, source: torch.Tensor, copy: torch.Tensor) -> None:
        """A weight in another precision stands for the weight."""
        place = storage_of(source)
        self._copies[storage_of(copy)] = self._copies.get(place, place)

    def saw_forward(self, args: Any) -> None:
        for _, seen in self._open:
            seen[0] = True
        for each in args:
            if isinstance(each, torch.Tensor):
                place = storage_of(each)
                self.used.add(self._copies.get(place, place))

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

    def _elsewhere(self, module: nn.Module) -> bool:
        """Whether another thread's call is heard: its operations are not. A replica's of DataParallel and a backward's
        belong here, too.
        """
        return get_ident() != self._thread and not in_backward() and not getattr(module, "_is_replica", False)

    def _before(self, module: nn.Module, args: Any) -> None:
        if self._elsewhere(module):
            return
        self.again += in_backward()
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
    return any(storage_of(each) in watch._modules.used for each in weights)


def storage_of(tensor: torch.Tensor) -> int:
    """Where a tensor's values lie; 0 for one without storage of its own."""
    try:
        return tensor.untyped_storage().data_ptr()
    except (RuntimeError, NotImplementedError):
        return 0
