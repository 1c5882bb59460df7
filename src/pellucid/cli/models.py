"""`pellucid models`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..zoo.models import bundled, card
from ..zoo.published import Published, published
from .parse import parse
from .table import print_table

OTHERS = [
    ("PATH", "a bundle: NAME.safetensors with its card NAME.json"),
    ("hub:OWNER/REPO/FILE", "a bundle or a checkpoint on the hub"),
    ("clip:hf-hub:OWNER/REPO", "a CLIP of open_clip's on the hub, for words instead of classes"),
    ("timm:NAME", "any of timm's ImageNet models (fetched by timm)"),
    ("torchvision:NAME", "any of torchvision's ImageNet models (fetched by torchvision)"),
]


@dataclass(frozen=True)
class Models:
    """What `--model` takes: the bundled classifiers, the published ones by name, and how to name others.

    pellucid models --json
    """

    json: bool = False
    """Print everything that is known, as JSON: a list of bundled and a list of published classifiers."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Models, argv, "models")
    own = {name: card(name) for name in bundled()}
    if flags.json:
        print(json.dumps({"bundled": own, "published": {entry.name: entry.card() for entry in published()}}, indent=2))
        return 0
    columns = ("name", "size ", "parameters ", "clean ", "trained to withstand")
    print_table(columns, [_bundled_row(name, facts) for name, facts in own.items()], "Bundled")
    columns = ("name", "clean ", "trained to withstand", "architecture", "size ", "file", "from")
    print_table(
        columns, [_published_row(entry) for entry in published()], "Published (a hub's are fetched at first use)"
    )
    print_table(("name", "what it is"), OTHERS, "Others")
    return 0


def _bundled_row(name: str, facts: dict[str, Any]) -> tuple[str, ...]:
    clean = facts.get("accuracy", {}).get("clean")
    millions = f"{facts['parameters'] / 1e6:.1f}M" if "parameters" in facts else ""
    return name, f"{facts['size']} px", millions, _percent(clean), str(facts.get("threat", ""))


def _published_row(entry: Published) -> tuple[str, ...]:
    megabytes = f"{entry.bytes / 1e6:.0f} MB" if entry.bytes else ""
    place = entry.repo or entry.url.split("/")[2]
    return entry.name, _percent(entry.clean), entry.threat, entry.arch, megabytes, entry.file, place


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}%"
