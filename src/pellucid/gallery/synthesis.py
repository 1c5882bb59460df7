"""The demo's sections about image synthesis."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..data.image import enlarge
from ..synthesis.generate import generate
from ..synthesis.inpaint import inpaint
from ..synthesis.mask import patch_mask
from ..synthesis.paint import Stroke, paint
from ..synthesis.sketch import sketch
from ..synthesis.superres import superres
from ..synthesis.translate import translate
from .page import Section
from .scene import Scene
from .sketches import drawings

PAIRS = (
    ("automobile", "truck"), ("cat", "dog"), ("deer", "horse"), ("airplane", "bird"), ("truck", "ship"),
    ("golden retriever", "German shepherd"), ("tabby", "Persian cat"), ("lion", "brown bear"),
    ("ladybug", "monarch"), ("African elephant", "bison"),
)  # fmt: skip
BRUSHES = ("automobile", "ship", "frog", "horse", "ladybug", "king penguin", "brain coral", "jellyfish")


def generation(scene: Scene) -> Section:
    """Seeds, and what both classifiers make of them; keeps the robust results as inputs of other sections."""
    many = [name for name in scene.classes for _ in range(4)]
    robust = generate(scene.robust, many, seed=scene.seed, **scene.options(0, 2))
    scene.made = robust.images[::4]
    standard = generate(scene.standard, scene.classes, start=robust.start[::4], seed=scene.seed, **scene.options(1, 2))
    more = [
        scene.row("three more seeds" if n == 1 else "", robust.images[n::4], f"generate-{n}.png") for n in (1, 2, 3)
    ]
    size = scene.made.shape[2]
    return Section(
        f"Generate, {size} x {size} pixels",
        "Draw a blurry seed from a Gaussian fitted to the images of a class, then descend on the cross-entropy to "
        "that class. The robust classifier's gradient draws the object; the standard one's only adds noise that "
        "means the same to it.",
        scene.command(
            "generate", "--classes", *scene.classes[:3], "--count", 4, "--seed", scene.seed, "--out", "made.png"
        ),
        (
            scene.row("seed", robust.start[::4], "generate-seeds.png", scene.classes),
            scene.row("robust", scene.made, "generate-0.png"),
            scene.row("standard", standard.images, "generate-standard.png"),
            *more,
        ),
    )


def manipulation(scene: Scene) -> Section:
    """One photo, moved towards each class."""
    photo = scene.photo("flower.jpg").expand(len(scene.classes), -1, -1, -1)
    rows = [scene.row("towards", photo, "manipulate-start.png", scene.classes)]
    for caption, descent in scene.both(translate, photo, scene.classes):
        rows.append(scene.row(caption, descent.images, f"manipulate-{caption}.png"))
    return Section(
        "Manipulate",
        "One photo of a flower, moved towards each class in turn inside the same small ball. Both networks are "
        "sure of the new class in the end, but only the robust one had to change what we see.",
        scene.command("translate", "--images", "flower.jpg", "--classes", scene.classes[0], "--out", "changed.png"),
        tuple(rows),
    )


def inpainting(scene: Scene) -> Section:
    """A patch at a random place, filled."""
    side = scene.made.shape[2]
    mask = patch_mask(len(scene.made), (side, side), side * 3 // 8, scene.seed)
    rows = [scene.row("original", scene.made, "inpaint-original.png", scene.classes)]
    for caption, descent in scene.both(inpaint, scene.made, mask):
        if caption == "robust":
            rows.append(scene.row("corrupted", descent.start, "inpaint-corrupted.png"))
        rows.append(scene.row(caption, descent.images, f"inpaint-{caption}.png"))
    return Section(
        "Inpaint",
        "A patch at a random place is replaced by the mean color, and the classifier fills it with what belongs to "
        "the class that it sees in the rest. Pixels outside the patch are kept as they were.",
        scene.command("inpaint", "--images", "generated/", "--patch", side * 3 // 8, "--out", "inpainted.png"),
        tuple(rows),
    )


def translation(scene: Scene) -> Section:
    """Images turned into another class."""
    known = scene.robust.class_names or []
    pairs = [(source, target) for source, target in PAIRS if source in scene.classes and target in known]
    pairs = pairs or [(scene.classes[0], scene.classes[-1])]
    start = scene.made[[scene.classes.index(source) for source, _ in pairs]]
    targets = [target for _, target in pairs]
    rows = [scene.row("from", start, "translate-start.png", [source for source, _ in pairs])]
    for caption, descent in scene.both(translate, start, targets):
        names = targets if caption == "robust" else ()
        rows.append(scene.row(f"to, {caption}", descent.images, f"translate-{caption}.png", names))
    return Section(
        "Translate",
        "Descend on the cross-entropy to another class and the image turns into it, keeping pose and colors where "
        "it can. No pairs of images and no network of its own are needed for a translation.",
        scene.command(
            "translate", "--images", "generated/0000.png", "--classes", targets[0], "--out", "translated.png"
        ),
        tuple(rows),
    )


def superresolution(scene: Scene) -> Section:
    """A quarter of the size, and back."""
    factor = 4
    small = F.avg_pool2d(scene.made, factor)
    descent = superres(scene.robust, small, reference=scene.made, **scene.options(0, 2))
    other = superres(scene.standard, small, **scene.options(1, 2))
    size = scene.made.shape[2]
    return Section(
        "Super-resolve",
        f"Images of {size // factor} pixels are enlarged to {size}, and the classifier adds what a member of the "
        "class that it sees would have there. The ball around the enlarged image keeps the result true to it.",
        scene.command("superres", "--images", "generated/", "--factor", factor, "--out", "large.png"),
        (
            scene.row(f"{size // factor} px", enlarge(small, size, "nearest"), "superres-small.png", scene.classes),
            scene.row("bicubic", enlarge(small, size, "bicubic"), "superres-bicubic.png"),
            scene.row("robust", descent.images, "superres-robust.png"),
            scene.row("standard", other.images, "superres-standard.png"),
            scene.row("as it was", scene.made, "superres-original.png"),
        ),
    )


def sketches(scene: Scene) -> Section:
    """Drawings turned into images."""
    names, pictures = drawings(scene.made.shape[2])
    known = [number for number, name in enumerate(names) if name in scene.classes]
    names, pictures = [names[n] for n in known], pictures[known]
    rows = [scene.row("drawing", pictures, "sketch-start.png", names)]
    rows += [scene.row(name, d.images, f"sketch-{name}.png") for name, d in scene.both(sketch, pictures, names)]
    return Section(
        "Sketch to image",
        "A flat drawing is a start like any other: the descent adds the texture, light and detail that the class "
        "has and the drawing lacks. The drawings are the project's own, made of a few polygons each.",
        scene.command("sketch", "--images", "drawing.png", "--classes", "ship", "--out", "ship.png"),
        tuple(rows),
    )


def painting(scene: Scene) -> Section:
    """Units as brushes on a photo."""
    photo = scene.photo("china.jpg")
    size = photo.shape[2]
    known = scene.robust.class_names or []
    brushes = [name for name in BRUSHES if name in known]
    where = torch.zeros(1, 1, size, size)
    where[:, :, size // 2 :] = 1
    # The brush for a class: the unit that speaks for it most, by the last layer's weights.
    head = scene.robust.network.get_parameter(f"{scene.robust.head}.weight")
    units = [int(head[known.index(name)].argmax()) for name in brushes]
    results = [
        paint(scene.robust, photo, [Stroke(where, unit)], **scene.options(part, len(units)))[-1].images
        for part, unit in enumerate(units)
    ]
    stroke = f"0,{size // 2},{size},{size // 2}:{units[0]}"
    names = ["photo", *(f"unit {unit} ({name})" for unit, name in zip(units, brushes, strict=True))]
    return Section(
        "Paint with features",
        "Single units of the representation serve as brushes: the lower half of a photo is changed so that one "
        "unit rises, while changes elsewhere are penalized. Each unit is the one that speaks most for the class in "
        "brackets.",
        scene.command("paint", "--images", "china.jpg", "--strokes", stroke, "--out", "painted.png"),
        (scene.row("painted", torch.cat([photo.cpu(), *(r.cpu() for r in results)]), "paint.png", names),),
    )
