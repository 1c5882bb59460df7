"""A result on disk: PNG, and a JSON sidecar that says what made it."""

from __future__ import annotations

import math
import platform
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..base.errors import InputError
from ..base.files import write_json
from ..data.image import SUFFIXES, write_image
from .grid import grid, magnified

if TYPE_CHECKING:
    from ..core.descend import Descent


def save(descent: Descent, path: str | Path, *, sheet: Tensor | None = None, overwrite: bool = False) -> Path:
    """Write a descent's images and a sidecar.

    Args:
        descent: what to write.
        path: a name that ends like an image gets one grid, for looking at: small images are enlarged. Any other name
            is a folder and gets every image in its own file at its own size.
        sheet: `(3, H, W)`, what an image file shows instead of the grid; see `pellucid.gallery.sheet`.
        overwrite: replace what is there.

    Returns:
        The path of the sidecar.

    Raises:
        InputError: the path exists or cannot be written.
    """
    path = Path(path)
    check_free(path, overwrite)
    if path.suffix.lower() in SUFFIXES:
        write_image(path, grid(magnified(descent.images)) if sheet is None else sheet)
    else:
        digits = max(4, len(str(len(descent.images) - 1)))
        for number, image in enumerate(descent.images):
            write_image(path / f"{number:0{digits}d}.png", image)
        for old in path.glob("*.png"):  # of a longer result that this one replaces
            if old.stem.isdigit() and len(old.stem) >= 4 and not (int(old.stem) < len(descent.images)):
                old.unlink()
    target = sidecar_path(path)
    write_json(target, sidecar(descent))
    return target


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of a result goes: beside an image, inside a folder."""
    return path.with_suffix(".json") if path.suffix.lower() in SUFFIXES else path / "descent.json"


def check_free(path: str | Path, overwrite: bool = False) -> None:
    """Raise `InputError` if a result cannot go to `path`: before the work, not after it."""
    path = Path(path)
    if path.suffix and path.suffix.lower() not in SUFFIXES:
        raise InputError(f"cannot write {path}: give a folder, or a name ending in one of {', '.join(SUFFIXES)}")
    target = sidecar_path(path)
    for taken in (path, target):
        if taken.is_dir() and path.suffix:
            raise InputError(f"{taken} is a folder; give an image name or a folder without a suffix")
        folder_with_something = taken.is_dir() and any(taken.iterdir())
        if (taken.is_file() or folder_with_something) and not overwrite:
            raise InputError(f"{taken} exists; choose another name or say --overwrite")
    check_writable(target)


def check_writable(file: Path) -> None:
    """Raise `InputError` unless a file can go there; folders on the way need not exist."""
    parent = next(p for p in file.absolute().parents if p.exists())
    try:
        with TemporaryFile(dir=parent):  # permissions alone say too little: of /proc, or of a read-only disk
            pass
    except OSError:
        raise InputError(f"cannot write {file}: {parent} is not a folder that can be written") from None


def sidecar(descent: Descent) -> dict[str, Any]:
    """What a sidecar holds: how the result was made, and what became of each image."""
    from .. import __version__

    return {
        **descent.info,
        "images": [
            {
                "label": int(descent.label[i]) if descent.label is not None else None,
                "loss": _number(loss),
                "steps": steps,
                "stopped": stopped,
                "distance": _number(distance),
            }
            for i, (loss, steps, stopped, distance) in enumerate(
                zip(
                    descent.loss.tolist(),
                    descent.stopped_at.tolist(),
                    descent.stopped,
                    (descent.images - descent.start).flatten(1).norm(dim=1).tolist(),
                    strict=True,
                )
            )
        ],
        "forwards": descent.forwards,
        "backwards": descent.backwards,
        "versions": {
            "pellucid": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _number(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None
