"""Convolutions and the batch norms behind them: which of a network's are pairs, and a pair's weights as those of one
convolution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.overrides import TorchFunctionMode

# So many values an image have to come from the convolutions: below, looking at every call takes longer than the norms.
# It does not count the batch, so that the results do not depend on how images are split into batches.
WORTHWHILE = 2**20


@dataclass(eq=False)
class Norm:
    """What a call of `batch_norm` computes with: running mean and variance, weight and bias, and eps."""

    tensors: tuple[Tensor | None, ...]
    eps: float
    training: bool

    @classmethod
    def of(cls, args: tuple, named: dict[str, Any]) -> Norm:
        """Of a call's arguments, as `torch.overrides` hands them on."""
        return cls((args[1], args[2], named["weight"], named["bias"]), named["eps"], named["training"])

    def equals(self, other: Norm) -> bool:
        """Whether the other one is of the very same tensors."""
        same = all(mine is theirs for mine, theirs in zip(self.tensors, other.tensors, strict=True))
        return same and (self.eps, self.training) == (other.eps, other.training)


class Pair:
    """The weights of a convolution, and of the batch norm behind it, as those of one convolution."""

    def __init__(self, weight: Tensor, bias: Tensor | None, norm: Norm):
        self.own, self.norm = (weight, bias), norm
        self._versions: tuple[int, ...] = ()

    def is_constant(self, constant: set[int]) -> bool:
        """Whether its tensors are among those with the ids `constant`, need no gradient, and tell when they change."""
        tensors = [tensor for tensor in (*self.own, *self.norm.tensors) if tensor is not None]
        lasting = all(id(t) in constant and not t.requires_grad and not t.is_inference() for t in tensors)
        return lasting and self.norm.tensors[0] is not None and not self.norm.training

    def weights(self) -> tuple[Tensor, Tensor]:
        """Weight and bias that do the work of both; computed anew when one of them was changed in place."""
        versions = tuple(t._version for t in (*self.own, *self.norm.tensors) if t is not None)
        if versions != self._versions:
            mean, variance, scale, shift = self.norm.tensors
            assert mean is not None  # others make no pair
            assert variance is not None
            with torch.no_grad():
                weight, bias = fuse_conv_bn_weights(*self.own, mean, variance, self.norm.eps, scale, shift)
            self._folded = weight.detach().contiguous(memory_format=torch.channels_last), bias.detach()
            self._versions = versions
        return self._folded


def circumstances() -> tuple[bool, Any]:
    """What is different within a checkpoint, whose forward is made again without anything being folded."""
    saving = torch._C._autograd._top_saved_tensors_default_hooks(True)  # pyright: ignore[reportAttributeAccessIssue]
    return torch.is_grad_enabled(), saving


# What may be asked of a tensor without reading its values.
ASPECTS = {
    *(getattr(Tensor, name) for name in ("dim", "size", "numel", "stride", "is_contiguous", "__len__")),
    *(getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device", "is_cuda", "requires_grad")),
}


def given(args: tuple, named: dict[str, Any]) -> Iterator[Any]:
    """The arguments of a function, and what is in the lists among them."""
    for value in (*args, *named.values()):
        if isinstance(value, (list, tuple)):
            yield from value
        else:
            yield value


class Watch(TorchFunctionMode):
    """Finds, during one ordinary pass, the batch norms that may be folded into a convolution.

    A pair counts if the norm is given the very tensor that the convolution made, and nothing else reads that tensor; if
    the convolution's weight was used once; and if all their tensors are the network's own, so that they stay, and need
    no gradient.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outside = circumstances()
        self.made: dict[int, tuple[Tensor, Tensor, Tensor | None]] = {}  # holds tensors, so that no id is given twice
        self.found: list[tuple[Tensor, Pair]] = []
        self.uses: Counter[int] = Counter()
        self.reads: Counter[int] = Counter()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        named = kwargs or {}
        result = func(*args, **named)
        if func not in ASPECTS:
            self.reads.update(id(value) for value in given(args, named) if id(value) in self.made)
        if func is F.conv2d and len(args) > 2:
            self.uses[id(args[1])] += 1
            if circumstances() == self.outside:
                self.made[id(result)] = (result, args[1], args[2])
        elif func is F.batch_norm and id(args[0]) in self.made and circumstances() == self.outside:
            output, weight, bias = self.made[id(args[0])]
            self.found.append((output, Pair(weight, bias, Norm.of(args, named))))
        return result

    def pairs(self, constant: set[int]) -> dict[int, Pair]:
        """The pairs, by the id of the convolution's weight; after the pass. None, if they are not worth the while."""
        found = [
            (output, pair)
            for output, pair in self.found
            if self.reads[id(output)] == 1 and self.uses[id(pair.own[0])] == 1 and pair.is_constant(constant)
        ]
        if sum(output[0].numel() for output, _ in found) < WORTHWHILE:
            return {}
        return {id(pair.own[0]): pair for _, pair in found}
