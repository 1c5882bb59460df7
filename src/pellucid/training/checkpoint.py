"""Checkpoints: everything a run needs to go on exactly, in one safetensors file written in one piece."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..errors import InputError
from ..files import replacing


def save_checkpoint(path: Path, state: dict[str, dict[str, Tensor]], facts: dict[str, Any]) -> None:
    """Write named groups of tensors (`{"network": state_dict, ...}`) and JSON facts."""
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, tensors in state.items()
        for name, tensor in tensors.items()
    }
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"pellucid": json.dumps(facts)})


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save_checkpoint` wrote; raises `InputError` for anything else."""
    state: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})["pellucid"])
            for key in file.keys():  # noqa: SIM118 - not a dict
                group, _, name = key.partition("/")
                state.setdefault(group, {})[name] = file.get_tensor(key)
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise InputError(f"{path} is not a checkpoint of pellucid's: {error}") from None
    return state, facts


def average_into(average: dict[str, Tensor], network: torch.nn.Module, decay: float) -> None:
    """average <- decay · average + (1 - decay) · network, batch norm statistics included."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point():
            average[name].lerp_(tensor, 1 - decay)
        else:
            average[name].copy_(tensor)
