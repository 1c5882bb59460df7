"""The flags that commands share, each declared once; a command's dataclass inherits those that it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

Precision = Literal["float32", "bfloat16", "auto"]

# A recipe's fields are flags of the command itself: --eps, not --recipe.eps.
INLINE = tyro.conf.arg(name="")


@dataclass(frozen=True)
class ModelFlags:
    """Which classifier."""

    model: str = "natural20-l2-2.0"
    """A name of `pellucid models`, a bundle's path, hub:OWNER/REPO/FILE, clip:hf-hub:OWNER/REPO, timm:NAME or
    torchvision:NAME."""


@dataclass(frozen=True)
class SeedFlags:
    """What is random."""

    seed: int = 0
    """Every random choice follows from it."""


@dataclass(frozen=True)
class DeviceFlags:
    """Where the network runs."""

    device: str = "auto"
    """auto, cpu, cuda, mps, ..."""


@dataclass(frozen=True)
class MachineFlags(DeviceFlags):
    """Where and in which precision the network runs."""

    precision: Precision = "float32"
    """Of the network's passes; auto takes bfloat16 where it is faster. Measurements are confirmed in float32."""


@dataclass(frozen=True)
class QuietFlags:
    """How much is printed."""

    quiet: bool = False
    """No progress bar, and no report of what was written."""


@dataclass(frozen=True)
class OutputFlags(QuietFlags):
    """What happens to earlier results."""

    overwrite: bool = False
    """Replace a result that exists."""


@dataclass(frozen=True)
class RunFlags(ModelFlags, SeedFlags, MachineFlags, OutputFlags):
    """Flags of every command that makes images."""

    precision: Precision = "auto"
    """Of the network's passes; auto takes bfloat16 where it is faster, and float32 elsewhere."""
    out: Path = Path("pellucid-out")
    """A folder (created), or an image file for one grid of all results."""
    save_frames: Path | None = None
    """Also write the descent: a name ending in .gif for an animation, or a folder of PNGs."""
    smooth: float = 0.0
    """Average the classifier over Gaussian noise of this standard deviation (randomized smoothing): 0.25, 0.5."""
    samples: int = 8
    """With --smooth: passes of the network a step."""
    beside: tuple[str, ...] = ()
    """Further classifiers, to which the same is done: natural20-standard, ... An image file then shows all in rows."""


@dataclass(frozen=True)
class ImageFlags:
    """Images to begin with."""

    images: tuple[Path, ...] = ()
    """Image files, or folders of them."""


@dataclass(frozen=True)
class PictureFlags(ImageFlags):
    """Images, or those of a data set."""

    data: str = ""
    """Instead of images: a folder of class folders, an .npz, or torchvision:NAME, whose test images are taken."""
    count: int = 8
    """How many images of the data."""


@dataclass(frozen=True)
class DataFlags:
    """Labeled images."""

    data: str = ""
    """A folder of class folders, an .npz, or torchvision:NAME; its test split, or all it has without one."""
    grouping: str | None = None
    """Superclasses of the data's classes: restricted-imagenet, or a JSON file."""
    skip_unreadable: bool = False
    """Leave out image files that cannot be read, with one warning, instead of refusing the data."""
