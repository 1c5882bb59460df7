"""pellucid: a robust classifier is a prior on images.

>>> import pellucid as pl
>>> classifier = pl.load("cifar10-l2-0.5", "cpu")
>>> cats = pl.generate(classifier, ["cat"] * 4, pl.GenerateRecipe(steps=2), seed=0)
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Where each public name lives. Names are imported when they are first used, so that `import pellucid` costs nothing.
_HOMES = {
    "ball": ["Ball", "Inside", "L2", "Linf", "Unbounded"],
    "classifier": ["Activations", "Classifier"],
    "data.dataset": ["Dataset", "Split", "load_data"],
    "data.gaussians": ["ClassGaussians", "fit_gaussians"],
    "data.grouping": ["Grouping"],
    "data.image": ["read_image", "write_image"],
    "descend": ["descend"],
    "descent": ["Descent", "Progress"],
    "diversity": ["Diversity"],
    "errors": ["InputError"],
    "evaluation.accuracy": ["EvaluateRecipe", "evaluate"],
    "evaluation.layers": ["LayerRobustness", "LayersRecipe", "layer_robustness"],
    "evaluation.outcomes": ["Accuracies", "Outcomes"],
    "evaluation.sanity": ["sanity"],
    "evaluation.transferability": ["Transferability", "TransferabilityRecipe", "transferability"],
    "objective": ["Activation", "CrossEntropy", "Distance", "Objective", "Outside"],
    "optimizer": ["Adam", "Momentum", "Steepest"],
    "parametrize": ["Fourier", "Maco", "Pixels", "magnitude_spectrum"],
    "representation.activating": ["Activating", "activating"],
    "representation.visualize": ["VisualizeRecipe", "visualize"],
    "representation.distance": ["DistanceCurve", "DistanceRecipe", "distance"],
    "representation.interpolate": ["InterpolateRecipe", "interpolate"],
    "representation.invert": ["InvertRecipe", "invert"],
    "representation.kaleidoscope": ["kaleidoscope"],
    "representation.manipulate": ["ManipulateRecipe", "manipulate"],
    "stop": ["Exceeds", "Misclassified", "Near", "Reaches", "StopRule"],
    "style.recipe": ["StylizeRecipe"],
    "style.stylize": ["Stylized", "stylize"],
    "synthesis.brush": ["BrushRecipe", "brush"],
    "synthesis.generate": ["GenerateRecipe", "generate"],
    "synthesis.inpaint": ["InpaintRecipe", "box_mask", "inpaint", "patch_mask"],
    "synthesis.paint": ["PaintRecipe", "Stroke", "paint"],
    "synthesis.sketch": ["SketchRecipe", "sketch"],
    "synthesis.superres": ["SuperresRecipe", "superres"],
    "synthesis.translate": ["TranslateRecipe", "translate"],
    "training.recipe": ["Attack", "TrainRecipe"],
    "training.train": ["train"],
    "transfer.features": ["Features", "features"],
    "transfer.recipe": ["TransferRecipe"],
    "transfer.result": ["TransferResult"],
    "transfer.stylized": ["StylizeDataRecipe", "stylize_data"],
    "transfer.transfer": ["transfer"],
    "zoo.bundle": ["load_bundle", "save_bundle"],
    "zoo.convert": ["ConvertRecipe", "convert"],
    "zoo.models": ["bundled", "load"],
    "zoo.published": ["Published", "published"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"pellucid has no {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Package(ModuleType):
    """Keeps `pellucid.descend` the function: importing the file of that name would bind the module over it."""

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


if TYPE_CHECKING:
    from .ball import L2, Ball, Inside, Linf, Unbounded
    from .classifier import Activations, Classifier
    from .data.dataset import Dataset, Split, load_data
    from .data.gaussians import ClassGaussians, fit_gaussians
    from .data.grouping import Grouping
    from .data.image import read_image, write_image
    from .descend import descend
    from .descent import Descent, Progress
    from .diversity import Diversity
    from .errors import InputError
    from .evaluation.accuracy import EvaluateRecipe, evaluate
    from .evaluation.layers import LayerRobustness, LayersRecipe, layer_robustness
    from .evaluation.outcomes import Accuracies, Outcomes
    from .evaluation.sanity import sanity
    from .evaluation.transferability import Transferability, TransferabilityRecipe, transferability
    from .objective import Activation, CrossEntropy, Distance, Objective, Outside
    from .optimizer import Adam, Momentum, Steepest
    from .parametrize import Fourier, Maco, Pixels, magnitude_spectrum
    from .representation.activating import Activating, activating
    from .representation.distance import DistanceCurve, DistanceRecipe, distance
    from .representation.interpolate import InterpolateRecipe, interpolate
    from .representation.invert import InvertRecipe, invert
    from .representation.kaleidoscope import kaleidoscope
    from .representation.manipulate import ManipulateRecipe, manipulate
    from .representation.visualize import VisualizeRecipe, visualize
    from .stop import Exceeds, Misclassified, Near, Reaches, StopRule
    from .style.recipe import StylizeRecipe
    from .style.stylize import Stylized, stylize
    from .synthesis.brush import BrushRecipe, brush
    from .synthesis.generate import GenerateRecipe, generate
    from .synthesis.inpaint import InpaintRecipe, box_mask, inpaint, patch_mask
    from .synthesis.paint import PaintRecipe, Stroke, paint
    from .synthesis.sketch import SketchRecipe, sketch
    from .synthesis.superres import SuperresRecipe, superres
    from .synthesis.translate import TranslateRecipe, translate
    from .training.recipe import Attack, TrainRecipe
    from .training.train import train
    from .transfer.features import Features, features
    from .transfer.recipe import TransferRecipe
    from .transfer.result import TransferResult
    from .transfer.stylized import StylizeDataRecipe, stylize_data
    from .transfer.transfer import transfer
    from .zoo.bundle import load_bundle, save_bundle
    from .zoo.convert import ConvertRecipe, convert
    from .zoo.models import bundled, load
    from .zoo.published import Published, published
