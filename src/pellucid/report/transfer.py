"""The figures and tables of *Do Adversarially Robust ImageNet Models Transfer Better?* (Salman et al. 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base.errors import InputError
from ..data.dataset import Dataset
from ..data.draw import drawn
from ..transfer_learning.recipe import PRESETS, TransferRecipe
from ..transfer_learning.source import SourceFacts, card_facts
from ..transfer_learning.study import analysis
from ..transfer_learning.study.published import tables
from ..transfer_learning.stylized import StylizeDataRecipe, stylize_data
from ..transfer_learning.targets import open_target
from ..transfer_learning.transfer import transfer
from ..zoo.checksum import cache_folder
from .accuracy import difference
from .entry import Claim, Finding, Interval, Table
from .published.tables import table
from .scene import Scene
from .style import judge_of

Results = list[dict[str, Any]]
KNOWN = {"fgvcaircraft": "aircraft", "flowers102": "flowers", "food101": "food", "oxfordiiitpet": "pets",
         "stanfordcars": "cars"}  # fmt: skip
"""What torchvision calls the paper's data sets, where it has other names."""


def figure_2(scene: Scene) -> Finding:
    """Linear heads on fixed features."""
    return beside_published(scene, "fixed", "Logistic regression on the features of each source as it is")


def figure_3(scene: Scene) -> Finding:
    """Fine-tuned sources."""
    return beside_published(scene, "full", "Each source fine-tuned as a whole")


def figure_5(scene: Scene) -> Finding:
    """Accuracy of each source on its own data against its accuracy after transfer."""
    results, facts = transferred(scene, "fixed"), sources(scene)
    known = {name: each.accuracy for name, each in facts.items() if each.accuracy is not None}
    if not known:
        raise InputError("no classifier's card tells its accuracy on its own data")
    rows = [
        (found["target"], found["source"], facts[found["source"]].eps, known[found["source"]], accuracy(found))
        for found in results
        if found["source"] in known
    ]

    def plot(axes: Any) -> None:
        for target in scene.targets:
            points = [(own, reached.value, name) for to, name, _, own, reached in rows if to == target]
            axes.scatter([x for x, _, _ in points], [y for _, y, _ in points], label=Path(target).stem)
            for x, y, name in points:
                axes.annotate(name, (x, y), fontsize="x-small")
        axes.set(xlabel="accuracy on its own data", ylabel="accuracy after transfer")
        axes.legend(fontsize="x-small")

    return Finding(
        "Fixed features. Of sources of different eps the more accurate one is often not the better one.",
        plot=plot,
        table=Table(("target", "source", "eps", "own accuracy", "after transfer"), rows),
        command=study_command(scene, "fixed"),
        python="pl.transfer(source, data).accuracy",
    )


def table_2(scene: Scene) -> Finding:
    """R² of the sources' own accuracy and that after transfer, at each eps."""
    found = analysis.of_linearity(transferred(scene, "fixed"), sources(scene))
    if not found.rows:
        raise InputError("a line needs three sources of one eps whose cards tell their accuracy: give them as --beside")
    rows = [
        (row["target"], row["eps"], row["count"], Interval(row["r2"], row["low"], row["high"]))
        for row in by_name(found)
    ]
    published = [
        ("published: cifar10, full", float(eps), 6, value) for eps, value in tables()["fixed_robustness"]["r2"].items()
    ]
    return Finding(
        "How much of the variance of the accuracy after transfer that of the sources' own accuracy explains, among "
        "sources that withstand the same eps.",
        table=Table(("target", "eps", "sources", "R²"), [*rows, *published]),
        command=study_command(scene, "fixed"),
        python="pellucid.transfer_learning.study.linearity.linearity(own, after)",
    )


def figure_6(scene: Scene) -> Finding:
    """Accuracy after transfer by width, at each eps."""
    found = by_name(analysis.by_width(transferred(scene, "fixed"), sources(scene)))
    if not found:
        raise InputError("it needs two sources of one eps and of different widths: give them as --beside")
    rows = [(row["target"], row["eps"], row["width"], row["source"], accuracy(row)) for row in found]
    return Finding(
        "Fixed features. The paper finds that standard sources stop to gain with width, and robust ones do not.",
        plot=curves("width of the source", rows, lambda row: (f"{Path(row[0]).stem}, eps {row[1]:g}", row[2], row[4])),
        table=Table(("target", "eps", "width", "source", "after transfer"), rows),
        command=study_command(scene, "fixed"),
        python="pl.transfer(source, data).accuracy",
    )


def figure_7(scene: Scene) -> Finding:
    """Accuracy after transfer by eps, with the images' fine detail and without."""
    side = 32 if scene.size > 64 else scene.size // 4
    plain, coarse = (transferred(scene, "fixed", granularity=each) for each in (None, side))
    rows = [
        (row["target"], row["granularity"] or scene.size, row["eps"], row["source"], accuracy(row))
        for row in by_name(analysis.by_eps([*plain, *coarse], sources(scene)))
    ]
    known = [
        (f"published: {name}", tables()["granularity"]["side"], float(eps), "ResNet-50", value / 100)
        for name in sorted({published_name(target) for target in scene.targets})
        for eps, value in tables()["granularity"]["curves"].get(name, {}).items()
    ]
    says = f"With images brought to {side} pixels first, the robust source is better"
    return Finding(
        f"Fixed features, of images as they are and of images brought to {side} pixels and back, so that fine detail "
        "is gone. The paper finds that the best eps rises with that.",
        plot=curves("eps of the source", rows, lambda row: (f"{Path(row[0]).stem}, {row[1]} px", row[2], row[4])),
        table=Table(("target", "detail (px)", "eps", "source", "after transfer"), [*rows, *known]),
        claims=gains(scene, coarse, says, curve_gains()),
        command=f"{study_command(scene, 'fixed')} --granularities {side}",
        python=f"pl.transfer(source, data, pl.TransferRecipe(granularity={side})).accuracy",
    )


def figure_8(scene: Scene) -> Finding:
    """Accuracy on stylized test images, of heads that learned from plain ones."""
    how = StylizeDataRecipe(seed=scene.seed)
    short = replace(how, style=replace(how.style, evaluations=scene.by_scale(4, 20, 20), smallest=scene.size))
    plain, stylized = transferred(scene, "fixed"), []
    for target in scene.targets:
        copy = stylize_data(
            judge_of(scene), part_of(scene, target), list(scene.styles.values()), short, precision=scene.precision
        )
        stylized += transferred(scene, "fixed", data={target: copy})
    rows = [
        (before["target"], before["source"], accuracy(before), accuracy(after))
        for before, after in zip(ordered(plain), ordered(stylized), strict=True)
    ]
    says = "The robust source keeps more accuracy on stylized images"
    return Finding(
        "Fixed features of plain training images, tested on plain images and on copies of them in the style of the "
        "given pictures, made with the judge. The paper's sources see Stylized-ImageNet: 6.9% of a standard ResNet-50 "
        "and 11% of a robust one are right.",
        table=Table(("target", "source", "plain", "stylized"), rows),
        claims=gains(scene, stylized, says, {}),
        command="stylize-data --model JUDGE --data TARGET --styles paintings/ --out stylized.npz",
        python="pl.stylize_data(judge, data, styles)",
    )


def settings(scene: Scene) -> Finding:
    """How transfers are trained."""
    printed = table("transfer-settings")
    rows = [[" ".join(map(str, cell)) if isinstance(cell, tuple) else cell for cell in row] for row in printed.rows]
    return Finding(
        f"{printed.place}: {printed.caption} The presets paper-fixed and full are these; by default a fixed transfer "
        "fits its head to features that are computed once.",
        table=Table(printed.columns, rows),
        command="transfer --source SOURCE --data TARGET --preset paper-fixed",
        python='pl.transfer(source, data, PRESETS["paper-fixed"])',
    )


# What the entries share.


def beside_published(scene: Scene, mode: str, text: str) -> Finding:
    """Each source on each target, with the paper's best robust and standard accuracies."""
    results, known = transferred(scene, mode), tables()["table1"][mode]
    rows: list[tuple[str, str, Interval | float]] = [
        (found["target"], found["source"], accuracy(found)) for found in ordered(results)
    ]
    names = [published_name(target) for target in scene.targets]
    for name in dict.fromkeys(name for name in names if name in known["robust"]):
        rows += [(name, f"published, best {kind}", known[kind][name] / 100) for kind in ("standard", "robust")]
    gap = {name: (known["robust"][name] - known["standard"][name]) / 100 for name in known["robust"]}
    return Finding(
        f"{text}, on {most(scene, 'train')} training images of each target at most. The published numbers are the best "
        "of four architectures, and for robust sources of nine eps, chosen on the test images.",
        table=Table(("target", "source", "accuracy"), rows),
        claims=gains(scene, results, "The robust source transfers better", gap),
        command=study_command(scene, mode),
        python=f'pl.transfer(source, data, pl.TransferRecipe(mode="{mode}")).accuracy',
    )


def transferred(
    scene: Scene, mode: str, *, granularity: int | None = None, data: Mapping[str, Dataset] | None = None
) -> Results:
    """Each source on each target, as a study has it; features are kept, so that entries share them."""
    training = replace(PRESETS["full"].train, epochs=scene.by_scale(1, 10, 150), batch_size=64)
    how = TransferRecipe(
        mode="full", lrs=scene.by_scale((0.01,), (0.01,), (0.01, 0.001)), seeds=scene.by_scale(1, 1, 3), train=training,
    ) if mode == "full" else TransferRecipe(seeds=scene.by_scale(1, 3, 3), granularity=granularity)  # fmt: skip
    results = []
    for target in data or scene.targets:
        images = data[target] if data else part_of(scene, target)
        for name, source in scene.classifiers.items():
            found = transfer(source, images, how, cache=cache_folder() / "features", precision=scene.precision)
            results.append({"source": name, "target": target, **found.to_json()})
    return results


def part_of(scene: Scene, target: str) -> Dataset:
    """A target, of which the smaller scales take a part with every class in it."""
    data = open_target(target, Path("data"), scene.size)

    def some(split: str) -> Any:
        images = getattr(data, split)
        chosen = drawn(images.labels, max(most(scene, split), 10 * len(data.class_names)), scene.seed)
        return images.subset(chosen, images.labels[chosen])

    return replace(data, train=some("train"), test=some("test"))


def most(scene: Scene, split: str) -> int:
    """How many images of a target are used, if ten of each class are not more."""
    train, test = scene.by_scale((200, 100), (4000, 1000), (10**9, 10**9))
    return train if split == "train" else test


def accuracy(found: Mapping[str, Any]) -> Interval:
    """With its interval over test images, or the bounds that an analysis gives."""
    ends = (found["low"], found["high"]) if "low" in found else found["sampling_interval"]
    return Interval(found["accuracy"], *ends)


def gains(scene: Scene, results: Results, says: str, published: Mapping[str, float]) -> list[Claim]:
    """A claim for each target: the first source, the robust one, is better than the second."""
    robust, standard, *_ = scene.classifiers
    found = {(each["target"], each["source"]): accuracy(each) for each in results}
    return [
        Claim(
            f"{says} ({Path(target).stem})",
            difference(found[target, robust], found[target, standard]),
            published.get(published_name(target)),
        )
        for target in dict.fromkeys(target for target, _ in found)
    ]


def curve_gains() -> dict[str, float]:
    """Published: eps 3 against 0 of images brought to 32 pixels."""
    return {name: (curve["3"] - curve["0"]) / 100 for name, curve in tables()["granularity"]["curves"].items()}


def sources(scene: Scene) -> dict[str, SourceFacts]:
    """What the classifiers' cards say of them."""
    return {name: card_facts(classifier.card) for name, classifier in scene.classifiers.items()}


def ordered(results: Results) -> Results:
    """By target and source."""
    return sorted(results, key=lambda found: (found["target"], found["source"]))


def by_name(found: analysis.Table) -> list[dict[str, Any]]:
    """The rows of an analysis, by column."""
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def published_name(target: str) -> str:
    """What the paper calls a target that is surely one of its data sets: `paper:pets`, `torchvision:CIFAR10`.

    >>> published_name("torchvision:Food101"), published_name("signs.npz")
    ('food', '')
    """
    name = target.partition(":")[2].lower()
    return KNOWN.get(name, name)


def curves(
    xlabel: str, rows: Sequence[tuple], point: Callable[[tuple], tuple[str, float, Interval]]
) -> Callable[[Any], None]:
    """Draws a curve for each label that `point` gives, with intervals."""

    def plot(axes: Any) -> None:
        by_label: dict[str, list[tuple[float, Interval]]] = {}
        for label, x, y in map(point, rows):
            by_label.setdefault(label, []).append((x, y))
        for label, points in by_label.items():
            x, y = zip(*sorted(points, key=lambda each: each[0]), strict=True)
            around = [[max(each.value - each.low, 0) for each in y], [max(each.high - each.value, 0) for each in y]]
            axes.errorbar(x, [each.value for each in y], yerr=around, marker="o", markersize=3, capsize=2, label=label)
        axes.set(xlabel=xlabel, ylabel="accuracy after transfer")
        axes.legend(fontsize="x-small")

    return plot


def study_command(scene: Scene, mode: str) -> str:
    """The study that makes the like."""
    names, targets = " ".join(scene.classifiers), " ".join(scene.targets)
    return f"transfer-study --sources {names} --targets {targets} --modes {mode} --out study"
