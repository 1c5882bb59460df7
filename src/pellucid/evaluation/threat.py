"""The threat model: what an attack may do to an image, and when it has succeeded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

import torch
from torch import Tensor

from ..base.checks import check_classifier
from ..base.errors import InputError
from ..base.heads import not_probabilities
from ..core.ball import L2, Ball, Linf, Norm
from ..core.batch import at_once, norms
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages, check_labeled
from .classes import matched


def threat_ball(norm: Norm, eps: float) -> Ball:
    """The images that an attack may choose from; raises `InputError` for a radius that is none.

    >>> threat_ball("linf", 8 / 255)
    Linf(eps=0.03137254901960784)
    """
    check_radius(norm, eps)
    return {"l2": L2, "linf": Linf}[norm](eps)


def check_radius(norm: Norm, eps: float) -> None:
    """Raise `InputError` unless a radius is positive, finite and, of a cube, at most 1."""
    if not 0 < eps < math.inf:
        raise InputError(f"eps must be positive, not {eps}")
    if norm == "linf" and eps > 1:
        raise InputError(f"an linf eps of {eps:g} allows any image, values are in [0, 1]; did you mean {eps:g}/255?")


def check_radii(norm: Norm, radii: Iterable[float]) -> None:
    """Raise `InputError` unless there are radii, each positive, finite and, of a cube, at most 1."""
    radii = tuple(radii)
    if not radii:
        raise InputError("eps must be positive, not nothing")
    for eps in radii:
        check_radius(norm, eps)


def radius_names(radii: Iterable[float], norm: Norm | None = None) -> dict[float, str]:
    """How radii are written: short where they can be told apart, in full where they cannot.

    A cube's radius is a number of 8-bit values, where that is shorter.

    >>> radius_names([0.5, 1.0]), radius_names([8 / 255, 0.1], "linf")
    ({0.5: '0.5', 1.0: '1'}, {0.03137254901960784: '8/255', 0.1: '0.1'})
    >>> list(radius_names([0.031372549, 0.03137254901]).values())
    ['0.031372549', '0.03137254901']
    """
    names = {eps: _short(eps, norm) for eps in radii}
    alike = Counter(names.values())
    return {eps: name if alike[name] == 1 else repr(eps) for eps, name in names.items()}


def _short(eps: float, norm: Norm | None) -> str:
    steps, decimal = round(255 * eps), f"{eps:g}"
    fraction = f"{steps}/255"
    if norm == "linf" and abs(eps - steps / 255) < 1e-6 and len(fraction) < len(decimal):
        return fraction
    return decimal


def check_step_size(step_size: float | None) -> None:
    """Raise `InputError` unless the step size is positive and finite, or not given."""
    if step_size is not None and not 0 < step_size < math.inf:
        raise InputError(f"step_size must be positive, not {step_size}")


def check_split(classifier: Classifier, split: LabeledImages) -> LabeledImages:
    """The split with its labels in the classifier's order; `InputError` where it cannot be measured on the images."""
    check_classifier(classifier)
    check_labeled(split)
    if not len(split):
        raise InputError("there are no images to evaluate on")
    height, width = split.size
    if classifier.size and (height, width) != (classifier.size, classifier.size):
        raise InputError(f"the images are {width} x {height} and the classifier takes {classifier.size} px")
    if classifier.classes == 1:
        raise InputError("the classifier has one class; of one logit z make two: torch.cat([-z, z], 1)")
    made = check_runs(classifier, split.batch(torch.arange(1))[0])
    if made != classifier.classes:
        raise InputError(
            f"the network makes {made} logits, which its head does not tell; give class_names, one for each"
        )
    split = matched(classifier, split)
    if int(split.labels.max()) >= classifier.classes:
        raise InputError(f"labels go up to {int(split.labels.max())}, the classifier has {classifier.classes} classes")
    return split


def check_runs(classifier: Classifier, images: Tensor) -> int:
    """How many logits the network makes; raises `InputError` unless it can take images of this size."""
    try:
        with torch.no_grad():
            return not_probabilities(classifier(images[:1].to(classifier.device)).logits).shape[1]
    except InputError:
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        own = f"give it {classifier.size} px" if classifier.size else "give it the size that it was made for"
        if isinstance(error, TypeError):
            own = "wrap it so that it takes images alone"
        raise InputError(
            f"{type(classifier.network).__name__} cannot take images of {images.shape[3]} x {images.shape[2]} px "
            f"({reason}); {own}"
        ) from None


def inside(ball: Ball, points: Tensor, center: Tensor) -> Tensor:
    """Which points are images, finite and in [0, 1], of the ball around `center`, `(N,)`; float rounding is allowed."""
    offset = points - center
    distance = offset.abs().flatten(1).amax(1) if isinstance(ball, Linf) else norms(offset)
    low, high = points.flatten(1).aminmax(dim=1)
    return (distance <= ball.eps * (1 + 1e-4) + 1e-6) & (low >= 0) & (high <= 1)  # no comparison holds for NaN


def seen(classifier: Classifier, images: Tensor) -> Tensor:
    """The class that is seen in each image, `(N,)`; -1, which is never right, where the logits have no largest.

    >>> import torch
    >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3, 2))
    >>> _ = torch.nn.init.constant_(network[1].bias, math.nan)
    >>> seen(Classifier(network), torch.zeros(2, 3, 1, 1))
    tensor([-1, -1])
    """
    images = images.to(classifier.device)
    if not len(images):  # a network need not take an empty batch
        return classifier.predict(images)
    read = classifier.reader()
    with torch.no_grad():
        largest = [read(chunk).logits.max(1) for chunk in images.split(at_once(images))]
    return torch.cat([torch.where(value > -math.inf, found, -1) for value, found in largest])  # NaN is not above it


def fooled(classifier: Classifier, candidates: Tensor, images: Tensor, labels: Tensor, ball: Ball) -> Tensor:
    """Which candidates of an attack are adversarial, `(N,)` bools: the verdict that every success must pass.

    A candidate is projected onto the ball around its image. It counts if the result is indeed in the ball and in
    [0, 1], and if a further float32 pass of the network does not see `labels` in it: another class, or none.
    """
    points = ball.project(candidates, images)
    return inside(ball, points, images) & (seen(classifier, points) != labels)
