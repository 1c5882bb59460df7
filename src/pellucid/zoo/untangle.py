"""A network's own weights among what a checkpoint holds: prefixes off, copies compared, the normalization apart."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import InputError
from .torch_file import printable

NORMALIZER = re.compile(r"(?:^|\.)normaliz\w*\.(?:\d+\.)?(?:new_)?(mean|std)$")
ATTACKER = "attacker.model."


def untangle(tensors: dict[str, Tensor], path: Path) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """Weights by the network's own names, float32, and the `mean` and `std` that were saved with them.

    The robustness library saves `module.model.X`, again as `module.attacker.model.X`, and
    `module.normalizer.new_mean`; with a wrapped network it is `module.model.model.X`.

    Raises:
        InputError: two copies of the weights or of the normalization differ, or a value is not finite.

    >>> one, three = torch.ones(1), torch.full((3, 1, 1), 0.5)
    >>> untangle({"module.model.fc.bias": one, "module.normalizer.new_mean": three}, Path("net.pt"))
    ({'fc.bias': tensor([1.])}, {'mean': [0.5, 0.5, 0.5]})
    """
    tensors = {re.sub(r"^(module\.)+", "", name): tensor for name, tensor in tensors.items()}
    normalization: dict[str, list[float]] = {}
    copies: dict[str, Tensor] = {}
    for name in list(tensors):
        if (match := NORMALIZER.search(name)) and tensors[name].numel() == 3:
            # As float32 prints it: 0.485 and not 0.48500001.
            values = [round(float(value), 7) for value in tensors.pop(name).flatten()]
            if normalization.setdefault(match[1], values) != values:
                raise InputError(f"{path}: its two copies of the normalization differ, in the {match[1]}")
        elif name.startswith(ATTACKER):
            copies[name.removeprefix(ATTACKER)] = tensors.pop(name)
    copies = _without_prefix(copies, "model.")
    weights = _without_prefix(tensors, "model.") or copies
    for name, copy in copies.items():
        if name in weights and not torch.equal(weights[name], copy):
            raise InputError(f"{path}: its two copies of the weights differ, in {printable(name)} first")
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path} has values that are not finite, in {printable(name)} first")
    return _as_written_today(weights), normalization


def _without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors without a prefix that all of them have, however often."""
    while tensors and all(name.startswith(prefix) for name in tensors):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


# What the Wide ResNets of TRADES, RobustBench and many others call their modules, and what ours does.
WIDE = (
    (r"^block(\d)\.layer\.(\d+)\.", r"stage\1.\2."),
    (r"^(stage\S+\.)bn(\d)\.", r"\1norm\2."),
    (r"\.convShortcut\.", ".shortcut."),
    (r"^conv1\.", "stem."),
    (r"^bn1\.", "norm."),
    (r"^fc\.", "head."),
)


def _as_in_our_wide_resnet(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a Wide ResNet under our names, without the block that TRADES' code makes and never runs."""
    if "block1.layer.0.conv1.weight" not in weights:
        return weights
    renamed = {}
    for name, tensor in weights.items():
        if not name.startswith("sub_block1."):
            for pattern, ours in WIDE:
                name = re.sub(pattern, ours, name)
            renamed[name] = tensor
    return renamed


def _as_written_today(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in float32 under the names of today's torch and torchvision."""
    found = {}
    for name, tensor in _as_in_our_wide_resnet(weights).items():
        # torchvision's DenseNets once had `denselayer1.norm.1`.
        name = re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", name)
        found[name] = tensor.float() if tensor.is_floating_point() else tensor
        if name.endswith("running_var"):  # before torch 0.4.1 norms did not count their batches
            found.setdefault(name.replace("running_var", "num_batches_tracked"), torch.tensor(0))
    return found
