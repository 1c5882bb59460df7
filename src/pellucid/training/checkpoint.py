"""Checkpoints: everything that a run needs to resume exactly, in one safetensors file.

The previous one is kept, so that a damaged file costs an epoch and not the run.
"""

from __future__ import annotations

import json
import os
import warnings
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..base.errors import InputError
from ..base.files import replacing, write_tensors

CHECKPOINT, PREVIOUS = "checkpoint.safetensors", "checkpoint-before.safetensors"
State = dict[str, dict[str, Tensor]]


def save_checkpoint(folder: Path, state: State, facts: dict[str, Any]) -> None:
    """Write named groups of tensors (`{"network": state_dict, ...}`) and JSON facts; the file of the last time stays
    as `checkpoint-before.safetensors`.

    At every moment there is a whole checkpoint in the folder: a full disk or a power cut leaves the old one.
    """
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, tensors in state.items()
        for name, tensor in tensors.items()
    }
    metadata = {"pellucid": json.dumps(facts), "crc32": str(_checksum(tensors))}
    for left_over in folder.glob(f".{Path(CHECKPOINT).stem}-*"):  # of a process that was killed while it wrote
        left_over.unlink()
    with replacing(folder / CHECKPOINT) as temporary:
        write_tensors(tensors, temporary, metadata)
        if (folder / CHECKPOINT).exists():
            os.replace(folder / CHECKPOINT, folder / PREVIOUS)


def load_checkpoint(folder: Path) -> tuple[State, dict[str, Any]]:
    """Read the newest whole checkpoint of a folder; where that is not the last one, a warning says so.

    Raises:
        InputError: there is none.
    """
    there = [path for path in (folder / CHECKPOINT, folder / PREVIOUS) if path.exists()]
    if not there:
        raise InputError(f"{folder} holds no {CHECKPOINT} to resume from")
    reasons = []
    for path in there:
        try:
            state, facts = read_checkpoint(path)
        except InputError as error:
            reasons.append(str(error))
            continue
        if path.name == PREVIOUS:
            reason = reasons[0] if reasons else f"{folder / CHECKPOINT} is missing"
            warnings.warn(f"{reason}; going on from the one before, of epoch {facts['epoch']}", stacklevel=2)
        return state, facts
    raise InputError("; ".join(reasons))


def read_checkpoint(path: Path) -> tuple[State, dict[str, Any]]:
    """Read one file; raises `InputError` unless it is just what `save_checkpoint` wrote."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            facts = json.loads(metadata["pellucid"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        if str(_checksum(tensors)) != metadata["crc32"] or not isinstance(facts["epoch"], int):
            raise ValueError("its checksum is another one")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a whole checkpoint of pellucid's: {error}") from None
    state: State = {}
    for key, tensor in tensors.items():
        group, _, name = key.partition("/")
        state.setdefault(group, {})[name] = tensor
    return state, facts


def forget_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of an earlier run."""
    for name in (CHECKPOINT, PREVIOUS):
        (folder / name).unlink(missing_ok=True)


def _checksum(tensors: dict[str, Tensor]) -> int:
    checksum = 0
    for name, tensor in sorted(tensors.items()):
        checksum = zlib.crc32(
            tensor.reshape(-1).view(torch.uint8).numpy().tobytes(), zlib.crc32(name.encode(), checksum)
        )
    return checksum
