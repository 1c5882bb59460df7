"""Class Gaussians on disk: within a bundle, or as a file of their own for a classifier that came without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor

from ..base.errors import InputError, shortened
from ..base.files import read_checked, replacing, write_checked
from ..core.classifier import Classifier
from ..data.gaussians import ClassGaussians
from ..data.image import side


def save_gaussians(classifier: Classifier, path: str | Path) -> Path:
    """Write `classifier.gaussians` as one safetensors file, with the classes and the size that they are for.

    >>> import tempfile, pellucid as pl
    >>> classifier = pl.load("cifar10-l2-0.5", "cpu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     classifier.gaussians = load_gaussians(save_gaussians(classifier, f"{folder}/seeds.safetensors"), classifier)
    >>> classifier.gaussians.shape
    (3, 16, 16)
    """
    if classifier.gaussians is None:
        raise InputError("this classifier has no class Gaussians; set classifier.gaussians = fit_gaussians(...)")
    tensors, facts = packed(classifier.gaussians)
    about = {"class_names": _names(classifier), "size": side(classifier), "gaussians": facts}
    with replacing(path) as temporary:
        write_checked({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, about)
    return Path(path)


def load_gaussians(path: str | Path, classifier: Classifier) -> ClassGaussians:
    """Read what `save_gaussians` wrote, for a classifier of the same classes, in the same order, and the same size.

    Raises:
        InputError: no such file, damage, or Gaussians of other classes or another size.
    """
    path = Path(path)
    tensors, facts = read_checked(path)
    if not isinstance(facts, dict) or not {"class_names", "size", "gaussians"} <= facts.keys():
        raise InputError(f"{path} has no class Gaussians; pellucid gaussians writes such files")
    names = _names(classifier)
    if facts["class_names"] != names:
        given = str(facts["class_names"])[:80]
        raise InputError(f"{path} is for other classes ({given}) than the classifier's: {shortened(names)}")
    if facts["size"] != side(classifier):
        raise InputError(f"{path} is for images of {facts['size']} px, and the classifier takes {side(classifier)} px")
    return unpacked(tensors, facts["gaussians"], len(names), side(classifier), path)


def packed(gaussians: ClassGaussians) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Class Gaussians as named tensors, and as the facts that JSON can hold."""
    tensors = {f"gaussians.{name}": getattr(gaussians, name) for name in ("means", "factors", "noise", "weights")}
    facts = {
        "shape": list(gaussians.shape),
        "grain": gaussians.grain,
        "rank": gaussians.factors.shape[1],
        "variance_kept": round(gaussians.kept, 4),
    }
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}, facts


def unpacked(tensors: dict[str, Tensor], facts: Any, classes: int, size: int, path: Path) -> ClassGaussians:
    """Class Gaussians of named tensors and facts, which come from `path`; raises `InputError` where they do not fit."""
    try:
        means, factors, noise = (tensors[f"gaussians.{name}"].float() for name in ("means", "factors", "noise"))
        weights = tensors["gaussians.weights"].float() if "gaussians.weights" in tensors else None
        channels, height, width = (int(length) for length in facts["shape"])
        grain, kept = int(facts["grain"]), float(facts["variance_kept"])
        components = 1 if weights is None else weights.shape[1]
        rows, dimensions = classes * components, channels * height * width
        if (means.shape, noise.shape) != ((rows, dimensions), (rows,)) or factors.shape[::2] != means.shape:
            raise ValueError("shapes do not agree")
        if (channels, height * grain, width * grain) != (3, size, size):
            raise ValueError(f"{height} x {width} times {grain} is not the card's size")
        if weights is not None and not (len(weights) == classes and bool(_shares(weights))):
            raise ValueError("weights are not shares of each class")
        return ClassGaussians(means, factors, noise, (channels, height, width), grain, kept, weights)
    except (KeyError, TypeError, ValueError, OverflowError, IndexError) as error:
        raise InputError(f"{path}: its class Gaussians are damaged: {error}") from None


def _shares(weights: Tensor) -> Tensor:
    return (weights >= 0).all() & ((weights.sum(1) - 1).abs() < 0.01).all()  # also refuses NaN


def _names(classifier: Classifier) -> list[str]:
    return classifier.class_names or [str(label) for label in range(classifier.classes)]
