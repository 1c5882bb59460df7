"""Checkpoints: everything that a run needs to resume exactly, in one safetensors file.

The previous one is kept, so that a damaged file costs an epoch and not the run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import Tensor

from ..base.errors import InputError, warn
from ..base.files import read_checked, replacing, write_checked

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
    for left_over in folder.glob(f".{Path(CHECKPOINT).stem}-*"):  # of a process that was killed while it wrote
        left_over.unlink()
    with replacing(folder / CHECKPOINT) as temporary:
        write_checked(tensors, temporary, facts)
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
            warn(f"{reason}; going on from the one before, of epoch {facts['epoch']}")
        return state, facts
    raise InputError("; ".join(reasons))


def read_checkpoint(path: Path) -> tuple[State, dict[str, Any]]:
    """Read one file; raises `InputError` for any that `save_checkpoint` did not write, or that is damaged."""
    tensors, facts = read_checked(path)
    state: State = {}
    for key, tensor in tensors.items():
        group, _, name = key.partition("/")
        state.setdefault(group, {})[name] = tensor
    return state, facts


def holds_run(folder: Path) -> bool:
    """Whether there is a checkpoint in a folder."""
    return any((folder / name).exists() for name in (CHECKPOINT, PREVIOUS))


def forget_checkpoints(folder: Path) -> None:
    """Remove the checkpoints of an earlier run."""
    for name in (CHECKPOINT, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
