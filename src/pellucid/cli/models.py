"""`pellucid models`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..zoo.models import bundled, card
from .common import parse


@dataclass(frozen=True)
class Models:
    """What `--model` takes."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    parse(Models, argv, "models")
    for name in bundled():
        facts = card(name)
        accuracy = facts.get("accuracy", {})
        shown = f"{100 * accuracy['clean']:.1f}% clean" if "clean" in accuracy else "not measured"
        size = f"{facts['size']} px  {facts['parameters'] / 1e6:.1f}M parameters"
        print(f"{name:<20} {size}  {shown}  {facts.get('threat', '')}")
    print("PATH                 a bundle: NAME.safetensors with its card NAME.json")
    print("timm:NAME            any of timm's ImageNet models (fetched by timm)")
    print("torchvision:NAME     any of torchvision's ImageNet models (fetched by torchvision)")
    return 0
