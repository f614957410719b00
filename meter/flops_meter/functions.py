"""Calls of autograd functions, heard where torch makes them: whatever way a function is written, and aliased.

torch shows a function's forward nothing of its call where it is written with `setup_context`. So as long as anybody
counts, the methods through which torch calls each function, and each function keeps and takes back tensors, are ours.
"""

from collections.abc import Callable
from threading import Lock, local
from typing import Any, Protocol

import torch
from torch._functorch import eager_transforms
from torch.autograd.function import BackwardCFunction, _SingleLevelFunction

from flops_meter.values import tensors_in


class Call:
    """A call of an autograd function, while its forward runs."""

    __slots__ = ("__weakref__", "calls_modules", "context", "given", "gradients", "kept", "task")

    def __init__(self, given: tuple[Any, ...]) -> None:
        self.given = given
        self.gradients = torch.is_grad_enabled()
        """Whether they are on where the function is called: inside of it they are off."""
        self.task = torch._C._current_graph_task_id()
        self.context: Any = self
        """What its backward is given, as soon as torch has made it."""
        self.kept: tuple[Any, ...] = ()
        self.calls_modules = False
        """As a checkpoint does, whose backward calls them again."""

    @property
    def comes_back(self) -> bool:
        """Whether torch will run the function's backward."""
        return self.gradients and any(_needs_gradients(each) for each in self.given)

    @property
    def fixed(self) -> list[torch.Tensor]:
        """Tensors that it is given and that need no gradient."""
        return list(tensors_in([each for each in self.given if not _needs_gradients(each)]))


class Listener(Protocol):
    """Who is told, where it listens to this thread."""

    def listens(self) -> bool:
        """Whether it does now."""

    def kept(self, call: Call) -> None:
        """The forward of a call is over, and the tensors that it kept are packed."""

    def taken_back(self, context: Any, tensors: tuple[Any, ...]) -> None:
        """A backward takes back what the forward kept: in the same storage, or in another one."""

    def came(self, context: Any, gradients: tuple[Any, ...]) -> None:
        """The backward of a call begins."""


class _Functions:
    """Heard from the first listener's begin to the last one's end, in all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._listeners: list[Listener] = []
        self._undo: list[Callable[[], None]] = []
        self._thread = local()
        self._transforms = 0

    def begin(self, listener: Listener) -> None:
        """Hear them from now on."""
        with self._lock:
            if not self._listeners:
                self._take_over()
            if listener not in self._listeners:
                self._listeners = [*self._listeners, listener]

    def end(self, listener: Listener) -> None:
        """As it was before, when the last listener is gone."""
        with self._lock:
            self._listeners = [each for each in self._listeners if each is not listener]
            while self._undo and not self._listeners:
                self._undo.pop()()

    def running(self) -> list[Call]:
        """Calls whose forwards run now, the innermost last: in this backward, where one runs."""
        calls: list[Call] = getattr(self._thread, "calls", [])
        if not calls:
            return []
        task = torch._C._current_graph_task_id()
        return [each for each in calls if each.task == task]

    def gradients(self) -> bool:
        """Whether gradients are on, or were where the outermost of them was called. Those of torch.func's backwards,
        which all are made to be differentiated, are not meant."""
        running = self.running()
        return running[0].gradients if running else torch.is_grad_enabled() and not self._transforms

    @property
    def _calls(self) -> list[Call]:
        calls: list[Call] | None = getattr(self._thread, "calls", None)
        if calls is None:
            calls = self._thread.calls = []
        return calls

    def _tell(self, what: str, *of: Any) -> None:
        for each in self._listeners:
            if each.listens():
                getattr(each, what)(*of)

    def _put(self, owner: Any, name: str, ours: Any) -> None:
        """In place of what a class has or inherits, or a module has."""
        if name in owner.__dict__:
            theirs = owner.__dict__[name]
            self._undo.append(lambda: setattr(owner, name, theirs))
        else:
            self._undo.append(lambda: delattr(owner, name))
        setattr(owner, name, ours)

    def _take_over(self) -> None:
        node: Any = BackwardCFunction
        made, save, taken = node.__init__, node.save_for_backward, node.saved_tensors

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            call, calls = Call(args), self._calls
            depth = len(calls)
            calls.append(call)
            try:
                return super(_SingleLevelFunction, cls).apply(*args, **kwargs)  # type: ignore[misc]
            finally:
                del calls[depth:]
                self._tell("kept", call)

        def begun(context: Any, *args: Any, **kwargs: Any) -> None:
            made(context, *args, **kwargs)
            calls = self._calls
            if calls and calls[-1].context is calls[-1]:
                calls[-1].context = context

        def save_for_backward(context: Any, *tensors: Any) -> None:
            save(context, *tensors)
            for each in self._calls:
                if each.context is context:
                    each.kept = tensors

        def saved_tensors(context: Any) -> Any:
            tensors = taken.__get__(context)
            self._tell("taken_back", context, tensors)
            return tensors

        self._put(_SingleLevelFunction, "apply", classmethod(apply))
        self._put(node, "__init__", begun)
        self._put(node, "save_for_backward", save_for_backward)
        self._put(node, "saved_tensors", property(saved_tensors))
        for name in ("apply", "apply_boxed"):  # newer torches have both
            if hasattr(node, name):
                self._put(node, name, self._backward(getattr(node, name)))
        self._put(eager_transforms, "_autograd_grad", self._transform(eager_transforms._autograd_grad))

    def _transform(self, run: Any) -> Any:
        def transform(*args: Any, **kwargs: Any) -> Any:
            self._transforms += 1
            try:
                return run(*args, **kwargs)
            finally:
                self._transforms -= 1

        return transform

    def _backward(self, run: Any) -> Any:
        def backward(context: Any, *gradients: Any) -> Any:
            self._tell("came", context, gradients)
            return run(context, *gradients)

        return backward


FUNCTIONS = _Functions()


def _needs_gradients(each: Any) -> bool:
    return isinstance(each, torch.Tensor) and each.requires_grad
