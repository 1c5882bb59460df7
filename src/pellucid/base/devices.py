"""Devices and precisions by name, torch's default modes, and how much goes into one batch."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

from .errors import InputError, unknown

Precision = Literal["float32", "bfloat16"]
PrecisionChoice = Literal["auto", "float32", "bfloat16"]
# A bound on memory that does not depend on how many images are asked for: the pixel values of one batch. A CPU slows
# down once the activations outgrow its caches (128 images of 32 px, 32 of 64 px, 8 of 128 px); a GPU wants larger ones.
BATCH_VALUES, BATCH_VALUES_CPU = 2**22, 3 * 2**17


def pick_device(name: str = "auto") -> torch.device:
    """The device of this name; "auto" takes CUDA, then MPS, then the CPU. Raises `InputError` if it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise InputError(f"device {name!r} is not available here; try cpu") from None
    return device


def pick_precision(name: str, device: torch.device) -> Precision:
    """ "auto" becomes bfloat16 where the device has instructions that multiply it, and float32 elsewhere.

    On a CPU these are AVX512-BF16 or AMX, which make passes 1.8 to 2.1 times as fast. Where an older torch does not say
    what the CPU has, and on a GPU that only emulates bfloat16, it is float32.
    """
    if name not in get_args(PrecisionChoice):
        raise unknown("precision", name, get_args(PrecisionChoice))
    if name != "auto":
        return cast(Precision, name)
    fast = False
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        has = torch.cpu.get_capabilities()
        fast = bool(has.get("avx512_bf16") or has.get("amx_bf16"))
    return "bfloat16" if fast else "float32"


def fast_layout(network: nn.Module) -> torch.memory_format:
    """Channels last, which is faster on CPUs and GPUs; the usual layout where torch would fail in the other.

    On CPUs torch 2.14 writes beyond its memory in the weight gradient of a 1x1 convolution with a stride and fewer than
    16 input channels, if images or weights are channels-last: a crash, or numbers that are wrong.
    """
    for module in network.modules():
        if (
            isinstance(module, nn.Conv2d)
            and module.kernel_size == (1, 1)
            and max(module.stride) > 1
            and module.in_channels < 16
        ):
            return torch.contiguous_format
    return torch.channels_last


def to_channels_last(network: nn.Module) -> None:
    """Store weights of convolutions in the faster layout (see `fast_layout`); values do not change.

    `nn.Module.to` cannot do so where a network has weights of five axes, too.
    """
    layout = fast_layout(network)
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=layout)


def check_memory(needed: int, what: str) -> None:
    """Raise `InputError` where `what` takes more bytes than this machine has: before they are asked for."""
    if not hasattr(os, "sysconf"):  # Windows does not say
        return
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise InputError(f"{what} would take {needed / 2**30:,.0f} GiB of memory; there are {there / 2**30:.0f}")


def at_once(images: Tensor) -> int:
    """How many of these images to take in one batch; there may be none of them.

    >>> at_once(torch.empty(0, 3, 64, 64))
    32
    """
    most, least = (BATCH_VALUES_CPU, 8) if images.device.type == "cpu" else (BATCH_VALUES, 1)
    return max(least, most // images.shape[1:].numel())


def even_batches(images: int, most: int, group: int = 1) -> int:
    """The size of batches of at most `most` images, as equal as can be; of whole groups of `group`, at least one.

    >>> even_batches(32, 21), even_batches(32, 64), even_batches(20, 13, group=4)
    (16, 32, 12)
    """
    groups, fit = math.ceil(images / group), max(1, most // group)
    return math.ceil(groups / max(1, math.ceil(groups / fit))) * group


def peak_memory(device: torch.device) -> int:
    """The most memory in bytes that was in use: by torch on a GPU, otherwise by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kilobytes


@contextmanager
def default_modes() -> Iterator[None]:
    """Run under torch's default modes, whatever the caller has set: gradients, no inference mode, no autocast, the CPU.

    Decorated with `@default_modes()`, `descend` gives the same result inside `torch.no_grad()`,
    `torch.inference_mode()`, an autocast or a default device of the caller's.

    Raises:
        InputError: torch's default dtype is not float32; it holds for all threads, so it is not changed here.

    >>> with torch.inference_mode(), default_modes():
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
