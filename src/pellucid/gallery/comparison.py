"""The page of a style comparison: what each network made of each content and style, over the content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

import torch
from torch import Tensor

from ..core.classifier import Classifier
from ..data.image import write_image
from ..style.compare import Candidate, single_layers, swapped
from ..style.pyramid import resized
from ..style.recipe import StylizeRecipe
from .page import Row, Section
from .sheet import Row as SheetRow
from .sheet import sheet
from .sliders import Slider

CANDIDATES = "candidates.png"


def chosen_sections(
    folder: Path, best: Mapping[tuple[str, str, str], Candidate], contents: Mapping[str, Tensor], rule: str
) -> Iterator[Section]:
    """A section for each content and style: what each network made of them, over the content.

    Args:
        folder: gets the pictures.
        best: what `pellucid.style.compare.chosen` returns.
        contents: pictures `(1, 3, H, W)` by name.
        rule: how they were chosen.
    """
    for number, (content, style) in enumerate(dict.fromkeys((c, s) for _, c, s in best)):
        made = []
        for candidate in (found for (_, c, s), found in best.items() if (c, s) == (content, style)):
            verdict = candidate.verdict
            caption = f"{candidate.network}: style weight {candidate.style_weight:g} from {candidate.start}, "
            caption += f"style {verdict.style:.3f}, content {verdict.content:.3f}"
            made.append((caption, candidate.images))
        pairs = _pairs(folder, str(number), contents[content], made)
        yield Section(f"{content} in the style of {style}", f"Chosen for each network: {rule}.", "", (), pairs)


def candidates_section(folder: Path, candidates: Sequence[Candidate], best: Mapping[tuple, Candidate]) -> Section:
    """All candidates on one sheet, from which a person may choose otherwise.

    A row for each content, style and network; above each picture its style weight, start and score.

    Args:
        folder: gets `candidates.png`.
        candidates: what `pellucid.style.compare.compare_style` returns, in its order.
        best: what `pellucid.style.compare.chosen` returns; these have a star.
    """

    def caption(candidate: Candidate, star: str) -> str:
        return f"{star}{candidate.style_weight:g} {candidate.start} {candidate.verdict.score:.2f}"

    rows = []
    together = sorted(candidates, key=lambda c: (c.content, c.style))
    for key, group in groupby(together, lambda c: (c.network, c.content, c.style)):
        same = list(group)
        captions = [caption(c, "* " if best[key] is c else "") for c in same]
        network, content, style = key
        rows.append(SheetRow(f"{network}: {content}, {style}", torch.cat([c.images for c in same]), captions))
    made = sheet(rows)
    write_image(folder / CANDIDATES, made)
    text = "Every candidate with its style weight, start and score (lower is better); a star is the rule's choice. "
    text += "The experiments of 2019 chose by eye."
    shown = Row("every candidate", CANDIDATES, made.shape[2], made.shape[1])
    return Section("All candidates", text, "", (shown,))


def swap_section(
    folder: Path, networks: Mapping[str, Classifier], content: Tensor, style: Tensor, recipe: StylizeRecipe, seed: int
) -> Section:
    """Each network for style with each for content."""
    pictures = swapped(networks, content, style, recipe, seed=seed)
    made = [(f"style: {one}, content: {other}", images) for (one, other), images in pictures.items()]
    pairs = _pairs(folder, "swap", content, made)
    return Section("Style network and content network", "Which of the two decides how it looks?", "", (), pairs)


def layer_sections(
    folder: Path, networks: Mapping[str, Classifier], content: Tensor, style: Tensor, recipe: StylizeRecipe, seed: int
) -> Iterator[Section]:
    """One style layer at a time, a section for each network."""
    for number, (name, network) in enumerate(networks.items()):
        pairs = _pairs(
            folder, f"layers-{number}", content, list(single_layers(network, content, style, recipe, seed=seed))
        )
        yield Section(f"Single layers of {name}", "One style layer at a time.", "", (), pairs)


def _pairs(folder: Path, name: str, content: Tensor, made: list[tuple[str, Tensor]]) -> tuple[Slider, ...]:
    """Write captioned pictures and the content under them."""
    pairs = []
    for number, (caption, images) in enumerate(made):
        under, over = f"{name}-content.png", f"{name}-{number}.png"
        if number == 0:  # all are of one size
            write_image(folder / under, resized(content, (images.shape[2], images.shape[3]))[0])
        write_image(folder / over, images[0])
        pairs.append(Slider(under, over, caption))
    return tuple(pairs)
