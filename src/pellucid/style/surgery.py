"""Changes to a network that keep its shape: smoother pooling, replicated borders, random weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Pooling = Literal["own", "average", "blur"]
Padding = Literal["own", "replicate"]


class BlurredMaxPool(nn.Module):
    """Max pooling without a stride, a blur of (1, 2, 1)/4, then every stride-th value (Zhang 2019).

    The blur removes what the stride would alias: a plain max pool passes the gradient to single pixels of its window.
    """

    def __init__(self, pool: nn.MaxPool2d):
        super().__init__()
        self.size, self.stride, self.padding = _pair(pool.kernel_size), _pair(pool.stride), _pair(pool.padding)

    def forward(self, values: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, C, H / stride, W / stride)`."""
        values = F.max_pool2d(values, self.size, 1, self.padding)
        line = torch.tensor([0.25, 0.5, 0.25]).to(values)
        kernel = torch.outer(line, line).expand(values.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(values, [1] * 4, mode="replicate"), kernel, stride=self.stride, groups=values.shape[1])


def has_max_pooling(network: nn.Module) -> bool:
    """Whether there is anything for `swap_pooling` to replace."""
    return any(type(module) is nn.MaxPool2d for module in network.modules())


def swap_pooling(network: nn.Module, pooling: Pooling) -> None:
    """Replace every `nn.MaxPool2d` of a network, in place: by the average of its window, or by `BlurredMaxPool`."""
    if pooling == "average":
        _replace(network, nn.MaxPool2d, _average)
    elif pooling == "blur":
        _replace(network, nn.MaxPool2d, BlurredMaxPool)


def replicate_padding(network: nn.Module) -> None:
    """Pad every convolution with copies of the border, in place: zeros are an edge that a style spreads from."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros" and module.padding != "valid":
            module.padding_mode = "replicate"


def randomize(network: nn.Module, seed: int) -> None:
    """Replace every parameter by random values, in place.

    Kernels, matrices and embeddings get He's normal weights. Biases become 0 and factors 1 (of norms, or of a residual
    branch), so that a norm passes what it is given.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        reset = getattr(module, "reset_running_stats", None)  # of norms
        if reset is not None:
            reset()
        for name, parameter in module.named_parameters(recurse=False):
            parameter.data.copy_(_drawn(name, parameter, generator))


def _drawn(name: str, parameter: Tensor, generator: torch.Generator) -> Tensor:
    fan = parameter.shape[1:].numel()
    if fan > 1:
        return torch.randn(parameter.shape, generator=generator) * (2 / fan) ** 0.5
    return torch.full(parameter.shape, 0.0 if name.endswith("bias") else 1.0)


def _average(pool: nn.MaxPool2d) -> nn.Module:
    return nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, count_include_pad=False)


def _replace(network: nn.Module, kind: type[nn.Module], make: Callable[..., nn.Module]) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is kind:
                setattr(parent, name, make(child))


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
