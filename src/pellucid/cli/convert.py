"""`pellucid convert`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from ..base.errors import InputError
from ..gallery.save import check_file
from ..zoo.bundle import save_bundle
from ..zoo.convert import ConvertRecipe, convert
from .flags import INLINE, OutputFlags
from .parse import parse


@dataclass(frozen=True)
class Convert(OutputFlags):
    """A checkpoint, a pickle of torch or a state dict in safetensors, as a bundle. Nothing in the file is executed.

    pellucid convert resnet50_l2_eps3.ckpt --out imagenet-resnet50-l2-3.safetensors
    """

    file: tyro.conf.Positional[str] = ""
    """The checkpoint."""
    out: Path | None = None
    """The bundle: NAME.safetensors, and its card NAME.json beside it."""
    half: bool = False
    """Store weights in float16: half the size, about three digits. By default they stay float32, exactly."""
    recipe: Annotated[ConvertRecipe, INLINE] = ConvertRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Convert, argv, "convert")
    if not flags.file:
        raise InputError("name the checkpoint: pellucid convert FILE --out NAME.safetensors")
    if flags.out is None or flags.out.suffix != ".safetensors":
        raise InputError(f"name the bundle: --out NAME.safetensors{f', not {flags.out}' if flags.out else ''}")
    for path in (flags.out, flags.out.with_suffix(".json")):
        check_file(path, flags.overwrite)
    classifier = convert(flags.file, flags.recipe)
    for name in classifier.card.get("refused", []):
        print(f"refused, not run: {name}")
    save_bundle(classifier, flags.out, half=flags.half, overwrite=True)
    if not flags.quiet:
        for note in classifier.card.get("notes", []):
            print(f"note: {note}")
        print(f"{flags.out}  ({classifier.card['arch']}, {classifier.classes} classes, {classifier.card['size']} px)")
    return 0
