"""One process or many. `accelerate launch` and torchrun start several; alone, nothing is imported or configured."""

from __future__ import annotations

import atexit
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .errors import InputError


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is, and what they do together.

    >>> Processes().share(5)
    slice(0, 5, None)
    >>> Processes(rank=1, count=2).share(5)
    slice(3, 5, None)
    >>> Processes(rank=1, count=2).share(5, group_size=4)
    slice(4, 5, None)
    """

    rank: int = 0
    count: int = 1

    @property
    def main(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def share(self, items: int, group_size: int = 1) -> slice:
        """The part of `items` that falls to this process; the shares differ by at most one item, or one group of it.

        The first `group_size` items are a group, the next are another, and no group is cut.
        """
        each, more = divmod(math.ceil(items / group_size), self.count)
        first = self.rank * each + min(self.rank, more)
        last = first + each + (self.rank < more)
        return slice(min(first * group_size, items), min(last * group_size, items))

    def gather(self, value: Any) -> list[Any]:
        """The value of every process, in order of rank. Values are pickled, between these processes only."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(values, value)
        return values

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of the tensors of all processes."""
        if self.count > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def wait(self) -> None:
        """Wait until every process has come here."""
        if self.count > 1:
            torch.distributed.barrier()


_team: ContextVar[Processes] = ContextVar("team", default=Processes())  # noqa: B039 - frozen


def team() -> Processes:
    """The processes that share the images of every descent; this one alone unless `sharing` says otherwise."""
    return _team.get()


@contextmanager
def sharing(team: Processes) -> Iterator[None]:
    """Within, every descent is divided among these processes, all of which must make the same calls.

    Each gets the whole result, which is what one process would have made.
    """
    token = _team.set(team)
    try:
        yield
    finally:
        _team.reset(token)


def processes() -> Processes:
    """This process among those that were launched together; `Processes()` for one on its own."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    try:
        from accelerate import PartialState
    except ImportError:
        raise InputError('several processes need accelerate: pip install "pellucid[distributed]"') from None
    first = not torch.distributed.is_initialized()
    state = PartialState(cpu=not torch.cuda.is_available())
    if first:  # threads that still talk when the interpreter goes would abort it
        atexit.register(state.destroy_process_group)
    return Processes(state.process_index, state.num_processes)
