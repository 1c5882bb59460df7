"""A training run that is killed again and again ends with the weights of one that was left alone."""

import os
import random
import signal
import time
from multiprocessing import get_context

import pytest
import torch
from training_helpers import RECIPE, metrics, run, split, without_times

from pellucid.data.dataset import Dataset
from pellucid.training.checkpoint import CHECKPOINT, PREVIOUS
from pellucid.training.recipe import Attack, TrainRecipe

KILLS = 6


def train_until_killed(recipe, folder, steps):
    """In a process of its own: tells of every step through a pipe."""
    torch.set_num_threads(1)
    data = Dataset("ramps", split(64, 0), split(32, 1), ["top", "bottom"])
    run(data, recipe, folder, resume=(folder / CHECKPOINT).exists() or (folder / PREVIOUS).exists(),
        callback=lambda progress: os.write(steps, b"."))  # fmt: skip


def killed_at_a_random_moment(context, recipe, folder, rng):
    """Whether the run was still going when it was killed, a few steps (4 are an epoch) after it began."""
    reader, writer = os.pipe()
    child = context.Process(target=train_until_killed, args=(recipe, folder, writer))
    child.start()
    os.close(writer)
    for _ in range(rng.randrange(1, 8)):
        os.read(reader, 1)
    time.sleep(rng.uniform(0, 0.03))
    alive = child.is_alive()
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    os.close(reader)
    return alive


@pytest.mark.parametrize("attack", [Attack(eps=0.2, steps=2, random_start=True)], ids=["adversarial"])
def test_kills_at_random_moments_change_not_a_bit(tmp_path, attack):
    recipe = TrainRecipe(**{**vars(RECIPE), "epochs": 24, "attack": attack})
    rng, context = random.Random(0), get_context("fork")
    kills = sum(killed_at_a_random_moment(context, recipe, tmp_path / "killed", rng) for _ in range(KILLS))
    assert kills == KILLS
    data = Dataset("ramps", split(64, 0), split(32, 1), ["top", "bottom"])
    ours = run(data, recipe, tmp_path / "killed", resume=True)
    whole = run(data, recipe, tmp_path / "whole")
    assert all(torch.equal(ours[name], whole[name]) for name in whole)
    assert without_times(metrics(tmp_path / "killed")) == without_times(metrics(tmp_path / "whole"))
    assert sorted(p.name for p in (tmp_path / "killed").iterdir()) == sorted([CHECKPOINT, PREVIOUS, "metrics.jsonl"])
