"""`pellucid rerun` of a result that was made in Python: the same function, called with the same arguments."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from ..base.errors import InputError
from ..base.progress import progress
from ..base.save import check_free, save
from ..synthesis.paint import Stroke
from ..zoo.models import load
from .run import written

TASKS = (
    "generate", "sketch", "brush", "paint", "translate", "superres", "inpaint", "invert", "interpolate", "visualize",
    "manipulate", "stylize",
)  # fmt: skip
OURS = ("classifier", "recipe", "callback", "reader")  # arguments that no sidecar has


def repeat(facts: dict[str, Any], folder: str, out: Path, overwrite: bool, quiet: bool) -> int:
    """Call the function that a sidecar names, and save what it returns.

    Args:
        facts: what `Made.facts` wrote.
        folder: where the inputs are that it embeds.
        out: where the new result goes.
        overwrite: replace what is there.
        quiet: no progress bar, and no report.

    Raises:
        InputError: another function or other arguments than a sidecar names, or what the function refuses.
    """
    task, call = facts.get("task"), facts.get("call")
    if task not in TASKS or not isinstance(call, dict) or call.keys() & {*OURS}:
        raise InputError(f"only calls of {', '.join(TASKS)} can be repeated, not of {task!r}")
    check_free(out, overwrite)
    if quiet:
        progress(False)
    pellucid = import_module("pellucid")
    try:
        kind = getattr(pellucid, f"{task.title()}Recipe")
        recipe = kind(**{name: setting(value) for name, value in facts["recipe"].items()})
        arguments = {name: heard(name, value, Path(folder)) for name, value in call.items()}
        arguments = {"precision": "float32", **arguments}  # which older sidecars do not name
        made = getattr(pellucid, task)(load(facts["model"]), recipe=recipe, **arguments)
        made = made if facts.get("turn") is None else made[facts["turn"]]
        made = made if facts.get("rows") is None else made[facts["rows"]]
    except (TypeError, KeyError, AttributeError, IndexError) as error:
        raise InputError(f"the sidecar's call of {task} cannot be understood: {error}") from None
    save(made, out, overwrite=overwrite)
    if not quiet:
        print(written(out, len(made.images)))
    return 0


def heard(name: str, value: Any, folder: Path) -> Any:
    """An argument as the function takes it; the inverse of `pellucid.base.made.said`."""
    match value:
        case {"input": str(path)} if path.endswith(".safetensors"):
            return load_file(folder / path)["values"]
        case {"input": str(path)}:
            return Path(path)
        case {"model": str(model), "sha256": str()}:
            return load(model)
        case {"mask": mask, "unit": int(unit), "strength": float(strength)} if name == "strokes":
            return Stroke(heard("mask", mask, folder), unit, strength)
        case list():
            return [heard(name, part, folder) for part in value]
    return value


def setting(value: Any) -> Any:
    """A field of a recipe; the inverse of `pellucid.base.recipes.plain`."""
    return tuple(map(setting, value)) if isinstance(value, list) else math.inf if value == "inf" else value
