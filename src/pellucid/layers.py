"""Which layers of a network have names, where its head is, and the straight-through last ReLU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from .errors import InputError


def find_head(network: nn.Module) -> str:
    """The path of the module whose output is the logits: timm's own answer, the last linear layer, the last 1x1 conv.

    Raises `InputError` where there is none; name it then: `Classifier(network, head="...")`.
    """
    paths = {module: path for path, module in network.named_modules()}
    if hasattr(network, "get_classifier"):  # timm
        head = network.get_classifier()  # pyright: ignore[reportCallIssue]
        if isinstance(head, nn.Module) and head in paths and not isinstance(head, nn.Identity):
            return paths[head]
    linear = [path for module, path in paths.items() if isinstance(module, nn.Linear)]
    pointwise = [
        path for module, path in paths.items() if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1)
    ]
    if not (linear or pointwise):
        raise InputError(
            f"no linear layer found in {type(network).__name__}; name the layer that makes the logits as head"
        )
    return (linear or pointwise)[-1]


def named_layers(network: nn.Module) -> dict[str, str]:
    """Layers worth naming, from input to output: `{name: module path}`.

    VGG: `conv1_1`, `relu1_1`, `pool1`, ...; AlexNet: `conv1`, `relu1`, ...; SqueezeNet: `relu1`, `fire2` to `fire9`;
    timm models: what their `feature_info` lists; ResNets and everything else: the top-level children that have
    parameters (`conv1`, `layer1` to `layer4`).
    """
    kind = type(network).__name__
    features = getattr(network, "features", None)
    if isinstance(features, nn.Sequential) and kind in ("VGG", "AlexNet", "SqueezeNet"):
        return _sequential_layers(features, kind)
    info = getattr(network, "feature_info", None)
    if info:
        modules = [entry["module"] for entry in (info.info if hasattr(info, "info") else info)]
        return {path: path for path in modules if path}
    return {path: path for path, child in network.named_children() if next(child.parameters(), None) is not None}


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


class _ReluKnowingIfLast(torch.autograd.Function):
    """ReLU whose backward is the identity if it was the last to run before the head in the same forward pass.

    Which call that is is known once the forward pass has ended, which is before any backward begins: no counting
    pass is needed, and a module that is called several times (torchvision's blocks) is treated rightly. `calls` holds
    how many ReLUs ran so far, and how many had run when the head was reached; only their order matters.
    """

    @staticmethod
    def forward(ctx, values: Tensor, calls: list[int]) -> Tensor:
        calls[0] += 1
        ctx.calls, ctx.number = calls, calls[0]
        output = values.clamp_min(0)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        (gradient,) = gradients
        if ctx.number == ctx.calls[1]:
            return gradient, None
        return gradient * (ctx.saved_tensors[0] > 0), None


@contextmanager
def straight_through_last_relu(network: nn.Module, head: nn.Module) -> Iterator[None]:
    """Within this context the last `nn.ReLU` that runs before `head` lets the whole gradient through.

    Raises `InputError` for a network without `nn.ReLU` modules (functional ReLUs cannot be reached).
    """
    relus = [module for module in network.modules() if isinstance(module, nn.ReLU)]
    if not relus:
        raise InputError(f"straight_through needs nn.ReLU modules, and {type(network).__name__} has none")
    calls = [0, 0]

    def reached(module: nn.Module, args: tuple) -> None:
        calls[1] = calls[0]

    with ExitStack() as restore:
        restore.callback(head.register_forward_pre_hook(reached).remove)
        for relu in relus:
            relu.forward = lambda values: _ReluKnowingIfLast.apply(values, calls)  # type: ignore[method-assign]
            restore.callback(relu.__dict__.pop, "forward", None)
        yield
