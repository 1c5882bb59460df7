"""Published checkpoints as classifiers: their weights are read safely, sorted out, and fitted to an architecture.

The robustness library writes every weight twice (as `module.model.X` and `module.attacker.model.X`) beside the
normalization (`module.normalizer.new_mean`); other repositories add `module.` or nothing. All of it becomes one
network, its normalization, and a card that says where it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from torch import Tensor

from ..base.checks import positive_int
from ..base.errors import InputError
from ..base.recipes import checked
from ..base.task import task
from ..core.classifier import Classifier
from .checksum import check_published, digest
from .class_names import class_names
from .fit import classes_of, filled, infer, mismatch, outline, shapes_of
from .networks import input_size
from .published import Published, published
from .torch_file import check_kind, printable, read_torch_file, shown_names
from .untangle import untangle, without_prefix

if TYPE_CHECKING:
    from typing_extensions import Unpack

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ConvertRecipe:
    """What a checkpoint may not say about itself; each setting is read from the file by default."""

    arch: str | None = None
    """The architecture, as in `pellucid train --arch`; by default the one whose tensors have these names and shapes."""
    classes: str | None = None
    """A JSON file of class names, or cifar10, imagenet, restricted-imagenet, horse2zebra, apple2orange or
    summer2winter; by default those of the published data set, if it is a published file."""
    mean: tuple[float, float, float] | None = None
    """The normalization's mean; by default what the file says, then ImageNet's if it has ImageNet's 1000 classes."""
    std: tuple[float, float, float] | None = None
    """The normalization's standard deviation; likewise."""
    size: int | None = None
    """Side of the images in pixels; by default what the architecture is made for: 32, 224, or what timm says."""
    weights: str | None = None
    """The key of the weights in a file that has several sets of them, such as state_dict_ema."""

    def __post_init__(self) -> None:
        if (self.mean is None) != (self.std is None):
            raise InputError("mean and std go together; give both or neither")
        if self.mean is not None and self.std is not None:
            _check_normalization(self.mean, self.std, "the recipe's")
        if self.size is not None and positive_int("size", self.size) > 4096:
            raise InputError(f"size must be the side of the images in pixels, up to 4096, not {self.size}")


class ConvertSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `convert`."""

    arch: str | None
    classes: str | None
    mean: tuple[float, float, float] | None
    std: tuple[float, float, float] | None
    size: int | None
    weights: str | None


@task(ConvertRecipe)
def convert(path: str | Path, recipe: ConvertRecipe | None = None, **settings: Unpack[ConvertSettings]) -> Classifier:
    """A checkpoint of `torch.save`, or a state dict in safetensors, as a classifier in eval mode. Nothing in it is run.

    The card says which file it was (`source`), its sha256, the architecture, what the published table knows of a file
    of this name, the names that the pickle wanted and did not get (`refused`), and what was assumed (`notes`).

    Args:
        path: the file.
        recipe: what the file may not say.
        **settings: fields of the recipe, which override it.

    Raises:
        InputError: no file, a file of another kind, damage, hostile contents, weights that fit no architecture or not
            the named one, values that are not finite, two copies of the weights that differ, or no normalization.

    >>> import tempfile
    >>> import torch
    >>> from pellucid.zoo.networks import build
    >>> network = build("cifar-resnet20", 10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     torch.save({"state_dict": network.state_dict()}, f"{folder}/net.pt")
    ...     classifier = convert(f"{folder}/net.pt", mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    >>> classifier.card["arch"], classifier.card["size"]
    ('cifar-resnet20', 32)
    """
    path, recipe = Path(path), checked(recipe, ConvertRecipe)
    check_kind(path)
    known = next((entry for entry in published() if entry.file == path.name), None)
    if known and known.checksum:
        check_published(path, known.checksum)
    source = {"file": path.name, "sha256": digest(path)} | ({"weights": recipe.weights} if recipe.weights else {})
    tensors, refused = read_weights(path, recipe.weights)
    weights, normalization = untangle(tensors, path)
    weights, beside = _network(path, weights) if recipe.arch is None else (weights, [])
    arch, classes = _architecture(path, recipe.arch, weights, known)
    if known and (known.arch, len(class_names(known.data))) != (arch, classes):
        known = None  # it only has the name of a published file
    mean, std, notes = _normalization(path, recipe, normalization, arch, classes)
    notes += beside
    names = _names(path, recipe.classes or (known.data if known else None), classes)
    card: dict[str, Any] = {"arch": arch, "size": recipe.size or input_size(arch)}
    if known:
        facts = known.card()
        card |= {key: facts[key] for key in ("data", "threat", "published_accuracy", "license") if key in facts}
        source |= {"known_as": known.name, "published_by": known.source, "url": known.url}
        if not known.checksum:
            notes.append("known by the name of the file alone: no checksum was published")
    card["source"] = source
    if refused:
        card["refused"] = shown_names(refused, 100)
    if notes:
        card["notes"] = notes
    return Classifier(filled(arch, classes, weights, path), mean, std, names, card=card).eval()


def read_weights(path: Path, key: str | None = None) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of a file, and the names in it that were refused."""
    if path.suffix != ".safetensors":
        return read_torch_file(path, key)
    if key:
        raise InputError(f"{path} has one set of weights, none by a key; leave out --weights {key}")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path), []
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is damaged: {error}") from None


def _network(path: Path, weights: dict[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The part of the weights that is a known network where the whole is none, and a note on what is beside it.

    A training module's weights hold its network under one name, and losses, metrics or projections under others.
    """
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in weights.items():
        first, _, rest = name.partition(".")
        if rest:
            parts.setdefault(first, {})[rest] = tensor
    for first, part in parts.items():
        while (shorter := without_prefix(part)) is not part:
            part = shorter
        parts[first] = part
    if infer(weights) or not (networks := [first for first, part in parts.items() if infer(part)]):
        return weights, []
    if len(networks) > 1:
        raise InputError(f"{path} holds several networks ({', '.join(shown_names(networks))}); save the weights of one")
    others = [name for name in weights if not name.startswith(f"{networks[0]}.")]
    return parts[networks[0]], [f"left out, beside the network {networks[0]}: {', '.join(shown_names(others, 5))}"]


def _architecture(
    path: Path, named: str | None, weights: dict[str, Tensor], known: Published | None
) -> tuple[str, int]:
    """The architecture, the named one or the one that fits, and the number of classes."""
    given = shapes_of(weights)
    arch = named or infer(weights) or (known.arch if known else None)
    if arch is None:
        first = ", ".join(f"{printable(name)} {shape}" for name, shape in list(given.items())[:2])
        raise InputError(
            f"no known architecture has the {len(given)} tensors of {path} ({first}, ...); name it: --arch"
        )
    network = outline(arch, 1000)
    classes = classes_of(network, given)
    if classes is None:  # no tensor has the name of the head's
        last = next(reversed(given.values()), ())
        own = shapes_of(outline(arch, last[0] if last else 1000).state_dict())
        raise InputError(f"{path} does not fit {arch}: {mismatch(own, given)}")
    return arch, classes


def _normalization(
    path: Path, recipe: ConvertRecipe, found: dict[str, list[float]], arch: str, classes: int
) -> tuple[Sequence[float], Sequence[float], list[str]]:
    """Mean, standard deviation, and notes for the card."""
    if recipe.mean is not None and recipe.std is not None:
        return recipe.mean, recipe.std, [f"the file says {found}, which was not used"] if found else []
    if found.keys() == {"mean", "std"}:
        _check_normalization(found["mean"], found["std"], f"{path}: its")
        return found["mean"], found["std"], []
    if arch.startswith("timm:"):
        from timm.models import get_pretrained_cfg

        facts = get_pretrained_cfg(arch.removeprefix("timm:"))
        if facts and classes == facts.num_classes:
            return facts.mean, facts.std, ["mean and std were assumed: timm's for this architecture"]
    elif classes == 1000:
        return IMAGENET_MEAN, IMAGENET_STD, ["mean and std were assumed: ImageNet's"]
    raise InputError(
        f"{path} does not say its normalization; give it: --mean R G B --std R G B (0 0 0 and 1 1 1 if it has none)"
    )


def _check_normalization(mean: Sequence[float], std: Sequence[float], whose: str) -> None:
    if not (all(abs(value) < 1e3 for value in mean) and all(0 < value < 1e3 for value in std)):  # also refuses NaN
        raise InputError(f"{whose} mean and std must be finite, and std above 0, not {list(mean)} and {list(std)}")
    if max(*map(abs, mean), *std) > 2:
        flags = {name: " ".join(f"{v / 255:.4g}" for v in values) for name, values in (("mean", mean), ("std", std))}
        raise InputError(
            f"{whose} mean {list(mean)} and std {list(std)} are for pixels from 0 to 255, not 0 to 1; "
            f"divide by 255: --mean {flags['mean']} --std {flags['std']}"
        )


def _names(path: Path, what: str | None, classes: int) -> list[str] | None:
    """The class names of a data set or a file, or none."""
    if what is None:
        return None
    names = class_names(what)
    if len(names) != classes:
        raise InputError(f"{what} names {len(names)} classes, and {path} has {classes}")
    return names
