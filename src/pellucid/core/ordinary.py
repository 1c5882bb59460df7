"""Torch as it is by itself, whatever a caller has set around a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

from ..base.errors import InputError


@contextmanager
def ordinary() -> Iterator[None]:
    """Within, gradients are on, inference mode and autocast are off, and tensors without a device are on the CPU.

    A task decorated with `@ordinary()` gives the same result inside `torch.no_grad()`, `torch.inference_mode()`, an
    autocast of the caller's or a default device. Its own autocast is a matter of its `precision`.

    Raises:
        InputError: torch's default dtype is not float32; it holds for all threads, so it is not changed here.

    >>> with torch.inference_mode(), ordinary():
    ...     torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    (True, False)
    """
    if torch.get_default_dtype() != torch.float32:
        raise InputError(f"pellucid computes in float32, and torch's default is {torch.get_default_dtype()}; "
                         "torch.set_default_dtype(torch.float32) before")  # fmt: skip
    with ExitStack() as context:
        context.enter_context(torch.inference_mode(False))  # which turns gradients on, too
        for kind in ("cpu", "cuda", "mps"):
            if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                context.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            context.enter_context(torch.device("cpu"))
        yield
