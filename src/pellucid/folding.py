"""Batch norms folded into the convolutions before them: about 1.3x on a ResNet-50 on a CPU.

The network is not touched. What changes is what `conv2d` and `batch_norm` do while this thread is in a pass: the
convolution takes weights that do the work of both, and the norm hands on what it is given. Nobody else sees anything of
it: not a callback, not another thread, not a backward that makes parts of the forward again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.overrides import TorchFunctionMode

from .frozen import alone
from .pairs import ASPECTS, Norm, Pair, Watch, circumstances, given

T = TypeVar("T")


class Folding(Generic[T]):
    """A function that runs a network, made faster from its second call on; call it inside `frozen`.

    The first call is an ordinary one, in which is seen what can be folded: a batch norm that reads the output of a
    convolution which nothing else reads. No tracing is needed, and any control flow will do: a later call in which
    anything else reads such an output, or keeps it, is made again without folding, and so are all after it. Small
    networks, or images, are left as they are: there it would not pay.

    Args:
        network: what `read` runs.
        read: a function of images.
        compiled: later calls run through `torch.compile`, which merges norms with what is around them by itself.
    """

    def __init__(self, network: nn.Module, read: Callable[[Tensor], T], compiled: bool = False):
        self.network, self.read, self.compiled = network, read, compiled
        self.pairs: dict[int, Pair] | None = None

    def __call__(self, images: Tensor) -> T:
        """What `read` makes of the images, which come to it in channels-last memory."""
        images = images.contiguous(memory_format=torch.channels_last)
        with alone(self.network):
            if self.pairs is None:
                return self._first(images)
            if not self.pairs or _is_observed(self.network):
                return self.read(images)
            try:
                with folded(self.pairs):
                    return self.read(images)
            except _Strayed:
                self.pairs = {}
                return self.read(images)

    def _first(self, images: Tensor) -> T:
        if self.compiled or _is_compiled(self.network) or _is_observed(self.network):
            result, self.pairs = self.read(images), {}
        else:
            with Watch() as watch:
                result = self.read(images)
            constant = {id(tensor) for tensor in (*self.network.parameters(), *self.network.buffers())}
            self.pairs = watch.pairs(constant)
        self.read = torch.compile(self.read) if self.compiled else self.read
        return result


def _is_compiled(network: nn.Module) -> bool:
    """Whether a part of it runs through `torch.compile`, which would compile it anew for what goes on here."""
    return any(hasattr(module, "_orig_mod") or module._compiled_call_impl for module in network.modules())


def _is_observed(network: nn.Module) -> bool:
    """Whether there are hooks that may see, or change, the output of a convolution: nothing is folded below them.

    Those that are `counted` read through operations alone.
    """
    hooks = [*module_hooks._global_forward_hooks.values(), *module_hooks._global_forward_pre_hooks.values()]
    for module in network.modules():
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            hooks += vars(module)[name].values()
    return not all(getattr(hook, "counted", False) for hook in hooks)


class _Strayed(Exception):  # noqa: N818 - a pass that went another way is made again
    """Something else than its norm has read the output of a folded convolution."""


@dataclass
class _Made:
    """The output of a folded convolution, and what stands for it until its norm is reached: without values, so that
    it cannot be read by mistake."""

    stand_in: Tensor
    output: Tensor | None
    pair: Pair


class _Folded(TorchFunctionMode):
    """Has convolutions do the work of their norms, too."""

    def __init__(self, pairs: dict[int, Pair]):
        super().__init__()
        self.pairs, self.made, self.outside = pairs, dict[int, _Made](), circumstances()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        named = kwargs or {}
        if func is F.conv2d and len(args) > 2 and (pair := self._pair(args[1], args[2])):
            return self._stand_in(func(args[0], *pair.weights(), *args[3:], **named), pair)
        read = [self.made[id(value)] for value in given(args, named) if id(value) in self.made]
        if not read:
            return func(*args, **named)
        (made, *others), output = read, read[0].output
        if others or output is None:
            raise _Strayed
        if func in ASPECTS and args[0] is made.stand_in:
            return func(output, *args[1:], **named)
        if func is F.batch_norm and made.pair.norm.equals(Norm.of(args, named)) and circumstances() == self.outside:
            made.output = None
            return output
        raise _Strayed

    def _pair(self, weight: Any, bias: Any) -> Pair | None:
        pair = self.pairs.get(id(weight))
        return pair if pair is not None and pair.own[1] is bias and circumstances() == self.outside else None

    def _stand_in(self, output: Tensor, pair: Pair) -> Tensor:
        stand_in = torch.empty_strided(output.shape, output.stride(), dtype=output.dtype, device="meta")
        self.made[id(stand_in)] = _Made(stand_in, output, pair)
        return stand_in

    def kept(self) -> bool:
        """After the pass: whether anybody still has what stands for an output."""
        seen = [weakref.ref(made.stand_in) for made in self.made.values()]
        self.made.clear()
        return any(reference() is not None for reference in seen)


@contextmanager
def folded(pairs: dict[int, Pair]) -> Iterator[None]:
    """Within, this thread's convolutions and norms run as pairs; `_Strayed` if one is read, or kept, by another."""
    mode = _Folded(pairs)
    with mode:
        yield
    if mode.kept():
        raise _Strayed
