"""Batch norms in eval mode, computed as part of the convolutions before them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Types whose own forward gives what each convolution makes to the norm beside it and to nothing else.
STEM, TWO = (("conv1", "bn1"),), (("conv1", "bn1"), ("conv2", "bn2"))
BLOCK, LONG = (*TWO, ("downsample.0", "downsample.1")), (*TWO, ("conv3", "bn3"), ("downsample.0", "downsample.1"))
PAIRS = {
    "torchvision.models.resnet.ResNet": STEM,
    "torchvision.models.resnet.BasicBlock": BLOCK,
    "torchvision.models.resnet.Bottleneck": LONG,
    "pellucid.zoo.networks.PreActBlock": (("conv1", "norm2"),),
    "pellucid.zoo.networks.SmoothBlock": (("conv1", "norm2"),),
    "pellucid.zoo.networks.SmoothResNet": (("stem.0", "stem.1"), ("stem.4", "stem.5")),
}


def fuse(twin: nn.Module, kept: Collection[str] = ()) -> Callable[[], None]:
    """Fuse the norms of torchvision's ResNets and of our own, in place, in a network in eval mode: the same function in
    fewer passes over memory.

    Only types are fused whose forward is known, so no control flow can depend on what disappears; a module with hooks
    or a forward of its own, or whose path is `kept`, stays as it is. So does the stem of a ResNet inside another
    network, which may call its convolution by itself, as encoders do.

    Returns a function that fuses the same norms again, with the weights and statistics that they have by then.
    """
    fused: list[tuple[nn.Module, str, nn.Conv2d, nn.BatchNorm2d]] = []
    for path, module in list(twin.named_modules()):
        if "forward" in vars(module) or (type(module).__name__ == "ResNet" and path):
            continue
        for names in PAIRS.get(f"{type(module).__module__}.{type(module).__qualname__}", ()):
            inner = dict(module.named_modules())
            conv, norm = (inner.get(name) for name in names)
            if type(conv) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d or norm.running_mean is None:
                continue
            within = {f"{path}.{name}".removeprefix(".") for name in (*names, names[0].rpartition(".")[0])}
            if not within & set(kept) and not any(_is_changed(inner[name]) for name in names):
                module.set_submodule(names[1], nn.Identity())
                fused.append((module, names[0], conv, norm))

    def refresh() -> None:
        for module, name, conv, norm in fused:
            module.set_submodule(name, fuse_conv_bn_eval(conv, norm))

    refresh()
    return refresh


def _is_changed(module: nn.Module) -> bool:
    """Whether a module has hooks, or a forward of its own."""
    return bool(module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module))
