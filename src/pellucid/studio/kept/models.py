"""The classifiers of the studio: the default from the start, others on demand, at most three in memory."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...base.errors import InputError, first_line, unknown
from .loaded import FALLBACK_SIDE, Loaded

KEPT = 3
LIBRARY = re.compile(r"(timm|torchvision):[A-Za-z0-9_.-]{1,100}|hub:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){2,6}")
Report = Callable[[str, float], None]  # what is being done, and which share of it is


class Models:
    """Loads classifiers by name. Only the names given here can be paths.

    Args:
        default: the first one.
        others: further names to offer.
        device: where they run.
    """

    def __init__(self, default: str, others: Sequence[str] = (), device: str = "auto"):
        self.default, self.others, self.device = default, tuple(others), device
        self._here: dict[str, Loaded] = {}
        self._one_at_a_time = threading.Lock()
        self.loading: tuple[str, float] | None = ("importing", 0.0)
        self.error: str | None = None

    @property
    def ready(self) -> bool:
        """Whether the first classifier has been loaded."""
        return self.loading is None and self.error is None

    def begin(self, preload: Callable[[Report], None]) -> None:
        """Call `preload`, which imports the library, and load the first classifier; for a thread of its own."""
        try:
            preload(self._note)
            self.load(self.default, self._note)
        except Exception as error:
            self.error = first_line(error)
            print(f"pellucid studio: {self.error}", file=sys.stderr)  # the page shows it too, if it is open
        self.loading = None

    def state(self) -> dict[str, Any]:
        """What the page asks for until the studio is ready."""
        loading = self.loading
        told = None if loading is None else {"what": loading[0], "share": loading[1]}
        return {"ready": self.ready, "loading": told, "error": self.error, "model": self.default}

    def get(self, name: str) -> Loaded:
        """A classifier, which is loaded if it is not in memory.

        Raises:
            InputError: the name is not offered, the classifier cannot be loaded, or the studio is still starting.
        """
        self._check_ready()
        return self.load(name)

    def here(self, name: str) -> Loaded:
        """A classifier that is in memory.

        Raises:
            InputError: it is not. Looking at something must not load it: that takes long and may use the network.
        """
        self._check_ready()
        self._check(name)
        known = self._here.get(name)
        if known is None:
            raise InputError(f"{name} is not in memory; choose it to load it")
        return known

    def load(self, name: str, report: Report = lambda what, share: None) -> Loaded:
        """A classifier, with progress reports; see `get`."""
        self._check(name)
        report(name, 0.0)
        known = self._here.get(name)
        if known is None:
            with self._one_at_a_time:
                known = self._here.get(name) or _load(name, self.device, report)
                self._here[name] = known
                while len(self._here) > KEPT:  # the one that was loaded first goes, but never the default
                    del self._here[next(other for other in self._here if other not in (self.default, name))]
        return known

    def offered(self) -> list[dict[str, Any]]:
        """The classifiers to choose from."""
        return [_about(name, name in self._here) for name in self._names()]

    def _note(self, what: str, share: float) -> None:
        self.loading = (what, share)

    def _names(self) -> list[str]:
        from ...zoo.models import bundled

        return list(dict.fromkeys([self.default, *self.others, *bundled()]))

    def _check_ready(self) -> None:
        if not self.ready:
            raise InputError(self.error or "the studio is still starting; try again in a moment")

    def _check(self, name: str) -> None:
        from ...zoo.published import published

        names = self._names()
        if name not in [*names, *(entry.name for entry in published())] and not LIBRARY.fullmatch(name):
            raise unknown("model", name, [*names, "timm:NAME", "torchvision:NAME", "hub:OWNER/REPO/FILE"])


def _load(name: str, device: str, report: Report) -> Loaded:
    import torch

    from ...representation.feature import widths
    from ...zoo.models import fingerprint, load

    report(name, 0.1)
    classifier = load(name, device)
    report(name, 0.8)
    side = classifier.size or FALLBACK_SIDE
    gray = torch.full((1, classifier.mean.shape[1], side, side), 0.5)
    units = widths(classifier, ["representation"], gray)["representation"]
    sha256 = fingerprint(classifier)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):  # a card may state anything, and this becomes a file name
        sha256 = hashlib.sha256(sha256.encode()).hexdigest()
    report(name, 1.0)
    return Loaded(name, classifier, units, sha256, _partner(name))


def _about(name: str, loaded: bool) -> dict[str, Any]:
    from ...zoo.models import card

    try:
        facts = card(name)
    except InputError:
        facts = {}
    size = facts.get("size")
    said = [facts.get("data"), f"{size} px" if size else None, facts.get("threat")]
    about = ", ".join(str(part) for part in said if part) or Path(name).name
    return {"name": name, "about": about, "size": size, "loaded": loaded}


def _partner(name: str) -> str | None:
    from ...zoo.models import bundled, card

    if name not in bundled():
        return None
    data = card(name).get("data")
    return next((other for other in bundled() if other != name and card(other).get("data") == data), None)
