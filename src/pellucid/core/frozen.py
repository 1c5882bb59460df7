"""A network in eval mode and frozen, for gradients to its input alone; and a network that is one's own for a pass.

Nothing is copied, so hooks on modules go on working, and everything is put back afterwards, also after an exception.
Several descents may share a network, one within the other's callback or each in a thread of its own.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass
class _Hold:
    """A module's mode, or a parameter's flag, that was True, and how many need it to be False."""

    owner: nn.Module | Tensor
    name: str
    count: int = 0

    def change(self, by: int) -> None:
        """One more needs it, or one fewer; it is True again when nobody does."""
        self.count += by
        setattr(self.owner, self.name, not self.count)


_holds: dict[int, _Hold] = {}
_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_guard = threading.Lock()


@contextmanager
def frozen(network: nn.Module) -> Iterator[None]:
    """Eval mode and no parameter gradients within; each module's mode and each parameter's flag restored after."""
    owners: list[tuple[nn.Module | Tensor, str]] = [(module, "training") for module in network.modules()]
    owners += [(parameter, "requires_grad") for parameter in network.parameters()]
    holds: list[_Hold] = []
    try:
        with _guard:
            for owner, name in owners:
                if getattr(owner, name) or id(owner) in _holds:
                    holds.append(_hold(owner, name))
        yield
    finally:
        with _guard:
            for hold in holds:
                hold.change(-1)
                if not hold.count:
                    del _holds[id(hold.owner)]


def _hold(owner: nn.Module | Tensor, name: str) -> _Hold:
    hold = _holds.setdefault(id(owner), _Hold(owner, name))
    hold.change(+1)
    return hold


@contextmanager
def alone(network: nn.Module) -> Iterator[None]:
    """Within, no other thread is in here with this network: for what changes it, or reads it through hooks."""
    with _guard:
        lock = _locks.setdefault(network, threading.RLock())
    with lock:
        yield


def _renew_locks() -> None:
    """In a forked process: the threads that held a lock are not there to release it."""
    global _guard
    _guard = threading.Lock()
    _locks.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
