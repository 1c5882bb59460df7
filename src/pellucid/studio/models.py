"""The classifiers of the studio: one from the start, others when they are asked for, at most three at a time."""

from __future__ import annotations

import hashlib
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, unknown
from .cores import reserve

if TYPE_CHECKING:
    from ..core.classifier import Classifier

KEPT = 3
LIBRARY = re.compile(r"(timm|torchvision):[A-Za-z0-9_.-]{1,100}|hub:[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+){2,6}")
FALLBACK_SIDE = 224  # px, where a card does not say
Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Loaded:
    """A classifier that is there, and what the studio wants to know of it at once."""

    name: str
    classifier: Classifier
    units: int
    sha256: str

    @property
    def side(self) -> int:
        """The side of its pictures in pixels."""
        return self.classifier.size or FALLBACK_SIDE

    @property
    def class_names(self) -> list[str]:
        """Its classes' names, or their numbers."""
        return self.classifier.class_names or [str(label) for label in range(self.classifier.classes)]

    def check_unit(self, unit: int) -> None:
        """Raise `InputError` unless the representation has this unit."""
        if not 0 <= unit < self.units:
            raise InputError(f"the representation has units 0 to {self.units - 1}, not {unit}")

    def described(self) -> dict[str, Any]:
        """What the page is told."""
        return {
            "name": self.name,
            "size": self.side,
            "classes": self.class_names,
            "units": self.units,
            "gaussians": self.classifier.gaussians is not None,
            "sha256": self.sha256,
            "beside": _partner(self.name),
        }


class Models:
    """Loads classifiers by name. Paths are only taken from whoever started the server.

    Args:
        default: the name of the first one.
        others: further names to offer.
        device: where they live.
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

    def begin(self) -> None:
        """Import the library and load the first classifier; called in a thread of its own."""
        try:
            reserve()
            self.loading = ("importing", 0.5)
            from . import actions  # noqa: F401 - the tasks, and all that they need

            self.loading = ("importing", 0.9)
            self.load(self.default, self._note)
            self.loading = None
        except Exception as error:
            self.error = (str(error).splitlines() or [type(error).__name__])[0]
            print(f"pellucid studio: {self.error}", file=sys.stderr)  # the page says so too, if it is open
            self.loading = None

    def state(self) -> dict[str, Any]:
        """What the page asks for until it is ready."""
        loading = self.loading
        told = None if loading is None else {"what": loading[0], "share": loading[1]}
        return {"ready": self.ready, "loading": told, "error": self.error, "model": self.default}

    def get(self, name: str) -> Loaded:
        """A classifier, loaded if it is not there (any more).

        Raises:
            InputError: a name that is not offered, a classifier that cannot be loaded, or the library is not there yet.
        """
        self._check_ready()
        return self.load(name)

    def here(self, name: str) -> Loaded:
        """A classifier that is in memory.

        Raises:
            InputError: it is not; looking at something must not load it, as that takes long and may use the network.
        """
        self._check_ready()
        self._check(name)
        known = self._here.get(name)
        if known is None:
            raise InputError(f"{name} is not in memory (any more); choose it again to load it")
        return known

    def load(self, name: str, report: Report = lambda what, share: None) -> Loaded:
        """A classifier, with reports on the way; see `get`."""
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
        from ..zoo.models import bundled

        names = dict.fromkeys([self.default, *self.others, *bundled()])
        return [_about(name, name in self._here) for name in names]

    def _note(self, what: str, share: float) -> None:
        self.loading = (what, share)

    def _check_ready(self) -> None:
        if not self.ready:
            raise InputError(self.error or "the studio is still starting; try again in a moment")

    def _check(self, name: str) -> None:
        from ..zoo.models import bundled
        from ..zoo.published import published

        names = list(dict.fromkeys([self.default, *self.others, *bundled()]))
        if name not in [*names, *(entry.name for entry in published())] and not LIBRARY.fullmatch(name):
            raise unknown("model", name, [*names, "timm:NAME", "torchvision:NAME", "hub:OWNER/REPO/FILE"])


def _load(name: str, device: str, report: Report) -> Loaded:
    import torch

    from ..representation.feature import widths
    from ..zoo.models import fingerprint, load

    report(name, 0.1)
    classifier = load(name, device)
    report(name, 0.8)
    side = classifier.size or FALLBACK_SIDE
    gray = torch.full((1, classifier.mean.shape[1], side, side), 0.5)
    units = widths(classifier, ["representation"], gray)["representation"]
    sha256 = fingerprint(classifier)
    if not re.fullmatch(r"[0-9a-f]{64}", sha256):  # it becomes a file's name, and a card may say anything
        sha256 = hashlib.sha256(sha256.encode()).hexdigest()
    report(name, 1.0)
    return Loaded(name, classifier, units, sha256)


def _about(name: str, loaded: bool) -> dict[str, Any]:
    from ..zoo.models import card

    try:
        facts = card(name)
    except InputError:
        facts = {}
    size = facts.get("size")
    said = [facts.get("data"), f"{size} px" if size else None, facts.get("threat")]
    about = ", ".join(str(part) for part in said if part) or Path(name).name
    return {"name": name, "about": about, "size": size, "loaded": loaded}


def _partner(name: str) -> str | None:
    """The bundled classifier of the same images that was trained in the other way."""
    from ..zoo.models import bundled, card

    if name not in bundled():
        return None
    data = card(name).get("data")
    return next((other for other in bundled() if other != name and card(other).get("data") == data), None)
