"""`pellucid stylize-data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.processes import processes
from ..data.identity import data_digest
from ..data.image import read_image
from ..data.load import load_data
from ..data.npz import Pieces, save_npz
from ..data.parts import Parts
from ..gallery.save import check_file
from ..gallery.sidecar import made_by, write_sidecar
from ..transfer_learning.content import check_unchanged
from ..transfer_learning.stylized import StylizeDataRecipe, stylize_data
from ..zoo.models import fingerprint, load
from .flags import INLINE, MachineFlags, OutputFlags
from .inputs import find_images
from .parse import parse
from .run import progress_bar


@dataclass(frozen=True)
class StylizeData(MachineFlags, OutputFlags):
    """A copy of a data set whose test images keep their shapes and get the textures of other pictures.

    pellucid stylize-data --data photos.npz --styles paintings --out photos-stylized.npz
    pellucid transfer-study --sources cifar10-standard cifar10-l2-0.5 --targets photos.npz \\
        --stylized photos-stylized.npz

    After an interruption, the same command goes on where it was.
    """

    data: str = ""
    """A folder with train and test, an .npz or torchvision:NAME."""
    styles: tuple[Path, ...] = ()
    """Pictures, or folders of them, of which each image gets the style of one; if not given, that of another training
    image."""
    model: str = "animals59-l2-1.0"
    """Whose style layers are matched; best none of those that will be compared: torchvision:vgg19, a bundle's path."""
    size: int | None = None
    """Side to which images are brought; needed where a folder's images differ."""
    out: Path = Path("stylized.npz")
    """The .npz that is made; a .json beside it says how."""
    recipe: Annotated[StylizeDataRecipe, INLINE] = StylizeDataRecipe()


def main(argv: Sequence[str], data_sha256: str | None = None) -> int:
    """Run the command; with the sha256 of the data where it must be what it was before."""
    flags = parse(StylizeData, argv, "stylize-data")
    check(flags)
    files = find_images(flags.styles) if flags.styles else []
    styles = [read_image(file)[None] for file in files]
    data = load_data(flags.data, flags.size)
    check_unchanged(data, flags.data, data_sha256)
    classifier = load(flags.model, flags.device)
    given = [Path(flags.data)] if Path(flags.data).is_file() else []
    parts = flags.out.with_name(f"{flags.out.stem}-parts")
    with progress_bar("stylize-data", flags.quiet) as advance:
        copy = stylize_data(
            classifier, data, styles, flags.recipe, parts=parts,
            precision=pick_precision(flags.precision, classifier.device), callback=advance,
        )  # fmt: skip
    facts = made_by("stylize-data", argv, recipe=flags.recipe, inputs=[*given, *files])
    facts |= {"data": data.name, "data_sha256": data_digest(data)}
    facts |= {"model": flags.model, "model_sha256": fingerprint(classifier)}
    save_npz(flags.out, copy.class_names, train=Pieces.of(copy.train), test=Pieces.of(copy.test))
    write_sidecar(flags.out, facts)
    Parts(parts).forget()
    if not flags.quiet:
        print(f"{flags.out}  ({len(copy.test)} stylized test images; training images: {flags.recipe.train})")
    return 0


def check(flags: StylizeData) -> None:
    """Raise `InputError` for every mistake that can be found before work begins."""
    if processes().count > 1:
        raise InputError("stylize-data is one process's work; start it without accelerate")
    check_file(flags.out, flags.overwrite, "the copy", ".npz")
