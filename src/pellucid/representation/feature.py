"""Features: what of a network's activations an image is to maximize, and how the command line writes it.

Every feature is linear in the activations: a unit, a channel averaged over its positions, a direction, or a weighted
sum of those, of any layers. So a batch with a feature of its own for each image is one direction a layer and image.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..base.errors import InputError
from ..core.classifier import Classifier
from ..core.objective import Activation, Objective, pooled

MAX_BYTES = 64 * 2**20  # of a direction's file
FORMS = "a unit such as 17, LAYER:CHANNEL, logits:CLASS, direction:FILE.npy, or a sum such as 2 * 17 - layer4:3"
SIGN_HINT = "; + and - of a sum stand between spaces"
OPERATOR = re.compile(r"\s+([+-])\s+")
WEIGHTED = re.compile(r"([^\s*:]+)\s*\*\s*(.+)")  # no number holds a colon, so a `*` in a class's name is safe


@dataclass(frozen=True)
class Feature:
    """A linear function of the activations: Σ over layers of ⟨direction, pooled activations⟩.

    Attributes:
        name: as it was written.
        directions: for each layer `(U,)`.
    """

    name: str
    directions: dict[str, Tensor]


def find_features(
    classifier: Classifier, words: Sequence[str | int] | str | int, like: Tensor, layer: str = "representation"
) -> list[Feature]:
    """The features that these words name.

    Args:
        classifier: whose features they are.
        words: each one of
            `17`, a unit of `layer`;
            `layer4:3`, a unit or channel of a layer, by name or by its module's path;
            `logits:cat`, a class by name or number;
            `direction:FILE.npy`, an array `(U,)` that is multiplied with `layer`;
            `2 * layer4:3 - logits:dog + 17`, a weighted sum of these. Signs stand between spaces, so that names may
            hold them.
        like: `(1, C, H, W)`, an image of the size that the classifier is to be used at.
        layer: the layer of words that name none.

    Raises:
        InputError: a word of another form; a layer, a unit or a class that does not exist; a file that is not such a
            direction.

    >>> from pellucid import load
    >>> found = find_features(load("cifar10-l2-0.5", "cpu"), ["2 * 17 - logits:cat"], torch.rand(1, 3, 32, 32))
    >>> [(feature.name, sorted(feature.directions)) for feature in found]
    [('2 * 17 - logits:cat', ['logits', 'representation'])]
    """
    words = [words] if isinstance(words, (str, int)) else words
    if not words:
        raise InputError(f"name a feature: {FORMS}")
    names = classifier.class_names or []
    sums = {" ".join(str(word).split()): list(_terms(str(word), layer, names)) for word in words}
    sizes = widths(classifier, {where for terms in sums.values() for _, where, _ in terms}, like)
    found = {name: _feature(classifier, name, terms, sizes) for name, terms in sums.items()}
    return [found[" ".join(str(word).split())] for word in words]


def maximize(features: Sequence[Feature], straight_through: bool = False) -> Objective:
    """The objective of a batch in which each image is to maximize a feature of its own: minus the feature's value.

    >>> objective = maximize([Feature("0", {"logits": torch.tensor([1.0, 0.0])})] * 4)
    >>> objective.layers
    frozenset({'logits'})
    """
    layers = {layer: direction for feature in features for layer, direction in feature.directions.items()}
    terms = [
        -Activation(
            layer=layer,
            direction=torch.stack([f.directions.get(layer, torch.zeros_like(some)) for f in features]),
            straight_through=straight_through,
        )
        for layer, some in layers.items()
    ]
    return sum(terms[1:], start=terms[0])


def widths(classifier: Classifier, layers: Iterable[str], like: Tensor) -> dict[str, int]:
    """How many units each layer has, seen in one pass of the image `like`, `(1, C, H, W)`.

    Raises:
        InputError: a layer that does not exist, or whose activations are not `(N, U)`, `(N, T, U)` or `(N, C, H, W)`.
    """
    layers = set(layers)
    with torch.no_grad():
        activations = classifier(like.to(classifier.device), layers)
    for layer in layers:
        if not 2 <= activations[layer].ndim <= 4:
            shape = tuple(activations[layer].shape)
            raise InputError(f"layer {layer!r} yields {shape}; a layer of units, tokens or channels has 2 to 4 axes")
    return {layer: pooled(activations[layer]).shape[1] for layer in layers}


def random_units(classifier: Classifier, count: int, images: Tensor, seed: int = 0) -> list[str]:
    """The numbers of `count` random units of the representation, in order, among those that are on in some image.

    Raises:
        InputError: fewer units than that are on.
    """
    with torch.no_grad():
        alive = (classifier(images.to(classifier.device)).representation > 0).any(0).nonzero()[:, 0].cpu()
    if not 1 <= count <= len(alive):
        raise InputError(
            f"{len(alive)} units of the representation are ever on; ask for 1 to {len(alive)}, not {count}"
        )
    chosen = torch.randperm(len(alive), generator=torch.Generator().manual_seed(seed))[:count]
    return [str(unit) for unit in alive[chosen].sort().values.tolist()]


def _terms(text: str, layer: str, names: Sequence[str]) -> Iterable[tuple[float, str, str]]:
    """The terms of a sum: weight, layer, and the text of what of the layer. A class name may hold signs."""
    signed = sorted((name for name in names if OPERATOR.search(name)), key=len, reverse=True)
    hidden = "\0"  # stands for the spaces of these names while the sum is split
    for name in signed:
        text = re.sub(rf"logits:{re.escape(name)}(?!\S)", lambda found: found[0].replace(" ", hidden), text)
    first, *rest = OPERATOR.split(text.strip())
    for sign, term in [("+", first), *zip(rest[::2], rest[1::2], strict=True)]:
        term = term.replace(hidden, " ")
        factor, atom = match.groups() if (match := WEIGHTED.fullmatch(term)) else ("1", term)
        try:
            weight = float(sign + "1") * float(factor)
        except ValueError:
            weight = math.nan
        if not math.isfinite(weight):
            raise InputError(f"{factor!r} in {text!r} is not a number to multiply by")
        where, _, what = atom.partition(":")
        if where and what and where != "direction":
            yield weight, where, what
        elif (where and what) or atom.isdecimal():
            yield weight, layer, atom
        else:
            raise InputError(f"{atom!r} is not a feature: write {FORMS}{_hint(atom)}")


def _feature(classifier: Classifier, name: str, terms: list[tuple[float, str, str]], sizes: dict[str, int]) -> Feature:
    directions: dict[str, Tensor] = {}
    for weight, layer, what in terms:
        direction = weight * _direction(classifier, layer, what, sizes[layer])
        directions[layer] = directions.get(layer, 0) + direction
    return Feature(name, directions)


def _direction(classifier: Classifier, layer: str, what: str, size: int) -> Tensor:
    """One term without its weight, `(size,)`."""
    if what.startswith("direction:"):
        return read_direction(Path(what.removeprefix("direction:")), layer, size)
    unit = classifier.label(what) if layer == "logits" else int(what) if what.isdecimal() else size
    if unit >= size:
        raise InputError(f"layer {layer!r} has units 0 to {size - 1}, not {what}{_hint(what)}")
    return F.one_hot(torch.tensor(unit), size).float()


def _hint(text: str) -> str:
    """What may have gone wrong where signs are in a unit."""
    return SIGN_HINT if re.search("[+-]", text) else ""


def read_direction(path: Path, layer: str, size: int) -> Tensor:
    """A direction in the space of a layer's units, an array `(size,)` in an `.npy` file; nothing in it is executed.

    Raises:
        InputError: missing, damaged or larger than 64 MiB; other numbers than `size` finite ones; all of them zero.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has over {MAX_BYTES >> 20} MiB")
        # Mapped, so that a header which promises more than the file holds takes no memory before it is refused.
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # whatever numpy's reader of headers runs into
        raise InputError(f"{path} is not a readable .npy file: {error}") from None
    if not isinstance(array, np.ndarray) or array.shape != (size,) or array.dtype.kind not in "fiu":
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an .npz"
        raise InputError(f"{path} is {found}; a direction of {layer!r} is {size} numbers, ({size},)")
    direction = torch.from_numpy(np.array(array, dtype=np.float32))
    if not bool(direction.isfinite().all()) or not bool(direction.any()):
        raise InputError(f"{path}: a direction's numbers must be finite, and not all 0")
    return direction
