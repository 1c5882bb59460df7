"""What every public task has: settings beside its recipe, a bar while it runs, and results that know their call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import fields, is_dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar, get_args, get_type_hints

from torch import nn

from .checks import check_classifier, whole
from .devices import pick_precision
from .errors import unknown
from .frames import Frames, counted
from .made import Made, Weights, fingerprint
from .pictures import Pictures
from .processes import team
from .progress import bar, wanted
from .recipes import FieldsDoc, Settings, checked

P = ParamSpec("P")
R = TypeVar("R")
FRAMES = 2**26  # bytes of frames that a result keeps
_inside: ContextVar[bool] = ContextVar("inside", default=False)  # a task of another one has no bar of its own


def task(
    recipe: type | None = None, options: type | None = None, precision: str = "auto"
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A public function that takes the fields of its recipe as keywords, too, shows a bar, and notes its call.

    Args:
        recipe: the kind of the parameter `recipe`; keywords that are fields of it override it.
        options: a `TypedDict` of what else the function passes on.
        precision: the usual one, if the function passes that on. What "auto" comes to is in the noted call.
    """
    settings = [f.name for f in fields(recipe)] if recipe is not None and is_dataclass(recipe) else []
    if recipe is not None and isinstance(vars(recipe)["__doc__"], str):
        recipe.__doc__ = FieldsDoc(recipe.__doc__)  # type: ignore[assignment]

    def decorated(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        further = next((name for name, p in signature.parameters.items() if p.kind is p.VAR_KEYWORD), "")
        passed = options.__annotations__.keys() - Settings.__annotations__.keys() if options is not None else ()
        known = [*settings, *sorted(passed)]
        own = signature.parameters.get("precision")
        usual = own.default if own is not None else precision if "precision" in passed else None

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            given, rest = bound.arguments, dict(bound.arguments.get(further, {}))
            if "seed" in given:
                given["seed"] = whole("seed", given["seed"])
            for name in rest:
                if known and name not in known:
                    raise unknown(f"setting of {function.__name__}", name, known)
            if recipe is not None and "classifier" in given:
                check_classifier(given["classifier"])
            if recipe is not None:
                said = {name: rest.pop(name) for name in settings if name in rest}
                said |= {name: given.pop(name) for name in settings if _is_choice(recipe, name, given.get(name))}
                found = checked(given.get("recipe"), recipe)
                given["recipe"] = replace(found, **said) if said else found
                where = rest if own is None else given
                if "classifier" in given and where.get("precision", usual) == "auto":
                    where["precision"] = pick_precision("auto", given["classifier"].device)
            if further:
                given[further] = rest
            return function(*bound.args, **bound.kwargs) if _inside.get() else _watched(function, bound, further)

        return run

    return decorated


def _is_choice(recipe: type, name: str, value: object) -> bool:
    """Whether this is a word of the recipe's field, where the function has a parameter of the same name."""
    return isinstance(value, str) and value in get_args(get_type_hints(recipe)[name])


def _watched(function: Callable[..., R], bound: inspect.BoundArguments, further: str) -> R:
    """Call it with a bar; what it returns knows how it was made, and what it looked like on its way."""
    given, everybody, frames = bound.arguments, team(), Frames(FRAMES)
    classifier, callback = given.get("classifier"), given.get("callback")
    arguments = _noted(bound, further)
    entered = _inside.set(True)
    try:
        tells = "callback" in inspect.signature(function).parameters
        with bar(function.__name__, tells and callback is None and everybody.main and wanted()) as advance:
            if tells:

                def told(progress: Any) -> None:
                    done, total = counted(progress)
                    advance(done / total)
                    if hasattr(progress, "images") and everybody.count == 1:
                        frames.add(progress)
                    if callback is not None:
                        callback(progress)

                given["callback"] = told
            result = function(*bound.args, **bound.kwargs)
    finally:
        _inside.reset(entered)
    several: list[Any] = result if isinstance(result, list) else [result]
    if not several or not isinstance(several[0], Pictures):
        return result
    recipe: Any = given.get("recipe")
    recipe = recipe.at(getattr(classifier, "size", None)) if hasattr(recipe, "at") else recipe
    weights = None if recipe is None else _weights(classifier)
    names = getattr(classifier, "class_names", None)
    for turn, one in enumerate(several):
        number = turn if isinstance(result, list) else None
        one.made = Made(function.__name__, arguments, recipe, weights, names, turn=number)
    several[-1].frames = frames.of(several[-1].images)
    return result


def _noted(bound: inspect.BoundArguments, further: str) -> dict[str, Any]:
    """The arguments for `Made`, defaults included."""
    whole = inspect.BoundArguments(bound.signature, dict(bound.arguments))  # type: ignore[arg-type]
    whole.apply_defaults()
    found: Mapping[str, Any] = {**whole.arguments, **whole.arguments.get(further, {})}
    left_out = ("classifier", "recipe", "callback", further)
    return {
        name: _weights(value) if isinstance(value, nn.Module) else value
        for name, value in found.items()
        if name not in left_out and value is not None
    }


def _weights(classifier: Any) -> Weights:
    return Weights(getattr(classifier, "name", ""), fingerprint(classifier))
