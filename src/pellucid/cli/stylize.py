"""`pellucid stylize`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from ..base.checks import positive_int
from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.processes import processes
from ..data.image import WRITTEN, read_image
from ..data.picture import read_picture, write_picture
from ..gallery.frames import StyleFrames, check_frames
from ..gallery.save import check_free
from ..gallery.sidecar import made_by, write_sidecar
from ..style.recipe import PRESETS, StylizeRecipe
from ..style.stylize import StyleProgress, Stylized, stylize
from ..zoo.models import fingerprint, load
from .flags import INLINE, RunFlags
from .inputs import read_lightness
from .parse import parse, value_of
from .run import progress_bar

EVERYWHERE = "-"


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
    preset: str | None = None
    """Published settings: distill2019, distill2019-standard, distill2019-vgg19, mordvintsev2018; or ours for robust
    classifiers: strokes."""
    recipe: Annotated[StylizeRecipe, INLINE] = StylizeRecipe()


def main(argv: Sequence[str]) -> int:
    """Run the command."""
    flags = parse(Stylize, argv, "stylize", PRESETS)
    if not flags.out.suffix:
        flags = replace(flags, out=flags.out / "0000.png")
    content = _check(flags)
    picture = read_picture(content)
    styles = [read_image(path)[None] for path in flags.styles]
    masks = [None if name == EVERYWHERE else read_lightness(Path(name)) for name in flags.masks]
    start = None if flags.start_image is None else read_image(flags.start_image)[None]
    files = [content, *flags.styles, *(Path(name) for name in flags.masks if name != EVERYWHERE)]
    files += [flags.start_image] if flags.start_image else []
    words = argv if value_of(argv, "--out") else [*argv, "--out", str(flags.out)]
    facts = made_by("stylize", words, recipe=flags.recipe, seed=flags.seed, inputs=files)  # the result may replace one
    classifier = load(flags.model, flags.device)
    other = classifier if flags.content_model is None else load(flags.content_model, flags.device)
    frames = None if flags.save_frames is None else StyleFrames(flags.save_frames, flags.save_every, picture)
    with progress_bar("stylize", flags.quiet) as advance:

        def callback(progress: StyleProgress) -> None:
            advance(progress.evaluation / progress.evaluations)
            if frames is not None:
                frames.add(progress)

        precision = pick_precision(flags.precision, classifier.device)
        result = stylize(
            classifier, picture.pixels[None], styles, flags.recipe,
            weights=flags.blend or None, masks=masks or None, content_classifier=other, start=start, seed=flags.seed,
            precision=precision, callback=callback,
        )  # fmt: skip
    write_picture(flags.out, picture.with_pixels(result.images[0].cpu()))
    facts |= {"model": flags.model, "model_sha256": fingerprint(classifier), "precision": precision}
    facts |= {"content_model": flags.content_model or flags.model, "content_model_sha256": fingerprint(other)}
    path = write_sidecar(flags.out, {**facts, **result.to_json()})
    if frames is not None:
        frames.finish(result.images)
    _report(flags, result, path)
    return 130 if result.interrupted else 0


def _check(flags: Stylize) -> Path:
    """The content; raises `InputError` for flags that cannot be, before anything is loaded."""
    if flags.content is None:
        raise InputError("name the picture whose content is kept: --content FILE")
    if not flags.styles:
        raise InputError("name the picture whose style is taken: --styles FILE ...")
    if flags.smooth:
        raise InputError("stylize reads layers of the network itself, without noise: leave out --smooth")
    if processes().count > 1:
        raise InputError("stylize makes one picture, in one process; run it without accelerate")
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
    return flags.content


def _report(flags: Stylize, result: Stylized, sidecar: Path) -> None:
    if result.interrupted:
        print(f"pellucid stylize: interrupted; {flags.out} holds the picture of that moment", file=sys.stderr)
    if flags.quiet:
        return
    if result.rollbacks:
        times = f"{result.rollbacks} time{'s' * (result.rollbacks > 1)}"
        note = f"diverged {times}, and went on with half the step; try a smaller --learning-rate"
        print(f"pellucid stylize: {note}", file=sys.stderr)
    found = result.losses
    losses = f"style {found.style:.3g}, content {found.content:.3g}; " if found else ""
    print(f"{flags.out}  ({losses}{result.evaluations} evaluations; how it was made: {sidecar})")
