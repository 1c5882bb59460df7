"""The demo: every task on the bundled pairs of classifiers, first results of a fixed seed, as one page.

Nothing is chosen by its looks: the seed is fixed, inputs are what the classifier itself generates, two photos that
scikit-learn ships, and drawings that the project makes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .. import __version__
from ..base.devices import Precision
from ..base.files import write_text
from . import representation, stylization, synthesis
from .page import folder_replacing, page
from .scene import Pair, Scene

LEAD = (
    "Train an image classifier to withstand small changes of its input, and it becomes a prior on images. Every "
    "picture below was made by gradient descent on pixels, on one objective, inside one ball; no generative model had "
    "a part in it. Beside it, where that is the point: the same descent on the same network, trained without attacks."
)


def demo(
    pair: Pair,
    folder: Path,
    *,
    larger: Pair | None = None,
    seed: int = 0,
    precision: Precision = "float32",
    overwrite: bool = False,
    callback: Callable[[float], None] | None = None,
) -> Path:
    """Run every task and write `folder/index.html` with its PNGs.

    Args:
        pair: whose pictures are shown.
        folder: appears when everything is done, and not before.
        larger: a pair for larger images, which takes over wherever these tell more.
        seed: of everything.
        precision: of the network's passes.
        overwrite: replace the folder.
        callback: called with the share of the work that is done.

    Returns:
        The path of the page.
    """
    with folder_replacing(folder, overwrite) as temporary:
        small = Scene(pair, temporary, seed, precision, callback or (lambda share: None))
        large = small
        if larger is not None:
            large = Scene(larger, temporary, seed, precision, callback or (lambda share: None))
        tasks = [
            (large, synthesis.generation), *([] if large is small else [(small, synthesis.generation)]),
            (large, synthesis.manipulation), (large, synthesis.inpainting), (large, synthesis.translation),
            (large, synthesis.superresolution), (small, synthesis.sketches), (large, synthesis.painting),
            (large, representation.inversion), (large, representation.interpolation),
            (large, representation.visualization), (large, representation.manipulation),
            *([(large, stylization.stylization)] if stylization.possible(large) else []),
        ]  # fmt: skip
        sections = []
        for number, (scene, section) in enumerate(tasks):
            scene.span = (number / len(tasks), 1 / len(tasks))
            sections.append(section(scene))
        names = dict.fromkeys([*large.names, *small.names])
        footer = f"Made by pellucid {__version__} with seed {seed}, on the classifiers {', '.join(names)}."
        write_text(temporary / "index.html", page("pellucid", LEAD, sections, footer))
    return folder / "index.html"
