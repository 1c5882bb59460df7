"""The properties of a source that analyses use: robustness, accuracy, width."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..zoo.models import card


@dataclass(frozen=True)
class SourceFacts:
    """Properties of a source, from its card.

    Attributes:
        norm: of the ball that it was trained to withstand; `l2` where it was trained for none.
        eps: its radius in [0, 1] units; None where its card does not tell.
        accuracy: on its own data, 0 to 1; None where its card does not tell.
        size: side of its images; None where its card does not tell.
        data: what it was trained on, and
        arch: its architecture; "" where its card does not tell.
        width: of its last stage, or the factor in its architecture's name; None where that has none.
    """

    norm: str
    eps: float | None
    accuracy: float | None
    size: int | None
    data: str
    arch: str
    width: int | None


def source_facts(name: str) -> SourceFacts:
    """Read the card of a source; raises `InputError` for an unknown name, with the nearest known one.

    >>> source_facts("cifar10-l2-0.5")
    SourceFacts(norm='l2', eps=0.5, accuracy=0.8723, size=32, data='cifar10', arch='smooth-32-80-160-320', width=320)
    """
    return card_facts(card(name))


def card_facts(known: Mapping[str, Any]) -> SourceFacts:
    """What a card says of its classifier as a source.

    >>> card_facts({"threat": "l2 eps 3", "arch": "torchvision:resnet50"}).eps
    3.0
    """
    norm, eps = _threat(str(known.get("threat", "")))
    measured = known.get("accuracy") or known.get("published_accuracy") or {}
    accuracy = measured.get("clean") if isinstance(measured, dict) else None
    data, arch = (str(known.get(key, "")) for key in ("data", "arch"))
    return SourceFacts(norm, eps, accuracy, known.get("size"), data, arch, _width(arch))


def known_sources(names: list[str]) -> dict[str, SourceFacts]:
    """`source_facts` of several sources, by name."""
    return {name: source_facts(name) for name in names}


def _threat(text: str) -> tuple[str, float | None]:
    if text.startswith("none"):
        return "l2", 0.0
    found = re.match(r"(l2|linf) eps (\d+(?:\.\d+)?)(?:/(\d+))?", text)
    if found is None:
        return "l2", None
    return found[1], float(found[2]) / float(found[3] or 1)


def _width(arch: str) -> int | None:
    """`preact-32-80-160-320` and `smooth-...` have 320, `wrn-28-10` 10, `wide_resnet50_4` 4, an ordinary ResNet 1."""
    if arch.startswith(("preact", "smooth", "wrn")) or re.search(r"wide_resnet\d+_\d+$", arch):
        return int(re.split(r"[-_]", arch)[-1])
    return 1 if re.search(r"(^|:)resnet\d+$", arch) else None
