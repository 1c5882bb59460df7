"""`pellucid evaluate`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.devices import pick_precision
from ..base.files import write_json
from ..base.processes import processes, sharing
from ..evaluation.accuracy import EvaluateRecipe, evaluate
from ..evaluation.outcomes import Accuracies
from ..evaluation.partial import forget_finished
from ..evaluation.sanity import rises_with_eps, sanity
from ..evaluation.threat import radius_names
from ..gallery.save import check_file
from ..gallery.sidecar import made_by
from ..zoo.clip import TEMPLATES, Clip, zero_shot
from ..zoo.models import fingerprint, load
from .flags import INLINE, DataFlags, MachineFlags, ModelFlags, OutputFlags, SeedFlags
from .inputs import measured, noted
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class Evaluate(ModelFlags, DataFlags, SeedFlags, MachineFlags, OutputFlags):
    """Clean accuracy, and accuracy under PGD and AutoAttack, on a data set's test images.

    pellucid evaluate --model cifar10-l2-0.5 --data torchvision:CIFAR10 --eps 0.5 --steps 20 100
    """

    out: Path | None = None
    """Also write the result to this JSON file. What is known so far is kept beside it, in NAME.partial.json, and the
    same command goes on from there."""
    sanity: bool = True
    """Look for signs that the result deceives, on 50 images: vanishing gradients, an attack that has not converged or
    is weaker than noise, a classifier that depends on the batch or on chance."""
    templates: tuple[str, ...] = TEMPLATES
    """Of a CLIP, which has no classes: what the names of the data's classes are put into."""
    recipe: Annotated[EvaluateRecipe, INLINE] = EvaluateRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Evaluate, argv, "evaluate")
    partial = None
    if flags.out is not None:
        partial = flags.out.with_suffix(".partial.json")
        forget_finished(partial, flags.out)
        check_file(flags.out, flags.overwrite)
    classifier = load(flags.model, flags.device)
    source, split, names = measured(flags, classifier)
    if isinstance(classifier, Clip):
        classifier = zero_shot(classifier, names, flags.templates)
    precision = pick_precision(flags.precision, classifier.device)
    team = processes()
    team.wait()  # until every process has seen that the place is free
    try:
        with noted() as said, sharing(team), progress_bar("evaluate", flags.quiet or not team.main) as advance:
            result = evaluate(
                classifier, split, flags.recipe,
                precision=precision, seed=flags.seed, partial=partial, callback=advance,
            )  # fmt: skip
    except KeyboardInterrupt:
        if partial is None or not partial.exists():
            raise
        raise KeyboardInterrupt(f"the same command goes on from {partial}") from None
    if not team.main:
        return 0
    signs = []
    if flags.sanity:
        signs = [*sanity(classifier, split, flags.recipe, flags.seed), *filter(None, [rises_with_eps(result)])]
    for sign in signs:
        print(f"warning: {sign}", file=sys.stderr)
    print(table(result, source["split"]))
    if flags.out is not None:
        facts = {**made_by("evaluate", argv), "model": flags.model, "model_sha256": fingerprint(classifier)}
        facts |= {**source, **result.to_json(), "warnings": [*source["warnings"], *said, *signs]}
        write_json(flags.out, facts)
    if partial is not None:
        partial.unlink(missing_ok=True)  # only now: until the result is written, it is all there is
    return 0


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
