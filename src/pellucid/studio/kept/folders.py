"""The folder of what people make in the studio: sessions, and names of units."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def state_folder() -> Path:
    """`PELLUCID_STATE`, or else the studio's folder among the user's data."""
    if given := os.environ.get("PELLUCID_STATE"):
        return Path(given)
    if sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    elif sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return data / "pellucid" / "studio"


def keep_private(folder: Path) -> None:
    """Make a folder that only its owner can read. If that fails, the write that follows says why."""
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
