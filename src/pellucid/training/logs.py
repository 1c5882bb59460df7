"""Loggers: functions called after every epoch. `metrics.jsonl` is always written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..base.errors import InputError
from .train import EpochReport

Logger = Callable[[EpochReport], None]


def tensorboard(folder: Path) -> Logger:
    """Writes each epoch's metrics for TensorBoard; raises `InputError` where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError('--tensorboard needs the extra "log": pip install "pellucid[log]"') from None
    writer = SummaryWriter(str(folder))

    def log(report: EpochReport) -> None:
        for name, value in report.metrics.items():
            if name != "epoch":
                writer.add_scalar(name, value, report.metrics["epoch"])
        writer.flush()

    return log
