"""`pellucid stylize`."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import torch
from torch import Tensor

from ..base.checks import positive_int
from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import write_text
from ..base.processes import processes
from ..core.classifier import Classifier
from ..data.image import WRITTEN, read_image, write_image
from ..data.picture import Picture, read_picture, write_picture
from ..gallery.grid import write_gif
from ..gallery.save import check_free, sidecar_path
from ..style.artifacts import rounded
from ..style.estimate import estimate
from ..style.given import check_picture, with_side
from ..style.pyramid import resized
from ..style.recipe import PRESETS, StylizeRecipe
from ..style.stylize import StyleProgress, Stylized, make_reader, optimizer_name, stylize
from ..zoo.models import fingerprint, load
from .common import INLINE, RunFlags, file_sha256, parse, progress_bar, value_of
from .frames import check_frames

EVERYWHERE = "-"
FRAMES = 60  # of a descent, unless --save-every says otherwise


@dataclass(frozen=True)
class Stylize(RunFlags):
    """A picture with the content of one image and the style of others.

    pellucid stylize --content photo.jpg --styles painting.jpg --size 512 --out result.png
    """

    model: str = "animals59-l2-1.0"
    """Whose style layers are matched: a name of `pellucid models`, a bundle's path, torchvision:vgg19, ..."""
    content_model: str | None = None
    """Whose content layers are kept; the same model if not given."""
    content: Path | None = None
    """The picture whose content is kept."""
    styles: tuple[Path, ...] = ()
    """One or several pictures whose style is taken."""
    blend: tuple[float, ...] = ()
    """The weight of each style; equal if not given."""
    masks: tuple[str, ...] = ()
    """Where each style goes: a picture for each, light where it applies, dark where not, or - for everywhere."""
    start_image: Path | None = None
    """Begin with this picture."""
    out: Path = Path("stylized.png")
    """The picture that is made, with 8 bits a channel, or a folder for it."""
    save_every: int | None = None
    """Evaluations from one saved frame to the next; needs --save-frames."""
    dry_run: bool = False
    """Only say how long it would take, and how much memory."""
    preset: str | None = None
    """Published settings: distill2019, distill2019-standard, distill2019-vgg19, mordvintsev2018; or ours for robust
    classifiers: strokes."""
    recipe: Annotated[StylizeRecipe, INLINE] = StylizeRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Stylize, argv, "stylize", PRESETS)
    if not flags.out.suffix:
        flags = replace(flags, out=flags.out / "0000.png")
    files = _check(flags)
    assert flags.content is not None
    picture = read_picture(flags.content)
    styles = [read_image(path)[None] for path in flags.styles]
    masks = [None if name == EVERYWHERE else _lightness(read_image(name)) for name in flags.masks]
    start = None if flags.start_image is None else read_image(flags.start_image)[None]
    inputs = [{"path": str(path), "sha256": file_sha256(path)} for path in files]  # now: the result may replace one
    classifier = load(flags.model, flags.device)
    other = classifier if flags.content_model is None else load(flags.content_model, flags.device)
    if flags.dry_run:
        return _estimate(flags, classifier, other, picture.pixels[None], styles)
    frames = None if flags.save_frames is None else _Frames(flags.save_frames, flags.save_every, picture)
    with progress_bar("stylize", flags.quiet) as advance:

        def callback(progress: StyleProgress) -> None:
            advance(progress.evaluation / progress.evaluations)
            if frames is not None:
                frames.add(progress)

        result = stylize(
            classifier,
            picture.pixels[None],
            styles,
            flags.recipe,
            weights=flags.blend or None,
            masks=masks or None,
            content_classifier=other,
            start=start,
            seed=flags.seed,
            precision=pick_precision(flags.precision, classifier.device),
            callback=callback,
        )
    write_picture(flags.out, picture.with_pixels(result.images[0].cpu()))
    facts = _sidecar(flags, argv, result, classifier, other, inputs)
    write_text(sidecar_path(flags.out), json.dumps(facts, indent=1) + "\n")
    if frames is not None:
        frames.finish(result.images)
    _report(flags, result)
    return 130 if result.interrupted else 0


def _check(flags: Stylize) -> list[Path]:
    """The input files, after every mistake that can be found before work begins."""
    if processes().count > 1:
        raise InputError("stylize makes one picture, in one process; run it without accelerate")
    if flags.content is None:
        raise InputError("name the picture whose content is kept: --content FILE")
    if not flags.styles:
        raise InputError("name the picture whose style is taken: --styles FILE ...")
    for name, given in (("masks", flags.masks), ("weights in --blend", flags.blend)):
        if given and len(given) != len(flags.styles):
            raise InputError(f"{len(given)} {name} for {len(flags.styles)} styles; give one for each")
    if flags.out.suffix.lower() not in WRITTEN:
        raise InputError(f"cannot write {flags.out}: give a folder, or a name ending in one of {', '.join(WRITTEN)}")
    check_free(flags.out, flags.overwrite)
    if flags.save_frames is not None:
        check_frames(flags.save_frames, flags.overwrite)
        if flags.save_frames.resolve() == flags.out.resolve():
            raise InputError(f"--out and --save-frames are both {flags.out}; give one of them another name")
    if flags.save_every is not None:
        positive_int("save_every", flags.save_every)
        if flags.save_frames is None:
            raise InputError("--save-every needs --save-frames FILE.gif or --save-frames FOLDER")
    masks = [Path(name) for name in flags.masks if name != EVERYWHERE]
    given = [flags.content, *flags.styles, *masks, *([flags.start_image] if flags.start_image else [])]
    return list(dict.fromkeys(given))


def _lightness(mask: Tensor) -> Tensor:
    """`(3, H, W)` as `(1, 1, H, W)`; grays stay what they are."""
    red, green, blue = mask
    return (0.299 * red + 0.587 * green + 0.114 * blue)[None, None]


class _Frames:
    """Pictures on the way, over white: written as they come into a folder, or all at the end into a GIF."""

    def __init__(self, path: Path, every: int | None, picture: Picture):
        self.path, self.every, self.picture = path, every, picture
        self.seen: list[Tensor] = []
        self.written = 0
        if not self._is_gif:
            for old in path.glob("frame-*.png"):  # of an earlier run, which --overwrite gives up
                old.unlink()

    @property
    def _is_gif(self) -> bool:
        return self.path.suffix.lower() == ".gif"

    def add(self, progress: StyleProgress) -> None:
        """Note the picture of an evaluation, if it is its turn."""
        every = self.every or max(1, progress.evaluations // FRAMES)
        if (progress.evaluation - 1) % every:
            return
        self._keep(progress.images)

    def finish(self, images: Tensor) -> None:
        """Keep the result too, and write the GIF; every frame of it gets the size of the result."""
        self._keep(images)
        if self._is_gif:
            size = (images.shape[2], images.shape[3])
            write_gif(self.path, [resized(frame[None], size)[0] for frame in self.seen])

    def _keep(self, images: Tensor) -> None:
        frame = self.picture.with_pixels(images[0].cpu()).over_white
        if self._is_gif:
            self.seen.append(frame)
        else:
            write_image(self.path / f"frame-{self.written:04d}.png", frame)
            self.written += 1


def _estimate(flags: Stylize, classifier: Classifier, other: Classifier, content: Tensor, styles: list[Tensor]) -> int:
    content, styles = check_picture(content, "content"), [check_picture(style, "a style") for style in styles]
    content = content if flags.recipe.size is None else with_side(content, flags.recipe.size, "the result")
    reader = make_reader(
        classifier, other, flags.recipe, flags.seed, pick_precision(flags.precision, classifier.device)
    )
    content, styles = content.to(classifier.device), [style.to(classifier.device) for style in styles]
    height, width = content.shape[2:]
    found = estimate(reader, content, styles, flags.recipe, optimizer_name(flags.recipe, height * width))
    scales = ", ".join(f"{w} x {h}" for h, w in found.sizes)
    print(f"scales (width x height): {scales}")
    print(f"at most {found.evaluations} evaluations, about {found.seconds:.0f} s, about {found.bytes / 2**20:.0f} MiB")
    return 0


def _sidecar(
    flags: Stylize,
    argv: Sequence[str],
    result: Stylized,
    classifier: Classifier,
    other: Classifier,
    inputs: list[dict[str, str]],
) -> dict[str, Any]:
    from .. import __version__

    place = [] if value_of(argv, "--out") else ["--out", str(flags.out)]
    return {
        "task": "stylize",
        "command": ["stylize", *argv, *place],
        "recipe": asdict(flags.recipe),
        "seed": flags.seed,
        "model": flags.model,
        "model_sha256": fingerprint(classifier),
        "content_model": flags.content_model or flags.model,
        "content_model_sha256": fingerprint(other),
        "inputs": inputs,
        "scales": [
            {
                "size": [width, height],
                "evaluations": len(history),
                **{name: [_short(getattr(x, name)) for x in history] for name in ("total", "style", "content")},
            }
            for (height, width), history in zip(result.sizes, result.history, strict=False)
        ],
        "losses": None if result.losses is None else {n: _short(x) for n, x in asdict(result.losses).items()},
        "checkerboard_db": rounded(result.checkerboard),
        "rollbacks": result.rollbacks,
        "interrupted": result.interrupted,
        "versions": {"pellucid": __version__, "torch": torch.__version__, "python": platform.python_version()},
    }


def _short(value: float) -> float | None:
    return float(f"{value:.5g}") if value == value and abs(value) != float("inf") else None


def _report(flags: Stylize, result: Stylized) -> None:
    if result.interrupted:
        print(f"pellucid stylize: stopped early; {flags.out} is what there was", file=sys.stderr)
    if flags.quiet:
        return
    if result.rollbacks:
        times = f"{result.rollbacks} time{'s' * (result.rollbacks > 1)}"
        note = f"diverged {times}, and went on with half the step; try a smaller --learning-rate"
        print(f"pellucid stylize: {note}", file=sys.stderr)
    found = result.losses
    losses = f"style {found.style:.3g}, content {found.content:.3g}; " if found else ""
    print(f"{flags.out}  ({losses}{result.evaluations} evaluations; how it was made: {sidecar_path(flags.out)})")
