"""The demo: every task on the bundled pairs of classifiers, first results of a fixed seed, as one page.

Nothing is chosen by its looks: the seed is fixed, and inputs are two photos that scikit-learn ships, drawings that the
project makes, and in a few rows what the classifier itself generates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from .. import __version__
from ..base.devices import Precision
from ..base.files import write_text
from ..base.task import task
from . import representation, stylization, synthesis
from .page import folder_replacing, page
from .scene import Pair, Scene

LEAD = (
    "Train an image classifier to withstand small changes of its input, and it becomes a prior on images. Every "
    "picture below was made by gradient descent on pixels, on one objective, inside one ball; no generative model had "
    "a part in it. Beside it, where that is the point: the same descent on the same network, trained without attacks."
)


@task()
def demo(
    pair: Pair,
    folder: Path,
    *,
    others: Sequence[Pair] = (),
    seed: int = 0,
    precision: Precision = "float32",
    overwrite: bool = False,
    callback: Callable[[float], None] | None = None,
) -> Path:
    """Run every task and write `folder/index.html` with its PNGs.

    Args:
        pair: whose pictures are shown.
        folder: appears when everything is done, and not before.
        others: further pairs, of which generated images are shown.
        seed: of everything.
        precision: of the network's passes.
        overwrite: replace the folder.
        callback: called with the share of the work that is done.

    Returns:
        The path of the page.
    """
    with folder_replacing(folder, overwrite) as temporary:
        tell = callback or (lambda share: None)
        main, *further = (Scene(each, temporary, seed, precision, tell) for each in (pair, *others))
        tasks = [
            (main, synthesis.generation), (main, synthesis.manipulation), (main, synthesis.translation),
            (main, synthesis.inpainting), (main, synthesis.superresolution), (main, synthesis.sketches),
            (main, synthesis.painting), (main, representation.inversion), (main, representation.interpolation),
            (main, representation.visualization), (main, representation.manipulation),
            *([(main, stylization.stylization)] if stylization.possible(main) else []),
            *((scene, synthesis.generation) for scene in further),
        ]  # fmt: skip
        sections = []
        for number, (scene, section) in enumerate(tasks):
            scene.span = (number / len(tasks), 1 / len(tasks))
            sections.append(section(scene))
        names = dict.fromkeys(name for scene in (main, *further) for name in scene.names)
        footer = f"Made by pellucid {__version__} with seed {seed}, on the classifiers {', '.join(names)}."
        write_text(temporary / "index.html", page("pellucid", LEAD, sections, footer))
    return folder / "index.html"
