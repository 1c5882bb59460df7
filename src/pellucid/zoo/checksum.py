"""Checksums of files: published ones, and those that were pinned when a file was first used."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from ..base.errors import InputError
from ..base.files import own_folder, write_text
from ..data.jsonfile import read_json


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The digest of a file, in hexadecimal."""
    found = hashlib.new(algorithm, usedforsecurity=algorithm != "md5")
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            found.update(chunk)
    return found.hexdigest()


def check_published(path: Path, checksum: str) -> None:
    """Raise `InputError` unless the digest of a file is the published one, `sha256:HEX` or `md5:HEX`."""
    algorithm, _, expected = checksum.partition(":")
    found = digest(path, algorithm)
    if found != expected:
        raise InputError(
            f"{path} is not the published file of this name: {algorithm} {found[:12]}..., published {expected[:12]}...;"
            " delete it and download it again, or rename it if it is another"
        )


def cache_folder() -> Path:
    """Where features, downloads and digests are kept: `PELLUCID_CACHE`, or the platform's folder for caches."""
    return own_folder("CACHE")


def check_pinned(key: str, path: Path) -> str:
    """The sha256 of a file; raises `InputError` if another one was pinned under this key."""
    found, pinned = digest(path), _pins().get(key)
    if pinned not in (None, found):
        raise InputError(
            f"{key} is not what it was when it was first used: sha256 {found[:12]}..., then {str(pinned)[:12]}...; "
            f"if that is right, take it out of {_pins_path()}"
        )
    return found


def is_pinned(key: str) -> bool:
    """Whether a file was used under this key before."""
    return key in _pins()


def pin(key: str, found: str) -> None:
    """Remember a file's sha256 in `pins.json`, once it has proved to be usable."""
    pins = _pins()
    if key not in pins:
        write_text(_pins_path(), json.dumps({**pins, key: found}, indent=2) + "\n")


def _pins_path() -> Path:
    return cache_folder() / "pins.json"


def _pins() -> dict[str, str]:
    path = _pins_path()
    pins = read_json(path) if path.is_file() else {}
    if not isinstance(pins, dict):
        raise InputError(f"{path} must be a mapping from files to their sha256; delete it to start afresh")
    return pins
