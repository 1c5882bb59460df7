"""What a recipe refuses when it is made, and what is written of numbers that are none."""

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from helpers import images

import pellucid as pl
from pellucid import InputError
from pellucid.base.files import write_json
from pellucid.cli.main import main, memory_asked_for
from pellucid.data.transforms import jitter
from pellucid.style.compare import CompareRecipe

WORDS = [
    (pl.InvertRecipe, "start"),
    (pl.InvertRecipe, "schedule"),
    (pl.InterpolateRecipe, "schedule"),
    (pl.ManipulateRecipe, "until"),
    (pl.VisualizeRecipe, "parametrization"),
    (pl.GenerateRecipe, "start"),
    (pl.GenerateRecipe, "enlargement"),
    (pl.SuperresRecipe, "start"),
    (pl.EvaluateRecipe, "norm"),
    (pl.TransferabilityRecipe, "norm"),
    (pl.LayersRecipe, "norm"),
]


@pytest.mark.parametrize(("recipe", "field"), WORDS, ids=lambda value: getattr(value, "__name__", value))
def test_a_word_that_a_recipe_does_not_know_is_refused(recipe, field):
    with pytest.raises(InputError, match=f"unknown {field} 'zz'"):
        recipe(**{field: "zz"})


@pytest.mark.parametrize(
    ("recipe", "field", "given", "kept"),
    [
        (pl.EvaluateRecipe, "eps", 0.5, None),
        (pl.EvaluateRecipe, "eps", ("0.5",), None),
        (pl.EvaluateRecipe, "eps", np.array([0.5, 1]), (0.5, 1.0)),
        (pl.EvaluateRecipe, "steps", 3, None),
        (pl.EvaluateRecipe, "steps", [np.int64(3)], (3,)),
        (pl.EvaluateRecipe, "autoattack", "standard", None),
        (pl.EvaluateRecipe, "count", True, None),
        (pl.EvaluateRecipe, "random_start", 1, None),
        (pl.TransferabilityRecipe, "eps", (0.5,), None),
        (pl.GenerateRecipe, "steps", np.int64(3), 3),
        (pl.GenerateRecipe, "steps", 2.5, None),
        (pl.GenerateRecipe, "steps", "3", None),
        (pl.GenerateRecipe, "eps", np.float32(0.5), 0.5),
        (pl.TrainRecipe, "drops", 3, None),
        (pl.TrainRecipe, "attack", 0.5, None),
        (pl.Attack, "eps", "0.5", None),
    ],
)
def test_a_field_of_another_kind_is_refused_and_numpys_numbers_are_pythons(recipe, field, given, kept):
    if kept is None:
        with pytest.raises(InputError, match=field):
            recipe(**{field: given})
    else:
        assert json.loads(json.dumps(asdict(recipe(**{field: given}))[field])) == plain_json(kept)


def plain_json(value):
    return list(value) if isinstance(value, tuple) else value


def test_each_of_several_words_has_to_be_known():
    with pytest.raises(InputError, match="unknown starts 'zz'"):
        CompareRecipe(starts=("noise", "zz"))


@pytest.mark.parametrize(
    ("recipe", "field", "value"),
    [
        (pl.InvertRecipe, "eps", math.nan),
        (pl.InterpolateRecipe, "eps", -math.inf),
        (pl.InvertRecipe, "tolerance", -0.1),
        (pl.ManipulateRecipe, "eps", math.nan),
        (pl.ManipulateRecipe, "value", math.inf),
        (pl.Momentum, "momentum", 1),
        (pl.Momentum, "momentum", math.nan),
    ],
    ids=str,
)
def test_a_number_that_cannot_be_is_refused(recipe, field, value):
    with pytest.raises(InputError, match=f"{field} must be"):
        recipe(**{"decay" if field == "momentum" else field: value})


@pytest.mark.parametrize("options", [{"steps": 0}, {"step_size": math.inf}, {"momentum": 5}], ids=str)
def test_what_a_descent_cannot_do_is_refused(classifier, options):
    (field,) = options
    with pytest.raises(InputError, match=f"{field} must be"):
        pl.invert(classifier, images(1), pl.InvertRecipe(**options))


@pytest.mark.parametrize("flag", ["--eps=nan", "--tolerance=nan"])
def test_the_command_refuses_them_before_the_work(tiny_bundle, tmp_path, capsys, flag):
    out = tmp_path / "x.png"
    assert main(["invert", "--model", str(tiny_bundle), "--kaleidoscope", "1", "--out", str(out), flag]) == 2
    assert f"{flag[2:].split('=')[0]} must be" in capsys.readouterr().err
    assert not out.exists()


def test_json_knows_no_numbers_that_are_none(tmp_path):
    write_json(tmp_path / "it.json", {"a": [1.5, math.nan], "b": {"c": (-math.inf, "inf")}})
    assert json.loads((tmp_path / "it.json").read_text()) == {"a": [1.5, None], "b": {"c": [None, "inf"]}}


def test_a_sidecar_is_json_whatever_became_of_the_images(tmp_path, classifier):
    descent = pl.invert(classifier, images(1), pl.InvertRecipe(steps=1)).about(value=math.nan)
    text = pl.save(descent, tmp_path / "x.png").with_suffix(".json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["value"] is None


def test_a_jitter_as_large_as_the_image_is_refused():
    with pytest.raises(InputError, match="a jitter of 8 pixels needs images larger than that, not 8 x 8"):
        jitter(8)(images(1), [torch.Generator()])


def test_images_that_no_memory_holds_are_told_in_one_line(tiny_bundle, tmp_path, capsys):
    words = ["--units", "3", "--size", "100000000", "--out", str(tmp_path / "x.png")]  # 120 petabytes
    assert main(["visualize", "--model", str(tiny_bundle), *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pellucid visualize: there is no memory for the 111758709.0 GiB that this takes")
    assert len(error.splitlines()) == 1


def test_what_graphics_cards_say_of_memory():
    assert memory_asked_for("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has") == "20.00 GiB"
    assert memory_asked_for("mat1 and mat2 shapes cannot be multiplied") is None
