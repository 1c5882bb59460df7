"""A convolution and the batch norm behind it, with weights as those of one convolution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_weights


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

    def is_constant(self, constant: set[int]) -> bool:
        """Whether it is one of running statistics, and its tensors are among those with these ids."""
        known = all(tensor is None or id(tensor) in constant for tensor in self.tensors)
        return known and self.tensors[0] is not None and not self.training

    def equals(self, other: Norm) -> bool:
        """Whether the other one is of the very same tensors."""
        same = all(mine is theirs for mine, theirs in zip(self.tensors, other.tensors, strict=True))
        return same and (self.eps, self.training) == (other.eps, other.training)


class Pair:
    """The weights of a convolution, and of the batch norm behind it, as those of one convolution."""

    def __init__(self, weight: Tensor, bias: Tensor | None, norm: Norm):
        self.own, self.norm = (weight, bias), norm
        self._versions: tuple[int, ...] = ()

    def is_of(self, bias: Tensor | None, norm: Norm) -> bool:
        """Whether it is the pair of a convolution with this bias, and of this norm."""
        return self.own[1] is bias and self.norm.equals(norm)

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
