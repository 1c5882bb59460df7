"""Inpainting: what belongs where pixels are missing (synthesis paper, section 3.2, eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base.checks import check_classifier, check_images
from ..base.errors import InputError
from ..base.recipes import PerPixel, Recipe, checked
from ..core.ball import L2, Inside
from ..core.batch import generators
from ..core.classifier import Classifier
from ..core.descend import descend
from ..core.descent import Descent
from ..core.objective import CrossEntropy
from .outside import Outside


@dataclass(frozen=True)
class InpaintRecipe(Recipe):
    """Settings of `inpaint`."""

    eps: float = PerPixel(2.5 / 32)
    """Radius of the L2 ball around the corrupted image."""
    steps: int = 50
    """Steps of the descent."""
    step_size: float = PerPixel(0.1 / 32)
    """Length of a step."""
    weight: float = 100.0
    """λ of eq. 3, the weight of changes outside the mask. The notebook's 10 multiplies a mean of squares."""
    straight_through: bool = False
    """The gradient passes the last ReLU as if it were the identity (the notebook's fake_relu)."""
    composite: bool = True
    """Keep the known pixels as they are, in every step. The papers only penalize their change, which stalls on an
    image that the classifier is already sure of: there the penalty outweighs a vanishing cross-entropy."""


PRESETS = {
    # Appendix A.8; its columns "# steps" and "step size" are swapped: 720 steps of 0.1.
    "paper-restricted-imagenet": InpaintRecipe(21.0, 720, 0.1, 10.0, True, False),
    "notebook-restricted-imagenet": InpaintRecipe(21.6, 720, 0.1, 10.0, True, False),
}


def inpaint(
    classifier: Classifier,
    images: Tensor,
    mask: Tensor,
    labels: Sequence[str | int] | Tensor | None = None,
    recipe: InpaintRecipe | None = None,
    **options,
) -> Descent:
    """Fill in a region:   argmin over x' of cross-entropy(x', label) + λ · mean((x - x')² (1 - mask)).

    Args:
        classifier: preferably a robust one.
        images: `(N, 3, H, W)` in [0, 1]; what is under the mask does not matter.
        mask: `(N, 1, H, W)` or `(1, 1, H, W)`, 1 where pixels are missing; see `box_mask` and `patch_mask`.
        labels: the class of each image; what the classifier sees in the corrupted image if not given.
        recipe: settings, such as one of `PRESETS`; `PerPixel` lengths are multiplied by the classifier's size.
        **options: of `descend`.

    Raises:
        InputError: a mask of another size than the images, or one that hides nothing or everything.
    """
    check_classifier(classifier)
    recipe = checked(recipe, InpaintRecipe).at(classifier.size)
    images, mask = check_images(images), check_mask(mask, images)
    start = corrupt(images, mask)
    label = classifier.labels(classifier.predict(start) if labels is None else labels, len(start))
    descent = descend(
        classifier,
        CrossEntropy(label, recipe.straight_through) + recipe.weight * Outside(mask, start),
        start,
        ball=Inside(L2(recipe.eps), mask) if recipe.composite else L2(recipe.eps),
        steps=recipe.steps,
        step_size=recipe.step_size,
        **options,
    )
    return descent.about(label=label)


def corrupt(images: Tensor, mask: Tensor) -> Tensor:
    """The images with each channel's mean where the mask is 1 (appendix A.8): the mean over what the mask leaves."""
    known = 1 - mask
    mean = (images * known).sum((2, 3), keepdim=True) / known.sum((2, 3), keepdim=True)
    return images * (1 - mask) + mean * mask


def box_mask(size: tuple[int, int], box: tuple[int, int, int, int]) -> Tensor:
    """`(1, 1, H, W)`, 1 inside `box` = (left, top, width, height) in pixels."""
    height, width = size
    left, top, box_width, box_height = box
    if min(box_width, box_height) < 1 or min(left, top) < 0 or left + box_width > width or top + box_height > height:
        raise InputError(f"the box {left},{top},{box_width},{box_height} is not inside an image of {width} x {height}")
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, top : top + box_height, left : left + box_width] = 1
    return mask


def patch_mask(count: int, size: tuple[int, int], patch: int, seed: int = 0) -> Tensor:
    """`(count, 1, H, W)`, 1 in a square of side `patch` at a random place of each image (appendix A.8)."""
    height, width = size
    if not 1 <= patch <= min(height, width):
        raise InputError(f"a patch of {patch} pixels does not fit an image of {width} x {height}")
    masks = []
    for generator in generators(seed, count):
        top = int(torch.randint(height - patch + 1, (), generator=generator))
        left = int(torch.randint(width - patch + 1, (), generator=generator))
        masks.append(box_mask(size, (left, top, patch, patch)))
    return torch.cat(masks)


def check_mask(mask: Tensor, images: Tensor) -> Tensor:
    """The mask as `(N, 1, H, W)` of values in [0, 1] for these images."""
    mask = check_images(mask, "mask").mean(1, keepdim=True)
    if mask.shape[2:] != images.shape[2:] or len(mask) not in (1, len(images)):
        own, other = (f"{t.shape[3]} x {t.shape[2]}" for t in (mask, images))
        raise InputError(f"the mask is {own} and the image {other} pixels; give a mask of the image's size")
    each = mask.flatten(1)
    if bool(((each.amax(1) == 0) | (each.amin(1) == 1)).any()):
        raise InputError("the mask hides nothing or everything; it must be white where to paint and black elsewhere")
    return mask.expand(len(images), -1, -1, -1).contiguous()
