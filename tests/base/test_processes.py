"""Two processes, launched as a user launches them, against one."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers import conv_classifier, images, in_two_processes
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from training_helpers import metrics, split

from pellucid import L2, CrossEntropy, EvaluateRecipe, Split, StopRule, descend, evaluate
from pellucid.base.processes import Processes, processes, sharing
from pellucid.cli.main import main

pytest.importorskip("accelerate", reason='needs the extra "distributed"')


@given(items=st.integers(0, 50), count=st.integers(1, 7))
def test_shares_cover_all_items_once_and_evenly(items, count):
    shares = [range(items)[Processes(rank, count).share(items)] for rank in range(count)]
    assert [item for share in shares for item in share] == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_alone_nothing_is_asked_of_anybody(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    alone = processes()
    assert (alone, alone.main, alone.gather("x")) == (Processes(0, 1), True, ["x"])
    assert torch.equal(alone.sum(torch.ones(2)), torch.ones(2))
    alone.wait()


def results_of_a_descent(count, team=None):
    classifier, labels = conv_classifier(), torch.arange(count) % 4
    with sharing(team or Processes()):
        descent = descend(
            classifier, CrossEntropy(labels), images(count), ball=L2(0.5), steps=4, random_start=True, seed=3,
            stop=Classified(labels),
        )  # fmt: skip
    values = {name: getattr(descent, name) for name in ("images", "loss", "history", "stopped_at", "start")}
    return {**values, "history": descent.history.nan_to_num(-1)}


@dataclass(frozen=True)
class Classified(StopRule):
    label: torch.Tensor

    def __call__(self, images, activations):
        return activations.logits.argmax(1) == self.label


@pytest.mark.parametrize("count", [7, 1])
def test_a_shared_descent_gives_everybody_what_one_process_makes(tmp_path, count):
    alone = results_of_a_descent(count)
    both = in_two_processes(lambda rank: results_of_a_descent(count, Processes(rank, 2)), tmp_path)
    for ours in both:
        for name, expected in alone.items():
            assert torch.allclose(torch.tensor(ours[name]), expected, atol=1e-5), name


def outcomes_of_an_evaluation(team=None):
    generator = torch.Generator().manual_seed(0)
    some = Split(torch.randint(0, 256, (11, 3, 8, 8), generator=generator).byte(), torch.arange(11) % 4)
    with sharing(team or Processes()):
        recipe = EvaluateRecipe(eps=(0.05, 0.5), steps=(3,), restarts=2, batch_size=4)
        result = evaluate(conv_classifier(), some, recipe)
    return {"shares": torch.tensor([result.clean, *(share for by in result.robust.values() for share in by.values())])}


def test_a_shared_evaluation_comes_to_the_same_result(tmp_path):
    both = in_two_processes(lambda rank: outcomes_of_an_evaluation(Processes(rank, 2)), tmp_path)
    alone = outcomes_of_an_evaluation()["shares"].tolist()
    assert [ours["shares"] for ours in both] == [alone, alone]
    assert alone[0] > 0


def launched(*words):
    """`python ...` in two processes on the CPU. (`accelerate launch --cpu` starts one process only.)"""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launcher, *map(str, words)], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_launched_processes_know_of_each_other(tmp_path):
    script = tmp_path / "who.py"
    script.write_text("from pellucid.base.processes import processes\nwe = processes()\n"
                      "print(f'[{we.rank} of {we.count}: {we.gather(we.rank)}]')\n")  # fmt: skip
    said = launched(script)
    assert "[0 of 2: [0, 1]]" in said
    assert "[1 of 2: [0, 1]]" in said


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "ramps.npz"
    arrays = {}
    for name, part in (("train", split(48, 0)), ("test", split(16, 1))):
        arrays |= {f"{name}_images": part.images.permute(0, 2, 3, 1).numpy(), f"{name}_labels": part.labels.numpy()}
    np.savez(path, **arrays, class_names=["top", "bottom"])
    return path


def test_two_processes_train_as_one_with_the_same_batch(tmp_path, data_file):
    words = f"train --data {data_file} --arch preact-4-8 --epochs 3 --batch-size 16 --lr 0.1 --attack.eps 0.2"
    words += " --attack.steps 2 --attack.random-start --precision float32 --grain 4 --device cpu --quiet"
    words = [*words.split(), "--examples-every", "0", "--out"]
    assert main([*words, str(tmp_path / "1")]) == 0
    launched("-m", "pellucid", *words, tmp_path / "2")
    one, two = metrics(tmp_path / "1"), metrics(tmp_path / "2")
    assert [line["epoch"] for line in two] == [1, 2, 3]
    assert [line["train_loss"] for line in two] == pytest.approx([line["train_loss"] for line in one], abs=2e-3)
    weights = [load_file(tmp_path / name / f"{name}.safetensors") for name in ("1", "2")]
    assert all(torch.allclose(weights[0][n].float(), weights[1][n].float(), atol=2e-3) for n in weights[0])
    cards = [json.loads((tmp_path / name / f"{name}.json").read_text()) for name in ("1", "2")]
    assert cards[0]["recipe"] == cards[1]["recipe"]
