"""Forms: the fields of a recipe as JSON for the page, and the page's settings as a recipe."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ...base.errors import InputError, unknown

Recipe = TypeVar("Recipe")
Kind = Literal["number", "integer", "choice", "switch", "text", "list"]
KINDS: dict[Any, Kind] = {float: "number", int: "integer", bool: "switch", str: "text"}

# Bounds for what one visitor may ask of a server. The recipe checks everything else.
BOUNDS: dict[str, tuple[float, float]] = {
    "steps": (1, 10_000),
    "evaluations": (1, 10_000),
    "intervals": (1, 32),
    "size": (16, 1024),
    "smallest": (16, 2**20),
    "tile": (0, 2048),
    "jitter": (0, 256),
}
LENGTHS, SHORTEST = ("eps", "step_size", "learning_rate"), 1e-6  # these are positive
LARGEST = 1e30
MAX_ITEMS, MAX_TEXT = 100, 200


@dataclass(frozen=True)
class Field:
    """One setting of a recipe.

    Attributes:
        name: of the recipe's field.
        kind: of control that the page shows.
        optional: whether it may be empty, which means None, or infinity.
        choices: of a choice.
        item: the type of a list's items.
        low, high: bounds of a number.
        help: the docstring under the field.
    """

    name: str
    kind: Kind
    optional: bool
    choices: tuple[str, ...]
    item: type | None
    low: float | None
    high: float | None
    help: str

    def described(self, default: object) -> dict[str, Any]:
        """The field as JSON, with its default."""
        return {
            "name": self.name,
            "label": self.name.replace("_", " ").capitalize(),
            "type": self.kind,
            "default": as_json(default),
            "optional": self.optional,
            "min": self.low,
            "max": self.high,
            "choices": list(self.choices) or None,
            "help": self.help,
        }

    def read(self, value: object, default: object) -> Any:
        """A JSON value as the recipe takes it, which checks its kind; raises `InputError` for one out of bounds."""
        if value is None:
            if self.optional:
                return math.inf if default == math.inf else None
            raise InputError(f"{self.name} must not be empty")
        items = value if isinstance(value, list) else [value]
        if len(items) > MAX_ITEMS:
            raise InputError(f"{self.name} must be a list of at most {MAX_ITEMS} values, not {len(items)}")
        for item in items:
            self._check(item)
        return tuple(items) if isinstance(value, list) else value

    def _check(self, item: object) -> None:
        if isinstance(item, str):
            if len(item) > MAX_TEXT or item.startswith("-") or not item.isprintable():
                raise InputError(f"{self.name} must be a short text that does not begin with -, not {_shown(item)}")
        elif not isinstance(item, (int, float)):
            raise InputError(f"{self.name} must be a number, a text, true or false, not {_shown(item)}")
        else:
            low, high = (-LARGEST if self.low is None else self.low), (LARGEST if self.high is None else self.high)
            if not low <= item <= high:  # also refuses NaN
                between = f"between {low:g} and {high:g}" if self.high is not None else f"at least {low:g}"
                raise InputError(f"{self.name} must be {between}, not {_shown(item)}")


@lru_cache(maxsize=64)
def form(recipe: type) -> tuple[Field, ...]:
    """The fields of a recipe's class, in order.

    >>> from pellucid import GenerateRecipe
    >>> [(field.name, field.kind) for field in form(GenerateRecipe)][:3]
    [('eps', 'number'), ('steps', 'integer'), ('step_size', 'number')]
    >>> form(GenerateRecipe)[1].help
    'Steps of the descent.'
    """
    from ...base.recipes import field_texts  # it loads torch, and the page is shown before that

    types_of, helps = get_type_hints(recipe), field_texts(recipe)
    return tuple(_field(f.name, types_of[f.name], f.default, helps.get(f.name, "")) for f in fields(recipe))


def described(recipe: Any) -> list[dict[str, Any]]:
    """A form as JSON, with this recipe's values as defaults."""
    return [field.described(getattr(recipe, field.name)) for field in form(type(recipe))]


def values(recipe: Any) -> dict[str, Any]:
    """A recipe's settings as JSON; infinity (no limit) becomes null."""
    return {field.name: as_json(getattr(recipe, field.name)) for field in form(type(recipe))}


def filled(default: Recipe, settings: Mapping[str, object]) -> Recipe:
    """A recipe from the page's settings; those that are missing come from `default`.

    Raises:
        InputError: an unknown field, a value of a wrong type or out of bounds, or one that the recipe refuses.

    >>> from pellucid import SketchRecipe
    >>> filled(SketchRecipe().at(32), {"steps": 5})
    SketchRecipe(eps=6.0, steps=5, step_size=0.25, paper='seed', lines=0.5, sigmas=(1.0, 0.2))
    """
    own = {field.name: field for field in form(type(default))}
    for name in settings:
        if name not in own:
            raise unknown("setting", name[:MAX_TEXT], own)
    kept = {name: getattr(default, name) for name in own}
    given = {name: own[name].read(value, kept[name]) for name, value in settings.items()}
    return type(default)(**{**kept, **given})


def words(recipe: Any) -> list[str]:
    """The settings as flags of the command line. Numbers are always included, whatever their defaults.

    >>> from pellucid import PaintRecipe
    >>> words(PaintRecipe(straight_through=False))[4:6]
    ['--weight=90.0', '--no-straight-through']
    """
    said = []
    for field in fields(recipe):
        value, flag = getattr(recipe, field.name), field.name.replace("_", "-")
        if isinstance(value, bool):
            said += [f"--{flag if value else f'no-{flag}'}"] if value != field.default else []
        elif isinstance(value, tuple):
            said += [f"--{flag}", *map(str, value)] if value != field.default else []
        elif value is not None or field.default is not None:
            said.append(f"--{flag}={value}")
    return said


def as_json(value: object) -> object:
    """A setting as JSON."""
    if isinstance(value, tuple):
        return list(value)
    return None if value == math.inf else value


def _field(name: str, kind: Any, default: object, help: str) -> Field:
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    optional = type(None) in options or default == math.inf
    (kind,) = (option for option in options if option is not type(None))
    choices = item = None
    if get_origin(kind) is Literal:
        choices, shown = get_args(kind), "choice"
    elif get_origin(kind) is tuple:
        item, shown = get_args(kind)[0], "list"
    else:
        shown = KINDS[kind]
    low, high = BOUNDS.get(name, (SHORTEST if name in LENGTHS else 0, None))
    if shown not in ("number", "integer"):
        low = high = None
    return Field(name, shown, optional, choices or (), item, low, high, help)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
