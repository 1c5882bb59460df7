"""Fine-tuning: training that begins with the weights of a classifier, under a new head."""

from __future__ import annotations

from ..base.errors import InputError
from ..base.heads import find_head
from ..core.classifier import Classifier
from ..zoo.models import fingerprint, load
from ..zoo.networks import build
from .recipe import TrainRecipe


def first_weights(recipe: TrainRecipe, class_names: list[str]) -> Classifier:
    """The classifier that the recipe's `start` names, for these classes; its card notes which weights these are.

    Raises:
        InputError: it cannot be loaded or fine-tuned, or the recipe asks for another architecture.
    """
    source = load(recipe.start, "cpu")
    classifier = with_new_head(source, class_names)
    arch = classifier.card["arch"]
    if recipe.arch not in (TrainRecipe.arch, arch):
        raise InputError(f"--start {recipe.start} is a {arch} and not a {recipe.arch}: say --arch {arch}, or no --arch")
    classifier.card["start_sha256"] = fingerprint(source)
    return classifier


def with_new_head(source: Classifier, class_names: list[str]) -> Classifier:
    """A classifier of the source's architecture, weights and normalization, for these classes.

    The head keeps its weights if the classes are the source's own; otherwise they are fresh.

    Args:
        source: its card names its architecture.
        class_names: the new classes.

    Raises:
        InputError: a source whose card names no architecture.

    >>> from pellucid import load
    >>> robust = load("cifar10-l2-0.5", "cpu")
    >>> with_new_head(robust, ["cat", "dog"]).network.head.out_features
    2
    """
    arch = source.card.get("arch")
    if not isinstance(arch, str):
        raise InputError("only a classifier whose card names its architecture (arch) can be fine-tuned")
    network = build(arch, len(class_names))
    weights = source.network.state_dict()
    if source.class_names != class_names:
        head = find_head(network) + "."
        own = network.state_dict().items()  # a network may have a second head
        fresh = {name: tensor for name, tensor in own if name.startswith(head) or tensor.shape != weights[name].shape}
        weights = {**weights, **fresh}
    network.load_state_dict(weights)
    mean, std = source.mean.flatten().tolist(), source.std.flatten().tolist()
    tuned = Classifier(network, mean, std, class_names, card={"arch": arch})
    tuned.unit_axes = dict(source.unit_axes)
    return tuned
