"""Whether weights fit an architecture, and which architecture they fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..base.errors import InputError
from ..base.heads import find_head
from .cifar_resnets import DEPTHS
from .networks import build
from .torch_file import printable


def _torchvision(*names: str) -> tuple[str, ...]:
    return tuple(f"torchvision:{name}" for name in names)


# What `infer` tries, by the name of the head.
CANDIDATES = {
    "linear": (
        *(f"madry-cifar-resnet{depth}" for depth in DEPTHS),
        *(f"cifar-resnet{depth}" for depth in (20, 32, 44, 56, 110)),
    ),
    "fc": (
        "cifar-resnet18",
        *_torchvision("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"),
        *_torchvision("wide_resnet50_2", "wide_resnet101_2", "resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d"),
        *_torchvision(*(f"shufflenet_v2_x{width}" for width in ("0_5", "1_0", "1_5", "2_0"))),
        "wide_resnet50_4",
    ),
    "classifier": _torchvision("densenet121", "densenet161", "densenet169", "densenet201"),
    "classifier.1": (
        *_torchvision("mobilenet_v2", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0", "mnasnet1_3"),
        *_torchvision("squeezenet1_0", "squeezenet1_1", *(f"efficientnet_b{number}" for number in range(8))),
    ),
    "classifier.2": _torchvision("convnext_tiny", "convnext_small", "convnext_base", "convnext_large"),
    "classifier.3": _torchvision("mobilenet_v3_small", "mobilenet_v3_large"),
    "classifier.6": (
        *_torchvision("alexnet", *(f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn"))),
    ),
    "head": _torchvision("swin_t", "swin_s", "swin_b"),
    "heads.head": _torchvision("vit_b_16", "vit_b_32", "vit_l_16", "vit_l_32"),
}
Shapes = Mapping[str, Sequence[int]]


def outline(arch: str, classes: int) -> nn.Module:
    """A network without memory for its weights, on the device "meta", where its library can do without."""
    if arch.startswith(("timm:", "torchvision:regnet")):  # these compute with weights while they are built
        with torch.random.fork_rng(devices=[]):
            return build(arch, classes)
    with torch.device("meta"), _Undrawn():
        return build(arch, classes)


class _Undrawn(TorchFunctionMode):
    """Skips drawing random weights: on the device "meta" they have no values, and torch would import for a second."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        return args[0] if func in (Tensor.normal_, Tensor.uniform_) else func(*args, **(kwargs or {}))


def shapes_of(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor."""
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def classes_of(network: nn.Module, weights: Shapes) -> int | None:
    """How many classes weights are for: the rows of what is this network's head; None if they have no such tensor.

    >>> from torchvision.models import resnet18
    >>> classes_of(outline("torchvision:resnet18", 1000), shapes_of(resnet18(num_classes=7).state_dict()))
    7
    """
    shape = weights.get(f"{find_head(network)}.weight")
    return shape[0] if shape else None


def mismatch(own: Shapes, given: Shapes) -> str | None:
    """What keeps tensors of the shapes `given` from being loaded, in one line; None if nothing does.

    >>> mismatch({"conv.weight": (4, 3), "bias": (4,)}, {"conv.weight": (5, 3)})
    'of its tensors 1 missing (bias); 1 of other shapes (conv.weight: (5, 3), not (4, 3))'
    >>> mismatch({"stem.weight": (4, 3), "fc.bias": (4,)}, {"conv_stem.weight": (4, 3), "fc.bias": (4,)})
    'all shapes are the same, in the same order, and 1 names differ: conv_stem.weight is stem.weight here'
    """
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    if missing and [tuple(shape) for shape in own.values()] == [tuple(shape) for shape in given.values()]:
        pairs = [f"{theirs} is {ours} here" for theirs, ours in zip(given, own, strict=True) if theirs != ours]
        return f"all shapes are the same, in the same order, and {len(pairs)} names differ: {_first(pairs)}"
    odd = [name for name in own if name in given and tuple(own[name]) != tuple(given[name])]
    kinds = {
        "missing": missing,
        "unexpected": unexpected,
        "of other shapes": [f"{name}: {tuple(given[name])}, not {tuple(own[name])}" for name in odd],
    }
    said = [f"{len(names)} {kind} ({_first(names)})" for kind, names in kinds.items() if names]
    return f"of its tensors {'; '.join(said)}" if said else None


def _first(names: list[str]) -> str:
    return ", ".join(printable(name, 160) for name in names[:3]) + (", ..." if len(names) > 3 else "")


def infer(weights: Mapping[str, Tensor]) -> str | None:
    """The architecture whose tensors have exactly these names and shapes, or None if none of `CANDIDATES` has.

    >>> infer(build("cifar-resnet20", 7).state_dict())
    'cifar-resnet20'
    """
    given = shapes_of(weights)
    for head, candidates in CANDIDATES.items():
        if shape := given.get(f"{head}.weight"):
            for arch in candidates:
                if _shapes_of_arch(arch, shape[0]) == given:
                    return arch
    arch = _wide_resnet(given)
    return arch if arch and _shapes_of_arch(arch, given["head.weight"][0]) == given else None


def _wide_resnet(given: Shapes) -> str | None:
    """The name of the Wide ResNet with these blocks and channels, of depth 10 to 202; None if there is none."""
    head = given.get("head.weight")
    blocks = len({name.split(".")[1] for name in given if name.startswith("stage1.")})
    if head is None or len(head) != 2 or head[1] % 64 or not 0 < head[1] // 64 < 100 or not 0 < blocks < 34:
        return None
    return f"wrn-{6 * blocks + 4}-{head[1] // 64}"


@lru_cache(maxsize=256)
def _shapes_of_arch(arch: str, classes: int) -> dict[str, tuple[int, ...]]:
    return shapes_of(outline(arch, classes).state_dict())


def filled(arch: str, classes: int, weights: Mapping[str, Tensor], path: Path) -> nn.Module:
    """The network of this name with these weights, and no other.

    Shapes are compared before memory is taken, where the architecture allows it: a card's sizes are the card's word.

    Raises:
        InputError: tensors are missing, unexpected, of other shapes, or quantized; which, and how many.
    """
    network = outline(arch, classes)
    own = network.state_dict()
    if said := mismatch(shapes_of(own), shapes_of(weights)):
        raise InputError(f"{path} does not fit {arch} of {classes} classes: {said}")
    for name, tensor in own.items():
        if tensor.is_floating_point() and not weights[name].is_floating_point():
            kind = str(weights[name].dtype).removeprefix("torch.")
            raise InputError(f"{path}: {printable(name)} is {kind}; weights must be floats, not quantized")
    if any(tensor.is_meta for tensor in own.values()):
        # Building draws weights, which are replaced; the global random state stays as it is.
        with torch.random.fork_rng(devices=[]):
            network = build(arch, classes)
    state = network.state_dict()
    state.update(weights)  # keeps the versions of the modules, which torchvision's MNASNet asks for
    network.load_state_dict(state)
    return network
