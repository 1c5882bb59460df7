"""The folder of what people make in the studio: sessions, and names of units."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ...base.files import own_folder


def state_folder() -> Path:
    """`PELLUCID_STATE`, or else the studio's folder among the user's data."""
    folder = own_folder("STATE")
    return folder if os.environ.get("PELLUCID_STATE") else folder / "studio"


def keep_private(folder: Path) -> None:
    """Make a folder that only its owner can read. If that fails, the write that follows says why."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
