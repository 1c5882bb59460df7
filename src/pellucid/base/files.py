"""Writing files so that a reader never sees half of one."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

UMASK = os.umask(0)  # it can only be read by setting it, which no two threads may do at once
os.umask(UMASK)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path in the same folder, which takes the place of `path` if the block ends well.

    Raises `InputError` where it cannot be written, as on a full disk. After an exception, Ctrl-C included, nothing is
    left.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o666 & ~UMASK)  # mkstemp's files are private, and so are safetensors'; a result is not
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from None


def holds_something(path: Path) -> bool:
    """Whether there is a file, or a folder that holds more than what killed processes left of files under way."""
    return path.exists() and (not path.is_dir() or any(not part.name.startswith(".") for part in path.iterdir()))


def write_text(path: str | Path, text: str) -> None:
    """Write a text file in one piece. Raises `InputError` where it cannot be, as on a full disk."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | Path, facts: Any) -> None:
    """Write facts as JSON, which knows neither NaN nor infinity: such numbers become null."""
    write_text(path, json.dumps(finite(facts), indent=2, allow_nan=False) + "\n")


def finite(value: Any) -> Any:
    """Facts as JSON can hold them, with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {name: finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_tensors(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, within `replacing`. Raises `InputError` where it cannot be, as on a full disk."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, path, metadata)
    except (SafetensorError, OSError) as error:
        reason = str(error).rpartition("I/O error: ")[2]  # safetensors' own kind of error says where it was, too
        raise InputError(f"cannot write into {path.parent}: {reason}") from None


def write_checked(tensors: dict[str, Tensor], path: Path, facts: Any) -> None:
    """Write tensors on the CPU with JSON facts and a checksum, within `replacing`."""
    write_tensors(tensors, path, {"pellucid": json.dumps(facts), "crc32": _checksum(tensors)})


def read_checked(path: Path) -> tuple[dict[str, Tensor], Any]:
    """The tensors and facts that `write_checked` wrote; raises `InputError` for any other file, or a damaged one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            facts = json.loads(metadata["pellucid"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        if _checksum(tensors) != metadata["crc32"]:
            raise ValueError("its checksum is another one")
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a whole file of pellucid's: {error}") from None
    return tensors, facts


def _checksum(tensors: dict[str, Tensor]) -> str:
    checksum = 0
    for name, tensor in sorted(tensors.items()):
        checksum = zlib.crc32(tensor.contiguous().numpy().tobytes(), zlib.crc32(name.encode(), checksum))
    return str(checksum)


def own_folder(kind: Literal["CACHE", "STATE"]) -> Path:
    """Where pellucid keeps what it must remember: `PELLUCID_CACHE` or `PELLUCID_STATE`, or the platform's folder."""
    if given := os.environ.get(f"PELLUCID_{kind}"):
        return Path(given)
    mac, variable, usual = {
        "CACHE": ("Caches", "XDG_CACHE_HOME", ".cache"),
        "STATE": ("Application Support", "XDG_DATA_HOME", ".local/share"),
    }[kind]
    if sys.platform == "darwin":
        return Path.home() / "Library" / mac / "pellucid"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "pellucid"
    return Path(os.environ.get(variable) or Path.home() / usual) / "pellucid"


def short(names: Sequence[str]) -> list[str]:
    """Names without their folders, unless that makes two alike.

    >>> short(["nets/robust", "standard"]), short(["a/net", "b/net"])
    (['robust', 'standard'], ['a/net', 'b/net'])
    """
    last = [Path(name).name for name in names]
    return last if len(set(last)) == len(last) else list(names)
