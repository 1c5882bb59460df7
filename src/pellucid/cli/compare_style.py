"""`pellucid compare-style`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from torch import Tensor

from .. import __version__
from ..base.errors import InputError
from ..base.files import write_text
from ..base.recipes import plain
from ..core.classifier import Classifier
from ..data.image import read_image, write_image
from ..gallery.demo import folder_replacing
from ..gallery.page import Section, page
from ..gallery.sliders import Slider
from ..style.compare import Candidate, CompareRecipe, chosen, compare_style, single_layers, swapped
from ..style.judge import RULE
from ..style.pyramid import resized
from ..style.recipe import PRESETS, StylizeRecipe
from ..zoo.models import fingerprint, load
from .common import INLINE, file_sha256, find_images, parse, progress_bar, short, value_of

LEAD = (
    "The same contents and styles with several networks. Each searched the same grid of style weights and starts with "
    "as many evaluations of the loss; a network that made none of the pictures chose among them. Sliders uncover the "
    "content."
)


@dataclass(frozen=True)
class CompareStyle:
    """Style transfer with several networks at equal budgets, as one page.

    pellucid compare-style --contents chicago.jpg --styles starry_night.jpg wave.jpg --out comparison
    """

    models: tuple[str, ...] = ("animals59-l2-1.0", "animals59-standard")
    """Networks: bundled names, bundles' paths, timm:NAME or torchvision:NAME."""
    judge: str = "cifar10-standard"
    """The network that chooses; none of the others."""
    contents: tuple[Path, ...] = ()
    """Pictures, or folders of them, whose content is kept."""
    styles: tuple[Path, ...] = ()
    """Pictures, or folders of them, whose style is taken."""
    grid: Annotated[CompareRecipe, INLINE] = CompareRecipe()
    swap: bool = True
    """Also the first content and style with each network for style and each for content."""
    single: bool = True
    """Also the first content and style with each style layer alone."""
    out: Path = Path("pellucid-style")
    """A folder that appears when everything is done."""
    seed: int = 0
    """Of noise."""
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    overwrite: bool = False
    """Replace a result that exists."""
    quiet: bool = False
    """No progress bar."""
    preset: str | None = None
    """Settings of each transfer: strokes, distill2019, ..."""
    recipe: Annotated[StylizeRecipe, INLINE] = StylizeRecipe(size=192)


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(CompareStyle, argv, "compare-style", PRESETS)
    if len(set(flags.models)) < len(flags.models) or not flags.models:
        raise InputError("name each network once, and at least one")
    if flags.judge in flags.models:
        raise InputError(f"{flags.judge} cannot judge what it made; name another --judge")
    for flag, grid in (("--style-weight", "--style-weights"), ("--start", "--starts")):
        if value_of(argv, flag) is not None:
            raise InputError(f"the grid varies {grid[2:].replace('-', ' ')}; say {grid}, not {flag}")
    if not (flags.contents and flags.styles):
        raise InputError("name the pictures: --contents FILE ... --styles FILE ...")
    if flags.out.exists() and not flags.overwrite and (not flags.out.is_dir() or any(flags.out.iterdir())):
        raise InputError(f"{flags.out} exists; choose another --out or say --overwrite")
    files = [find_images(flags.contents), find_images(flags.styles)]
    contents, styles = (named(paths) for paths in files)
    networks = {name: load(model, flags.device) for name, model in zip(short(flags.models), flags.models, strict=True)}
    judge = load(flags.judge, flags.device)
    rule = RULE.format(judge=flags.judge)
    with folder_replacing(flags.out) as folder, progress_bar("compare-style", flags.quiet) as advance:
        candidates = compare_style(
            networks, contents, styles, judge, flags.grid, flags.recipe, seed=flags.seed, callback=advance
        )
        best = chosen(candidates)
        sections = [*comparison(folder, best, contents, rule), *further(folder, flags, networks, contents, styles)]
        footer = f"Made by pellucid {__version__} with seed {flags.seed}. Chosen by the {rule}."
        write_text(folder / "index.html", page("Style transfer, network by network", LEAD, sections, footer))
        facts = {
            "task": "compare-style",
            "command": ["compare-style", *argv],
            "recipe": plain(flags.recipe),
            "grid": plain(flags.grid),
            "seed": flags.seed,
            "rule": rule,
            "judge": flags.judge,
            "judge_sha256": fingerprint(judge),
            "model_sha256": {name: fingerprint(network) for name, network in networks.items()},
            "inputs": [{"path": str(path), "sha256": file_sha256(path)} for part in files for path in part],
            "candidates": [_plain(c, best[c.network, c.content, c.style] is c) for c in candidates],
        }
        write_text(folder / "comparison.json", json.dumps(facts, indent=2) + "\n")
    print(table(best, rule))
    if not flags.quiet:
        print(f"{flags.out / 'index.html'}  (numbers: {flags.out / 'comparison.json'})")
    return 0


def named(paths: Sequence[Path]) -> dict[str, Tensor]:
    """Pictures `(1, 3, H, W)` by their files' names, which are as short as tells them apart."""
    if twice := [path for path, count in Counter(paths).items() if count > 1]:
        raise InputError(f"{twice[0]} is named twice; name each picture once")
    names = short([str(path.with_suffix("")) for path in paths])
    if len(set(names)) < len(names):
        names = short([str(path) for path in paths])
    return {name: read_image(path)[None] for name, path in zip(names, paths, strict=True)}


def comparison(
    folder: Path, best: dict[tuple[str, str, str], Candidate], contents: dict[str, Tensor], rule: str
) -> Iterator[Section]:
    """A section for each content and style: what each network made of them, over the content."""
    for number, (content, style) in enumerate(dict.fromkeys((c, s) for _, c, s in best)):
        made = [candidate for (_, c, s), candidate in best.items() if (c, s) == (content, style)]
        size = (made[0].images.shape[2], made[0].images.shape[3])
        under = f"{number}-content.png"
        write_image(folder / under, resized(contents[content], size)[0])
        pairs = []
        for place, candidate in enumerate(made):
            over = f"{number}-{place}.png"
            write_image(folder / over, candidate.images[0])
            verdict = candidate.verdict
            pairs.append(
                Slider(
                    under, over,
                    f"{candidate.network}: style weight {candidate.style_weight:g} from {candidate.start}, "
                    f"style {verdict.style:.3f}, content {verdict.content:.3f}",
                )
            )  # fmt: skip
        text = f"Chosen for each network: {rule}."
        yield Section(f"{content} in the style of {style}", text, "", (), tuple(pairs))


def further(
    folder: Path, flags: CompareStyle, networks: dict[str, Classifier], contents: dict[str, Tensor],
    styles: dict[str, Tensor],
) -> Iterator[Section]:  # fmt: skip
    """The swap of style and content networks, and single layers, on the first content and style."""
    content, style = next(iter(contents.values())), next(iter(styles.values()))
    made: list[tuple[str, str, list[tuple[str, Tensor]]]] = []
    if flags.swap and len(networks) > 1:
        pictures = swapped(networks, content, style, flags.recipe, seed=flags.seed)
        captions = [(f"style: {one}, content: {other}", images) for (one, other), images in pictures.items()]
        made.append(("Style network and content network", "Which of the two decides how it looks?", captions))
    if flags.single:
        for name, network in networks.items():
            captions = list(single_layers(network, content, style, flags.recipe, seed=flags.seed))
            made.append((f"Single layers of {name}", "One style layer at a time.", captions))
    for number, (title, text, captions) in enumerate(made):
        pairs = []
        for place, (caption, images) in enumerate(captions):
            under, over = f"further-{number}-content.png", f"further-{number}-{place}.png"
            write_image(folder / under, resized(content, (images.shape[2], images.shape[3]))[0])
            write_image(folder / over, images[0])
            pairs.append(Slider(under, over, caption))
        yield Section(title, text, "", (), tuple(pairs))


def _plain(candidate: Candidate, is_chosen: bool) -> dict:
    return {
        "network": candidate.network,
        "content": candidate.content,
        "style": candidate.style,
        "style_weight": candidate.style_weight,
        "start": candidate.start,
        "style_distance": round(candidate.verdict.style, 5),
        "content_distance": round(candidate.verdict.content, 5),
        "evaluations": candidate.evaluations,
        "chosen": is_chosen,
    }


def table(best: dict[tuple[str, str, str], Candidate], rule: str) -> str:
    """The chosen pictures, a line each."""
    width = max(len(network) for network, _, _ in best)
    lines = [f"chosen: {rule}", f"{'network':<{width}}  style  content  weight  start    picture"]
    for (network, content, style), c in best.items():
        lines.append(
            f"{network:<{width}}  {c.verdict.style:5.3f}  {c.verdict.content:7.3f}  {c.style_weight:6g}  "
            f"{c.start:<7}  {content} / {style}"
        )
    return "\n".join(lines)
