"""Tasks give the same whatever torch is told around them."""

from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from helpers import images, pictures

import pellucid as pl
from pellucid.core.ordinary import ordinary
from pellucid.representation.visualize import PRESETS

SPLIT = pictures(8, count=4)
LUCID = replace(PRESETS["lucid"], steps=2, size=16)
STYLIZE = pl.StylizeRecipe(evaluations=2, start="noise", style_layers=("0", "1"), content_layers=("1",))
MASK = (torch.arange(8) < 3).float().expand(2, 1, 8, 8)
LABEL, BALL = torch.tensor([0, 1]), pl.L2(1.0)

TASKS = {
    "descend": lambda c, x: pl.descend(c, pl.CrossEntropy(LABEL), x, ball=BALL, steps=2, random_start=True).images,
    "generate": lambda c, x: pl.generate(c, [0, 1], pl.GenerateRecipe(steps=2)).images,
    "inpaint": lambda c, x: pl.inpaint(c, x, MASK, [0, 0], pl.InpaintRecipe(steps=2)).images,
    "translate": lambda c, x: pl.translate(c, x, 1, pl.TranslateRecipe(steps=2)).images,
    "superres": lambda c, x: pl.superres(c, x[..., ::2, ::2], [0, 0], pl.SuperresRecipe(steps=2)).images,
    "invert": lambda c, x: pl.invert(c, x, pl.InvertRecipe(steps=2)).images,
    "interpolate": lambda c, x: pl.interpolate(c, x[:1], x[1:], pl.InterpolateRecipe(steps=2)).images,
    "visualize": lambda c, x: pl.visualize(c, ["0", "1"], pl.VisualizeRecipe(steps=2)).images,
    "lucid": lambda c, x: pl.visualize(c, ["0", "1"], LUCID).images,
    "manipulate": lambda c, x: pl.manipulate(c, x, 3, pl.ManipulateRecipe(steps=2)).images,
    "layers": lambda c, x: pl.layer_robustness(c, x, pl.LayersRecipe(steps=2, restarts=2))[0].change,
    "distance": lambda c, x: pl.distance(c, x[:1], x[1:], pl.DistanceRecipe(steps=2, radii=(0.5,))).images,
    "activating": lambda c, x: pl.activating(c, SPLIT, k=2).most,
    "features": lambda c, x: pl.features(c, SPLIT).values,
    "evaluate": lambda c, x: pl.evaluate(c, SPLIT, pl.EvaluateRecipe(steps=(2,), eps=(0.5,))).clean,
    "stylize": lambda c, x: pl.stylize(c, x[:1], [x[1:]], STYLIZE).images,
}


@contextmanager
def other_device():
    """A default device on which nothing can be computed."""
    with torch.device("meta"):
        yield


@contextmanager
def cast():
    with torch.autocast("cpu", torch.bfloat16):
        yield


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode, cast, other_device], ids=lambda f: f.__name__)
@pytest.mark.parametrize("task", TASKS)
def test_a_task_gives_the_same_inside(task, around, classifier):
    x = images(2)
    expected = TASKS[task](classifier, x)
    with around():
        found = TASKS[task](classifier, x)
    assert torch.equal(torch.as_tensor(found), torch.as_tensor(expected))


def test_another_default_dtype_is_refused_in_one_line(classifier):
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(pl.InputError, match="float32"):
            pl.translate(classifier, images(1).float(), 1, pl.TranslateRecipe(steps=1))
    finally:
        torch.set_default_dtype(torch.float32)


def test_what_was_set_around_is_set_again_afterwards():
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
        with ordinary():
            assert torch.zeros(1).device.type == "cpu"
            assert torch.zeros(1, requires_grad=True).exp().requires_grad
        assert torch.is_inference_mode_enabled()
        assert torch.is_autocast_enabled("cpu")
        assert torch.zeros(1).device.type == "meta"
