"""The figures and tables of *Image Synthesis with a Single (Robust) Classifier* (Santurkar et al. 2019)."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..core.descent import Descent
from ..data.image import enlarge
from ..data.quality import psnr as psnr_of
from ..gallery.sheet import Row
from ..gallery.sketches import drawings, line_drawings
from ..statistics.inpaint import cropped, inpaint_statistics
from ..statistics.superres import superres_statistics
from ..statistics.translate import translate_statistics
from ..synthesis.generate import PRESETS as GENERATIONS
from ..synthesis.generate import GenerateRecipe, generate
from ..synthesis.inpaint import PRESETS as INPAINTINGS
from ..synthesis.inpaint import InpaintRecipe, corrupt, inpaint
from ..synthesis.mask import box_mask, patch_mask
from ..synthesis.paint import PRESETS as PAINTINGS
from ..synthesis.paint import PaintRecipe, Stroke, paint
from ..synthesis.sketch import PRESETS as SKETCHES
from ..synthesis.sketch import SketchRecipe, sketch
from ..synthesis.start import seeds
from ..synthesis.superres import PRESETS as SUPERRESOLUTIONS
from ..synthesis.superres import SuperresRecipe, superres
from ..synthesis.translate import PRESETS as TRANSLATIONS
from ..synthesis.translate import TranslateRecipe, translate
from .entry import Finding, Interval, Table
from .measured import ahead, as_table, comparison
from .published.tables import table
from .samples import distances, inception_scores
from .scene import Scene, withstands
from .settings import grouped, steps, trained

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
    photos, mask, made = filled(scene, 6)
    how, side = inpainting(scene), mask_side(scene)
    count = scene.by_scale(4, 40, 200)
    found = inpaint_statistics(comparison(scene, count), how, patch=side, precision=scene.precision)
    claim = "The robust network fills holes better than the mean color (PSNR in the hole, decibels)"
    return Finding(
        f"A square of {side} px is missing at a random place. PSNR and SSIM are those of the hole, over {found.images} "
        "test images.",
        [Row("original", photos), Row("hole", corrupt(photos, mask)), *(Row(n, d.images) for n, d in made.items())],
        table=as_table(found),
        claims=[ahead(found, "PSNR, dB", "mean color", claim)],
        command=f"inpaint --model {scene.name} --images photos/ --patch {side} --out filled.png",
        python=f"pl.inpaint(classifier, images, pl.patch_mask(len(images), (size, size), {side}))",
    )


def figure_12(scene: Scene) -> Finding:
    """Failures of inpainting, sorted by whether the result still shows its class to an independent classifier."""
    photos, mask, made = filled(scene, scene.by_scale(8, 40, 200))
    assert scene.judge is not None  # the entry needs it
    descent = made[scene.name]
    meant, seen = scene.judge.predict(photos).cpu(), scene.judge.predict(descent.images).cpu()
    side = mask_side(scene)
    worst = psnr_of(cropped(descent.images.cpu(), mask, side), cropped(photos, mask, side)).argsort()
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
    how = scene.by_scale(TranslateRecipe(), TranslateRecipe(), TRANSLATIONS["paper-imagenet"])
    shares, note = None, "Without a judge nobody says in which share the target is seen."
    if scene.judge is not None:
        chosen, pairs = comparison(scene, scene.by_scale(8, 60, None)), [(first, second), (second, first)]
        try:
            shares = translate_statistics(chosen, how, pairs=pairs, precision=scene.precision)
            note = "The table says in which share the judge sees the target."
        except InputError as why:  # it knows other classes
            note = f"Not judged: {why}."
    rows = both_ways(scene, scene.by_scale(4, 6, 8))
    return Finding(
        f"Test images of {first} moved towards {second} and back. Robust results keep pose and place. {note}",
        rows,
        table=None if shares is None else as_table(shares),
        command=f"translate --model {scene.name} --images photos/ --classes {second!r} --out turned.png",
        python=f"pl.translate(classifier, images, [{second!r}] * len(images))",
    )


def figure_11(scene: Scene) -> Finding:
    """Figure 5 of a classifier that withstands L2 attacks and of one that withstands linf attacks."""
    first, second = domains(scene)
    compared = {name: c for name, c in scene.classifiers.items() if name == scene.name or withstands(c) == "linf"}
    return Finding(
        f"Test images of {first} moved towards {second} and back by the same descent. Look whether the object changes "
        "or what is around it. The paper's linf classifier takes blue sky for a mark of horses. No number here decides "
        "it.",
        both_ways(replace(scene, classifiers=compared), scene.by_scale(4, 6, 8)),
        command=f"translate --model {scene.name} --beside {' '.join(list(compared)[1:])} --images photos/ "
        f"--classes {second!r} --out turned.png",
        python=f"pl.translate(classifier, images, [{second!r}] * len(images))",
    )


def figure_6(scene: Scene) -> Finding:
    """Enlarged images beside bicubic interpolation."""
    photos, factor, how = scene.images(6)[0], scene.by_scale(4, 4, 8), superresolution(scene)
    small = F.avg_pool2d(photos, factor)
    rows = [Row(kind, enlarge(small, scene.size, kind)) for kind in ("nearest", "bicubic")]
    for name, classifier in scene.classifiers.items():
        rows.append(Row(name, superres(classifier, small, None, how, precision=scene.precision).images))
    return Finding(
        f"Test images made {factor} times smaller by block means, and enlarged again.",
        [*rows, Row("original", photos)],
        command=f"superres --model {scene.name} --images photos/ --factor {factor} --out large.png",
        python="pl.superres(classifier, small)",
    )


def psnr(scene: Scene) -> Finding:
    """PSNR of enlarged images over the test set."""
    count, factor = scene.by_scale(24, 200, None), scene.by_scale(4, 4, 8)
    found = superres_statistics(
        comparison(scene, count), superresolution(scene), factor=factor, precision=scene.precision
    )
    printed = [(f"{method}, published (x8, 224 px)", Interval(*ends), None)
               for method, *ends in table("synthesis-psnr").rows]  # fmt: skip
    measured = as_table(found)
    cells = [(*row, *[None] * (len(measured.columns) - len(row))) for row in [*measured.rows, *printed]]
    claim = "The robust network's enlargements are nearer to the original than bicubic ones (PSNR, decibels)"
    return Finding(
        f"{found.images} test images made {factor} times smaller by block means and enlarged again.",
        table=Table(measured.columns, cells),
        claims=[ahead(found, "PSNR, dB", "bicubic", claim, published=0.23)],
        command=f"superres --model {scene.name} --images photos/ --factor {factor} --out large/",
        python="pl.superres_statistics(pl.Comparison(classifiers, split))",
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


def table_2(scene: Scene) -> Finding:
    """The classes of Restricted ImageNet."""
    return grouped("synthesis-table-2")


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
    how = inpainting(scene)
    made = {name: inpaint(c, photos, mask, None, how, **scene.options) for name, c in scene.classifiers.items()}
    return photos, mask, made


def mask_side(scene: Scene) -> int:
    """Side of a hole: 40 of 128 pixels, 60 of 224 at the scale of the papers."""
    return scene.by_scale(scene.size * 5 // 16, scene.size * 5 // 16, scene.size * 60 // 224)


def inpainting(scene: Scene) -> InpaintRecipe:
    """Settings of inpainting."""
    return scene.by_scale(InpaintRecipe(), InpaintRecipe(), INPAINTINGS["paper-restricted-imagenet"])


def superresolution(scene: Scene) -> SuperresRecipe:
    """Settings of super-resolution."""
    return scene.by_scale(SuperresRecipe(), SuperresRecipe(), SUPERRESOLUTIONS["paper-restricted-imagenet"])


def domains(scene: Scene) -> tuple[str, str]:
    """Two related classes: those of the paper if the classifier has them, or its first two."""
    names = scene.shown(scene.classifier.classes)
    return next(((a, b) for a, b in DOMAINS if a in names and b in names), (names[0], names[1]))


def both_ways(scene: Scene, count: int) -> list[Row]:
    """Test images of two domains, each moved to the other by every classifier."""
    first, second = domains(scene)
    how, rows = scene.by_scale(TranslateRecipe(), TranslateRecipe(), TRANSLATIONS["paper-imagenet"]), []
    for source, target in ((first, second), (second, first)):
        images = of_class(scene, source, count)
        rows.append(Row(source, images))
        for name, classifier in scene.classifiers.items():
            made = translate(classifier, images, [target] * len(images), how, **scene.options)
            rows.append(Row(f"to {target}, {name}", made.images))
    return rows


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
