"""What became of each image in an evaluation, and the shares that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..base.errors import InputError
from ..base.pictures import Table
from .intervals import wilson
from .threat import radius_names


@dataclass(frozen=True)
class Outcomes:
    """Per-image results, which can be joined from parts in any order.

    Attributes:
        index: `(N,)` int64, which images of the data set these are.
        clean: `(N,)` bool, classified rightly as they are.
        robust: eps -> name of an attack -> `(N,)` bool, still right after this attack and those listed before it.
    """

    index: Tensor
    clean: Tensor
    robust: dict[float, dict[str, Tensor]] = field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[Outcomes]) -> Outcomes:
        """The parts as one, in the order of the data set; raises `InputError` if an image is in two of them.

        >>> parts = [Outcomes(torch.tensor([i]), torch.tensor([i > 0])) for i in (1, 0)]
        >>> Outcomes.joined(parts).clean
        tensor([False,  True])
        """
        index = torch.cat([part.index for part in parts])
        if len(index.unique()) < len(index):
            raise InputError("the parts of an evaluation overlap; give each image to one of them")
        order = index.argsort()
        robust = {
            eps: {name: torch.cat([part.robust[eps][name] for part in parts])[order] for name in by_attack}
            for eps, by_attack in parts[0].robust.items()
        }
        return cls(index[order], torch.cat([part.clean for part in parts])[order], robust)

    def accuracies(self, settings: dict | None = None) -> Accuracies:
        """The shares of images that are right."""
        robust = {
            eps: {name: _share(held) for name, held in by_attack.items()} for eps, by_attack in self.robust.items()
        }
        return Accuracies(len(self.clean), _share(self.clean), robust, settings or {})


@dataclass(repr=False)
class Accuracies(Table):
    """The result of an evaluation.

    Attributes:
        count: how many images.
        clean: share classified rightly.
        robust: eps -> name of an attack ("pgd-20", "autoattack-standard") -> share that is right and stays so under
            this attack and those listed before it.
        settings: what was measured, and how.
    """

    count: int
    clean: float
    robust: dict[float, dict[str, float]] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)

    def interval(self, share: float) -> tuple[float, float]:
        """The 95% confidence interval of a share: Wilson's, which also holds near 0 and 1.

        >>> [round(end, 4) for end in Accuracies(100, 1.0).interval(1.0)]
        [0.963, 1.0]
        """
        return wilson(share, self.count)

    def table(self) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        shares = {"clean": self.clean}
        for eps, by_attack in self.robust.items():
            shares |= {f"eps {eps:g}, {attack}": share for attack, share in by_attack.items()}
        ends = {name: self.interval(share) for name, share in shares.items()}
        rows = [(name, f"{p:.1%}", "{:.1%} to {:.1%}".format(*ends[name])) for name, p in shares.items()]
        return (f"{self.count} images", "right", "95% interval"), rows

    def to_json(self) -> dict:
        """As plain JSON; shares rounded to 4 places."""
        names = radius_names(self.robust)
        robust = {names[eps]: by_attack for eps, by_attack in self.robust.items()}
        return {
            "images": self.count,
            "clean": round(self.clean, 4),
            "robust": {eps: {name: round(p, 4) for name, p in by.items()} for eps, by in robust.items()},
            "intervals": {
                "clean": self._ends(self.clean),
                "robust": {eps: {name: self._ends(p) for name, p in by.items()} for eps, by in robust.items()},
            },
            **self.settings,
        }

    def _ends(self, share: float) -> list[float]:
        return [round(end, 4) for end in self.interval(share)]


def _share(bools: Tensor) -> float:
    return int(bools.sum()) / len(bools)
