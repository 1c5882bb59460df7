"""Batch norms folded into the convolutions before them: about 1.3x on a ResNet-50 on a CPU.

Nothing is copied. Weights are exchanged for the length of one pass, under the network's lock, so that hooks on modules
go on working, and nobody else ever sees a folded network: not a callback, not another thread.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Generic, TypeVar, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from .frozen import alone

T = TypeVar("T")

Norm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d
# What runs its modules where hooks on them do not see it, or fuses them by itself.
OPAQUE = (nn.DataParallel, nn.parallel.DistributedDataParallel, torch.jit.ScriptModule, torch._dynamo.OptimizedModule)


class Folding(Generic[T]):
    """A function that runs a network, made faster from its second call on; call it inside `frozen`.

    The first call is an ordinary one, in which is seen what can be folded: a batch norm that reads the output of a
    convolution which nothing else reads. No tracing is needed, and any control flow will do: a later call in which
    such a pair runs otherwise is made again without folding, and so are all after it.

    Args:
        network: what `read` runs.
        read: a function of images.
        compiled: later calls run through `torch.compile`.
    """

    def __init__(self, network: nn.Module, read: Callable[[Tensor], T], compiled: bool = False):
        self.network, self.read, self.compiled = network, read, compiled
        self.pairs: list[Pair] | None = None
        self._used: list[Pair] = []

    def __call__(self, images: Tensor) -> T:
        """What `read` makes of the images, which come to it in channels-last memory."""
        images = images.contiguous(memory_format=torch.channels_last)
        with alone(self.network):
            if self.pairs is None:
                return self._watched(images)
            self._used = self.pairs
            try:
                with self.as_it_was():
                    return self._through_pairs(images)
            except _Strayed:
                self.pairs = self._used = []
                return self.read(images)

    @contextmanager
    def as_it_was(self) -> Iterator[None]:
        """Within, the network is folded as it was in the last call, and nobody else's pass runs: for a backward that
        makes parts of the forward again (`torch.utils.checkpoint`)."""
        with ExitStack() as context:
            context.enter_context(alone(self.network))
            for pair in self._used:
                context.enter_context(pair.folded())
            yield

    def _watched(self, images: Tensor) -> T:
        with watch_pairs(self.network) as watch:
            result = self.read(images)
        self.pairs = [Pair(convolution, norm) for convolution, norm in watch.pairs()]
        self.read = torch.compile(self.read) if self.compiled else self.read
        return result

    def _through_pairs(self, images: Tensor) -> T:
        result = self.read(images)
        if any(pair.made is not None for pair in self._used):
            raise _Strayed
        return result


class _Strayed(Exception):  # noqa: N818 - a pass that went another way is made again
    """A convolution of a pair ran without its norm, or the norm without it."""


class Pair:
    """A convolution and the batch norm behind it, as one convolution. The weights are those of now."""

    def __init__(self, convolution: nn.Conv2d, norm: Norm):
        self.convolution, self.norm = convolution, norm
        self.made: Tensor | None = None
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None  # others make no pair
        assert variance is not None
        with torch.no_grad():
            weight, bias = fuse_conv_bn_weights(
                convolution.weight,
                convolution.bias,
                mean,
                variance,
                norm.eps,
                norm.weight,
                norm.bias,
            )
        weight = weight.detach().to(memory_format=torch.channels_last)
        self.parameters = {
            name: nn.Parameter(t, requires_grad=False) for name, t in (("weight", weight), ("bias", bias))
        }

    @contextmanager
    def folded(self) -> Iterator[None]:
        """Within, the convolution does the work of both, and the norm nothing."""
        own = {name: self.convolution._parameters[name] for name in self.parameters}
        self.made = None
        try:
            self.convolution._parameters.update(self.parameters)
            self.convolution.forward = self._convolve
            self.norm.forward = self._pass_on  # type: ignore[method-assign]
            yield
        finally:
            self.convolution._parameters.update(own)
            self.convolution.__dict__.pop("forward", None)
            self.norm.__dict__.pop("forward", None)
            self.made = None

    def _convolve(self, input: Tensor) -> Tensor:
        output = nn.Conv2d.forward(self.convolution, input)
        if not torch.compiler.is_compiling():  # the compiler guards its branches by itself
            self.made = output
        return output

    def _pass_on(self, values: Tensor) -> Tensor:
        if not torch.compiler.is_compiling():
            if values is not self.made:
                raise _Strayed
            self.made = None
        return values


@contextmanager
def watch_pairs(network: nn.Module) -> Iterator[PairWatch]:
    """Within, note which batch norm reads the output of which convolution in one ordinary pass."""
    watch = PairWatch()
    with ExitStack() as context:
        if not _is_opaque(network):
            for module in network.modules():
                if _is_plain_convolution(module):
                    context.callback(module.register_forward_hook(watch.saw_convolution).remove)
                elif (
                    type(module) in get_args(Norm) and module.running_mean is not None and "forward" not in vars(module)
                ):
                    context.callback(module.register_forward_pre_hook(watch.saw_norm).remove)
            context.enter_context(watch.reads)
        yield watch


def _is_plain_convolution(module: nn.Module) -> bool:
    """Not a subclass, nor one with a weight computed anew each time: folding would change what such a one computes.

    For the same reason a norm counts only if it is torch's own: timm's `BatchNormAct2d` contains the activation.
    """
    return type(module) is nn.Conv2d and "weight" in module._parameters and "forward" not in vars(module)


def _is_opaque(network: nn.Module) -> bool:
    """Whether what happens in a pass may be more than what is seen: a hook may read, or change, what folding does away
    with. Those that are `counted` read through operations alone."""
    hooks = [*module_hooks._global_forward_hooks.values(), *module_hooks._global_forward_pre_hooks.values()]
    for module in network.modules():
        if isinstance(module, OPAQUE):
            return True
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            hooks += vars(module)[name].values()
    return not all(getattr(hook, "counted", False) for hook in hooks)


class _Reads(TorchDispatchMode):
    """Counts by how many operations each tensor is read."""

    def __init__(self) -> None:
        super().__init__()
        self.count: Counter[int] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        read = {id(value) for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)}
        for new in {id(value) for value in tree_leaves(result)} - read:
            self.count[new] = 0  # the id may have been another tensor's before
        self.count.update(read)
        return result


class PairWatch:
    """Finds, during one ordinary pass, the batch norms that may be folded into a convolution.

    A pair counts if the norm is given the very tensor that the convolution made, both ran once, and one operation
    alone, the norm's, read that tensor; and if the convolution's weights were read once too.
    """

    def __init__(self) -> None:
        self.reads = _Reads()
        self.made: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # holds the tensors, so that no id is given twice
        self.found: list[tuple[nn.Conv2d, Norm, Tensor]] = []
        self.runs: Counter[nn.Module] = Counter()

    def saw_convolution(self, module, args, output: Tensor) -> None:
        """A forward hook."""
        self.runs[module] += 1
        self.made[id(output)] = (module, output)

    def saw_norm(self, module, args) -> None:
        """A forward pre-hook."""
        self.runs[module] += 1
        if args and id(args[0]) in self.made:
            convolution, output = self.made[id(args[0])]
            self.found.append((convolution, module, output))

    def pairs(self) -> list[tuple[nn.Conv2d, Norm]]:
        """The pairs, after the pass."""
        return [
            (convolution, norm)
            for convolution, norm, output in self.found
            if self.runs[convolution] == self.runs[norm] == 1
            and all(
                self.reads.count[id(tensor)] == 1
                for tensor in (output, convolution.weight, convolution.bias)
                if tensor is not None
            )
        ]
