"""The files of `torch.save`, both containers, read without running anything: bounds first, then names, then numbers.

The zip container (torch 1.6 and later) holds a pickle and one uncompressed member for each storage. The legacy one is
a sequence: four pickles, a pickle of the storages' keys, and for each storage its length and its numbers.
"""

from __future__ import annotations

import mmap
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..base.errors import InputError
from .unpickle import MAX_PICKLE, Interpreter, Storage, TensorRecord

MAX_FILE = 8 * 2**30
LEGACY_MAGIC, LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
NORMALIZATION = ("mean", "std", "mu", "sigma")  # what may lie beside the weights
DAMAGE = (ValueError, LookupError, TypeError, AttributeError, RecursionError, MemoryError, OverflowError, EOFError)

Read = Callable[[Storage], bytes]


def read_torch_file(path: str | Path, weights: str | None = None) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors of the weights in a file of `torch.save`, and the names in it that were refused.

    Nothing in the file is executed or imported. Memory is taken for what the file holds, not for what it claims.

    Args:
        path: the file.
        weights: the key of the weights, such as "state_dict_ema"; needed only where a file has several sets.

    Raises:
        InputError: the file is missing, too large, damaged, of another kind, or has no weights or several sets.
    """
    path = Path(path)
    check_kind(path)
    interpreter = Interpreter()
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data[:4] == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    content, read = _open_zip(archive, interpreter)
                    return _tensors(content, read, weights), list(interpreter.refused)
            content, read = _open_legacy(data, interpreter)
            return _tensors(content, read, weights), list(interpreter.refused)
    except InputError as error:
        raise InputError(f"{path} {error}{_wanted(interpreter)}") from None
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *DAMAGE) as error:
        reason = printable(str(error) or type(error).__name__, 200)
        raise InputError(f"{path} is damaged, or no file of torch.save: {reason}{_wanted(interpreter)}") from None


def check_kind(path: Path) -> None:
    """Raise `InputError` for what is certainly no checkpoint: no file, a web page, a pointer, an old tar container."""
    if not path.is_file():
        raise InputError(f"{path} does not exist, or is not a file")
    size = path.stat().st_size
    if size > MAX_FILE:
        raise InputError(f"{path} is larger than {MAX_FILE >> 30} GiB")
    with path.open("rb") as file:
        start = file.read(512)
    if not size:
        raise InputError(f"{path} is empty; download it again")
    if start.lstrip().startswith(b"<"):
        raise InputError(
            f"{path} is a web page, not a checkpoint; delete it, and see in a browser what its address says"
        )
    if start.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} is a pointer of Git LFS and not the file; git lfs pull fetches it")
    if start[257:262] == b"ustar":
        raise InputError(f"{path} is a tar file, as of torch before 0.1.10; save its weights again with a newer torch")


def _wanted(interpreter: Interpreter) -> str:
    """The names that were refused, to be added to an error."""
    names = shown_names(interpreter.refused)
    return f" (refused, not run: {', '.join(names)})" if names else ""


def printable(text: str, length: int = 80) -> str:
    """The start of a text from outside, without the control characters that would command a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text[:length])


def shown_names(refused: Iterable[str], at_most: int = 20) -> list[str]:
    """The first of the names from a file, safe to print, and how many more there are."""
    refused = list(refused)
    names = [printable(name) for name in refused[:at_most]]
    return [*names, f"{len(refused) - at_most} more"] if len(refused) > at_most else names


def _open_zip(archive: zipfile.ZipFile, interpreter: Interpreter) -> tuple[Any, Read]:
    """Content and reader of a zip container. Members are looked up by name and never extracted: no path leads out."""
    members = archive.infolist()
    if any(member.filename.endswith("/constants.pkl") for member in members):
        raise InputError("is a TorchScript program, which does not do; save its state_dict")
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
        raise InputError("is compressed or encrypted, which files of torch.save never are; a zip bomb would be")
    if any(member.compress_size != member.file_size for member in members):
        raise InputError("is damaged: its directory gives two sizes for one member")
    sizes = {member.filename: member.file_size for member in members}
    if len(sizes) != len(members) or sum(sizes.values()) > Path(str(archive.filename)).stat().st_size:
        raise InputError("is damaged or a zip bomb: its members overlap")
    roots = [name.removesuffix("/data.pkl") for name in sizes if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise InputError("is a zip file, but not of torch.save")
    root = roots[0]
    if sizes[f"{root}/data.pkl"] > MAX_PICKLE:
        raise InputError(f"has a pickle of more than {MAX_PICKLE >> 20} MiB")
    if f"{root}/byteorder" in sizes and archive.read(f"{root}/byteorder") != b"little":
        raise InputError("has big-endian numbers; save it on another machine")

    def read(storage: Storage) -> bytes:
        name, wanted = f"{root}/data/{storage.key}", storage.count * storage.dtype.itemsize
        if sizes.get(name) != wanted:
            raise InputError(f"is damaged: storage {storage.key!r:.40} has {sizes.get(name, 0)} bytes, not {wanted}")
        return archive.read(name)

    return interpreter.run(archive.read(f"{root}/data.pkl"))[0], read


def _open_legacy(data: mmap.mmap, interpreter: Interpreter) -> tuple[Any, Read]:
    """Content and reader of a legacy container."""
    position = 0

    def following() -> Any:
        nonlocal position
        value, length = interpreter.run(data[position : position + MAX_PICKLE])
        position += length
        return value

    if data[:1] != b"\x80" or following() != LEGACY_MAGIC:
        raise InputError("is not a file of torch.save (safetensors end in .safetensors)")
    if following() != LEGACY_PROTOCOL:
        raise InputError("is of an unknown version of torch.save")
    system = following()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise InputError("has big-endian numbers; save it on another machine")
    content, keys = following(), following()
    places: dict[str, int] = {}
    for key in keys:
        storage = interpreter.storages[key]
        count = int.from_bytes(data[position : position + 8], "little", signed=True)
        if count != storage.count:
            raise InputError(f"is damaged: storage {key!r:.40} has {count} numbers, not {storage.count}")
        places[key] = position + 8
        position += 8 + count * storage.dtype.itemsize
        if position > len(data):
            raise InputError(f"is truncated: it ends within storage {key!r:.40}")

    def read(storage: Storage) -> bytes:
        place = places[storage.key]
        return data[place : place + storage.count * storage.dtype.itemsize]

    return content, read


def _tensors(content: Any, read: Read, key: str | None) -> dict[str, Tensor]:
    """The weights among what a file holds; storages that they share are read once."""
    numbers: dict[str, Tensor] = {}

    def build(record: TensorRecord) -> Tensor:
        storage = record.storage
        if 0 in record.size:
            return torch.empty(record.size, dtype=storage.dtype)
        if storage.key not in numbers:
            numbers[storage.key] = torch.frombuffer(bytearray(read(storage)), dtype=storage.dtype)
        return numbers[storage.key].as_strided(record.size, record.stride, record.offset)

    if not isinstance(content, dict):
        raise InputError("holds no mapping from names to tensors; save its state_dict, not the whole network")
    return {name: build(record) for name, record in _chosen(content, key).items()}


def _chosen(content: dict[str, Any], key: str | None) -> dict[str, TensorRecord]:
    """The one set of weights: the mapping under the key, or the only one that holds matrices, or the file itself."""
    top = _records(content)
    sets = {name: found for name, value in content.items() if isinstance(value, dict) and (found := _records(value))}
    if not top and not sets:  # one level deeper, such as {"ema": {"decay": 0.99, "shadow": {...}}}
        inner = {f"{name}.{key}": part for name, value in content.items() if isinstance(value, dict)
                 for key, part in value.items() if isinstance(part, dict)}  # fmt: skip
        sets = {name: found for name, value in inner.items() if (found := _records(value))}
    large = [name for name, records in sets.items() if any(len(record.size) > 1 for record in records.values())]
    if key is None and len(large) > 1:
        listed = ", ".join(shown_names(large))
        raise InputError(f"holds several sets of weights ({listed}); choose one: --weights {printable(large[0])}")
    if key is not None and key not in sets:
        raise InputError(f"has no weights under {key!r}; there are {', '.join(shown_names(sets)) or 'none by a key'}")
    chosen = key or next(iter(large), None)
    if chosen is not None:
        return {name: record for name, record in top.items() if name in NORMALIZATION} | sets[chosen]
    if found := top or next(iter(sets.values()), None):
        return found
    raise InputError("holds no weights, neither by name nor as mappings from names to tensors")


def _records(mapping: dict[str, Any]) -> dict[str, TensorRecord]:
    return {name: value for name, value in mapping.items() if isinstance(value, TensorRecord)}
