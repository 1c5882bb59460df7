"""A study as a JSON or TOML file."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ...base.errors import InputError, unknown
from ...data.jsonfile import read_bounded, read_json
from .study import Study


def read_study(path: Path) -> Study:
    """The study that a JSON or TOML file describes.

    Its keys are the fields of `Study`; those of `TransferRecipe` stand in a table `recipe`.

    Raises:
        InputError: a file that cannot be read, a key that does not exist, with the nearest, a value of another kind.
    """
    return build(Study, _toml(path) if path.suffix == ".toml" else read_json(path), str(path))


def build(base: Any, given: Any, where: str) -> Any:
    """A recipe from plain values; what is not given is as in `base`, a recipe or the class of one.

    >>> from pellucid import TransferRecipe
    >>> build(TransferRecipe, {"seeds": 1, "train": {"epochs": 3}}, "a file").train.epochs
    3
    """
    if not isinstance(given, dict):
        raise InputError(f"{where} must hold keys and values, not {given!r}")
    known, values = [field.name for field in fields(base)], {}
    for key, value in given.items():
        if key not in known:
            raise unknown(f"key in {where}:", key, known)
        usual = getattr(base, key)
        values[key] = build(usual, value, f"{where}: {key}") if is_dataclass(usual) else value
    try:
        return base(**values) if isinstance(base, type) else replace(base, **values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _toml(path: Path) -> Any:
    try:
        import tomllib  # pyright: ignore[reportMissingImports]
    except ImportError:  # Python 3.10
        raise InputError(f"{path}: this Python reads studies as .json only") from None
    return read_bounded(path, "TOML", lambda text: tomllib.loads(text.decode()))
