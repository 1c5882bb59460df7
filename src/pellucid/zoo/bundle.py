"""Bundles: a classifier as `NAME.safetensors` and `NAME.json`, its card. The only format pellucid writes.

Nothing in a bundle is executed: the card is JSON, the weights are tensors, and the network is built from a name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..base.errors import InputError
from ..base.files import replacing, write_tensors, write_text
from ..base.save import check_file
from ..core.classifier import Classifier
from ..data.gaussians import ClassGaussians
from ..data.jsonfile import read_json
from .checksum import digest
from .fit import filled, mismatch, outline, shapes_of
from .gaussians import packed, unpacked

MAX_WEIGHTS = 8 * 2**30
OWN = ("head", "unit_axes")  # what a classifier holds itself, beside its card
REQUIRED = ("arch", "class_names", "mean", "std", "size", "sha256")


def save_bundle(
    classifier: Classifier, path: str | Path, *, gaussians: ClassGaussians | None = None, half: bool = False,
    overwrite: bool = False,
) -> Path:  # fmt: skip
    """Write a classifier (and its class Gaussians) as `path`.safetensors and `path`.json.

    Args:
        classifier: its card needs `arch` (a name that `build` knows) and `size` (the side of its images).
        path: with or without the suffix.
        gaussians: stored beside the weights; those of the classifier if not given.
        half: store weights in float16, half the size, about three digits: logits move by about 1e-3. They are read
            back as float32. By default they stay float32, exactly.
        overwrite: whether what exists may be replaced.

    Returns:
        The path of the safetensors file.

    Raises:
        InputError: one of the two files exists or cannot be written, the card lacks something, or what is written could
            not be read back: weights of another network than `arch`, or that are not finite.
    """
    path = Path(path)
    weights_path = path if path.suffix == ".safetensors" else path.with_name(path.name + ".safetensors")
    for file in (weights_path, weights_path.with_suffix(".json")):
        check_file(file, overwrite, remedy="give overwrite=True")
    weights = classifier.network.state_dict()
    tensors = {f"network.{name}": tensor for name, tensor in weights.items()}
    card = {k: v for k, v in classifier.card.items() if k not in ("sha256", "gaussians", *OWN)}
    for key in ("arch", "size"):
        if key not in card:
            raise InputError(f"a bundle's card needs {key!r}; set classifier.card[{key!r}]")
    class_names = classifier.class_names or [str(label) for label in range(classifier.classes)]
    if said := mismatch(shapes_of(outline(card["arch"], len(class_names)).state_dict()), shapes_of(weights)):
        raise InputError(
            f"the network is not the {card['arch']} of {len(class_names)} classes that its card names: {said}"
        )
    if odd := [name for name, t in weights.items() if t.is_floating_point() and not bool(t.isfinite().all())]:
        raise InputError(f"{odd[0]} holds numbers that are not finite")
    card |= {"head": classifier.head} if classifier.head_was_named else {}
    card |= {"unit_axes": classifier.unit_axes} if classifier.unit_axes else {}
    gaussians = classifier.gaussians if gaussians is None else gaussians
    if gaussians is not None:
        added, card["gaussians"] = packed(gaussians)
        tensors |= added
    ready = {}
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu()
        # Norms, biases and variances stay float32: they are small, and what they multiply is not.
        shrink = half and tensor.dtype == torch.float32 and tensor.ndim > 1
        ready[name] = (tensor.half() if shrink else tensor).contiguous()
    with replacing(weights_path) as temporary:
        write_tensors(ready, temporary)
        card |= {
            "format": 1,
            "class_names": class_names,
            "mean": classifier.mean.flatten().tolist(),
            "std": classifier.std.flatten().tolist(),
            "parameters": sum(p.numel() for p in classifier.network.parameters()),
            "sha256": digest(temporary),
        }
        try:
            text = json.dumps(card, indent=2, default=lambda value: value.tolist())  # of NumPy and torch
        except (AttributeError, TypeError, ValueError) as error:
            raise InputError(f"the card holds what JSON cannot: {error}") from None
        write_text(weights_path.with_suffix(".json"), text + "\n")
    return weights_path


def load_bundle(path: str | Path) -> Classifier:
    """Read a bundle as a classifier in eval mode, with `gaussians` as an attribute (None if it has none).

    Raises:
        InputError: a file is missing, damaged, too large, or its sha256 is not the card's.
    """
    path = Path(path)
    if path.suffix not in (".safetensors", ".json"):
        path = path.with_name(path.name + ".safetensors")
    card = read_card(path.with_suffix(".json"))
    weights_path = path.with_suffix(".safetensors")
    if not weights_path.is_file():
        raise InputError(f"{weights_path} does not exist")
    if weights_path.stat().st_size > MAX_WEIGHTS:
        raise InputError(f"{weights_path} is larger than {MAX_WEIGHTS >> 30} GiB")
    if (found := digest(weights_path)) != card["sha256"]:
        raise InputError(
            f"{weights_path} is not the file its card describes: sha256 {found[:12]}..., card {card['sha256'][:12]}..."
        )
    try:
        tensors = load_file(weights_path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{weights_path} is damaged: {error}") from None
    weights = {n.removeprefix("network."): _full(t) for n, t in tensors.items() if n.startswith("network.")}
    network = filled(card["arch"], len(card["class_names"]), weights, weights_path)
    classifier = Classifier(network, card["mean"], card["std"], card["class_names"], card.get("head"), card).eval()
    classifier.unit_axes = card.get("unit_axes", {})
    classifier.path(classifier.head)  # that there is such a module
    if "gaussians" in card:
        classifier.gaussians = unpacked(
            tensors, card["gaussians"], len(card["class_names"]), card["size"], weights_path
        )
    return classifier


def read_card(path: Path) -> dict[str, Any]:
    """A bundle's card, checked to hold what loading needs."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; a bundle is NAME.safetensors and NAME.json side by side")
    card = read_json(path)
    missing = [key for key in REQUIRED if not isinstance(card, dict) or key not in card]
    if missing:
        raise InputError(f"{path} is not a card: {', '.join(missing)} missing")
    lists = [value if isinstance(value, list) else [] for value in (card["mean"], card["std"])]
    if (
        not all(len(v) == 3 and all(isinstance(x, (int, float)) and abs(x) < 1e3 for x in v) for v in lists)
        or 0 in card["std"]
    ):
        raise InputError(f"{path}: mean and std must be 3 numbers each, std not 0")
    names = card["class_names"]
    if not isinstance(names, list) or not 1 <= len(names) <= 100_000 or not all(isinstance(n, str) for n in names):
        raise InputError(f"{path}: class_names must be a list of names")
    if not isinstance(card["arch"], str) or not isinstance(card["sha256"], str):
        raise InputError(f"{path}: arch and sha256 must be text")
    if not isinstance(card["size"], int) or not 1 <= card["size"] <= 4096:
        raise InputError(f"{path}: size must be the side of the images in pixels, up to 4096")
    axes = card.get("unit_axes", {})
    if not isinstance(card.get("head", ""), str) or not isinstance(axes, dict):
        raise InputError(f"{path}: head must be the name of a layer, and unit_axes a table")
    if not all(isinstance(axis, int) and -4 <= axis < 4 for axis in axes.values()):
        raise InputError(f"{path}: unit_axes must be axes of layers")
    return card


def _full(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor
