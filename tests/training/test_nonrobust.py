"""The non-robust data set, and the study that sets it against the transferability of adversarial examples."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluation_helpers import SIDE, between, flat_classifier, gray_split, radii
from helpers import forward_batches
from PIL import Image
from training_helpers import split

from pellucid import (
    Classifier,
    Dataset,
    InputError,
    NonrobustRecipe,
    Split,
    TrainRecipe,
    TransferabilityRecipe,
    TransferabilityStudyRecipe,
    load_data,
    nonrobust_data,
    transferability_study,
)
from pellucid.cli.main import main
from pellucid.evaluation.outcomes import Accuracies
from pellucid.training import nonrobust
from pellucid.training.transferability_study import correlation
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.networks import build

GRAY = Dataset("gray", gray_split(60), gray_split(10, seed=2), ["a", "b"])


# The data set


def test_of_a_linear_classifier_it_is_known_which_images_reach_their_target():
    """An image whose own class is seen at a distance r reaches the other one if eps > r; 8 bits cost a little."""
    classifier = flat_classifier()
    far = radii(classifier, GRAY.train, 2)
    eps = between(far)[1]
    made = nonrobust_data(classifier, GRAY, NonrobustRecipe(eps=eps, steps=20))
    assert torch.equal(made.train.labels, 1 - GRAY.train.labels)
    rounding = 0.5 / 255 * (3 * SIDE**2) ** 0.5
    seen = classifier.predict(made.train.batch(slice(None))[0])
    reached, sure = seen == made.train.labels, (far - eps).abs() > rounding
    assert torch.equal(reached[sure], (far < eps)[sure])
    assert not reached.all()
    moved = (made.train.images.float() - GRAY.train.images.float()).flatten(1).norm(dim=1) / 255
    assert (moved <= eps + rounding).all()
    assert torch.equal(made.test.images, GRAY.test.images)


def test_random_targets_are_random_and_follow_the_seed():
    recipe = NonrobustRecipe(steps=1, target="random")
    one, same, other = (nonrobust_data(flat_classifier(), GRAY, recipe, seed=s).train.labels for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert 20 < int(one.sum()) < 40


def test_it_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(nonrobust, "PART", 20)
    classifier, recipe, shares = flat_classifier(), NonrobustRecipe(steps=3), []

    def stop(share):
        shares.append(share)
        if len(shares) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nonrobust_data(classifier, GRAY, recipe, parts=tmp_path, callback=stop)
    with forward_batches(classifier.network) as passes:
        made = nonrobust_data(classifier, GRAY, recipe, parts=tmp_path, callback=shares.append)
    assert passes == [1, 20, 20, 20]  # a first look, and the three steps of the last part
    assert shares[2:] == pytest.approx([1 / 3, 2 / 3, 1])
    assert torch.equal(made.train.images, nonrobust_data(classifier, GRAY, recipe).train.images)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    nonrobust_data(classifier, GRAY, recipe, parts=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    nonrobust_data(classifier, GRAY, replace(recipe, eps=0.4), parts=tmp_path)
    assert len(list(tmp_path.iterdir())) == 6


def test_data_without_training_images_are_refused():
    none = Split(GRAY.train.images[:0], GRAY.train.labels[:0])
    with pytest.raises(InputError, match="gray has no training images"):
        nonrobust_data(flat_classifier(), replace(GRAY, train=none))


# The study


def test_r_and_its_interval_are_fishers():
    x, y = [0.1, 0.2, 0.35, 0.4, 0.6], [0.2, 0.1, 0.5, 0.3, 0.9]
    r, low, high = correlation(x, y)
    assert r == pytest.approx(np.corrcoef(x, y)[0, 1])
    center, half = np.arctanh(r), 1.959964 / np.sqrt(2)
    assert (low, high) == pytest.approx((np.tanh(center - half), np.tanh(center + half)), abs=1e-5)
    assert np.isnan(correlation([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0])).all()


RECIPE = TransferabilityStudyRecipe(
    archs=("preact-4-8", "preact-8-8", "smooth-4-8", "smooth-8-8"),
    count=32,
    nonrobust=NonrobustRecipe(eps=1.0, steps=3),
    training=TrainRecipe(epochs=3, batch_size=8, lr=0.1, average=0.5, augment="none"),
    attack=TransferabilityRecipe(eps=1.0, steps=3),
)
DATA = Dataset("ramps", split(40, 0), split(24, 1), ["bottom", "top"])


@pytest.fixture(scope="module")
def source():
    """Sees which end is brighter, by a linear layer."""
    linear = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
    ramp = torch.linspace(-1, 1, 8)[:, None].expand(3, 8, 8).flatten()
    linear[1].weight.data, linear[1].bias.data = torch.stack([ramp, -ramp]), torch.zeros(2)
    return Classifier(linear, class_names=DATA.class_names, card={"size": 8}).eval()


def test_a_study_is_its_parts_one_after_the_other_and_goes_on_where_it_was_stopped(source, tmp_path):
    shares = []

    def stop(share):
        shares.append(share)
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transferability_study(source, DATA, RECIPE, folder=tmp_path, precision="float32", callback=stop)
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("preact-4-8-*/checkpoint.safetensors")}
    found = transferability_study(source, DATA, RECIPE, folder=tmp_path, precision="float32", callback=shares.append)
    assert len(kept) == 2
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())  # finished, and not trained again
    assert shares[-1] == pytest.approx(1)
    made = load_data(tmp_path / "nonrobust.npz")
    assert (len(made.train), len(made.test)) == (32, 24)
    assert found.archs == list(RECIPE.archs)
    assert (found.images, len(found.tried)) == (24, 4)
    expected = correlation(found.learned, found.transfer)
    assert (found.r, found.low, found.high) == pytest.approx(expected, nan_ok=True)
    ends = [learned for learned, _ in found.intervals()]
    assert all(low - 1e-9 <= x <= high + 1e-9 for x, (low, high) in zip(found.learned, ends, strict=True))
    again = transferability_study(source, DATA, RECIPE, folder=tmp_path, precision="float32")
    assert json.dumps(again.to_json()) == json.dumps(found.to_json())
    longer = replace(RECIPE, training=replace(RECIPE.training, epochs=4))
    with pytest.raises(InputError, match=r"was begun with other settings: epochs was 3"):
        transferability_study(source, DATA, longer, folder=tmp_path, precision="float32")


@pytest.mark.parametrize("archs", [(), ("preact-4-8",) * 4, ("a", "b", "c")])
def test_too_few_architectures_are_refused(archs):
    with pytest.raises(InputError, match="needs 4 different architectures or more"):
        TransferabilityStudyRecipe(archs=archs)


def test_the_command_writes_figure_table_and_numbers(tmp_path, monkeypatch, capsys, mistaken):
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build("preact-4-8", 2)
    card = {"arch": "preact-4-8", "size": 8}
    save_bundle(Classifier(network, 0.5, 0.25, DATA.class_names, card=card), "source")
    arrays = {"class_names": np.array(DATA.class_names)}
    for name, part in (("train", DATA.train), ("test", DATA.test)):
        arrays |= {f"{name}_images": part.images.permute(0, 2, 3, 1).numpy(), f"{name}_labels": part.labels.numpy()}
    np.savez("data.npz", **arrays)
    words = ["transferability-study", "--model", "source", "--data", "data.npz", "--device", "cpu", "--out", "study"]
    words += ["--archs", *RECIPE.archs, "--training.epochs", "3", "--training.batch-size", "8", "--training.lr", "0.1"]
    words += ["--training.average", "0.5", "--nonrobust.steps", "2", "--attack.eps", "1.0", "--attack.steps", "2"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert "r = " in out
    assert all(arch in out for arch in RECIPE.archs)
    assert Image.open("study/transferability.png").size[0] > 200
    facts = json.loads((tmp_path / "study" / "transferability.json").read_text())
    assert facts["archs"] == list(RECIPE.archs)
    assert facts["recipe"]["nonrobust"]["steps"] == 2
    by_chance = all(Accuracies(24, share).interval(share)[0] <= 0.5 for share in facts["learned"])
    assert ("no architecture learned more than chance" in err) == by_chance == bool(facts["warnings"])
    assert facts["command"][0] == "transferability-study"
    assert "needs 4 different architectures" in mistaken(*words, "--archs", "preact-4-8")
