"""What every task has: settings as keywords, warnings at the caller's line, a bar, results that know their call."""

import csv
import inspect
import json
import pydoc
import re
import warnings

import numpy as np
import pytest
import torch
from helpers import images

import pellucid as pl
from pellucid import InputError
from pellucid.base.frames import Frames
from pellucid.base.recipes import Settings, field_texts
from pellucid.core.descend import DescendOptions, descend

FUNCTIONS = {name: each for name in pl.__all__ if inspect.isfunction(each := getattr(pl, name))}
RECIPES = {name: inspect.signature(each).parameters["recipe"].annotation for name, each in FUNCTIONS.items()
           if "recipe" in inspect.signature(each).parameters}  # fmt: skip
SOON_DONE = {  # functions without a bar
    "box_mask", "bundled", "convert", "export", "in_order_of", "kaleidoscope", "load", "load_bundle", "load_gaussians",
    "magnitude_spectrum", "patch_mask", "perceptual", "perceptual_distance", "progress", "published", "read_image",
    "samples", "save", "save_bundle", "save_gaussians", "write_image", "zero_shot",
}  # fmt: skip
NO_RESULTS = {"Classifier", "ClassGaussians", "Dataset", "Features", "Perceptual", "Published", "Path", "Tensor"}


def recipe_of(name):
    return getattr(pl, RECIPES[name].split()[0])


def test_settings_stand_beside_the_recipe(classifier):
    written = pl.generate(classifier, ["cat"], pl.GenerateRecipe(eps=1.5, steps=3, start="noise"))
    for spoken in (
        pl.generate(classifier, "cat", eps=1.5, steps=3, start="noise"),
        pl.generate(classifier, ["cat"], pl.GenerateRecipe(eps=9, steps=3, start="noise"), eps=1.5),
        pl.generate(classifier, 0, None, steps=3, eps=1.5, start="noise", batch_size=1),
    ):
        assert torch.equal(spoken.images, written.images)
    assert written.made.recipe.eps == 1.5


def test_a_seed_may_be_numpys(classifier):
    three = pl.generate(classifier, "cat", steps=1, start="noise", seed=3)
    assert torch.equal(pl.generate(classifier, "cat", steps=1, start="noise", seed=np.int64(3)).images, three.images)
    with pytest.raises(InputError, match=r"seed must be a whole number, not 1\.5"):
        pl.generate(classifier, "cat", steps=1, start="noise", seed=1.5)


def test_a_setting_that_does_not_exist_is_refused_with_the_nearest(classifier):
    with pytest.raises(InputError, match="unknown setting of generate 'stpes'; did you mean 'steps'"):
        pl.generate(classifier, "cat", stpes=3)
    with pytest.raises(InputError, match="unknown setting of translate 'fill'"):
        pl.translate(classifier, images(1), "cat", fill="mean")
    with pytest.raises(InputError, match="eps must be a number, not 'large'"):
        pl.generate(classifier, "cat", eps="large")
    with pytest.raises(InputError, match="unknown paper 'zz'"):
        pl.sketch(classifier, images(1), "cat", paper="zz")


@pytest.mark.parametrize("name", RECIPES)
def test_the_fields_of_every_recipe_are_keywords(name):
    """Type checkers know each of them, and the function takes it."""
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    assert RECIPES[name].endswith(" | None")
    assert parameters["recipe"].default is None
    further = next(p for p in parameters.values() if p.kind is p.VAR_KEYWORD)
    module = inspect.getmodule(inspect.unwrap(FUNCTIONS[name]))
    typed = getattr(module, re.fullmatch(r"Unpack\[(\w+)\]", further.annotation)[1]).__annotations__
    for field in recipe_of(name).__dataclass_fields__:
        assert field in {*typed, *parameters}
        assert f"**{further.name}: fields of the recipe" in FUNCTIONS[name].__doc__
    with pytest.raises(InputError, match=f"unknown setting of {name} 'spets'"):
        FUNCTIONS[name](
            **{p.name: None for p in parameters.values() if p.default is p.empty and p is not further}, spets=1
        )


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - SOON_DONE))
def test_every_long_function_has_a_bar(name):
    assert "callback" in inspect.signature(FUNCTIONS[name]).parameters
    assert inspect.unwrap(FUNCTIONS[name]) is not FUNCTIONS[name]  # it is a task


def test_every_result_shows_and_saves_itself():
    for function in FUNCTIONS.values():
        name = re.findall(r"\w+", function.__annotations__["return"])[-1]
        kind = getattr(inspect.getmodule(inspect.unwrap(function)), name, None)
        if inspect.isclass(kind) and name not in NO_RESULTS:
            assert {"save", "_repr_html_"} <= {*dir(kind)}, name


def test_a_table_is_written_as_json_and_csv(tmp_path):
    found = pl.Accuracies(10, 0.5, {0.25: {"pgd-20": 0.2}}, {"seed": 1})
    assert json.loads(found.save(tmp_path / "a.json").read_text()) == found.to_json()
    header, *rows = csv.reader(found.save(tmp_path / "a.csv").open())
    assert (header[0], rows[1][:2]) == ("10 images", ["eps 0.25, pgd-20", "20.0%"])
    with pytest.raises(InputError, match=r"a\.csv exists; choose another name or give overwrite=True"):
        found.save(tmp_path / "a.csv")
    with pytest.raises(InputError, match=r"a table is a \.json or a \.csv"):
        found.save(tmp_path / "a.txt")


def test_the_options_are_those_of_descend():
    known = {n for n, p in inspect.signature(descend).parameters.items() if p.kind is p.KEYWORD_ONLY}
    own = DescendOptions.__annotations__.keys() - Settings.__annotations__.keys()
    assert own == known - {"ball", "steps", "step_size", "seed", "callback"}


def test_warnings_point_at_the_line_of_the_caller(classifier):
    for call in (
        lambda: pl.generate(classifier, "cat", steps=1, eps=5),
        lambda: pl.descend(classifier, pl.CrossEntropy("cat"), images(1), ball=pl.L2(5.0), steps=1, step_size=0.1),
        lambda: pl.invert(classifier, images(1), steps=1, start=images(1, 4)),
    ):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            call()
        assert {warning.filename for warning in seen} == {__file__}


def test_a_result_has_a_length_and_parts(classifier):
    made = pl.generate(classifier, ["cat", "dog", "ship"], steps=3)
    assert (len(made), len(made[1]), len(made[:2]), len(made[[2, 0]])) == (3, 1, 2, 2)
    assert torch.equal(made[[2, 0]].images, made.images[[2, 0]])
    assert torch.equal(made[2].history, made.history[:, 2:])
    assert torch.equal(made[torch.tensor([True, False, True])].loss, made.loss[[0, 2]])
    assert [part.class_names for part in made] == [["cat"], ["dog"], ["ship"]]
    assert made[1:][1].made.rows == (2,)
    with pytest.raises(IndexError):
        made[3]


def test_frames_are_kept_as_the_images_formed(classifier):
    seen = []
    made = pl.generate(classifier, ["cat", "dog"], steps=5, callback=lambda p: seen.append(p.images.clone()))
    assert made.frames.dtype == torch.uint8
    assert torch.allclose(made.frames.float() / 255, torch.stack(seen), atol=0.51 / 255)
    assert made[1].frames.shape == (5, 1, 3, 8, 8)
    several = pl.generate(classifier, ["cat", "dog", "ship"], steps=5, batch_size=2)  # all of them move at once
    assert torch.equal(several.frames[:, :2], made.frames)
    alone = pl.generate(classifier, ["cat", "dog", "ship"], steps=5)
    assert torch.equal(several.frames, alone.frames)


def test_frames_are_thinned_by_number_and_by_bytes_and_a_finished_image_stays():
    def told(step, count, rows=(0, 1)):
        images = torch.full((len(rows), 3, 2, 2), step / 255)
        return pl.Progress(step, count, torch.tensor(rows), images, torch.zeros(len(rows)))

    many, small, stopped = Frames(), Frames(most=100), Frames()
    for step in range(1, 101):
        many.add(told(step, 100))
    for step in range(1, 9):
        small.add(told(step, 8))
        stopped.add(told(step, 8, (0, 1) if step < 3 else (1,)))
    images = torch.zeros(2, 3, 2, 2)
    assert many.of(images)[:, 0, 0, 0, 0].tolist() == list(range(2, 101, 2))
    assert small.of(images)[:, 1, 0, 0, 0].tolist() == [2, 4, 6, 8]  # four of 24 bytes
    assert stopped.of(images)[:, :, 0, 0, 0].tolist() == [[1, 1], [2, 2], *([2, step] for step in range(3, 9))]
    assert many.of(torch.zeros(3, 3, 2, 2)).numel() == 0  # frames of other images
    assert many.of(torch.zeros(2, 3, 4, 4)).shape == (50, 2, 3, 4, 4)


def test_a_bar_is_shown_where_it_is_wanted(classifier, capsys, monkeypatch, tmp_path):
    def said():
        pl.generate(classifier, "cat", steps=2)
        return capsys.readouterr().err

    monkeypatch.setattr("pellucid.base.progress._asked", [])
    monkeypatch.delenv("PELLUCID_PROGRESS", raising=False)
    assert said() == ""  # no terminal
    monkeypatch.setenv("PELLUCID_PROGRESS", "1")
    assert "generate" in said()
    pl.progress(False)
    assert said() == ""
    pl.progress(True)
    assert "generate" in said()
    pl.generate(classifier, "cat", steps=2, callback=lambda progress: None)
    assert capsys.readouterr().err == ""
    pl.load_data(pl.samples(tmp_path / "samples") / "tiles", measuring=True)
    assert "load_data" in capsys.readouterr().err
    split = pl.Split(images(2), torch.arange(2))
    pl.inpaint_statistics(pl.Comparison({"ours": classifier}, split), steps=1, surroundings=0.0, patch=2)
    assert {*re.findall(r"(\w+) +\d+%", capsys.readouterr().err)} == {"inpaint_statistics"}


@pytest.mark.parametrize("name", RECIPES)
def test_help_tells_what_every_field_means(name):
    text = pydoc.render_doc(recipe_of(name), renderer=pydoc.plaintext)
    told = " ".join(text.replace(" |  ", " ").split())
    for field, meaning in field_texts(recipe_of(name)).items():
        assert f"{field}: {meaning}" in told


def test_the_texts_are_those_of_the_form_and_stand_in_help():
    assert field_texts(pl.SketchRecipe)["lines"].startswith("How much the pen's strokes may move")
    assert "How much the pen's strokes may move" in pl.SketchRecipe.__doc__
    assert pl.SketchRecipe(lines=0.25).__doc__ == pl.SketchRecipe.__doc__
