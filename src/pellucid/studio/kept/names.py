"""The names that people give to units, stored under the classifier's sha256."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from ...base.errors import InputError
from ...base.files import write_text
from ...data.jsonfile import read_json
from .folders import keep_private

MAX_NAMES = 20_000


class Names:
    """Names of units in a folder, a file for each classifier."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = threading.Lock()

    def of(self, sha256: str) -> dict[int, str]:
        """The named units of a classifier."""
        path = self._path(sha256)
        return {int(unit): name for unit, name in read_json(path).items()} if path.is_file() else {}

    def give(self, sha256: str, unit: int, name: str) -> None:
        """Name a unit; an empty name removes the one it has."""
        with self._lock:
            names = self.of(sha256)
            names.pop(unit, None)
            if name.strip():
                names[unit] = name.strip()
            if len(names) > MAX_NAMES:
                raise InputError(f"{MAX_NAMES} units have names already; remove one first")
            keep_private(self.folder)
            write_text(self._path(sha256), json.dumps(dict(sorted(names.items())), ensure_ascii=False, indent=1) + "\n")

    def _path(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.json"
