"""`pellucid stylize-data`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from .. import __version__
from ..base.devices import pick_precision
from ..base.errors import InputError
from ..base.files import write_text
from ..base.processes import processes
from ..data.dataset import load_data
from ..data.image import read_image
from ..data.parts import Parts
from ..gallery.save import check_writable
from ..transfer_learning.content import check_unchanged, data_digest
from ..transfer_learning.stylized import StylizeDataRecipe, save_npz, stylize_data
from ..zoo.models import fingerprint, load
from .common import INLINE, file_sha256, find_images, parse, progress_bar


@dataclass(frozen=True)
class StylizeData:
    """A copy of a data set whose test images keep their shapes and get the textures of other pictures.

    pellucid stylize-data --data photos.npz --styles paintings --out photos-stylized.npz
    pellucid transfer-study --sources cifar10-standard cifar10-l2-0.5 --targets photos.npz \\
        --stylized photos-stylized.npz

    Stopped, the same command goes on where it was.
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
    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Of the network's passes; auto takes bfloat16 where it is faster."""
    overwrite: bool = False
    """Replace a copy that exists."""
    quiet: bool = False
    """No progress bar."""
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
    facts: dict[str, Any] = {
        "command": ["stylize-data", *argv],
        "data": data.name,
        "data_sha256": data_digest(data),
        "model": flags.model,
        "model_sha256": fingerprint(classifier),
        "inputs": [{"path": str(file), "sha256": file_sha256(file)} for file in [*given, *files]],
        "recipe": asdict(flags.recipe),
        "versions": {"pellucid": __version__},
    }
    save_npz(copy, flags.out)
    write_text(flags.out.with_suffix(".json"), json.dumps(facts, indent=2) + "\n")
    Parts(parts).forget()
    if not flags.quiet:
        print(f"{flags.out}  ({len(copy.test)} stylized test images; training images: {flags.recipe.train})")
    return 0


def check(flags: StylizeData) -> None:
    """Raise `InputError` for every mistake that can be found before work begins."""
    if not flags.data:
        raise InputError("name the data: --data FOLDER, FILE.npz or torchvision:NAME")
    if processes().count > 1:
        raise InputError("stylize-data is one process's work; start it without accelerate")
    if flags.out.suffix != ".npz":
        raise InputError(f"the copy is an .npz, not {flags.out}")
    if flags.out.is_dir() or (flags.out.exists() and not flags.overwrite):
        raise InputError(f"{flags.out} exists; choose another name or say --overwrite")
    check_writable(flags.out)
