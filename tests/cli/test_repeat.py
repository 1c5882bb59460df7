"""Results from Python: their sidecars say how they were made, and `pellucid rerun` makes them again."""

import json

import numpy as np
import pytest
import torch
from helpers import images
from words import sidecar

import pellucid as pl
from pellucid.core.objective import Objective

MASK = torch.zeros(16, 16)
MASK[4:9, 4:9] = 1


@pytest.fixture
def net(tiny_bundle):
    return pl.load(str(tiny_bundle), "cpu")


CALLS = {
    "generate": lambda c: pl.generate(c, ["cat", "dog"], steps=2, eps=2, seed=3, size=24),
    "generate from images": lambda c: pl.generate(c, "dog", start=images(1, 16), steps=2),
    "generate from a mixture": lambda c: pl.generate(c, 1, mixture={"cat": 1.0, "dog": 2.0}, steps=2, restarts=2),
    "sketch": lambda c: pl.sketch(c, "photo.png", "ship", steps=2),
    "sketch of a result": lambda c: pl.sketch(c, pl.generate(c, ["cat", "dog"], steps=1), "ship", steps=2),
    "brush": lambda c: pl.brush(c, "photo.png", MASK.numpy(), "ship", steps=2),
    "paint": lambda c: pl.paint(
        c, "photo.png", [pl.Stroke(MASK.numpy(), 1), pl.Stroke(MASK[None], 2, 0.5)], steps=2
    )[1],
    "translate": lambda c: pl.translate(c, ["photo.png", images(1, 16)[0]], torch.tensor([0, 1]), steps=2),
    "superres": lambda c: pl.superres(c, "small.png", start="nearest", steps=2),
    "inpaint": lambda c: pl.inpaint(c, "photo.png", MASK.numpy(), steps=2, surroundings=0),
    "invert": lambda c: pl.invert(c, "photo.png", steps=2, start="gray"),
    "interpolate": lambda c: pl.interpolate(c, "photo.png", "photos/0.png", steps=2, intervals=2),
    "visualize": lambda c: pl.visualize(c, [1, "logits:cat"], steps=2, seeds=2),
    "manipulate": lambda c: pl.manipulate(c, np.zeros((16, 16, 3)), torch.tensor([3]), steps=2),
    "stylize": lambda c: pl.stylize(c, "photo.png", ["photos/0.png"], style_layers=("stem",), evaluations=2,
                                    content_layers=("stage1",), content_classifier=c),
    "some of them": lambda c: pl.generate(c, ["cat", "dog", "ship"], steps=2)[[2, 0]],
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_result_from_python_can_be_repeated(call, net, run, here):
    made = CALLS[call](net)
    assert made.save("made.png").resolve() == here / "made.png"
    facts = sidecar(here / "made.json")
    assert (facts["task"], facts["model_sha256"]) == (
        call.split()[0] if call != "some of them" else "generate",
        made.made.weights.sha256,
    )
    assert facts["recipe"]["eps" if "eps" in facts["recipe"] else "evaluations"] is not None
    code, _, err = run("rerun", "made.png" if "image" in call else "made.json", model=False)
    assert (code, "classifier" in err) == (0, False)
    assert (here / "made-rerun.png").read_bytes() == (here / "made.png").read_bytes()
    code, out, _ = run("rerun", "made-rerun.json", "--out", "folder", "--quiet", model=False)
    assert (code, out) == (0, "")
    assert len(list((here / "folder").glob("*.png"))) == len(made.images)


class Mine(Objective):
    def __call__(self, images, activations):
        return images.flatten(1).mean(1)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda c: pl.descend(c, Mine() - 2 * pl.CrossEntropy("cat"), images(1, 16), ball=pl.L2(1.0), steps=2),
         "its objective, Mine - 2 * CrossEntropy, was made in Python"),
        (lambda c: pl.generate(c, "cat", steps=2, optimizer=pl.NormalizedGradient()),
         "its optimizer, a NormalizedGradient, was made in Python"),
        (lambda c: pl.generate(pl.Classifier(c.network, card={"size": 16}), "1", steps=2, start="noise"),
         "its classifier was made in Python, and has no name to load it by"),
    ],
)  # fmt: skip
def test_what_cannot_be_repeated_says_why(call, why, net, refused, here):
    call(net).save("made.png")
    assert sidecar(here / "made.json")["not_repeatable"] == why
    assert why in refused("rerun", "made.json", model=False)


@pytest.mark.parametrize(
    "change",
    [
        {"task": "train"}, {"task": "load"}, {"call": 5}, {"call": {"callback": "print"}}, {"call": {"labels": {}}},
        {"call": {"no": 1}}, {"recipe": {"no": 1}}, {"recipe": 3}, {"recipe": {"steps": "2"}}, {"rows": [9]},
        {"turn": 1}, {"model": 3}, {"inputs": 3}, {"inputs": [{"path": "../x.png", "sha256": "", "content": ""}]},
        {"call": {"labels": ["cat"], "start": {"input": "no.safetensors"}}},
        {"call": {"labels": ["cat"], "start": {"input": "no.png"}}},
    ],
    ids=str,
)  # fmt: skip
def test_a_hostile_sidecar_is_refused(change, net, refused, here):
    pl.generate(net, "cat", steps=2).save("made.png")
    (here / "made.json").write_text(json.dumps({**sidecar(here / "made.json"), **change}))
    refused("rerun", "made.json", model=False)


def test_it_writes_where_it_is_told_and_replaces_only_when_told(net, run, refused, here):
    pl.generate(net, "cat", steps=2).save("made")
    assert run("rerun", "made", model=False)[0] == 0
    assert (here / "made-rerun" / "0000.png").read_bytes() == (here / "made" / "0000.png").read_bytes()
    assert "made-rerun exists; choose another name or say --overwrite" in refused("rerun", "made", model=False)
    assert run("rerun", "made", "--overwrite", model=False)[0] == 0


def test_another_classifier_is_told(net, run, here):
    pl.generate(net, "cat", steps=2).save("made.png")
    (here / "made.json").write_text(json.dumps({**sidecar(here / "made.json"), "model_sha256": "0" * 64}))
    code, _, err = run("rerun", "made.json", model=False)
    assert code == 0
    assert "is not the classifier that made this" in err
