"""The settings of a style transfer, and published ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypedDict

from ..base.checks import number, positive, positive_int
from ..base.errors import InputError
from ..base.recipes import Recipe
from .surgery import Padding, Pooling

RESTRICTED_IMAGENET = ((0.4717, 0.4499, 0.3837), (0.2600, 0.2516, 0.2575))


@dataclass(frozen=True)
class StylizeRecipe(Recipe):
    """Settings of `stylize`."""

    style_weight: float = 1.0
    """Of the style loss. With `relative`, 1 is a sensible start for every network."""
    content_weight: float = 0.1
    """Of the content loss; 0 makes a texture."""
    smoothness: float = 0.0
    """Weight of the total variation; with `relative`, of its ratio to the content's."""
    relative: bool = True
    """Divide each style layer's loss by its value at the content image, and each content layer's by the variance of the
    content's features. Without it losses are as they come, and weights mean something else on every network."""
    style_loss: Literal["gram", "covariance", "wasserstein"] = "gram"
    """Distance of Gram matrices, of covariances, or of Gaussians with the features' means and covariances."""
    style_layers: tuple[str, ...] = ()
    """Layers whose statistics are matched; those known for the kind of network if not given."""
    content_layers: tuple[str, ...] = ()
    """Layers that are kept; those known for the kind of network if not given."""
    layer_weights: tuple[float, ...] = ()
    """One for each style layer; equal if not given."""
    strength: float = 1.0
    """How much of the style is aimed at: statistics between the content's own (0) and the style's (1)."""
    size: int | None = None
    """Shorter side of the result in pixels; the content's own if not given."""
    style_scale: float = 1.0
    """Size of the style picture's strokes: its shorter side as a multiple of the result's."""
    start: Literal["content", "noise", "gray", "normal-noise"] = "content"
    """What the picture is at first. normal-noise has N(0, 1) pixels, most of which are clamped, as in 2019."""
    colors: Literal["style", "luminance", "linear"] = "style"
    """luminance: the content's colors under the result's lightness. linear: the style picture gets the mean and
    covariance of the content's colors beforehand."""
    optimizer: Literal["auto", "lbfgs", "adam", "plain-lbfgs"] = "auto"
    """L-BFGS with a strong Wolfe line search, Adam, or L-BFGS without line search on clamped pixels, as in 2019.
    auto: L-BFGS up to a million pixels, then Adam, which needs a tenth of the memory."""
    evaluations: int = 100
    """Evaluations of the loss, at each scale."""
    learning_rate: float | None = None
    """The optimizer's learning rate: 1 for L-BFGS and 0.02 for Adam if not given."""
    averaging: float = 0.0
    """Decay of a running average of Adam's iterates, which is the result; 0 takes the last one."""
    smallest: int = 64
    """Shorter side of the first of the scales, each sqrt(2) times the one before. As large as size: one scale."""
    pooling: Pooling = "own"
    """average or blur in place of max pooling."""
    padding: Padding = "own"
    """replicate pads with copies of the border in place of zeros."""
    jitter: int = 0
    """Every evaluation moves the picture by up to this number of pixels; needs Adam."""
    transforms: bool = False
    """Every evaluation sees it moved, turned and scaled a little, as lucid's standard transforms do; with Adam."""
    parametrization: Literal["pixels", "fourier"] = "pixels"
    """What moves; fourier is decorrelated frequencies, with Adam."""
    smooth_activations: bool = False
    """Softmax-smoothed layers (SWAG)."""
    random_weights: bool = False
    """Random weights in place of the trained ones, as a control."""
    straight_through: bool = False
    """The gradient passes the last ReLU before the last layer as if it were the identity."""
    normalization: Literal["own", "restricted-imagenet"] = "own"
    """The network's own, or that of the 2019 experiments, which was given to all their networks."""
    tile: int = 0
    """Side of tiles in pixels whose gradients are computed one after the other; 0 takes the picture in one piece."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("style_layers", "content_layers"):
            if twice := sorted({layer for layer in getattr(self, name) if getattr(self, name).count(layer) > 1}):
                raise InputError(f"{name} has {', '.join(twice)} twice; name each layer once")
        for name in ("style_weight", "content_weight", "smoothness"):
            number(name, getattr(self, name), 0)
        number("averaging", self.averaging, 0, 1)
        for name, low, high in (("style_scale", 0.05, 20), ("strength", 0, 1)):
            if not low <= getattr(self, name) <= high:
                raise InputError(f"{name} must be between {low:g} and {high:g}, not {getattr(self, name)}")
        if self.learning_rate is not None:
            positive("learning_rate", number("learning_rate", self.learning_rate))
        for weight in self.layer_weights:
            number("layer_weights", weight, 0)
        if self.layer_weights and not sum(self.layer_weights):
            raise InputError("layer_weights are all 0; give one layer a weight")
        if not (self.style_weight or self.content_weight or self.smoothness):
            raise InputError("all weights are 0; there is nothing to lower")
        positive_int("evaluations", self.evaluations)
        positive_int("smallest", self.smallest)
        if self.size is not None:
            positive_int("size", self.size)
        if self.tile < 0 or self.jitter < 0:
            raise InputError("tile and jitter are numbers of pixels, 0 for none")
        self._check_combinations()

    def _check_combinations(self) -> None:
        random = [name for name in ("jitter", "transforms") if getattr(self, name)]
        adam_only = random + ["averaging"] * bool(self.averaging)
        adam_only += [f"parametrization {self.parametrization}"] * (self.parametrization != "pixels")
        if adam_only and self.optimizer != "adam":
            raise InputError(f"{adam_only[0]} goes with optimizer adam, not {self.optimizer}")
        if self.tile and random:
            raise InputError(f"{random[0]} does not go with tiles; switch one of them off")
        if self.tile and self.smooth_activations:
            raise InputError("smooth_activations does not go with tiles: a softmax reads the whole picture")


class StylizeSettings(TypedDict, total=False):
    """The fields of the recipe as keywords of `stylize`."""

    style_weight: float
    content_weight: float
    smoothness: float
    relative: bool
    style_loss: Literal["gram", "covariance", "wasserstein"]
    style_layers: tuple[str, ...]
    content_layers: tuple[str, ...]
    layer_weights: tuple[float, ...]
    strength: float
    size: int | None
    style_scale: float
    colors: Literal["style", "luminance", "linear"]
    optimizer: Literal["auto", "lbfgs", "adam", "plain-lbfgs"]
    evaluations: int
    learning_rate: float | None
    averaging: float
    smallest: int
    pooling: Pooling
    padding: Padding
    jitter: int
    transforms: bool
    parametrization: Literal["pixels", "fourier"]
    smooth_activations: bool
    random_weights: bool
    straight_through: bool
    normalization: Literal["own", "restricted-imagenet"]
    tile: int


_DISTILL = StylizeRecipe(
    relative=False, content_weight=1.0, size=512, smallest=10**6, optimizer="plain-lbfgs", evaluations=500,
    normalization="restricted-imagenet",
)  # fmt: skip

# Nakano's response in *A Discussion of "Adversarial Examples Are Not Bugs, They Are Features"* (Distill 2019): 500
# "iterations" are 500 evaluations of the loss; the normalization is Restricted ImageNet's for every network. The layers
# of ResNet-50 are those that ResNets have by default, and layer4 passes its gradient straight through. VGG's are taken
# before the ReLU, although the text names them relu.
# The result was chosen by eye from a grid of style weights: 1e8 to 1e11 (robust), 1e14 alone (standard), 1e4 to 1e10
# (VGG-19), from content and from noise.
PRESETS = {
    # Ours, for robust classifiers, and for whatever shows a checkerboard: jitter averages the strides' pattern away.
    "strokes": StylizeRecipe(
        style_loss="wasserstein", optimizer="adam", learning_rate=0.03, averaging=0.9, jitter=4, evaluations=60
    ),
    "distill2019": replace(_DISTILL, style_weight=1e10, straight_through=True),
    "distill2019-standard": replace(_DISTILL, style_weight=1e14, straight_through=True),
    "distill2019-vgg19": replace(
        _DISTILL, style_weight=4e6, style_layers=("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"),
        content_layers=("conv4_2",), pooling="average",
    ),
    "mordvintsev2018": StylizeRecipe(
        optimizer="adam", parametrization="fourier", transforms=True, learning_rate=0.05, evaluations=512,
        smallest=10**6,
    ),
}  # fmt: skip
