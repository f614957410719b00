"""What autograd functions compute again of the same values, and what no gradient comes back through in them."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch.autograd.function import BackwardCFunction

from flops_meter.functions import FUNCTIONS, Call
from flops_meter.values import Identities, Values, tensors_in

Product = tuple[Values, ...]
Sizes = tuple[torch.Size, ...]


def in_backward() -> bool:
    """Whether autograd runs this thread's code now."""
    return bool(torch._C._current_graph_task_id() != -1)


def in_function() -> bool:
    """Whether the forward of an autograd function runs: without gradients, though they come back through it.

    A fused loss, a checkpoint of the reentrant kind. torch puts forward-mode derivatives off there, and nowhere else
    but for inference.
    """
    return not (torch.is_grad_enabled() or torch._C._is_fwd_grad_enabled() or torch.is_inference_mode_enabled())


class _Taken:
    """What one call of a function took: as long as torch keeps what the backward of the call is given."""

    def __init__(self) -> None:
        self.products: set[Product] = set()
        self.sizes: Counter[Sizes] = Counter()
        self.left: Counter[Sizes] = Counter()
        """How many products of each size the backward that runs has not taken again."""
        self.wanted: dict[Product, tuple[bool, ...]] = {}
        self.kept: list[list[tuple[Values | None, frozenset[int]]]] = []


class Functions:
    """Calls of autograd functions, as one watch sees them. `listens` says whether it sees this thread's operations,
    `guarded` runs what must not raise."""

    def __init__(self, listens: Callable[[], bool], guarded: Callable[..., Any]) -> None:
        self.identities = Identities()
        self.listens = listens
        self._guarded = guarded
        self._calls: WeakKeyDictionary[Any, _Taken] = WeakKeyDictionary()
        self._makes: dict[Any, bool] = {}
        self._slopes: set[int] = set()
        """Storages of gradients that came to functions, and of what they made of them."""

    def begin(self) -> None:
        """From now on all operations are told."""
        self.identities.doubt_all()
        FUNCTIONS.begin(self)

    def end(self) -> None:
        """They are no more."""
        FUNCTIONS.end(self)

    def forget(self) -> None:
        """What nobody holds any more, after a backward."""
        self.identities.forget_dead()
        self._slopes.clear()

    # ----- What torch tells

    def kept(self, call: Call) -> None:
        """What a forward kept: its backward may take it back from another place, where activations are offloaded."""
        self._guarded(self._note_kept, call)

    def taken_back(self, context: Any, tensors: tuple[Any, ...]) -> None:
        """Whatever storage it comes in, it is what was kept."""
        self._guarded(self._note_taken_back, context, tensors)

    def came(self, context: Any, gradients: tuple[Any, ...]) -> None:
        """A backward begins."""
        self._guarded(self._note_came, context, gradients)

    def _note_kept(self, call: Call) -> None:
        taken = self._calls.get(call.context)
        if taken is not None:
            known = self.identities
            taken.kept = [[(known.values(each), known.places(each)) for each in tensors_in(one)] for one in call.kept]

    def _note_taken_back(self, context: Any, tensors: tuple[Any, ...]) -> None:
        taken = self._calls.get(context)
        for known, one in zip(taken.kept if taken else (), tensors, strict=False):
            for (values, places), each in zip(known, tensors_in(one), strict=False):
                if values is not None:
                    self.identities.stands_for(each, values, places)

    def _note_came(self, context: Any, gradients: tuple[Any, ...]) -> None:
        taken = self._calls.get(context)
        if taken is not None:
            self._slopes |= self._numbers(gradients)
            taken.left = taken.sizes.copy()

    # ----- Operations

    def ran(self, func: Any, args: Any, kwargs: Any, results: Any) -> None:
        """An operation: what the forward of a function makes, its backward may make again, but of gradients."""
        if func._schema.is_mutable:
            self.identities.wrote(written(func, args, kwargs))
        running = FUNCTIONS.running()
        if running[-1].calls_modules if running else self._of_node() is None:
            return
        if not running and self._slopes & self._numbers((args, kwargs)):
            self._slopes |= self._numbers((results, written(func, args, kwargs)))
            return
        makes = self._makes.get(func)
        if makes is None:
            chance = torch.Tag.nondeterministic_seeded in func.tags
            makes = not (chance or func._schema.is_mutable or "empty" in func.name())
            self._makes[func] = makes
        if makes:
            self.identities.made(func.name(), (args, kwargs), results)

    def takes(self, operands: Any) -> bool:
        """A product in a forward. Returns whether the innermost function took the same one before, of nothing but what
        it was given."""
        running = _fused()
        product = self.identities.product(operands) if running else None
        if product is None:
            return False
        innermost = self._calls.get(running[-1].context)
        again = innermost is not None and product in innermost.products and in_function()
        again = again and self._places(operands) <= self._places(running[-1].given)
        for each in running:
            taken = self._of(each)
            taken.sizes[_sizes(operands)] += product not in taken.products
            taken.products.add(product)
        return again

    def takes_again(self, operands: Any) -> bool:
        """A product in the backward of a call: whether the call's forward took it, too."""
        taken = self._of_node()
        if taken is None or self.identities.product(operands) not in taken.products:
            return False
        taken.left[_sizes(operands)] -= 1
        return True

    def may_take_again(self, operands: Any) -> bool:
        """A product in the backward of a call: whether it is of other values, but no gradients, and as large as one
        that the forward took and the backward did not take again."""
        taken, sizes = self._of_node(), _sizes(operands)
        if taken is None or taken.left[sizes] < 1 or self._slopes & self._numbers(operands):
            return False
        taken.left[sizes] -= 1
        return True

    def comes_back(self, tensors: Any) -> bool:
        """Whether gradients come back to an operation on these, in the forwards of functions.

        Not to one of nothing but what a function was given and needs none: a teacher's head. They do where no call is
        heard: in a function of torch's own.
        """
        running, places = FUNCTIONS.running(), self._places(tensors)
        return not running or any(each.comes_back and not places <= self._places(each.fixed) for each in running)

    def note_wanted(self, operands: list[torch.Tensor]) -> None:
        """An operation whose backward is one operation: to which operands do gradients come back?"""
        running = _fused()
        product = self.identities.product(operands) if running else None
        if product is not None:
            wanted = tuple(self.comes_back(each) if in_function() else each.requires_grad for each in operands)
            for each in running:
                self._of(each).wanted[product] = wanted

    def wanted(self, operands: tuple[torch.Tensor, ...], edges: tuple[int, ...]) -> tuple[bool, ...]:
        """Which gradients the backward of one operation is for, where a kernel makes all of them.

        torch's own node says so by the `edges` that it has; of a function, the forward saw which are wanted.
        """
        node, taken = torch._C._current_autograd_node(), self._of_node()
        if taken is not None:
            return taken.wanted.get(self.identities.product(operands) or (), (True,) * len(operands))
        if node is None or isinstance(node, BackwardCFunction) or len(node.next_functions) <= max(edges):
            return (True,) * len(operands)
        return tuple(node.next_functions[each][0] is not None for each in edges)

    # ----- Inside

    def _of(self, call: Call) -> _Taken:
        return self._calls.setdefault(call.context, _Taken())

    def _of_node(self) -> _Taken | None:
        """Of the call whose backward runs."""
        node = torch._C._current_autograd_node() if self._calls else None
        return self._calls.get(node) if isinstance(node, BackwardCFunction) else None

    def _numbers(self, tensors: Any) -> set[int]:
        return {self.identities.number(each) for each in tensors_in(tensors)}

    def _places(self, tensors: Any) -> frozenset[int]:
        found: Iterable[frozenset[int]] = (self.identities.places(each) for each in tensors_in(tensors))
        return frozenset().union(*found)


def _fused() -> list[Call]:
    """Calls that run, without those of checkpoints: the backward of such a one calls its modules again."""
    return [each for each in FUNCTIONS.running() if not each.calls_modules]


def read(func: Any, args: Any) -> list[Any]:
    """What an operation works on, without what it adds to."""
    return [each for each, of in zip(args, func._schema.arguments, strict=False) if not _is_written(of)]


def written(func: Any, args: Any, kwargs: Any) -> list[Any]:
    """What an operation writes to."""
    if not func._schema.is_mutable:
        return []
    given = {each.name: value for each, value in zip(func._schema.arguments, args, strict=False)} | kwargs
    return [given[each.name] for each in func._schema.arguments if _is_written(each) and each.name in given]


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _sizes(operands: Any) -> Sizes:
    return tuple(each.shape for each in tensors_in(operands))
