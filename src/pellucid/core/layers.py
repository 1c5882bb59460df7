"""Which layers of a network have names, where its head is, and the straight-through last ReLU."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from ..base.errors import InputError


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


def first_tensor(args: tuple, named: dict[str, Any]) -> Tensor:
    """The first tensor that a module is given; raises `InputError` if there is none."""
    for value in (*args, *named.values()):
        if isinstance(value, Tensor):
            return value
    raise InputError("the head is given no tensor, so there is no representation; name another: "
                     'Classifier(network, head="...")')  # fmt: skip


class _Relu(torch.autograd.Function):
    """ReLU whose backward is the identity once it is said to be `last`.

    Which calls are the last is known once the forward pass has ended, which is before any backward begins: no counting
    pass is needed, and a module that is called several times (torchvision's blocks) is treated rightly.
    """

    @staticmethod
    def forward(ctx, values: Tensor, inplace: bool) -> Tensor:
        output = values.clamp_min_(0) if inplace else values.clamp_min(0)
        if inplace:
            ctx.mark_dirty(output)
        ctx.last = False
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx, *gradients: Tensor):
        (gradient,) = gradients
        return gradient if ctx.last else gradient * (ctx.saved_tensors[0] > 0), None


@contextmanager
def straight_through_last_relu(network: nn.Module, head: nn.Module) -> Iterator[None]:
    """Within this context each `nn.ReLU` whose output comes to `head` lets the whole gradient through.

    Its output may come there pooled, reshaped or joined with others. Values do not change. A warning tells where what
    comes to the head is not, or not all of it, the output of such a module; the gradient of the rest is its own.

    Raises `InputError` for a network without `nn.ReLU` modules (functional ReLUs cannot be reached).
    """
    relus = [module for module in network.modules() if _is_plain_relu(module)]
    if not relus:
        raise InputError(f"straight_through needs nn.ReLU modules, and {type(network).__name__} has none")

    def reached(module: nn.Module, args: tuple, named: dict) -> None:
        values = first_tensor(args, named)
        if values.grad_fn is not None and not _open(values.grad_fn):
            warnings.warn(
                f"straight_through does not hold for all that is read of {type(network).__name__}: not all of it is "
                "the output of nn.ReLU modules, and units of the rest that are off stay off",
                stacklevel=2,
            )

    reached.counted = True  # type: ignore[attr-defined] - see `pellucid.core.folding`
    with ExitStack() as restore:
        restore.callback(head.register_forward_pre_hook(reached, with_kwargs=True).remove)
        for relu in relus:
            restore.callback(_put_back, relu, vars(relu).get("forward"))
            relu.forward = partial(_forward, inplace=relu.inplace)  # type: ignore[method-assign]
        yield


def _is_plain_relu(module: nn.Module) -> TypeGuard[nn.ReLU]:
    """Not one with a forward of its own, which may compute something else."""
    own = vars(module).get("forward")
    ours = isinstance(own, partial) and own.func is _forward  # within another such context
    plain = own is None or ours or getattr(own, "__func__", None) is nn.ReLU.forward
    return isinstance(module, nn.ReLU) and type(module).forward is nn.ReLU.forward and plain


def _put_back(module: nn.Module, own: Any) -> None:
    """Give a module the forward of its own that it had, if any."""
    vars(module).pop("forward", None)
    if own is not None:
        module.forward = own


def _forward(input: Tensor, inplace: bool) -> Tensor:
    return _Relu.apply(input, inplace)  # type: ignore[return-value]


# Nodes of the autograd graph that pass values on, moved, averaged or selected, as their names begin.
PASSIVE = re.compile(
    "(AsStrided|Alias|AdaptiveAvgPool|AdaptiveMaxPool|Amax|AvgPool|Cat|Clone|Contiguous|Expand|Flatten|Max|Mean|"
    "NativeDropout|Permute|Pow|Reshape|Select|Slice|Split|Squeeze|Stack|Sum|T|ToCopy|Transpose|Unsafe|Unsqueeze|View)"
    "[A-Z0-9]"
)


def _open(node: Any) -> bool:
    """Say to each ReLU that a node of the graph comes from that it is the last; whether it comes from nothing else."""
    if node.name() == "_ReluBackward":
        node.last = True
        return True
    if not PASSIVE.match(node.name()):
        return False
    opened = [_open(before) for before, _ in node.next_functions if before is not None]  # all of them
    return bool(opened) and all(opened)
