"""Style transfer (Gatys, Ecker and Bethge 2016), with any network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.devices import Precision, PrecisionChoice, default_modes, pick_precision
from ..base.errors import InputError
from ..base.image import Images
from ..base.made import Made
from ..base.pictures import Pictures, summary
from ..base.recipes import checked
from ..base.task import task
from ..core.classifier import Classifier
from ..core.optimizer import Pixels
from ..data.fourier import Fourier
from ..data.transforms import Transform, jitter, moves
from .artifacts import checkerboard, rounded
from .backbone import Backbone, default_layers
from .color import linear_transfer, luminance_transfer
from .given import check_jitter, check_masks, check_picture, check_tile, check_weights, with_side
from .objective import Losses, Reader, StyleObjective
from .optimize import LBFGS, Evaluate, ImageAdam, Minimizer, PlainLBFGS, minimize
from .prepare import prepare
from .pyramid import resized, scales
from .recipe import RESTRICTED_IMAGENET, StylizeRecipe, StylizeSettings
from .surgery import has_max_pooling

if TYPE_CHECKING:
    from typing_extensions import Unpack

SMALL = 2**20  # pixels up to which L-BFGS is the default


@dataclass(frozen=True)
class StyleProgress:
    """What a callback is told after each evaluation.

    Attributes:
        evaluation, evaluations: how many are done, and how many there are at most, over all scales.
        scale: the number of the scale, from 0.
        losses: of this evaluation.
        images: the picture that has them, `(1, 3, h, w)`, as large as the scale.
    """

    evaluation: int
    evaluations: int
    scale: int
    losses: Losses
    images: Tensor


@dataclass(repr=False)
class Stylized(Pictures):
    """The result of `stylize`.

    Attributes:
        images: `(1, 3, H, W)` in [0, 1].
        content: the content at the same size.
        history: the losses of every evaluation on the way, for each scale.
        sizes: height and width of each scale.
        seconds: how long it took.
        rollbacks: how often the descent diverged, and the step was halved; see `minimize`.
        interrupted: Ctrl-C ended it early.
        losses: of the images, without jitter and transforms; of those before they were enlarged, if it ended early.
        checkerboard: decibels by stride, None where the picture is too small to tell; see `artifacts.checkerboard`.
        made: the call, from which the sidecar says how to repeat it.
        frames: `(F, 1, 3, H, W)` uint8, the picture on its way, of which `animate` makes a GIF.
    """

    images: Tensor
    content: Tensor
    history: list[list[Losses]]
    sizes: list[tuple[int, int]]
    seconds: float
    rollbacks: int = 0
    interrupted: bool = False
    losses: Losses | None = None
    checkerboard: dict[int, float | None] = field(default_factory=dict)
    made: Made | None = None
    frames: Tensor | None = None

    @property
    def start(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The content, which a notebook shows before the picture."""
        return self.content

    @property
    def captions(self) -> list[str]:
        return [f"style {self.losses.style:.3g}, content {self.losses.content:.3g}" if self.losses else ""]

    def __repr__(self) -> str:
        return summary("Stylized", self.images, (), *self.captions, f"{self.evaluations} evaluations")

    @property
    def evaluations(self) -> int:
        """How often the loss was evaluated, over all scales."""
        return sum(map(len, self.history))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON, without the picture: losses of every evaluation for each scale, and what became of it."""
        scales = [
            {
                "size": [width, height],
                "evaluations": len(history),
                **{name: [_short(getattr(x, name)) for x in history] for name in ("total", "style", "content")},
            }
            for (height, width), history in zip(self.sizes, self.history, strict=False)
        ]
        return {
            "scales": scales,
            "losses": None if self.losses is None else {n: _short(x) for n, x in asdict(self.losses).items()},
            "checkerboard_db": rounded(self.checkerboard),
            "rollbacks": self.rollbacks,
            "interrupted": self.interrupted,
        }


@task(StylizeRecipe)
@default_modes()
def stylize(
    classifier: Classifier,
    content: Images,
    styles: Images,
    recipe: StylizeRecipe | None = None,
    *,
    weights: Sequence[float] | None = None,
    masks: Sequence[Images | None] | None = None,
    content_classifier: Classifier | None = None,
    start: Images | None = None,
    seed: int = 0,
    precision: PrecisionChoice = "auto",
    callback: Callable[[StyleProgress], object] | None = None,
    **settings: Unpack[StylizeSettings],
) -> Stylized:
    """A picture with the content of one image and the style of others:

        argmin over x of   style_weight · Σ_l w_l d(S_l(x), S_l(style)) + content_weight · Σ_l ‖f_l(x) - f_l(content)‖²

    with S_l the statistics of the features f_l of layer l (Gatys, Ecker and Bethge 2016), from coarse to fine.

    Args:
        classifier: whose style layers are matched. This choice matters; a robust classifier or a VGG is a good one.
        content: one picture: a tensor, an array, a PIL image or a path.
        styles: one or several, each of any size.
        recipe: settings; `PRESETS` has published ones.
        weights: one for each style; equal if not given.
        masks: where each style goes: light there, of any size, or None for everywhere.
        content_classifier: whose content layers are kept, `classifier` if not given. This choice hardly matters.
        start: a picture, in place of the recipe's.
        seed: of noise, transforms and random weights.
        precision: "bfloat16" runs the networks in autocast; "auto" does so where it is fast.
        callback: called after every evaluation with a `StyleProgress`.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: pictures out of range, unknown layers, settings that do not go together.

    Ctrl-C ends it early: the result is what there is, and says so.

    >>> from pellucid import load
    >>> content, style = torch.rand(2, 1, 3, 32, 32)
    >>> result = stylize(load("cifar10-l2-0.5", "cpu"), content, [style], StylizeRecipe(evaluations=4, smallest=32))
    >>> result.images.shape, result.evaluations
    (torch.Size([1, 3, 32, 32]), 4)
    """
    recipe = checked(recipe, StylizeRecipe)
    check_tile(recipe.tile)
    began = time.perf_counter()
    content = check_picture(content, "content").to(classifier.device)
    given = styles if isinstance(styles, (list, tuple)) else [styles]
    if not given:
        raise InputError("give at least one style picture")
    styles = [check_picture(style, "a style").to(content) for style in given]
    weights = check_weights(weights, len(styles))
    masks = check_masks(masks, len(styles), content)
    if recipe.size is not None:
        content = with_side(content, recipe.size, "the result")
    if recipe.colors == "linear":
        styles = [linear_transfer(style, content) for style in styles]
    passes = pick_precision(precision, classifier.device)
    reader = make_reader(classifier, content_classifier or classifier, recipe, seed, passes)
    height, width = content.shape[2:]
    sizes = scales(height, width, recipe.smallest)
    check_jitter(max(recipe.jitter, int(recipe.transforms)), sizes[0])
    optimizer = _optimizer(recipe, height * width)
    moved = _start(recipe, content, seed) if start is None else check_picture(start, "start").to(content)
    from_content = start is None and recipe.start == "content"
    result = Stylized(content, content, [], sizes, 0.0)
    for number, size in enumerate(sizes):
        here = resized(content, size)
        moved = _finer(moved, here, content) if number and from_content else resized(moved, size)
        side = max(2, round(min(size) * recipe.style_scale))
        regions = [None if mask is None else resized(mask, size) for mask in masks]
        resized_styles = (with_side(style, side, "a style") for style in styles)  # one at a time
        objective = prepare(reader, here, resized_styles, recipe, weights, regions)
        evaluate = evaluation_of(objective, here, recipe, seed)
        if isinstance(optimizer, ImageAdam) and optimizer.moments is not None:
            pixels = isinstance(optimizer.parametrization, Pixels)
            optimizer = replace(optimizer, moments=optimizer.moments.resized(size) if pixels else None)
        watch = None if callback is None else _watch(callback, result, recipe.evaluations * len(sizes), number)
        minimum = minimize(evaluate, moved, optimizer, recipe.evaluations, watch)
        moved = minimum.images
        result.history.append(minimum.history)
        result.rollbacks += minimum.rollbacks
        if minimum.interrupted or size == sizes[-1]:
            images = resized(moved, (height, width))
            result.images = luminance_transfer(images, content) if recipe.colors == "luminance" else images
            result.interrupted = minimum.interrupted
            result.losses = minimum.losses if minimum.interrupted else objective(result.images)[0]
            break
    result.checkerboard = checkerboard(result.images, content)
    result.seconds = time.perf_counter() - began
    return result


def _finer(moved: Tensor, here: Tensor, content: Tensor) -> Tensor:
    """A picture that began as the content, at the scale where the content is `here`: its change goes on, and the detail
    that the content has there is kept."""
    change = moved - resized(content, (moved.shape[2], moved.shape[3]))
    size = (here.shape[2], here.shape[3])
    return (here + F.interpolate(change, size, mode="bicubic", align_corners=False)).clamp(0, 1)


def make_reader(
    classifier: Classifier,
    content_classifier: Classifier,
    recipe: StylizeRecipe,
    seed: int = 0,
    precision: Precision = "float32",
) -> Reader:
    """The layers of a recipe, read from one network or two; two networks with the same weights are one."""
    style_layers = recipe.style_layers or default_layers(classifier)[0]
    content_layers = recipe.content_layers or default_layers(content_classifier)[1]
    if recipe.layer_weights and len(recipe.layer_weights) != len(style_layers):
        raise InputError(f"{len(recipe.layer_weights)} layer weights for {len(style_layers)} style layers")
    options: dict[str, Any] = {
        "pooling": recipe.pooling,
        "padding": recipe.padding,
        "smooth": recipe.smooth_activations,
        "straight_through": recipe.straight_through,
        "random_weights": seed if recipe.random_weights else None,
        "normalization": RESTRICTED_IMAGENET if recipe.normalization == "restricted-imagenet" else None,
        "precision": precision,
    }
    networks = [classifier.network, content_classifier.network]
    if recipe.pooling != "own" and not any(map(has_max_pooling, networks)):
        raise InputError(
            f"pooling {recipe.pooling} replaces max pooling, and {type(networks[0]).__name__} has none; leave it at own"
        )
    both = content_classifier is classifier
    style = Backbone(classifier, [*style_layers, *(content_layers if both else ())], **options)
    content = style if both else Backbone(content_classifier, content_layers, **options)
    return Reader(style, content, style_layers, content_layers)


def evaluation_of(objective: StyleObjective, content: Tensor, recipe: StylizeRecipe, seed: int) -> Evaluate:
    """The objective itself, or under random transforms, which move the content and the masks along."""
    transforms: list[Transform] = moves(min(content.shape[2:])) if recipe.transforms else []
    transforms += [jitter(recipe.jitter)] if recipe.jitter else []
    if not transforms:
        return objective
    draws = torch.Generator().manual_seed(seed)

    def evaluate(images: Tensor) -> tuple[Losses, Tensor]:
        draw = int(torch.randint(2**62, (), generator=draws))

        def move(pictures: Tensor) -> Tensor:
            for number, transform in enumerate(transforms):
                pictures = transform(pictures, [torch.Generator().manual_seed(draw + number)] * len(pictures))
            return pictures

        with torch.no_grad():
            kept = objective.reader(move(content))[1]
            regions = [None if mask is None else move(mask) for mask in objective.regions]
        images = images.detach().requires_grad_()
        moved = move(images)
        losses, gradient = replace(objective, content=[kept], regions=regions)(moved)
        return losses, torch.autograd.grad(moved, images, gradient)[0]

    return evaluate


def _optimizer(recipe: StylizeRecipe, pixels: int) -> Minimizer:
    name = recipe.optimizer if recipe.optimizer != "auto" else ("lbfgs" if pixels <= SMALL else "adam")
    if name == "adam":
        parametrization = Fourier() if recipe.parametrization == "fourier" else Pixels()
        return ImageAdam(recipe.learning_rate or 0.02, recipe.averaging, parametrization)
    return (LBFGS if name == "lbfgs" else PlainLBFGS)(recipe.learning_rate or 1.0)


def _start(recipe: StylizeRecipe, content: Tensor, seed: int) -> Tensor:
    if recipe.start == "content":
        return content
    if recipe.start == "gray":
        return torch.full_like(content, 0.5)
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(seed)).to(content)
    return (noise if recipe.start == "normal-noise" else 0.5 + 0.2 * noise).clamp(0, 1)


def _watch(callback: Callable[[StyleProgress], object], result: Stylized, evaluations: int, scale: int):
    done = [result.evaluations]

    def watch(losses: Losses, images: Tensor) -> None:
        done[0] += 1
        callback(StyleProgress(done[0], evaluations, scale, losses, images))

    return watch


def _short(value: float) -> float:
    return float(f"{value:.5g}")
