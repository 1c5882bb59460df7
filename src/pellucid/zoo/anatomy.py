"""The layers of an architecture: what they give out, their parameters, and what a forward pass costs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ..base.heads import find_head
from ..base.layers import named_layers
from .fit import outline


@dataclass(frozen=True)
class Layer:
    """One named layer.

    Attributes:
        name: as `--layer` takes it.
        output: the shape of what it gives out, without the batch.
        parameters: how many.
        multiply_adds: for one image, of convolutions and linear layers and products of matrices.
    """

    name: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class Anatomy:
    """The named layers of a network, and the sums over all of it."""

    layers: list[Layer]
    parameters: int
    multiply_adds: int


def anatomy(arch: str, classes: int, size: int) -> Anatomy:
    """What a network of this architecture is made of; its weights need not be there.

    Args:
        arch: a name that `build` knows.
        classes: how many logits.
        size: side of its images in pixels.

    >>> seen = anatomy("cifar-resnet20", 10, 32)
    >>> seen.parameters, seen.multiply_adds  # He et al. 2016, table 6: 0.27M parameters
    (269722, 40551040)
    >>> seen.layers[-1]
    Layer(name='linear', output=(10,), parameters=650, multiply_adds=640)
    """
    from torch.utils.flop_counter import FlopCounterMode

    network = outline(arch, classes).to("meta").eval()
    names = named_layers(network)
    names.setdefault(head := find_head(network), head)
    modules = {name: network.get_submodule(path) for name, path in names.items()}
    outputs: dict[str, tuple[int, ...]] = {}

    def note(name: str):
        def hook(module: nn.Module, args: tuple, output: object) -> None:
            tensor = output[0] if isinstance(output, tuple) else output
            outputs[name] = tuple(tensor.shape[1:])  # pyright: ignore[reportAttributeAccessIssue]

        return hook

    for name, module in modules.items():
        module.register_forward_hook(note(name))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, size, size, device="meta"))
    costs = {path: sum(counts.values()) // 2 for path, counts in counter.get_flop_counts().items()}
    kind = type(network).__name__
    layers = [
        Layer(name, outputs[name], _parameters(module), costs.get(f"{kind}.{names[name]}", 0))
        for name, module in modules.items()
        if name in outputs
    ]
    return Anatomy(layers, _parameters(network), counter.get_total_flops() // 2)


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
