"""Classifiers by name: bundled, a bundle's path, timm's and torchvision's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from ..classifier import Classifier
from ..devices import pick_device
from ..errors import InputError, unknown
from .bundle import load_bundle, read_card, sha256
from .networks import build

BUNDLES = Path(__file__).parent / "bundles"
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def bundled() -> list[str]:
    """The names of the classifiers that come with pellucid."""
    return sorted(path.stem for path in BUNDLES.glob("*.safetensors"))


def load(name: str, device: str | torch.device = "auto") -> Classifier:
    """A classifier in eval mode on a device.

    Args:
        name: a bundled name (`cifar10-l2-0.5`), the path of a bundle, `timm:NAME` or `torchvision:NAME`. The last two
            come with ImageNet weights, which their libraries download.
        device: "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        InputError: an unknown name, a damaged bundle, weights that cannot be fetched.

    >>> classifier = load("cifar10-l2-0.5", "cpu")
    >>> classifier.class_names[:3]
    ['airplane', 'automobile', 'bird']
    """
    place = device if isinstance(device, torch.device) else pick_device(device)
    library, _, rest = name.partition(":")
    if name in bundled():
        classifier = load_bundle(BUNDLES / name)
    elif library in ("timm", "torchvision") and rest:
        classifier = _pretrained(library, rest)
    elif name.endswith((".safetensors", ".json")) or Path(name + ".safetensors").is_file():
        classifier = load_bundle(name)
    elif Path(name).is_file():
        raise InputError(f"{name} is not a bundle; a bundle is NAME.safetensors and NAME.json side by side")
    else:
        raise unknown("model", name, [*bundled(), "timm:NAME", "torchvision:NAME", "a bundle's path"])
    return classifier.to(place).eval()


def card(name: str) -> dict:
    """The card of a bundle, by bundled name or path, without its weights."""
    if name in bundled():
        return read_card(BUNDLES / f"{name}.json")
    path = Path(name).with_suffix(".json") if name.endswith((".safetensors", ".json")) else Path(name + ".json")
    if not path.is_file():
        raise unknown("model", name, bundled())
    return read_card(path)


def fingerprint(classifier: Classifier) -> str:
    """What tells this classifier from another: the sha256 on its card, or that of its weights."""
    if "sha256" in classifier.card:
        return classifier.card["sha256"]
    import hashlib

    digest = hashlib.sha256()
    for key, tensor in sorted(classifier.network.state_dict().items()):
        digest.update(key.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _pretrained(library: str, name: str) -> Classifier:
    build(f"{library}:{name}", 1000)  # says what names there are
    try:
        if library == "timm":
            import timm

            network = timm.create_model(name, pretrained=True)
            facts: Any = network.pretrained_cfg
            mean, std, size = facts["mean"], facts["std"], facts["input_size"][-1]
            names = None
        else:
            from torchvision import models

            weights: Any = models.get_model_weights(name)["DEFAULT"]
            network = models.get_model(name, weights=weights)
            mean, std, size, names = IMAGENET_MEAN, IMAGENET_STD, 224, weights.meta.get("categories")
    except Exception as error:  # whatever the download ran into
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"the weights of {library}:{name} could not be fetched: {reason}") from None
    card = {"arch": f"{library}:{name}", "data": "ImageNet", "size": size}
    return Classifier(network, mean, std, names, card=card)


__all__ = ["bundled", "card", "fingerprint", "load", "sha256"]
