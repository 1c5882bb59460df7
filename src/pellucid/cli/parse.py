"""From the words of a command line to a command's flags; every mistake is one line."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from difflib import get_close_matches
from typing import Any, TypeVar

import tyro

from ..base.errors import InputError, unknown, warn

Flags = TypeVar("Flags")
RADII = re.compile(r"--(attack\.)?(eps|step[-_]size)")
FRACTION = re.compile(r"(\d+(?:\.\d+)?)/(\d+(?:\.\d+)?)")


def parse(kind: type[Flags], argv: Sequence[str], command: str, presets: dict[str, Any] | None = None) -> Flags:
    """Flags from the command line; `--preset NAME` sets the recipe that further flags then change.

    With presets, if only an empty table of them, the recipe's defaults are in proportion to the model's size.
    """
    argv = _decimals(argv)
    default: Any = kind()
    if presets and (name := value_of(argv, "--preset")) is not None:
        if name not in presets:
            raise unknown("preset", name, presets)
        default = replace(default, recipe=presets[name])
    if presets is not None and hasattr(default, "model"):
        default = _at_size_of(default, argv, command)
    help_is_at = f"see pellucid {command} --help"
    options: dict[str, Any] = {"default": default, "prog": f"pellucid {command}", "description": kind.__doc__}
    options["config"] = (tyro.conf.FlagCreatePairsOff,)
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            flags, others = tyro.cli(kind, args=argv, return_unknown_args=True, **options)
    except SystemExit as leaving:
        cause: BaseException | None = leaving
        while cause is not None and not isinstance(cause, InputError):
            cause = cause.__context__
        if cause is not None:  # a recipe refuses a value; its one line is enough
            raise cause from None
        sys.stderr.write(said.getvalue())
        raise
    if others:
        near = [word for other in others for word in get_close_matches(other, _names(kind, options), n=1)]
        hint = f"; perhaps you meant {' or '.join(near)}" if near else ""
        if not hint and not any(other.startswith("-") for other in others):
            hint = "; every value follows the flag that it is for, such as --out NAME"
        raise InputError(f"there is no flag for {' '.join(others)}{hint}; {help_is_at}")
    _check_seeds(flags)
    return flags


def _names(kind: type, options: dict[str, Any]) -> list[str]:
    """Every flag that the help names, but for --help itself."""
    said = io.StringIO()
    try:
        with redirect_stdout(said):
            tyro.cli(kind, args=["--help"], **options)
    except SystemExit:
        pass
    return re.findall(r"--(?!help\b)[\w.-]+", said.getvalue())


def _at_size_of(default: Any, argv: Sequence[str], command: str) -> Any:
    """Flags whose recipe is for images of the model's size, if it has none; warns of a preset for another."""
    from ..zoo.models import card

    model, preset = value_of(argv, "--model") or default.model, value_of(argv, "--preset")
    own = value_of(argv, "--size") if hasattr(default.recipe, "size") else None
    try:
        side = card(model).get("size")
    except InputError:
        return default
    # The papers enlarge CIFAR-10's images with a classifier of 224 px.
    published = 32 if (preset or "").endswith("cifar10") and command != "superres" else 224
    if (preset or "").startswith(("paper", "notebook")) and side not in (None, published):
        warn(f"preset {preset} is for images of {published} px, and {model} takes {side} px")
    recipe = replace(default.recipe, size=int(own)) if own and own.isdecimal() and int(own) else default.recipe
    return replace(default, recipe=recipe.at(side))


def _check_seeds(flags: Any) -> None:
    """Raise `InputError` for a seed out of range."""
    for settings in (flags, getattr(flags, "recipe", None)):
        if (seed := getattr(settings, "seed", None)) is not None:
            from ..base.checks import check_seed  # it loads torch, and the studio shows its page before that

            check_seed(seed)


def value_of(words: Sequence[str], flag: str) -> str | None:
    """What a command line gives for `flag`, as the next word or after an equals sign; None if it is not there.

    Of several the last one counts, as for the parser.

    >>> value_of(["--seed", "1", "--save_frames=a"], "--save-frames"), value_of(["--out", "a", "--out", "b"], "--out")
    ('a', 'b')
    """
    found = None
    for word, following in zip(words, [*words[1:], None], strict=False):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == flag:
            found = value if equals else following
    return found


def _decimals(words: Sequence[str]) -> list[str]:
    """The words of a command line, with `--eps 8/255` as a decimal number."""
    flag, plain = "", []
    for word in words:
        head, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        flag = head or flag
        if (match := FRACTION.fullmatch(value)) and float(match[2]) and RADII.fullmatch(flag):
            value = repr(float(match[1]) / float(match[2]))
        plain.append(head + equals + value)
    return plain
