"""Batch norms folded into the convolutions before them: about 1.1x on a ResNet-50 on a CPU.

The network is not touched. What changes is what `conv2d` and `batch_norm` do while this thread is in a pass: the
convolution waits until its output is read, and where a norm reads it, both are computed as one convolution. Nobody else
sees anything of it: not a callback, not another thread, not a backward that makes parts of the forward again.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.overrides import TorchFunctionMode

from .frozen import alone
from .pairs import Norm, Pair

T = TypeVar("T")

# So many values an image have to come from the convolutions: below, looking at every call takes longer than the norms.
# It does not count the batch, so that the results do not depend on how images are split into batches.
WORTHWHILE = 2**19
DIMENSIONS = (Tensor.dim, Tensor.ndim.__get__)  # type: ignore[attr-defined] - what a norm asks for first


class Folding(Generic[T]):
    """A function that runs a network, made faster; call it inside `frozen`.

    No tracing is needed, and any control flow will do: whatever else reads the output of a convolution is given it. The
    first call finds the convolutions that are read by a norm alone, and only these wait in later ones. Should something
    else read, or keep, one of them then, the call is made again without folding, and so are all after it. Small
    networks, or images, are left as they are after the first call: there it would not pay.

    Args:
        network: what `read` runs.
        read: a function of images.
        compiled: calls after the first run through `torch.compile`, which merges norms with what is around them by
            itself.
    """

    def __init__(self, network: nn.Module, read: Callable[[Tensor], T], compiled: bool = False):
        self.network, self.read, self.compiled = network, read, compiled
        self.pairs: dict[int, Pair] | None = None

    def __call__(self, images: Tensor) -> T:
        """What `read` makes of the images, which come to it in channels-last memory."""
        images = images.contiguous(memory_format=torch.channels_last)
        with alone(self.network):
            if self.compiled:
                return self._compiled(images)
            if self.pairs == {} or _is_opaque(self.network) or _is_observed(self.network):
                return self.read(images)
            try:
                return self._folded(images)
            except torch.OutOfMemoryError:
                raise
            except (_Strayed, RuntimeError):  # of what stands for an output, where no function of torch's was asked
                self.pairs = {}
                return self.read(images)

    def _folded(self, images: Tensor) -> T:
        if self.pairs is None:
            own = (*self.network.parameters(), *self.network.buffers())
            mode = _Waiting(constant=[tensor for tensor in own if not (tensor.requires_grad or tensor.is_inference())])
        else:
            mode = _Waiting(pairs=self.pairs)
        with mode:
            result = self.read(images)
        if mode.is_kept():
            raise _Strayed
        if self.pairs is None:
            self.pairs = mode.found() if mode.values >= WORTHWHILE * len(images) else {}
        return result

    def _compiled(self, images: Tensor) -> T:
        if self.pairs is None:
            self.pairs, result = {}, self.read(images)
            self.read = torch.compile(self.read)
            return result
        return self.read(images)


def _is_opaque(network: nn.Module) -> bool:
    """Whether parts of it run where functions of torch's are not seen: compiled, scripted, or in other threads."""
    kinds = (torch.jit.ScriptModule, nn.DataParallel, nn.parallel.DistributedDataParallel)
    return any(
        isinstance(module, kinds) or hasattr(module, "_orig_mod") or module._compiled_call_impl
        for module in network.modules()
    )


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
    """Something else than its norm has read the output of a convolution that is known to be read by the norm alone."""


def _circumstances() -> tuple[bool, Any]:
    """What is different within a checkpoint, whose forward is made again without anything being folded, and within an
    operation of somebody's own, whose gradient would not be seen."""
    saving = torch._C._autograd._top_saved_tensors_default_hooks(True)  # pyright: ignore[reportAttributeAccessIssue]
    return torch.is_grad_enabled(), saving


@dataclass
class _Call:
    """A convolution that waits. What stands for its output has no values, so that it cannot be read by mistake."""

    stand_in: Tensor
    args: tuple[Any, ...]
    named: dict[str, Any]
    version: int
    output: Tensor | None = None
    over: bool = False  # the norm has read it, and nobody else will


class _Waiting(TorchFunctionMode):
    """Has convolutions wait for what reads their outputs: all whose weights are constant, or those of known pairs."""

    def __init__(self, constant: Iterable[Tensor] = (), pairs: dict[int, Pair] | None = None):
        super().__init__()
        self.constant, self.known = {id(tensor) for tensor in (None, *constant)}, pairs is not None
        self.pairs = dict(pairs or {})
        self.waits = set(self.pairs) if self.known else self.constant
        self.calls: dict[int, _Call] = {}
        self.shared: set[int] = set()
        self.values = 0
        self.outside = _circumstances()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        named = kwargs or {}
        read = [self.calls[id(value)] for value in _given(args, named) if id(value) in self.calls]
        if read and func in DIMENSIONS:
            return read[0].args[0].dim()
        if read and func is F.batch_norm and (pair := self._pair(read[0], Norm.of(args, named))):
            return self._together(read[0], pair)
        if read:
            args = tuple(self._real(value) for value in args)
            named = {name: self._real(value) for name, value in named.items()}
        if func is F.conv2d and len(args) > 2 and id(args[1]) in self.waits and _circumstances() == self.outside:
            return self._wait(args, named)
        return func(*args, **named)

    def _wait(self, args: tuple, named: dict[str, Any]) -> Tensor:
        stand_in = torch.empty(0, device="meta")
        self.calls[id(stand_in)] = _Call(stand_in, args, named, args[0]._version)
        return stand_in

    def _pair(self, call: _Call, norm: Norm) -> Pair | None:
        """The pair of a convolution and the norm that reads it; None if they are none, or are no more."""
        if call.output is not None or call.over or not self._is_untouched(call):
            return None
        weight, bias = call.args[1:3]
        pair = self.pairs.get(id(weight))
        if pair is None and not self.known and norm.is_constant(self.constant) and id(bias) in self.constant:
            pair = self.pairs[id(weight)] = Pair(weight, bias, norm)
        return pair if pair is not None and pair.is_of(bias, norm) else None

    def _together(self, call: _Call, pair: Pair) -> Tensor:
        output = F.conv2d(call.args[0], *pair.weights(), *call.args[3:], **call.named)
        self.values += output.numel()
        if self.known:
            call.args, call.over = (), True  # what it reads may go
        return output

    def _real(self, value: Any) -> Any:
        """An argument with the outputs in place of what stands for them."""
        if isinstance(value, (list, tuple)) and any(id(item) in self.calls for item in value):
            return type(value)(map(self._real, value))
        return self._output(self.calls[id(value)]) if id(value) in self.calls else value

    def _output(self, call: _Call) -> Tensor:
        """The convolution's own output."""
        if call.output is None:
            if call.over or not self._is_untouched(call):
                raise _Strayed
            self.shared.add(id(call.args[1]))
            call.output = F.conv2d(*call.args, **call.named)
        return call.output

    def _is_untouched(self, call: _Call) -> bool:
        """Whether it would compute now what it would have computed when it was called."""
        return call.args[0]._version == call.version and _circumstances() == self.outside

    def found(self) -> dict[int, Pair]:
        """After the first pass: the pairs whose norm alone reads the convolution, by the id of its weight."""
        return {weight: pair for weight, pair in self.pairs.items() if weight not in self.shared}

    def is_kept(self) -> bool:
        """After the pass: whether anybody still has what stands for an output."""
        seen = [weakref.ref(call.stand_in) for call in self.calls.values()]
        self.calls.clear()
        return any(reference() is not None for reference in seen)


def _given(args: tuple, named: dict[str, Any]) -> Iterable[Any]:
    """The arguments of a function, and what is in the lists among them."""
    for value in (*args, *named.values()):
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value
