"""One run of an action, from the queue to its result."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from .frames import Frame, thinned

Status = Literal["queued", "running", "done", "stopped", "failed"]
PATIENCE = 20.0  # seconds that a job goes on with nobody listening


class Stopped(Exception):  # noqa: N818 - it is no error
    """Raised in the callback of a descent to end it."""


@dataclass
class Result:
    """The result of a job: its image as a PNG, and facts for the sidecar."""

    png: bytes
    facts: dict[str, Any]


@dataclass(eq=False)
class Job:
    """One run of an action, from the queue to its result.

    Attributes:
        tab: the tab of the browser that it belongs to.
        action, model: their names.
        work: runs the action; it gets the job and reports to it.
        name: the file name of a downloaded result, without suffix.
        asked: label, unit and seed, as JSON for the page.
        about: the order from which `work` comes.
        number: of the job, counted from the server's start.
    """

    tab: str
    action: str
    model: str
    work: Callable[[Job], Result]
    name: str = "result"
    asked: dict[str, Any] = field(default_factory=dict)
    about: Any = None
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    number: int = 0
    status: Status = "queued"
    place: int = 0
    created: float = field(default_factory=time.monotonic)
    seconds: float = 0.0
    error: str | None = None
    frames: list[Frame] = field(default_factory=list)
    progress: tuple[int, int] | None = None
    result: Result | None = None
    heard: float = field(default_factory=time.monotonic)
    listeners: set[Callable[[], None]] = field(default_factory=set)

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in ("done", "stopped", "failed")

    @property
    def abandoned(self) -> bool:
        """Whether nobody has listened for longer than a page takes to reload."""
        return not self.over and not self.listeners and time.monotonic() - self.heard > PATIENCE

    @property
    def step(self) -> int:
        """How many steps are known to be done, with a frame or without."""
        return max(self.seen, self.progress[0] if self.progress else 0)

    @property
    def seen(self) -> int:
        """How many steps the newest frame shows."""
        return self.frames[-1].step if self.frames else 0

    @property
    def image(self) -> bytes | None:
        """The result as a PNG; of a stopped job its last frame, if that shows any step."""
        if self.result is not None:
            return self.result.png
        return self.frames[-1].png if self.status == "stopped" and self.seen else None

    @property
    def bytes(self) -> int:
        """About how much memory it holds."""
        return sum(len(frame.png) for frame in self.frames)

    def summary(self) -> dict[str, Any]:
        """The job as JSON for a page that was reloaded."""
        return {
            "job": self.id,
            "order": {"action": self.action, "model": self.model, **self.asked},
            "status": self.status,
            "place": self.place,
            "frames": len(self.frames),
        }

    def keep(self, frame: Frame) -> None:
        """Add a frame, and wake the listeners."""
        if not self.over:
            self.frames = thinned([*self.frames, frame])
            self.tell()

    def advance(self, step: int, steps: int) -> None:
        """Note the progress of a job that has no frames to show yet."""
        self.progress = (step, steps)
        self.tell()

    def check(self) -> None:
        """Raise `Stopped` if it was stopped or abandoned; called after every step."""
        if self.over or self.abandoned:
            raise Stopped

    def tell(self) -> None:
        """Wake the listeners."""
        for wake in list(self.listeners):
            wake()

    @contextmanager
    def listening(self, wake: Callable[[], None]) -> Iterator[None]:
        """A context in which `wake` is called, from any thread, at every change."""
        self.listeners.add(wake)
        try:
            yield
        finally:
            self.listeners.discard(wake)
            self.heard = time.monotonic()
