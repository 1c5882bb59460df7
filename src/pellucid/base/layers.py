"""The layers of a network: their names, where a layer has its units, and the last ReLUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from .errors import InputError

FIRST = (nn.Conv1d, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.GroupNorm)
# Modules of torchvision and timm that make `(N, C, H, W)` (1) or `(N, H, W, C)` (3), by the names of their types.
UNIT_AXES = {"CNBlock": 1, "LayerNorm": 3, "LayerNorm2d": 1, "MaxVitBlock": 1, "MaxVitLayer": 1, "PatchMerging": 3,
             "PatchMergingV2": 3, "SwinTransformerBlock": 3, "SwinTransformerBlockV2": 3}  # fmt: skip


def unit_axis(network: nn.Module, layer: str, ndim: int) -> int | None:
    """Along which axis the output of a layer (a module path) has its units, as its type or its network declares.

    Tokens `(N, T, U)` have units last. Of four axes, convolutions have channels first, linear layers and layer norms
    last; timm's `output_fmt` and `UNIT_AXES` know others. Channels also come first in convolutional networks without
    layer norms, which would mean that both forms are mixed. Otherwise the answer is None.

    >>> unit_axis(nn.Sequential(nn.Conv2d(3, 8, 3)), "0", 4), unit_axis(nn.Sequential(nn.LayerNorm(8)), "0", 4)
    (1, 3)
    """
    module = network.get_submodule(layer)
    while isinstance(module, nn.Sequential) and len(module):
        module = module[-1]
    if isinstance(module, FIRST):
        return 1
    if ndim < 4 or type(module) is nn.Linear:
        return ndim - 1
    if type(module).__name__ in UNIT_AXES:
        return UNIT_AXES[type(module).__name__]
    if layer in [entry["module"] for entry in getattr(network, "feature_info", [])]:  # timm
        return 3 if getattr(network, "output_fmt", "NCHW") == "NHWC" else 1
    kinds = [type(part) for part in network.modules()]
    return 1 if nn.Conv2d in kinds and not any(issubclass(kind, nn.LayerNorm) for kind in kinds) else None


def arranged(network: nn.Module, layer: str, values: Tensor, count: int, named: str, axes: dict[str, int]) -> Tensor:
    """A layer's values for `count` images as `(N, U)`, `(N, T, U)` or `(N, C, H, W)`.

    `axes` has the axis of units by the layer's name, where `unit_axis` does not know it.
    """
    shape, ndim = tuple(values.shape), values.ndim
    parts = network.get_submodule(layer).modules()
    if shape[:1] != (count,) or (ndim == 3 and any(getattr(part, "batch_first", True) is False for part in parts)):
        raise InputError(f"layer {named!r} is {shape} for {count} images; choose one whose first axis is the images'")
    axis = axes.get(named, unit_axis(network, layer, ndim))
    if ndim > 1 and axis not in [n for n in range(-ndim + 1, ndim) if n]:
        raise InputError(f"layer {named!r} is {shape}, and nothing declares which axis is the units'; "
                         f"set classifier.unit_axes[{named!r}] = 1, or {ndim - 1}")  # fmt: skip
    return values if axis is None else values.movedim(axis, 1 if ndim == 4 else -1)


def open_last_relus(twin: nn.Module, run: Callable[[], Tensor]) -> None:
    """Let gradients pass the last ReLUs of a twin as if they were the identity; values do not change:

        relu(x) becomes x + (relu(x) - x).detach()       (the reference code's fake_relu)

    The last ReLUs are the calls of `nn.ReLU` modules from which what `run` returns is reached without passing another
    one: several where their outputs are joined, as in SqueezeNet. `run` makes one pass of the twin, with a gradient to
    its images. A network without `nn.ReLU` has no such units, or functional ReLUs, which hooks cannot reach.
    """
    relus = [module for module in twin.modules() if isinstance(module, nn.ReLU)]
    outputs: list[Tensor] = []
    inputs: list[Tensor] = []

    def cut(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()  # what comes next may work in place

    hooks = [relu.register_forward_hook(cut) for relu in relus]
    with torch.enable_grad():
        end = run()
    for hook in hooks:
        hook.remove()
    reached = torch.autograd.grad(end.sum(), outputs, allow_unused=True) if outputs and end.requires_grad else []
    last = {number for number, gradient in enumerate(reached) if gradient is not None}

    def before(module: nn.Module, args: tuple, named: dict[str, Tensor]) -> None:
        values = (*args, *named.values())[0]
        inputs.append(values.clone() if len(inputs) in last else values)  # an in-place ReLU overwrites it

    def straight(module: nn.Module, args: tuple, output: Tensor) -> Tensor:
        values = inputs[-1]
        return values + (output - values).detach() if len(inputs) - 1 in last else output

    twin.register_forward_pre_hook(lambda module, args: inputs.clear())
    for relu in relus:
        relu.register_forward_pre_hook(before, with_kwargs=True)
        relu.register_forward_hook(straight, prepend=True)  # before the hooks that read it


def named_layers(network: nn.Module) -> dict[str, str]:
    """Layers worth naming, from input to output: `{name: module path}`.

    VGG: `conv1_1`, `relu1_1`, `pool1`, ...; AlexNet: `conv1`, `relu1`, ...; SqueezeNet: `relu1`, `fire2` to `fire9`;
    timm models: what their `feature_info` lists, as far as there are such modules; ResNets and everything else: the
    top-level children that have parameters (`conv1`, `layer1` to `layer4`), a list's one by one, but for auxiliary
    heads (`aux1`, `AuxLogits`), which run in training alone.
    """
    kind = type(network).__name__
    features = getattr(network, "features", None)
    if isinstance(features, nn.Sequential) and kind in ("VGG", "AlexNet", "SqueezeNet"):
        return _sequential_layers(features, kind)
    info = getattr(network, "feature_info", None)
    if info:
        modules = dict(network.named_modules())
        listed = [entry["module"] for entry in (info.info if hasattr(info, "info") else info)]
        if paths := [path for path in listed if path and path in modules]:  # of some models none is
            return {path: path for path in paths}
    return {path: path for path, child in _children(network) if next(child.parameters(), None) is not None}


def _children(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for path, child in network.named_children():
        if isinstance(child, nn.ModuleList):  # never called itself
            yield from ((f"{path}.{number}", item) for number, item in _children(child))
        elif not path.lower().startswith("aux"):
            yield path, child


def _sequential_layers(features: nn.Sequential, kind: str) -> dict[str, str]:
    names, block, index = {}, 1, 0
    for position, module in features.named_children():
        number = f"{block}_{index}" if kind == "VGG" else f"{index}"
        if isinstance(module, nn.Conv2d):
            index += 1
            name = f"conv{block}_{index}" if kind == "VGG" else f"conv{index}"
        elif isinstance(module, nn.ReLU):
            name = f"relu{number}"
        elif type(module).__name__ == "Fire":
            index += 1
            name = f"fire{index}"
        elif isinstance(module, nn.MaxPool2d):
            name = f"pool{block}"
            block, index = block + 1, 0 if kind == "VGG" else index
        else:
            continue
        names[name] = f"features.{position}"
    return names


def channels_of(network: nn.Module) -> int:
    """How many channels the first convolution of a network reads; 0 if it has none."""
    return next((module.in_channels for module in network.modules() if isinstance(module, nn.Conv2d)), 0)
