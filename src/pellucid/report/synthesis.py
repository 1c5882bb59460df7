"""The figures and tables of *Image Synthesis with a Single (Robust) Classifier* (Santurkar et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..core.descent import Descent
from ..data import quality
from ..data.image import enlarge
from ..gallery.sheet import Row
from ..gallery.sketches import drawings, line_drawings
from ..synthesis.generate import PRESETS as GENERATIONS
from ..synthesis.generate import GenerateRecipe, generate
from ..synthesis.inpaint import PRESETS as INPAINTINGS
from ..synthesis.inpaint import InpaintRecipe, corrupt, inpaint
from ..synthesis.mask import box_mask, patch_mask
from ..synthesis.membrane import membrane
from ..synthesis.paint import PRESETS as PAINTINGS
from ..synthesis.paint import PaintRecipe, Stroke, paint
from ..synthesis.sketch import PRESETS as SKETCHES
from ..synthesis.sketch import SketchRecipe, sketch
from ..synthesis.start import seeds
from ..synthesis.superres import PRESETS as SUPERRESOLUTIONS
from ..synthesis.superres import SuperresRecipe, superres
from ..synthesis.translate import PRESETS as TRANSLATIONS
from ..synthesis.translate import TranslateRecipe, translate
from .entry import Claim, Finding, Interval, Table
from .published.tables import table
from .samples import distances, inception_scores
from .scene import Scene
from .settings import steps, trained

PAPER = {32: "cifar10", 224: "restricted-imagenet"}  # whose published settings are for images of this side
DOMAINS = (("horse", "zebra"), ("apple", "orange"), ("summer", "winter"), ("zebra", "horse"))


def figure_2(scene: Scene) -> Finding:
    """Images turned into one class after the other."""
    images, _ = scene.images(scene.by_scale(2, 3, 4))
    classes = scene.shown(6)
    each = images.repeat_interleave(len(classes), 0)
    how = scene.by_scale(TranslateRecipe(), TranslateRecipe(), TRANSLATIONS["paper-figure2-restricted-imagenet"])
    rows = []
    for name, classifier in scene.classifiers.items():
        made = translate(classifier, each, classes * len(images), how, **scene.options)
        for number, image in enumerate(images):
            shown = torch.cat([image[None], made.images[number * len(classes) :][: len(classes)].cpu()])
            rows.append(Row(name, shown, ["image", *classes] if number == 0 else ()))
    return Finding(
        "Each test image is moved towards several classes by the same descent. A robust classifier's results show the "
        "class; a standard one is as sure of it and changes little that can be seen.",
        rows,
        command=f"translate --model {scene.name} --images photo.png --classes {classes[0]!r} --out turned.png",
        python=f"pl.translate(classifier, photo, [{classes[0]!r}])",
    )


def figure_3(scene: Scene) -> Finding:
    """Generated images, one of each of many classes and many of a few."""
    many = scene.shown(scene.by_scale(6, 10, 10))
    few, each, rows = many[:3], scene.by_scale(4, 8, 10), []
    labels = many + [label for label in few for _ in range(each)]
    start = seeds(scene.classifier, scene.classifier.labels(labels), seed=scene.seed)
    for name, classifier in scene.classifiers.items():
        made = generate(classifier, labels, generation(scene), start=start, **scene.options)
        rows.append(Row(name, made.images[: len(many)], many))
        for number, label in enumerate(few):
            rows.append(Row("", made.images[len(many) + number * each :][:each], [label] * each))
    return Finding(
        "First results of one seed: one image of each class, and several of the first three. All classifiers begin "
        "with the same seeds, drawn from class Gaussians.",
        rows,
        command=f"generate --model {scene.name} --classes {' '.join(map(repr, few))} --count {each} --out made.png",
        python=f"pl.generate(classifier, {few})",
    )


def figure_17(scene: Scene) -> Finding:
    """Draws from the class Gaussians."""
    classes = scene.shown(6)
    labels = scene.classifier.labels([label for label in classes for _ in range(3)])
    start = seeds(scene.classifier, labels, seed=scene.seed)
    rows = [Row("" if number else "seeds", start[number::3], classes if number == 0 else ()) for number in range(3)]
    return Finding(
        "Three draws from the Gaussian of each class, with which generation begins.",
        rows,
        command=f"generate --model {scene.name} --classes {' '.join(map(repr, classes))} --out made.png",
        python="pl.generate(classifier, labels).start",
    )


def figure_4(scene: Scene) -> Finding:
    """Images with a hole, and what fills it."""
    photos, mask, made = filled(scene, scene.by_scale(4, 16, 200))
    before = {"mean color": corrupt(photos, mask), "membrane": membrane(photos, mask)}
    after = before | {name: descent.images.cpu() for name, descent in made.items()}
    measures = (quality.psnr, quality.ssim)
    own = {name: [in_hole(each, images, photos, mask) for each in measures] for name, images in after.items()}
    rows = [(name, *map(Interval.of_mean, values)) for name, values in own.items()]
    shown = [Row("original", photos[:6]), Row("hole", before["mean color"][:6])]
    claim = "The robust network fills holes better than the mean color (PSNR in the hole)"
    return Finding(
        "A square is missing at a random place. PSNR and SSIM are those of the hole's box.",
        shown + [Row(name, images[:6]) for name, images in after.items() if name in made],
        table=Table(("filled by", "PSNR", "SSIM"), rows),
        claims=[Claim(claim, Interval.of_difference(own[scene.name][0], own["mean color"][0]))],
        command=f"inpaint --model {scene.name} --images photos/ --patch {mask_side(scene)} --out filled.png",
        python=f"pl.inpaint(classifier, images, pl.patch_mask(len(images), size, {mask_side(scene)}))",
    )


def figure_12(scene: Scene) -> Finding:
    """Failures of inpainting, sorted by whether the result still shows its class to an independent classifier."""
    photos, mask, made = filled(scene, scene.by_scale(8, 40, 200))
    assert scene.judge is not None  # the entry needs it
    descent = made[scene.name]
    meant, seen = scene.judge.predict(photos).cpu(), scene.judge.predict(descent.images).cpu()
    worst = torch.tensor(in_hole(quality.psnr, descent.images.cpu(), photos, mask)).argsort()
    good = [int(i) for i in worst if seen[i] == meant[i]][:4]
    bad = [int(i) for i in worst if seen[i] != meant[i]][:4]
    rows = []
    for title, chosen in (("plausible", good), ("wrong", bad)):
        if chosen:
            rows += [Row(f"{title}: original", photos[chosen]), Row("hole", corrupt(photos, mask)[chosen])]
            rows.append(Row("filled", descent.images[chosen]))
    return Finding(
        "The fillings that differ most from the original (PSNR in the hole). A failure is plausible if an independent "
        f"classifier sees the same class in it as in the original, else wrong: {int((seen != meant).sum())} of "
        f"{len(seen)} are.",
        rows,
        command=f"inpaint --model {scene.name} --images photos/ --patch {mask_side(scene)} --out filled.png",
        python="pl.inpaint(classifier, images, mask)",
    )


def figure_5(scene: Scene) -> Finding:
    """Images of one class turned into a related one."""
    first, second = domains(scene)
    rows, moved = [], {}
    for source, target in ((first, second), (second, first)):
        images = of_class(scene, source, scene.by_scale(4, 6, 8))
        rows.append(Row(source, images))
        how = scene.by_scale(TranslateRecipe(), TranslateRecipe(), TRANSLATIONS["paper-imagenet"])
        for name, classifier in scene.classifiers.items():
            made = translate(classifier, images, [target] * len(images), how, **scene.options)
            moved.setdefault(name, []).append(made)
            rows.append(Row(f"{target}, {name}", made.images))
    return Finding(
        f"Test images of {first} moved towards {second} and back. Robust results keep pose and place.",
        rows,
        command=f"translate --model {scene.name} --images photos/ --classes {second!r} --out turned.png",
        python=f"pl.translate(classifier, images, [{second!r}] * len(images))",
    )


def figure_6(scene: Scene) -> Finding:
    """Enlarged images beside bicubic interpolation."""
    factor, photos, made = enlarged(scene, scene.by_scale(6, 6, 10))
    small = F.avg_pool2d(photos, factor)
    rows = [Row("input", enlarge(small, scene.size, "nearest")), Row("bicubic", enlarge(small, scene.size, "bicubic"))]
    return Finding(
        f"Test images made {factor} times smaller by block means, and enlarged again.",
        [*rows, *(Row(name, descent.images) for name, descent in made.items()), Row("original", photos)],
        command=f"superres --model {scene.name} --images photos/ --factor {factor} --out large.png",
        python="pl.superres(classifier, small)",
    )


def psnr(scene: Scene) -> Finding:
    """PSNR of enlarged images over the test set."""
    factor, photos, made = enlarged(scene, scene.by_scale(24, 200, len(scene.measured)))
    small = F.avg_pool2d(photos, factor)
    found = {kind: quality.psnr(enlarge(small, scene.size, kind), photos).tolist() for kind in ("nearest", "bicubic")}
    found |= {name: quality.psnr(descent.images.cpu(), photos).tolist() for name, descent in made.items()}
    rows = [(name, Interval.of_mean(values)) for name, values in found.items()]
    known = {method: Interval(*numbers) for method, *numbers in table("synthesis-psnr").rows}
    published = [(f"{method}, published (8x, 224 px)", each) for method, each in known.items()]
    claim = "The robust network's enlargements are nearer to the original than bicubic ones (PSNR, decibels)"
    gap = Interval.of_difference(found[scene.name], found["bicubic"])
    return Finding(
        f"{len(photos)} test images made {factor} times smaller and enlarged again.",
        table=Table(("enlarged by", "PSNR"), [*rows, *published]),
        claims=[Claim(claim, gap, known["robust classifier"].value - known["bicubic"].value)],
        command=f"superres --model {scene.name} --images photos/ --factor {factor} --out large/",
        python="pl.superres(classifier, small, reference=photos)",
    )


def figure_7(scene: Scene) -> Finding:
    """Drawings turned into images."""
    known = scene.classifier.class_names or []
    drawn = [(name, picture) for make in (line_drawings, drawings)
             for name, picture in zip(*make(scene.size), strict=True) if name in known]  # fmt: skip
    if not drawn:
        raise InputError("none of the project's drawings shows one of the classifier's classes")
    names, pictures = [name for name, _ in drawn], torch.stack([picture for _, picture in drawn])
    how = scene.by_scale(SketchRecipe(), SketchRecipe(), SKETCHES["notebook-restricted-imagenet"])
    rows = [Row("drawing", pictures, names)]
    for name, classifier in scene.classifiers.items():
        rows.append(Row(name, sketch(classifier, pictures, names, how, **scene.options).images))
    return Finding(
        "The project's own drawings, turned into what they show.",
        rows,
        command=f"sketch --model {scene.name} --images drawing.png --classes {names[0]!r} --out made.png",
        python=f"pl.sketch(classifier, drawings, {names})",
    )


def figure_8(scene: Scene) -> Finding:
    """Features painted onto an image, one after the other."""
    photo = scene.images(1)[0]
    size, names = scene.size, scene.shown(3)
    boxes = [
        (0, size // 2, size // 2, size // 2),
        (size // 2, size // 2, size // 2, size // 2),
        (0, 0, size, size // 3),
    ]
    units = [brush(scene.classifier, name) for name in names]
    strokes = [Stroke(box_mask((size, size), box), unit) for box, unit in zip(boxes, units, strict=True)]
    how = scene.by_scale(PaintRecipe(), PaintRecipe(), PAINTINGS["notebook-restricted-imagenet"])
    made = paint(scene.classifier, photo, strokes, how, precision=scene.precision)
    captions = ["image", *(f"unit {unit} ({name})" for unit, name in zip(units, names, strict=True))]
    return Finding(
        "Three strokes, each with the unit that contributes most to the class in brackets, one after the other.",
        [Row("", torch.cat([photo, *(descent.images.cpu() for descent in made)]), captions)],
        command=f"paint --model {scene.name} --images photo.png --strokes 0,{size // 2},{size},{size // 2}:{units[0]}",
        python=f"pl.paint(classifier, photo, [pl.Stroke(mask, {units[0]})])",
    )


def table_1(scene: Scene) -> Finding:
    """Inception Scores."""
    return inception_scores(scene)


def fid(scene: Scene) -> Finding:
    """Fréchet Inception Distance."""
    return distances(scene)


def table_3(scene: Scene) -> Finding:
    """How the classifiers were trained."""
    return trained(scene, "synthesis-table-3")


def table_4(scene: Scene) -> Finding:
    """Against which attack they were trained."""
    return trained(scene, "synthesis-table-4")


def settings(scene: Scene) -> Finding:
    """Radius, steps and step size of each task."""
    names = [f"synthesis-settings-{task}" for task in ("figure-2", "generate", "inpaint", "translate", "superres")]
    own = {"generate": GenerateRecipe(), "translate": TranslateRecipe(), "superres": SuperresRecipe()}
    return steps(scene, names, {**own, "sketch": SketchRecipe()}, "generate --preset paper-cifar10")


# What the entries share.


def generation(scene: Scene) -> GenerateRecipe:
    """Settings of generation; the published ones at the scale of the papers, where they are for this size."""
    published = GENERATIONS[f"paper-{PAPER[scene.size]}"] if scene.size in PAPER else GenerateRecipe()
    return scene.by_scale(GenerateRecipe(), GenerateRecipe(), published)


def filled(scene: Scene, count: int) -> tuple[Tensor, Tensor, dict[str, Descent]]:
    """Test images, holes of about a third of their side, and what fills them."""
    photos, _ = scene.images(count)
    mask = patch_mask(len(photos), (scene.size, scene.size), mask_side(scene), scene.seed)
    how = scene.by_scale(InpaintRecipe(), InpaintRecipe(), INPAINTINGS["paper-restricted-imagenet"])
    made = {name: inpaint(c, photos, mask, None, how, **scene.options) for name, c in scene.classifiers.items()}
    return photos, mask, made


def mask_side(scene: Scene) -> int:
    """Side of a hole: 40 of 128 pixels, 60 of 224 at the scale of the papers."""
    return scene.by_scale(scene.size * 5 // 16, scene.size * 5 // 16, scene.size * 60 // 224)


def in_hole(measure: Callable[[Tensor, Tensor], Tensor], images: Tensor, photos: Tensor, mask: Tensor) -> list[float]:
    """A measure of the box of each hole."""
    values = []
    for image, photo, hole in zip(images.cpu(), photos, mask, strict=True):
        rows, columns = hole[0].amax(1).nonzero()[:, 0], hole[0].amax(0).nonzero()[:, 0]
        box = (slice(None), slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        values.append(float(measure(image[box][None], photo[box][None])))
    return values


def enlarged(scene: Scene, count: int) -> tuple[int, Tensor, dict[str, Descent]]:
    """The factor, test images, and what becomes of them when they are made small by it and enlarged again."""
    photos, _ = scene.images(count)
    factor = scene.by_scale(4, 4, 8)
    how = scene.by_scale(SuperresRecipe(), SuperresRecipe(), SUPERRESOLUTIONS["paper-restricted-imagenet"])
    small = F.avg_pool2d(photos, factor)
    made = {name: superres(c, small, None, how, precision=scene.precision) for name, c in scene.classifiers.items()}
    return factor, photos, made


def domains(scene: Scene) -> tuple[str, str]:
    """Two related classes: those of the paper if the classifier has them, or its first two."""
    names = scene.shown(scene.classifier.classes)
    return next(((a, b) for a, b in DOMAINS if a in names and b in names), (names[0], names[1]))


def of_class(scene: Scene, name: str, count: int) -> Tensor:
    """The first test images of a class."""
    chosen = (scene.measured.labels == scene.classifier.label(name)).nonzero()[:count, 0]
    if not len(chosen):
        raise InputError(f"the data have no test image of {name}")
    return scene.measured.batch(chosen)[0]


def brush(classifier: Classifier, name: str) -> int:
    """The unit that contributes most to a class, by the last layer's weights."""
    return int(
        classifier.network.get_parameter(f"{classifier.path(classifier.head)}.weight")[classifier.label(name)].argmax()
    )
