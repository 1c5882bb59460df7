"""Forms: every field of every recipe, and back, with the command line as the judge."""

import math
from dataclasses import fields, replace
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from studio_helpers import serving_from, settings

from pellucid import ManipulateRecipe, SketchRecipe, StylizeRecipe
from pellucid.base.errors import InputError
from pellucid.cli.parse import parse
from pellucid.studio.runs.actions import ACTIONS
from pellucid.studio.runs.form import described, filled, form, values, words
from pellucid.studio.runs.order import catalog

RECIPES = {name: action.recipe for name, action in ACTIONS.items()}
each = pytest.mark.parametrize("action", RECIPES)


def flags_of(action):
    module = import_module(f"pellucid.cli.{action}")
    return next(value for name, value in vars(module).items() if name.lower() == action and isinstance(value, type))


@each
def test_a_form_has_every_field_in_order_with_its_help(action):
    recipe = RECIPES[action]
    shown = described(recipe)
    assert [field["name"] for field in shown] == [field.name for field in fields(recipe)]
    for field in shown:
        assert field["help"].endswith((".", ")"))
        assert "  " not in field["help"]
        assert field["label"][0].isupper() or not field["label"][0].isalpha()
        assert (field["type"] == "choice") == bool(field["choices"])
        assert field["default"] is not None or field["optional"]


@each
def test_what_a_page_gets_is_what_it_may_send(action):
    for recipe in (RECIPES[action], *ACTIONS[action].presets.values()):
        assert filled(RECIPES[action], values(recipe)) == recipe


def changed(action):
    """Recipes of an action, with any values that its form takes."""

    def value(field):
        if field.kind == "number":
            numbers = st.floats(1e-6, 1e6)
            return st.one_of(numbers, st.none()) if field.optional else numbers
        if field.kind == "integer":
            return st.integers(int(field.low or 0) or 1, int(field.high or 10**6))
        if field.kind == "choice":
            return st.sampled_from(field.choices)
        return st.booleans() if field.kind == "switch" else st.nothing()

    strategies = {field.name: value(field) for field in form(type(RECIPES[action]))}
    kinds = {name: strategy for name, strategy in strategies.items() if not strategy.is_empty}
    return st.fixed_dictionaries({}, optional=kinds)


@each
@limits(max_examples=8)
@given(data=st.data())
def test_the_command_line_reads_the_same_settings(action, data, tiny_bundle):
    settings = data.draw(changed(action))
    try:
        recipe = filled(RECIPES[action].at(16), settings)  # as the tiny bundle is
    except InputError:  # what the recipe itself refuses, such as options that exclude each other
        return
    flags = parse(flags_of(action), ["--model", str(tiny_bundle), *words(recipe)], action, ACTIONS[action].presets)
    assert flags.recipe == recipe


def test_layers_are_words_of_their_own():
    recipe = filled(
        StylizeRecipe(), {"style_layers": ["layer1", "layer2"], "layer_weights": [1, 0.5], "relative": False}
    )
    assert (recipe.style_layers, recipe.layer_weights) == (("layer1", "layer2"), (1.0, 0.5))
    assert parse(flags_of("stylize"), words(recipe), "stylize").recipe == recipe


def test_no_limit_is_null():
    assert values(ManipulateRecipe())["eps"] is None
    assert filled(ManipulateRecipe(eps=5.0), {"eps": 7}).eps == 7
    assert filled(ManipulateRecipe(), {"eps": None}).eps == math.inf
    with pytest.raises(InputError, match="eps must not be empty"):
        filled(SketchRecipe(), {"eps": None})


def test_what_is_left_out_is_as_in_the_default():
    default = replace(SketchRecipe().at(32), eps=1.5)
    assert filled(default, {"steps": 3}) == replace(default, steps=3)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300)
JSON = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=2)


@each
@limits(max_examples=50)
@given(data=st.data())
def test_any_json_is_a_recipe_or_one_line(action, data):
    names = st.sampled_from([field.name for field in fields(RECIPES[action])]) | st.text(max_size=300)
    settings = data.draw(st.dictionaries(names, JSON, max_size=2))
    try:
        recipe = filled(RECIPES[action], settings)
    except InputError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017
        assert len(str(error)) < 1000  # noqa: PT017
    else:
        assert type(recipe) is type(RECIPES[action])


@pytest.mark.parametrize(("size", "hidden"), [(32, "imagenet"), (224, "cifar10")])
def test_presets_for_other_sizes_or_other_layers_are_not_offered(size, hidden):
    classifier = SimpleNamespace(size=size, layers={})
    offered = [name for action in catalog(cast(Any, classifier)) for name in action["presets"]]
    assert offered
    assert not any(name.endswith((hidden, "vgg19")) for name in offered)


def test_no_request_makes_a_form(tiny_bundle, tmp_path):
    form.cache_clear()  # threads that parse at once can fail, see `studio._preload`
    with serving_from(tmp_path, settings(tiny_bundle)) as client:
        made = form.cache_info().misses
        assert client.get("/api/actions", model=client.model)["actions"]
        client.finish("generate", label="dog", settings={"steps": 1})
    assert form.cache_info().misses == made > 0
