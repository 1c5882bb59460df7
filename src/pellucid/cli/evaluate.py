"""`pellucid evaluate`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch

from .. import __version__
from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import write_text
from ..base.processes import processes, sharing
from ..core.classifier import Classifier
from ..data.dataset import LabeledImages
from ..evaluation.accuracy import EvaluateRecipe, evaluate
from ..evaluation.outcomes import Accuracies
from ..evaluation.sanity import rises_with_eps, sanity
from ..evaluation.threat import radius_names
from ..gallery.save import check_writable
from ..zoo.models import fingerprint, load
from .common import INLINE, parse, progress_bar
from .measured import measured


@dataclass(frozen=True)
class Evaluate:
    """Clean accuracy, and accuracy under PGD and AutoAttack, on a data set's test images.

    pellucid evaluate --model cifar10-l2-0.5 --data torchvision:CIFAR10 --eps 0.5 --steps 20 100
    """

    model: str = "cifar10-l2-0.5"
    """A name of `pellucid models`, a bundle's path, hub:OWNER/REPO/FILE, timm:NAME or torchvision:NAME."""
    data: str = ""
    """A folder of class folders, an .npz, or torchvision:NAME; its test split, or all it has without one."""
    grouping: str | None = None
    """Superclasses of the data's classes: restricted-imagenet, or a JSON file."""
    skip_unreadable: bool = False
    """Leave out image files that cannot be read, with one warning, instead of refusing the data."""
    out: Path | None = None
    """Also write the result to this JSON file. What is known so far is kept beside it, in NAME.partial.json, and the
    same command goes on from there."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of PGD. Every success is confirmed in float32."""
    seed: int = 0
    """Of random starts."""
    sanity: bool = True
    """Look for signs that the result deceives, on 50 images: vanishing gradients, an attack that has not converged or
    is weaker than noise, a classifier that depends on the batch or on chance."""
    overwrite: bool = False
    """Replace a result that exists."""
    quiet: bool = False
    """No progress bar."""
    recipe: Annotated[EvaluateRecipe, INLINE] = EvaluateRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Evaluate, argv, "evaluate")
    if not flags.data:
        raise InputError("name the data: --data FOLDER, FILE.npz or torchvision:NAME")
    if flags.out is not None:
        if flags.out.is_dir() or (flags.out.exists() and not flags.overwrite):
            raise InputError(f"{flags.out} exists; choose another name or say --overwrite")
        check_writable(flags.out)
    classifier = load(flags.model, flags.device)
    source, split = measured(flags, classifier)
    partial = flags.out.with_suffix(".partial.json") if flags.out is not None else None
    precision = pick_precision(flags.precision, classifier.device)
    together = processes()
    together.wait()  # until everybody has seen that the place is free
    try:
        with sharing(together), progress_bar("evaluate", flags.quiet or not together.main) as advance:
            result = evaluate(
                classifier, split, flags.recipe,
                precision=precision, seed=flags.seed, partial=partial, callback=advance,
            )  # fmt: skip
    except KeyboardInterrupt:
        if partial is None or not partial.exists():
            raise
        print(f"pellucid evaluate: stopped; the same command goes on from {partial}", file=sys.stderr)
        return 130
    if not together.main:
        return 0
    signs = signs_of_deception(classifier, split, flags.recipe, result) if flags.sanity else []
    for sign in signs:
        print(f"warning: {sign}", file=sys.stderr)
    print(table(result, source["split"]))
    if flags.out is not None:
        facts = {"model": flags.model, "model_sha256": fingerprint(classifier), **source}
        facts |= {**result.to_json(), "warnings": [*source["warnings"], *signs], "versions": versions()}
        text = json.dumps(facts, indent=2)
        write_text(flags.out, text + "\n")
    if partial is not None:
        partial.unlink(missing_ok=True)  # only now: until the result is written, it is all there is
    return 0


def signs_of_deception(
    classifier: Classifier, split: LabeledImages, recipe: EvaluateRecipe, result: Accuracies
) -> list[str]:
    """What `pellucid.evaluation.sanity` says of the classifier and of the result."""
    rise = rises_with_eps(result)
    return [*sanity(classifier, split, recipe), *([rise] if rise else [])]


def versions() -> dict[str, str]:
    """Of what computed the result."""
    return {"pellucid": __version__, "torch": torch.__version__}


def table(result: Accuracies, split: str) -> str:
    """The result as text, in percent with 95% confidence intervals."""
    names = radius_names(result.robust, result.settings["norm"])
    rows = [("clean", result.clean)]
    for eps, by_attack in result.robust.items():
        rows += [(f"eps {names[eps]:<6} {name}", share) for name, share in by_attack.items()]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {100 * share:6.2f}  {_percent(*result.interval(share))}" for name, share in rows]
    return "\n".join([f"{result.count} images of the {split} split, accuracy in percent [95% interval]", *lines])


def _percent(low: float, high: float) -> str:
    return f"[{100 * low:.2f}, {100 * high:.2f}]"
