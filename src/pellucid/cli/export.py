"""`pellucid export`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from ..base.errors import InputError
from ..gallery.save import check_file
from ..zoo.export import Target, export
from ..zoo.models import load
from .flags import OutputFlags
from .parse import parse

ENDINGS = {"torchvision": (".pth", ".pt", ".safetensors"), "timm": (".pth", ".pt", ".safetensors"), "onnx": (".onnx",)}


@dataclass(frozen=True)
class Export(OutputFlags):
    """A classifier for other software: its weights under the names of torchvision or timm, or as ONNX.

    pellucid export imagenet-resnet50-l2-3 --to torchvision --out resnet50.pth
    pellucid export natural20-l2-2.0 --to onnx --out natural20.onnx
    """

    model: tyro.conf.Positional[str] = ""
    """What --model takes elsewhere."""
    to: Target = "onnx"
    """Whose code shall take it. ONNX has the normalization inside; a state dict does not."""
    out: Path | None = None
    """The file: NAME.onnx, or NAME.pth or NAME.safetensors for a state dict."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Export, argv, "export")
    if not flags.model:
        raise InputError("name the classifier: pellucid export NAME --to onnx --out NAME.onnx")
    if flags.out is None or flags.out.suffix not in ENDINGS[flags.to]:
        given = f", not {flags.out}" if flags.out else ""
        raise InputError(f"name the file: --out NAME{' or NAME'.join(ENDINGS[flags.to])}{given}")
    check_file(flags.out, flags.overwrite)
    classifier = load(flags.model, "cpu")
    difference = export(classifier, flags.out, flags.to)
    if not flags.quiet:
        print(f"{flags.out}  ({flags.out.stat().st_size / 1e6:.1f} MB; its logits differ by at most {difference:.1g})")
        if flags.to != "onnx":
            mean, std = classifier.mean.flatten().tolist(), classifier.std.flatten().tolist()
            print(f"give it (images - mean) / std: mean {mean}, std {std}".replace("[", "").replace("]", ""))
    return 0
