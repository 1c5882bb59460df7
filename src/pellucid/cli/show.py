"""`pellucid show`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from ..zoo.models import card
from .common import parse


@dataclass(frozen=True)
class Show:
    """One bundle's card: where it comes from and what was measured.

    pellucid show cifar10-l2-0.5
    """

    name: tyro.conf.Positional[str] = "cifar10-l2-0.5"
    """A bundled name or a bundle's path."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    print(json.dumps(card(parse(Show, argv, "show").name), indent=2))
    return 0
