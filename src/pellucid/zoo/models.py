"""Classifiers by name: bundled, published, on the hub, a bundle's path, timm's and torchvision's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..base.devices import pick_device
from ..base.errors import InputError, first_line, unknown
from ..base.made import fingerprint as fingerprint
from ..core.classifier import Classifier
from .bundle import load_bundle, read_card
from .checksum import digest
from .convert import IMAGENET_MEAN, IMAGENET_STD
from .hub import load_from_hub, load_published
from .load_clip import load_clip
from .networks import build, input_size
from .published import published

BUNDLES = Path(__file__).parent / "bundles"
KINDS = ("hub:OWNER/REPO/FILE", "clip:hf-hub:OWNER/REPO", "timm:NAME", "torchvision:NAME", "a bundle's path")


def bundled() -> list[str]:
    """The names of the classifiers that come with pellucid."""
    return sorted(path.stem for path in BUNDLES.glob("*.safetensors"))


def load(name: str, device: str | torch.device = "auto") -> Classifier:
    """A classifier in eval mode on a device.

    Args:
        name: a bundled name (`cifar10-l2-0.5`), a published one (`imagenet-resnet50-l2-3`; see `pellucid.published`),
            the path of a bundle, `hub:OWNER/REPO/FILE`, `clip:hf-hub:OWNER/REPO` (a `Clip`), `timm:NAME` or
            `torchvision:NAME`. The last two come with ImageNet weights, which their libraries download. Published ones
            and the hub's are fetched once, and their sha256 is compared with the published one, or with that of the
            first use.
        device: "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        InputError: an unknown name, a damaged bundle, weights that cannot be fetched and what to do then, a file
            that has changed.

    >>> classifier = load("cifar10-l2-0.5", "cpu")
    >>> classifier.class_names[:3]
    ['airplane', 'automobile', 'bird']
    """
    place = device if isinstance(device, torch.device) else pick_device(device)
    library, _, rest = name.partition(":")
    if name in bundled():
        classifier = load_bundle(BUNDLES / name)
    elif entries := [entry for entry in published() if entry.name == name]:
        classifier = load_published(entries[0])
    elif library == "hub":
        classifier = load_from_hub(rest)
    elif library == "clip":
        classifier = load_clip(rest)
    elif library in ("timm", "torchvision") and rest:
        classifier = _pretrained(library, rest)
    elif name.endswith((".safetensors", ".json")) or Path(name + ".safetensors").is_file():
        classifier = load_bundle(name)
    else:
        raise _unknown(name)
    classifier.name = name
    return classifier.to(place).eval()


def card(name: str) -> dict[str, Any]:
    """What is known of a classifier without its weights: the card of a bundle, by bundled name or path, or what is
    published of a published one, or the little that a library's name says.

    Raises:
        InputError: an unknown name, a damaged card.
    """
    if name in bundled():
        return read_card(BUNDLES / f"{name}.json")
    if entries := [entry for entry in published() if entry.name == name]:
        return entries[0].card()
    library, _, rest = name.partition(":")
    if library in ("timm", "torchvision") and rest:
        build(name, 1)  # says what names there are
        return {"arch": name, "data": "ImageNet", "size": input_size(name)}
    path = _bundle(name).with_suffix(".json")
    if not path.is_file():
        raise _unknown(name)
    return read_card(path)


def weights_sha256(name: str) -> str | None:
    """The sha256 of a bundle's weights file, computed, not read from its card; None if the name is no bundle's."""
    path = BUNDLES / f"{name}.safetensors" if name in bundled() else _bundle(name)
    return digest(path) if path.is_file() else None


def _bundle(name: str) -> Path:
    """The weights of the bundle at a path, with or without suffix."""
    return Path(name if name.endswith((".safetensors", ".json")) else f"{name}.safetensors").with_suffix(".safetensors")


def _unknown(name: str) -> InputError:
    if within := sorted(Path(name).glob("*.safetensors")):
        bundles = [path for path in within if path.with_suffix(".json").is_file()]  # a checkpoint has no card
        meant = " or ".join(str(path.with_suffix("")) for path in (bundles or within)[:3])
        return InputError(f"{name} is a folder; did you mean {meant}?")
    if Path(name).is_file():
        return InputError(f"{name} is not a bundle; pellucid convert {name} --out NAME.safetensors may make one")
    return unknown("model", name, [*bundled(), *KINDS, *(entry.name for entry in published())])


def _pretrained(library: str, name: str) -> Classifier:
    build(f"{library}:{name}", 1000)  # says what names there are
    try:
        if library == "timm":
            import timm

            network = timm.create_model(name, pretrained=True)
            facts: Any = network.pretrained_cfg
            mean, std, names = facts["mean"], facts["std"], None
        else:
            from torchvision import models

            weights: Any = models.get_model_weights(name)["DEFAULT"]
            network = models.get_model(name, weights=weights)
            mean, std, names = IMAGENET_MEAN, IMAGENET_STD, weights.meta.get("categories")
    except Exception as error:  # downloads fail in many ways
        raise InputError(f"the weights of {library}:{name} could not be fetched: {first_line(error)}") from None
    card = {"arch": f"{library}:{name}", "data": "ImageNet", "size": input_size(f"{library}:{name}")}
    return Classifier(network, mean, std, names, card=card)
