"""A classifier in memory, with the facts that the studio shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...base.errors import InputError

if TYPE_CHECKING:
    from ...core.classifier import Classifier

FALLBACK_SIDE = 224  # px, if the card states none


@dataclass(frozen=True)
class Loaded:
    """A classifier in memory.

    Attributes:
        name: under which it was loaded.
        classifier: the classifier.
        units: how many units its representation has.
        sha256: of its weights.
        partner: the bundled classifier of the same data that was trained in the other way, if there is one.
    """

    name: str
    classifier: Classifier
    units: int
    sha256: str
    partner: str | None = None

    @property
    def side(self) -> int:
        """The side of its pictures in pixels."""
        return self.classifier.size or FALLBACK_SIDE

    @property
    def class_names(self) -> list[str]:
        """The names of its classes, or their numbers."""
        return self.classifier.class_names or [str(label) for label in range(self.classifier.classes)]

    def check_unit(self, unit: int) -> None:
        """Raise `InputError` unless the representation has this unit."""
        if not 0 <= unit < self.units:
            raise InputError(f"the representation has units 0 to {self.units - 1}, not {unit}")

    def described(self) -> dict[str, Any]:
        """The classifier as JSON for the page."""
        return {
            "name": self.name,
            "size": self.side,
            "data": self.classifier.card.get("data"),
            "classes": self.class_names,
            "units": self.units,
            "gaussians": self.classifier.gaussians is not None,
            "sha256": self.sha256,
            "beside": self.partner,
        }
