"""`pellucid similarity`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import InputError
from ..base.files import short, write_json
from ..evaluation.perceptual import perceptual_distance, perceptual_layers
from ..evaluation.threat import check_runs
from ..gallery.save import check_file
from ..gallery.sidecar import made_by
from ..zoo.models import fingerprint, load
from .flags import DeviceFlags, ImageFlags, ModelFlags, OutputFlags
from .inputs import find_images, read_images
from .parse import parse
from .run import models
from .table import print_table


@dataclass(frozen=True)
class SimilarityFlags(ModelFlags, ImageFlags, DeviceFlags, OutputFlags):
    """How unlike images look to a classifier: its perceptual distance from the first image to each of the others.

    pellucid similarity --images photo.png blurred.png noisy.png --beside natural20-standard
    """

    beside: tuple[str, ...] = ()
    """Further classifiers."""
    layers: tuple[str, ...] = ()
    """Layers that are compared; the last named one of each resolution if none is named."""
    out: Path | None = None
    """Also write the distances to this JSON file."""


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(SimilarityFlags, argv, "similarity")
    if flags.out is not None:
        check_file(flags.out, flags.overwrite)
    files = find_images(flags.images)
    if len(files) < 2:
        raise InputError("a distance is between two images; name two or more")
    names, found = models(flags), {}
    for name in names:
        classifier = load(name, flags.device)
        images = read_images(files, classifier.size)
        check_runs(classifier, images)
        layers = flags.layers or perceptual_layers(classifier, images)
        others = images[1:]
        distances = perceptual_distance(classifier, images[:1].expand_as(others), others, layers)
        found[name] = {
            "model_sha256": fingerprint(classifier), "layers": layers,
            "distances": [round(value, 6) for value in distances.tolist()],
        }  # fmt: skip
    if flags.out is not None:
        write_json(flags.out, {**made_by("similarity", argv, inputs=files), "models": found})
    columns = [[f"{value:.4f}" for value in facts["distances"]] for facts in found.values()]
    rows = list(zip(short([str(file) for file in files[1:]]), *columns, strict=True))
    print_table((f"from {files[0].name} to", *(f"{name} " for name in short(names))), rows)
    return 0
