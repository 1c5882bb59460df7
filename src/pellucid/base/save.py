"""A result on disk: PNG, and a JSON sidecar that says what made it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from torch import Tensor

from .errors import InputError
from .image import WRITTEN, write_image
from .sidecar import of_result, sidecar_path, write_sidecar


def save(result: Any, path: str | Path, *, sheet: Tensor | None = None, overwrite: bool = False) -> Path:
    """Write a result's images, and a JSON sidecar from which `pellucid rerun` repeats it.

    Args:
        result: a `Descent` or a `Stylized`.
        path: a name that ends like an image gets one grid, for looking at: small images are enlarged. Any other name
            is a folder and gets every image in its own file at its own size.
        sheet: `(3, H, W)`, what an image file shows instead of the grid; see `pellucid.gallery.sheet`.
        overwrite: replace what is there.

    Returns:
        The path. The sidecar is beside it, `cats.json`, or in the folder, `descent.json`.

    Raises:
        InputError: the path exists or cannot be written.

    >>> import tempfile, pellucid as pl
    >>> cats = pl.generate(pl.load("cifar10-l2-0.5", "cpu"), "cat", steps=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     pl.save(cats, f"{folder}/cats.png").name
    'cats.png'
    """
    path = Path(path)
    check_free(path, overwrite, "give overwrite=True")
    if path.suffix.lower() in WRITTEN:
        write_image(path, result.grid() if sheet is None else sheet)
    else:
        digits = max(4, len(str(len(result.images) - 1)))
        for number, image in enumerate(result.images):
            write_image(path / f"{number:0{digits}d}.png", image)
        for old in path.glob("*.png"):  # of a longer result that this one replaces
            if old.stem.isdigit() and len(old.stem) >= 4 and not (int(old.stem) < len(result.images)):
                old.unlink()
    write_sidecar(path, of_result(result))
    return path


def check_free(path: str | Path, overwrite: bool = False, remedy: str = "say --overwrite") -> None:
    """Raise `InputError` if a result cannot go to `path`: before the work, not after it."""
    path = Path(path)
    if path.suffix and path.suffix.lower() not in WRITTEN:
        raise InputError(f"cannot write {path}: give a folder, or a name ending in one of {', '.join(WRITTEN)}")
    target = sidecar_path(path)
    for taken in (path, target):
        if taken.is_dir() and path.suffix:
            raise InputError(f"{taken} is a folder; give an image name or a folder without a suffix")
        folder_with_something = taken.is_dir() and any(taken.iterdir())
        if (taken.is_file() or folder_with_something) and not overwrite:
            raise InputError(f"{taken} exists; choose another name or {remedy}")
    check_writable(target)


def check_writable(file: Path) -> None:
    """Raise `InputError` unless a file can go there; folders on the way need not exist."""
    parent = next(p for p in file.absolute().parents if p.exists())
    try:
        with TemporaryFile(dir=parent):  # permissions alone say too little: of /proc, or of a read-only disk
            pass
    except OSError:
        raise InputError(f"cannot write {file}: {parent} is not a folder that can be written") from None


def check_file(
    file: Path, overwrite: bool, kind: str = "the result", suffix: str = "", remedy: str = "say --overwrite"
) -> None:
    """Raise `InputError` unless one file can go there, which ends in `suffix`."""
    if suffix and file.suffix.lower() != suffix:
        raise InputError(f"{kind} is a {suffix}, not {file}")
    if file.is_dir() or (file.exists() and not overwrite):
        raise InputError(f"{file} exists; choose another name or {remedy}")
    check_writable(file)


def check_figure(file: Path, overwrite: bool) -> None:
    """Raise `InputError` unless a figure can go there, and its numbers beside it."""
    check_file(file, overwrite, "the figure", ".png")
    check_file(sidecar_path(file), overwrite)
