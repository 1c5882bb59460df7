"""A study as a JSON or TOML file."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ...base.errors import InputError, unknown
from ...data.jsonfile import MAX_BYTES, read_json
from .study import Study

RENAMED = {"slips": "known_bugs"}  # keys of earlier versions
KINDS = {str: "texts", int: "whole numbers", float: "numbers"}


def read_study(path: Path) -> Study:
    """The study that a JSON or TOML file describes.

    Its keys are the fields of `Study`; those of `TransferRecipe` stand in a table `recipe`.

    Raises:
        InputError: a file that cannot be read, a key that does not exist, with the nearest, a value of another kind.
    """
    return build(Study, _toml(path) if path.suffix == ".toml" else read_json(path), str(path))


def build(kind: Any, given: Any, where: str, base: Any = None) -> Any:
    """A recipe of this class from plain values; what is not given is as in `base`, or has its default.

    >>> from pellucid import TransferRecipe
    >>> build(TransferRecipe, {"seeds": 1, "train": {"epochs": 3}}, "a file").train.epochs
    3
    """
    if not isinstance(given, dict):
        raise InputError(f"{where} must hold keys and values, not {given!r}")
    hints, values = get_type_hints(kind), {}
    usual = {field.name: field.default if base is None else getattr(base, field.name) for field in fields(kind)}
    for key, value in given.items():
        key = RENAMED.get(key, key)
        if key not in usual:
            raise unknown(f"key in {where}:", key, usual)
        values[key] = _value(usual[key], hints[key], value, f"{where}: {key}")
    return kind(**values) if base is None else replace(base, **values)


def _value(usual: Any, hint: Any, value: Any, where: str) -> Any:
    """A value of the kind of the usual one."""
    if is_dataclass(usual):
        return build(type(usual), value, where, usual)
    if isinstance(usual, tuple):
        kind = get_args(hint)[0]
        if not isinstance(value, list) or not all(_alike(kind(), item) for item in value):
            raise InputError(f"{where} must be a list of {KINDS[kind]}, not {value!r}")
        return tuple(value)
    if usual is None and value is not None:
        usual = get_args(hint)[0]()  # none or a number: any number will do for an example
    if not _alike(usual, value):
        raise InputError(f"{where} must be like {usual!r}, not {value!r}")
    return value


def _alike(usual: Any, value: Any) -> bool:
    """Whether both are of one type; a whole number will do for a float."""
    return type(value) is type(usual) or (type(usual), type(value)) == (float, int)


def _toml(path: Path) -> Any:
    try:
        import tomllib  # pyright: ignore[reportMissingImports]
    except ImportError:  # Python 3.10
        raise InputError(f"{path}: this Python reads studies as .json only") from None
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MiB")
        return tomllib.loads(text.decode())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not usable TOML: {error}") from None
