"""`pellucid show`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tyro

from ..zoo.anatomy import Anatomy, anatomy
from ..zoo.models import card
from .parse import parse
from .table import print_table


@dataclass(frozen=True)
class Show:
    """One classifier: where it comes from, what was measured, its layers and what a forward pass costs.

    Nothing is fetched: the layers of a published classifier follow from its architecture.

    pellucid show natural20-l2-2.0
    """

    name: tyro.conf.Positional[str] = "natural20-l2-2.0"
    """A bundled or a published name, a bundle's path, timm:NAME or torchvision:NAME."""
    json: bool = False
    """Print the card itself."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Show, argv, "show")
    facts = card(flags.name)
    if flags.json:
        print(json.dumps(facts, indent=2))
        return 0
    print_table(("", flags.name), [*_rows(facts)])
    seen = anatomy(facts["arch"], len(facts.get("class_names", ())) or _classes(facts), facts["size"])
    print_table(("layer", "output", "parameters ", "multiply-adds "), _layers(seen), "Layers")
    return 0


def _classes(facts: dict[str, Any]) -> int:
    """How many classes there are, by the data set."""
    from ..zoo.class_names import class_names

    return len(class_names(str(facts["data"]).lower()))


def _rows(facts: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A card as lines: nested entries by their path, short lists and the names of up to 100 classes in full."""
    rows = []
    for key, value in facts.items():
        if isinstance(value, dict):
            rows += _rows(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            texts = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in value]
            if len(texts) > (100 if key == "class_names" else 12):
                texts = [*texts[:6], f"... {len(value)} in all"]
            rows.append((prefix + key, ", ".join(texts)))
        elif value is not None:
            rows.append((prefix + key, str(value)))
    return rows


def _layers(seen: Anatomy) -> list[tuple[str, str, str, str]]:
    """Each layer, what is in none of them, and the sums."""
    parameters = seen.parameters - sum(layer.parameters for layer in seen.layers)
    multiply_adds = seen.multiply_adds - sum(layer.multiply_adds for layer in seen.layers)
    rows = [(v.name, " x ".join(map(str, v.output)), v.parameters, v.multiply_adds) for v in seen.layers]
    if parameters > 0 or multiply_adds > 0:
        rows.append(("others", "", parameters, multiply_adds))
    rows.append(("in all", "", seen.parameters, seen.multiply_adds))
    return [(name, output, f"{held:,}", f"{cost:,}") for name, output, held, cost in rows]
