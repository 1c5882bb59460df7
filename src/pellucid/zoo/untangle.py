"""A network's own weights among what a checkpoint holds: prefixes off, copies compared, the normalization apart."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor

from ..base.errors import InputError
from .torch_file import printable

# `normalizer.new_mean` and `normalize.mean`, `0.mean` of a Sequential, and `mu` or `data_std` at the top.
NORMALIZER = re.compile(
    r"(?:(?:^|.*\.)normaliz\w*\.(?:\d+\.)?|^0\.|^)(?:(?:new|data|image|pixel)_)?(mean|std|mu|sigma)$"
)
ALSO_CALLED = {"mu": "mean", "sigma": "std"}
# Modules that torch puts around others: by torch.compile, and for checkpoints and shards.
WRAPPERS = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")
ATTACKER = "attacker.model."


def untangle(tensors: dict[str, Tensor], path: Path) -> tuple[dict[str, Tensor], dict[str, list[float]]]:
    """Weights by the network's own names, float32, and the `mean` and `std` that were saved with them.

    A prefix of all names goes, whatever it is, and so does the count of torch's `AveragedModel`. The robustness library
    saves `module.model.X`, again as `module.attacker.model.X`, and `module.normalizer.new_mean`.

    Raises:
        InputError: two copies of the weights or of the normalization differ, or a value is not finite.

    >>> ones, mean = torch.ones(1), torch.full((3, 1, 1), 0.5)
    >>> saved = {"module.model.norm.bias": ones, "module.model.fc.bias": ones, "module.normalizer.new_mean": mean}
    >>> untangle(saved, Path("net.pt"))
    ({'norm.bias': tensor([1.]), 'fc.bias': tensor([1.])}, {'mean': [0.5, 0.5, 0.5]})
    """
    weights = {WRAPPERS.sub("", name): tensor for name, tensor in tensors.items()}
    normalization: dict[str, list[float]] = {}
    copies: dict[str, Tensor] = {}
    while True:
        for name in list(weights):
            if (match := NORMALIZER.match(name)) and weights[name].numel() in (1, 3):
                # As float32 prints it: 0.485 and not 0.48500001.
                values = [round(float(value), 7) for value in weights.pop(name).flatten().expand(3)]
                kind = ALSO_CALLED.get(match[1], match[1])
                if normalization.setdefault(kind, values) != values:
                    raise InputError(f"{path}: its two copies of the normalization differ, in the {kind}")
            elif name == "n_averaged":
                del weights[name]
            elif name.startswith(ATTACKER):
                copies[name.removeprefix(ATTACKER)] = weights.pop(name)
        if (shorter := without_prefix(weights)) is weights:
            break
        weights = shorter
    while (shorter := without_prefix(copies)) is not copies:
        copies = shorter
    weights = weights or copies
    for name, copy in copies.items():
        if name in weights and not torch.equal(weights[name], copy):
            raise InputError(f"{path}: its two copies of the weights differ, in {printable(name)} first")
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise InputError(f"{path} has values that are not finite, in {printable(name)} first")
    return _as_written_today(weights), normalization


def without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors without the first part of their names, if that is the same in all; otherwise just the tensors."""
    parts = {name.partition(".")[::2] for name in tensors}
    if len({first for first, _ in parts}) != 1 or not all(rest for _, rest in parts):
        return tensors
    return {name.partition(".")[2]: tensor for name, tensor in tensors.items()}


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
