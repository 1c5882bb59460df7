"""The backbone: a frozen copy of a network that yields chosen layers, and stops after the last of them."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..base.devices import Precision
from ..base.errors import InputError
from ..base.layers import open_last_relus, unit_axis
from ..base.twin import frozen_twin
from ..core.classifier import Classifier
from .surgery import Padding, Pooling, randomize, replicate_padding, swap_pooling

# What the experiments on each kind of network take: style layers, and the content layer. Of AlexNet the rebuttal of
# 2019 takes the first four, and names no content layer.
LAYERS = {
    "VGG": (("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), ("relu4_2",)),
    "AlexNet": (("relu1", "relu2", "relu3", "relu4"), ("relu3",)),
    "SqueezeNet": (("relu1", "fire2", "fire4", "fire6", "fire8"), ("fire5",)),
    "PreActResNet": (("stem", "stage1", "stage2", "stage3"), ("stage2",)),
    "SmoothResNet": (("stem", "stage1", "stage2", "stage3"), ("stage2",)),
    "ResNet": (("layer1", "layer2", "layer3", "layer4"), ("layer3",)),
}


def default_layers(classifier: Classifier) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The style layers and content layers of a network whose kind is known; a shallow one has the first of them.

    Raises `InputError` with the names of its layers for any other.
    """
    style, content = LAYERS.get(type(classifier.network).__name__, ((), ()))
    style = tuple(name for name in style if name in classifier.layers)
    if len(style) < 2 or any(name not in classifier.layers for name in content):
        raise InputError(
            f"which layers of {type(classifier.network).__name__} carry style is not known; name style layers and "
            f"content layers (there are: {', '.join(classifier.layers)})"
        )
    return style, content


class _Reached(Exception):  # noqa: N818 - it ends a forward pass, and is no error
    """All layers that were asked for are there."""


class Backbone:
    """A classifier's network, made ready for gradients to its input.

    It is a frozen twin of the network, or a copy with random weights. Nothing behind the last of its layers runs.

    Args:
        classifier: whose network is copied; it is left as it is.
        layers: names of `classifier.layers`, or paths of any modules.
        pooling: "average" or "blur" in place of max pooling.
        padding: "replicate" in place of zeros.
        smooth: layers are softmax-smoothed over all of their channels and positions (SWAG; Wang, Li and Vasconcelos
            2021), and multiplied by the number of those.
        straight_through: the gradient passes the last ReLUs before the last layer as if they were the identity.
        random_weights: the seed of weights to draw in place of the trained ones.
        normalization: a mean and a standard deviation for each channel in place of the classifier's.
        precision: "bfloat16" runs the network in autocast.

    Raises:
        InputError: a layer does not exist, is not reached, or has no positions.

    >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    >>> _ = network(torch.rand(1, 3, 8, 8))
    >>> backbone = Backbone(Classifier(network, card={"size": 8}), ["1"])
    >>> backbone(torch.rand(1, 3, 20, 30))["1"].shape  # the linear layer, which takes 8 x 8 only, does not run
    torch.Size([1, 4, 18, 28])
    """

    def __init__(
        self,
        classifier: Classifier,
        layers: Sequence[str],
        *,
        pooling: Pooling = "own",
        padding: Padding = "own",
        smooth: bool = False,
        straight_through: bool = False,
        random_weights: int | None = None,
        normalization: tuple[Sequence[float], Sequence[float]] | None = None,
        precision: Precision = "float32",
    ):
        self.layers = tuple(dict.fromkeys(layers))
        self.smooth, self.precision, self.device = smooth, precision, classifier.device
        network = classifier.network if random_weights is None else copy.deepcopy(classifier.network)
        self.network = frozen_twin(network)
        self.mean, self.std = classifier.mean, classifier.std
        if normalization is not None:
            self.mean, self.std = (torch.tensor(v, device=self.device).reshape(1, -1, 1, 1) for v in normalization)
        if random_weights is not None:
            randomize(self.network, random_weights)
        swap_pooling(self.network, pooling)
        if padding == "replicate":
            replicate_padding(self.network)
        self._paths = {name: classifier.path(name) for name in self.layers}
        self._unit_axes: dict[str, int] = {}
        self._last = ""
        self._kept: dict[str, Tensor] = {}
        self._left: Counter[str] = Counter()
        for name, path in self._paths.items():
            self.network.get_submodule(path).register_forward_hook(self._keep(name))
        self._calls = Counter(dict.fromkeys(self.layers, 10**9))  # the first pass runs to the end, and counts
        self._known = classifier.size or 96  # a side that the network takes
        self._prepare(self._known)
        if straight_through:
            image = torch.rand(1, 3, self._known, self._known).to(self.device).requires_grad_()
            open_last_relus(self.network, lambda: self._pass(image)[self._last])

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Layers of `(N, 3, H, W)` images in [0, 1], each `(N, C, h, w)`, float32."""
        try:
            found = self._pass((images - self.mean) / self.std)
        except RuntimeError as error:
            height, width = images.shape[2:]
            if isinstance(error, torch.OutOfMemoryError) or min(height, width) >= self._known:
                raise
            raise InputError(
                f"a picture of {width} x {height} pixels is too small for the network; one of {self._known} x "
                f"{self._known} is not; raise size, smallest or style_scale"
            ) from None
        if missing := [name for name in self.layers if name not in found]:
            raise InputError(f"layer {', '.join(missing)} was not reached in the forward pass")
        for name, axis in self._unit_axes.items():
            found[name] = found[name].movedim(axis, 1)
        return {name: _smoothed(values) for name, values in found.items()} if self.smooth else found

    def _pass(self, images: Tensor) -> dict[str, Tensor]:
        """What the hooks kept of one pass of normalized images."""
        self._left = self._calls.copy()
        try:
            with torch.autocast(images.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                self.network(images)
        except _Reached:
            pass
        return {name: self._kept.pop(name).float() for name in self.layers if name in self._kept}

    def _prepare(self, size: int) -> None:
        """One whole pass: how often each layer runs in it, which is the last, and where it has its channels."""
        image = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(0)).to(self.device)
        for name, values in self(image).items():
            if values.ndim != 4:
                raise InputError(f"layer {name} has no positions, its shape is {tuple(values.shape)}; choose another")
            axis = unit_axis(self.network, self._paths[name], 4)
            if axis is None:
                raise InputError(f"nothing declares which axis of layer {name} is the channels'; choose another layer")
            self._unit_axes[name] = axis
        self._calls = self._calls - self._left

    def _keep(self, name: str):
        def hook(module: nn.Module, args: tuple, output) -> None:
            # A copy: the next module is often a ReLU that works in place on this very tensor.
            self._kept[name] = (output[0] if isinstance(output, tuple) else output).clone()
            self._left -= Counter([name])
            self._last = name
            if not self._left:
                raise _Reached

        return hook


def _smoothed(values: Tensor) -> Tensor:
    return values.flatten(1).softmax(1).reshape(values.shape) * values[0].numel()
