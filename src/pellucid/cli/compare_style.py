"""`pellucid compare-style`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from torch import Tensor

from .. import __version__
from ..base.errors import InputError
from ..base.files import short, write_json, write_text
from ..base.recipes import plain
from ..data.image import read_image
from ..gallery.comparison import candidates_section, chosen_sections, layer_sections, swap_section
from ..gallery.page import folder_replacing, page
from ..gallery.sidecar import made_by
from ..style.compare import CompareRecipe, chosen, compare_style
from ..style.judge import RULE
from ..style.recipe import PRESETS, StylizeRecipe
from ..zoo.models import fingerprint, load
from .flags import INLINE, DeviceFlags, OutputFlags, SeedFlags
from .inputs import find_images
from .parse import parse, value_of
from .run import progress_bar
from .table import print_table

LEAD = (
    "The same contents and styles with several networks. Each searched the same grid of style weights and starts with "
    "as many evaluations of the loss; a network that made none of the pictures chose among them. Sliders uncover the "
    "content."
)


@dataclass(frozen=True)
class CompareStyle(SeedFlags, DeviceFlags, OutputFlags):
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
    files = [find_images(flags.contents), find_images(flags.styles)]
    contents, styles = (named(paths) for paths in files)
    rule = RULE.format(judge=flags.judge)
    with folder_replacing(flags.out, flags.overwrite) as folder, progress_bar("compare-style", flags.quiet) as advance:
        networks = {
            name: load(model, flags.device) for name, model in zip(short(flags.models), flags.models, strict=True)
        }
        judge = load(flags.judge, flags.device)
        candidates = compare_style(
            networks, contents, styles, judge, flags.grid, flags.recipe, seed=flags.seed, callback=advance
        )
        best = chosen(candidates)
        sections = [*chosen_sections(folder, best, contents, rule), candidates_section(folder, candidates, best)]
        first = (folder, networks, next(iter(contents.values())), next(iter(styles.values())), flags.recipe, flags.seed)
        sections += [swap_section(*first)] if flags.swap and len(networks) > 1 else []
        sections += layer_sections(*first) if flags.single else []
        footer = f"Made by pellucid {__version__} with seed {flags.seed}. Chosen by the {rule}."
        write_text(folder / "index.html", page("Style transfer, network by network", LEAD, sections, footer))
        facts = {
            **made_by("compare-style", argv, recipe=flags.recipe, seed=flags.seed, inputs=[*files[0], *files[1]]),
            "grid": plain(flags.grid),
            "rule": rule,
            "judge": flags.judge,
            "judge_sha256": fingerprint(judge),
            "model_sha256": {name: fingerprint(network) for name, network in networks.items()},
            "candidates": [{**c.to_json(), "chosen": best[c.network, c.content, c.style] is c} for c in candidates],
        }
        write_json(folder / "comparison.json", facts)
    rows = [
        (network, f"{c.verdict.style:.3f}", f"{c.verdict.content:.3f}", f"{c.style_weight:g}", c.start,
         f"{content} / {style}")
        for (network, content, style), c in best.items()
    ]  # fmt: skip
    print(f"chosen: {rule}")
    print_table(("network", "style ", "content ", "weight ", "start", "picture"), rows)
    if not flags.quiet:
        print(f"{flags.out / 'index.html'}  (numbers: {flags.out / 'comparison.json'})")
    return 0


def named(paths: Sequence[Path]) -> dict[str, Tensor]:
    """Pictures `(1, 3, H, W)` by their files' names, without folders and suffixes where those are not needed."""
    if twice := [path for path, count in Counter(paths).items() if count > 1]:
        raise InputError(f"{twice[0]} is named twice; name each picture once")
    names = short([str(path.with_suffix("")) for path in paths])
    if len(set(names)) < len(names):
        names = short([str(path) for path in paths])
    return {name: read_image(path)[None] for name, path in zip(names, paths, strict=True)}
