"""Recipes: the settings of one task, and lengths in proportion to the images' size."""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from dataclasses import asdict, dataclass, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar

from .checks import check_fields
from .errors import InputError

if TYPE_CHECKING:
    from typing_extensions import Self

R = TypeVar("R")
USUAL_SIDE = 32  # assumed where the size of the images is not known


class PerPixel(float):
    """A length in proportion to the side of the images: PerPixel(0.25) is 8 at 32 px and 32 at 128 px.

    An L2 radius is a root of a sum over pixels, so in proportion to the side it allows each pixel the same change. A
    plain number is that length at every size.

    >>> PerPixel(0.25)
    0.25 per px
    """

    def __repr__(self) -> str:
        return f"{float(self):g} per px"

    __str__ = __repr__

    def __deepcopy__(self, memo: dict) -> PerPixel:
        return self


@dataclass(frozen=True)
class Recipe:
    """The settings of one task: a frozen dataclass, which is also the command line's flags and the studio's form.

    >>> from pellucid import GenerateRecipe
    >>> recipe = GenerateRecipe(steps=2)
    >>> recipe.eps, recipe.at(128).eps, GenerateRecipe(eps=12).at(128).eps
    (0.25 per px, 32.0, 12)
    """

    def __post_init__(self) -> None:
        check_fields(self)

    def at(self, side: int | None) -> Self:
        """The recipe for images of this side in pixels: every `PerPixel` length becomes a number."""
        return replace(self, **{f.name: _at(getattr(self, f.name), side or USUAL_SIDE) for f in fields(self)})


class Settings(TypedDict, total=False):
    """The fields of the tasks' recipes as keywords: a task takes those of its own recipe, and they override it."""

    eps: float
    steps: int
    step_size: float
    sigmas: tuple[float, float]
    straight_through: bool
    enlargement: Literal["bicubic", "nearest"]
    size: int | None
    weight: float
    composite: bool
    fill: Literal["membrane", "mean"]
    label_weight: float
    surroundings: float
    variety: float
    activation: float
    feather: float
    paper: Literal["seed", "keep"]
    lines: float
    consistent: bool
    momentum: float
    tolerance: float
    intervals: int
    blur: float
    radii: tuple[float, ...]
    until: Literal["exceeds", "reaches"]
    value: float
    learning_rate: float
    noise: float
    diversity: float
    diversity_layer: str


def checked(recipe: R | None, kind: type[R]) -> R:
    """The recipe, or the default one of this kind; raises `InputError` for what is none.

    >>> from pellucid import GenerateRecipe
    >>> checked(0.5, GenerateRecipe)
    Traceback (most recent call last):
    pellucid.base.errors.InputError: recipe must be a GenerateRecipe(...), not 0.5
    """
    if recipe is None:
        return kind()
    if not isinstance(recipe, kind):
        raise InputError(f"recipe must be a {kind.__name__}(...), not {recipe!r:.80}")
    return recipe


def field_texts(kind: type) -> dict[str, str]:
    """The texts under the fields of a dataclass, inherited ones included: also those of `--help` and the studio.

    >>> from pellucid import GenerateRecipe
    >>> field_texts(GenerateRecipe)["steps"]
    'Steps of the descent.'
    """
    found: dict[str, str] = {}
    for part in reversed(kind.__mro__[:-1]):
        source: Any = ast.parse(textwrap.dedent(inspect.getsource(part))).body[0]
        for field, text in pairwise(source.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                    found[name] = " ".join(said.split())
    return found


class FieldsDoc:
    """The docstring of a dataclass, to which the texts under its fields are added when `help` reads it."""

    def __init__(self, text: str):
        self.text = text

    def __get__(self, instance: object, kind: Any) -> str:
        texts = field_texts(kind)
        lines = [f"{f.name}: {texts.get(f.name, '')} (default: {f.default!r})" for f in fields(kind)]
        wrapped = [textwrap.fill(line, 112, initial_indent=" " * 4, subsequent_indent=" " * 8) for line in lines]
        return "\n".join([inspect.cleandoc(self.text), "", "Fields:", *wrapped])


def _at(value: Any, side: int) -> Any:
    if isinstance(value, tuple):
        return tuple(_at(part, side) for part in value)
    return float(value) * side if isinstance(value, PerPixel) else value


def plain(recipe: Any) -> dict[str, Any]:
    """A recipe's fields as JSON can hold them: no limit, which is infinity, becomes the word.

    >>> from pellucid import ManipulateRecipe
    >>> plain(ManipulateRecipe())["eps"]
    'inf'
    """
    infinite = (float, math.inf)
    return {name: "inf" if (type(value), value) == infinite else value for name, value in asdict(recipe).items()}
