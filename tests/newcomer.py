"""What a newcomer does in a notebook, cell by cell: `tests/test_newcomer.py` runs it and looks at what is shown."""

from pathlib import Path

import numpy as np

import pellucid as pl


def cells(name: str, folder: Path):
    """Runs the cells one after the other, each of which yields what stands in its last line."""
    classifier = pl.load(name, "cpu")
    yield classifier

    cats = pl.generate(classifier, "cat", steps=3)
    yield cats

    several = pl.generate(classifier, ["cat", "dog", "ship"], eps=2, steps=3, seed=1)
    yield several
    yield several[1]
    yield [one.images.shape for one in several]
    yield several.animate()

    several.to_pil().save(folder / "three.jpg")
    photo = folder / "three.jpg"
    yield classifier.names(classifier.predict(photo))
    yield classifier.probabilities([photo, np.zeros((20, 30, 3), np.uint8)])

    yield pl.translate(classifier, photo, "dog", steps=3)
    yield pl.sketch(classifier, several[0].to_pil(), "ship", pl.SketchRecipe(lines=0.2), steps=3)
    yield pl.invert(classifier, str(photo), steps=3, start="gray")
    yield pl.distance(classifier, photo, several[:1].images, radii=(0.5, 2.0), steps=3)
    yield pl.visualize(classifier, [3, "logits:cat"], steps=3, seeds=2)[1:3]
    yield pl.stylize(
        classifier, photo, several[2].to_pil(), evaluations=3, smallest=16, size=16, style_layers=("stem",),
        content_layers=("stage1",),
    )  # fmt: skip

    own = pl.descend(
        classifier,
        -pl.Activation(unit=3) + 0.1 * pl.CrossEntropy("cat"),
        several.images,
        ball=pl.L2(2.0),
        steps=3,
        optimizer=pl.Smoothed((1.0, 0.2)),
    )
    yield own

    split = pl.Split((several.images * 255).byte(), classifier.labels(["cat", "dog", "ship"]))
    yield pl.evaluate(classifier, split, eps=(0.5,), steps=(2,))
    yield pl.layer_robustness(classifier, several.images, steps=2, layers=("representation",), bootstrap=100)
    yield pl.transferability({"one": classifier, "two": pl.load(name, "cpu")}, split, steps=2)
    yield cats.save(folder / "cats.png")
