"""`pellucid evaluate`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from ..data.dataset import load_data
from ..devices import pick_precision
from ..errors import InputError
from ..evaluation.accuracy import Accuracies, EvaluateRecipe, evaluate
from ..files import write_text
from ..gallery.save import check_writable
from ..zoo.models import fingerprint, load
from .common import INLINE, parse, progress_bar


@dataclass(frozen=True)
class Evaluate:
    """Clean accuracy, and accuracy under PGD, on a data set's test images.

    pellucid evaluate --model cifar10-l2-0.5 --data torchvision:CIFAR10 --eps 0.5 --steps 20 100
    """

    model: str = "cifar10-l2-0.5"
    """A bundled name, a bundle's path, timm:NAME or torchvision:NAME."""
    data: str = ""
    """A folder of class folders, an .npz, or torchvision:NAME; its test split, or all it has without one."""
    out: Path | None = None
    """Also write the result to this JSON file."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the attack. Every success is confirmed in float32."""
    seed: int = 0
    """Kept for random starts; the attacks of this command have none."""
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
    data = load_data(flags.data, classifier.size)
    if classifier.class_names and len(data.class_names) != len(classifier.class_names):
        raise InputError(f"{flags.data} has {len(data.class_names)} classes, the model {len(classifier.class_names)}")
    split = data.test if len(data.test) else data.train
    precision = pick_precision(flags.precision, classifier.device)
    began = time.monotonic()
    with progress_bar("evaluate", flags.quiet) as advance:
        result = evaluate(classifier, split, flags.recipe, precision=precision, callback=advance)
    print(table(result))
    if flags.out is not None:
        facts = {"model": flags.model, "model_sha256": fingerprint(classifier), "data": data.name}
        seconds = round(time.monotonic() - began, 1)
        write_text(flags.out, json.dumps({**facts, **result.to_json(), "seconds": seconds}, indent=2) + "\n")
    return 0


def table(result: Accuracies) -> str:
    """The result as text, in percent with 95% confidence intervals."""
    lines = [f"{result.count} images", f"clean            {_percent(result, result.clean)}"]
    for eps, by_steps in result.robust.items():
        lines += [f"eps {eps:<6g} PGD-{steps:<4} {_percent(result, share)}" for steps, share in by_steps.items()]
    return "\n".join(lines)


def _percent(result: Accuracies, share: float) -> str:
    return f"{100 * share:6.2f} ± {100 * result.margin(share):.2f}"
