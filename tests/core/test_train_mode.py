"""A network that is in train mode when a task gets it: the result is that of eval mode, and nothing moves."""

import copy

import pytest
import torch
from helpers import images

import pellucid as pl

MASK = pl.box_mask((8, 8), (2, 2, 3, 3))
TASKS = {
    "generate": lambda c: pl.generate(c, ["cat", "dog"], pl.GenerateRecipe(eps=1.0, steps=2, step_size=0.2)),
    "inpaint": lambda c: pl.inpaint(c, images(2), MASK, recipe=pl.InpaintRecipe(eps=1.0, steps=2, step_size=0.2)),
    "translate": lambda c: pl.translate(c, images(2), ["cat", "dog"], pl.TranslateRecipe(eps=1.0, steps=2)),
    "superres": lambda c: pl.superres(c, images(2, 4), recipe=pl.SuperresRecipe(eps=1.0, steps=2, step_size=0.2)),
    "paint": lambda c: pl.paint(c, images(2), [pl.Stroke(MASK, 1, 1.0)], pl.PaintRecipe(eps=1.0, steps=2))[-1],
    "invert": lambda c: pl.invert(c, images(2), pl.InvertRecipe(steps=2)),
    "manipulate": lambda c: pl.manipulate(c, images(2), torch.tensor([1, 2])),
    "visualize": lambda c: pl.visualize(c, ["1"], pl.VisualizeRecipe(steps=2), seeds=1),
}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_leaves_the_statistics_and_the_modes_alone(task, classifier):
    expected = TASKS[task](copy.deepcopy(classifier))
    trained = copy.deepcopy(classifier).train()
    before = {name: buffer.clone() for name, buffer in trained.named_buffers()}
    made = TASKS[task](trained)
    assert torch.allclose(made.images, expected.images, atol=1e-5)
    assert all(torch.equal(buffer, before[name]) for name, buffer in trained.named_buffers())
    assert all(module.training for module in trained.network.modules())
