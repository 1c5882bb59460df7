"""The demo's sections about image synthesis."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from ..data.image import enlarge
from ..synthesis.generate import GenerateRecipe, generate
from ..synthesis.inpaint import PAPERS, InpaintRecipe, inpaint
from ..synthesis.mask import patch_mask
from ..synthesis.paint import Stroke, paint
from ..synthesis.sketch import sketch
from ..synthesis.superres import superres
from ..synthesis.toward import PLAIN
from ..synthesis.translate import translate
from .page import Section
from .scene import Scene
from .sketches import drawings, line_drawings

BRUSHES = (
    "forest", "glacier", "sunflower", "tulip", "rose", "zebra", "automobile", "ship", "frog", "horse",
    "ladybug", "king penguin", "brain coral", "jellyfish",
)  # fmt: skip
SEEN_IN = {"flower.jpg": ("daisy", "sunflower", "rose", "tulip"), "china.jpg": ("church", "sea", "mountain", "glacier")}


def generation(scene: Scene) -> Section:
    """Seeds, and what both classifiers make of them; keeps the robust results as inputs of other sections."""
    many = [name for name in scene.classes for _ in range(4)]
    robust = generate(scene.robust, many, seed=scene.seed, **scene.options(0, 3))
    scene.made = robust.images[::4]
    standard = generate(scene.standard, scene.classes, start=robust.start[::4], seed=scene.seed, **scene.options(1, 3))
    plain = generate(
        scene.robust, scene.classes, GenerateRecipe(sigmas=PLAIN), start=robust.start[::4], **scene.options(2, 3)
    )
    more = [scene.row("more seeds" if n == 1 else "", robust.images[n::4], f"generate-{n}.png") for n in (1, 2, 3)]
    size = scene.made.shape[2]
    return Section(
        f"Generate, {size} x {size} pixels",
        "Draw a blurry seed from a Gaussian fitted to the images of a class, then descend on the cross-entropy to "
        "that class. The robust classifier's gradient draws the object; the standard one's only adds patterns that "
        "mean the same to it. The steps are smoothed, which is a prior on the path and the same for both; the row of "
        "plain steps is what the robust classifier draws without it.",
        scene.command(
            "generate", "--classes", *scene.classes[:3], "--count", 4, "--seed", scene.seed, "--out", "made.png"
        ),
        (
            scene.row("seed", robust.start[::4], "generate-seeds.png", scene.classes),
            scene.row("robust", scene.made, "generate-0.png"),
            scene.row("robust, plain steps", plain.images, "generate-plain.png"),
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
    photos = scene.crops()
    side = photos.shape[2]
    mask = patch_mask(len(photos), (side, side), side * 5 // 16, scene.seed)
    holes = photos * (1 - mask) + mask / 2
    rows = [scene.row("photo", photos, "inpaint-photo.png"), scene.row("hole", holes, "inpaint-hole.png")]
    for caption, descent in scene.both(inpaint, photos, mask, parts=3):
        if caption == "robust":
            rows.append(scene.row("where it starts", descent.start, "inpaint-start.png"))
        rows.append(scene.row(caption, descent.images, f"inpaint-{caption}.png"))
    papers = InpaintRecipe(eps=10 * side / 128, **PAPERS)
    alone = inpaint(scene.robust, photos, mask, recipe=papers, **scene.options(2, 3))
    rows.append(scene.row("the class alone", alone.images, "inpaint-class.png"))
    return Section(
        "Inpaint",
        "A patch at a random place is missing. The filling begins as smooth as a soap film and continues what the "
        "early layers of the classifier see around it, with a little of the class. For this both classifiers serve. "
        "The last row is the papers' method on the robust one: the class alone, from the mean color.",
        scene.command("inpaint", "--images", "photos/", "--patch", side * 5 // 16, "--out", "inpainted.png"),
        tuple(rows),
    )


def translation(scene: Scene) -> Section:
    """Photos turned into classes that they do not show."""
    known = scene.known
    wanted = [(name, target) for name, targets in SEEN_IN.items() for target in targets if target in known]
    wanted = wanted or [("flower.jpg", target) for target in scene.classes[:4]]
    start, targets = torch.cat([scene.photo(name) for name, _ in wanted]), [target for _, target in wanted]
    rows = [scene.row("photo", start, "translate-start.png")]
    for caption, descent in scene.both(translate, start, targets):
        names = targets if caption == "robust" else ()
        rows.append(scene.row(f"to, {caption}", descent.images, f"translate-{caption}.png", names))
    return Section(
        "Translate",
        "Descend on the cross-entropy to another class and the image turns into it, keeping pose and colors where "
        "it can. No pairs of images and no network of its own are needed for a translation.",
        scene.command("translate", "--images", "photo.jpg", "--classes", targets[0], "--out", "translated.png"),
        tuple(rows),
    )


def superresolution(scene: Scene) -> Section:
    """A quarter of the size, and back."""
    factor, photos = 4, scene.crops()
    small = F.avg_pool2d(photos, factor)
    descent = superres(scene.robust, small, reference=photos, **scene.options(0, 2))
    other = superres(scene.standard, small, **scene.options(1, 2))
    size = photos.shape[2]
    return Section(
        "Super-resolve",
        f"Photos of {size // factor} pixels are enlarged to {size}, and the classifier adds what a member of the "
        "class that it sees would have there. Made small again, the result is the small photo: only what that leaves "
        "open may change.",
        scene.command("superres", "--images", "photos/", "--factor", factor, "--out", "large.png"),
        (
            scene.row(f"{size // factor} px", enlarge(small, size, "nearest"), "superres-small.png"),
            scene.row("bicubic", enlarge(small, size, "bicubic"), "superres-bicubic.png"),
            scene.row("robust", descent.images, "superres-robust.png"),
            scene.row("standard", other.images, "superres-standard.png"),
            scene.row("as it was", photos, "superres-original.png"),
        ),
    )


def sketches(scene: Scene) -> Section:
    """Drawings turned into images."""
    found = [(name, picture) for make in (line_drawings, drawings)
             for name, picture in zip(*make(scene.made.shape[2]), strict=True) if name in scene.known]  # fmt: skip
    names, pictures = [name for name, _ in found], torch.stack([picture for _, picture in found])
    rows = [scene.row("drawing", pictures, "sketch-start.png", names)]
    rows += [scene.row(name, d.images, f"sketch-{name}.png") for name, d in scene.both(sketch, pictures, names)]
    return Section(
        "Sketch to image",
        "A drawing is a start like any other: the descent adds the texture, light and detail that the class has and "
        "the drawing lacks. Blank paper begins as a seed of the class, and the pen's lines move less than the rest. "
        "The drawings are the project's own.",
        scene.command("sketch", "--images", "drawing.png", "--classes", names[0], "--out", "made.png"),
        tuple(rows),
    )


def painting(scene: Scene) -> Section:
    """Units as brushes on a photo."""
    photo = scene.photo("china.jpg")
    size = photo.shape[2]
    known = scene.known
    brushes = [name for name in BRUSHES if name in known][:7]
    where = torch.zeros(1, 1, size, size)
    where[:, :, size // 2 :] = 1
    # The brush for a class: the unit that contributes to it most, by the last layer's weights.
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
