"""`pellucid gaussians`, and generation from what it writes."""

import numpy as np
import pytest
from helpers import PETS
from words import QUICK, sidecar

from pellucid import load_bundle, save_bundle
from pellucid.core.batch import generators
from pellucid.data.gaussians import fit_gaussians
from pellucid.data.load import load_data
from pellucid.zoo.gaussians import load_gaussians


@pytest.fixture
def without(tiny_bundle, here):
    """The name of a bundle without class Gaussians."""
    classifier = load_bundle(tiny_bundle)
    classifier.gaussians = None
    return save_bundle(classifier, here / "without")


def test_any_classifier_generates_from_gaussians_of_a_data_set(run, here, data, without):
    words = ["--model", without, "--data", data, "--rank", "5", "--components", "2", "--out", "seeds.safetensors"]
    code, out, err = run("gaussians", *words, model=False)
    assert (code, err) == (0, "")
    assert "% of the variance at 8 px" in out
    classifier = load_bundle(without)
    expected = fit_gaussians(load_data(data, 16).train, 3, grain=2, rank=5, components=2)
    fitted = load_gaussians("seeds.safetensors", classifier)
    labels = classifier.labels(["ship", "ship"])
    assert (fitted.sample(labels, generators(0, 2)) == expected.sample(labels, generators(0, 2))).all()
    made = ["generate", "--model", without, "--gaussians", "seeds.safetensors", "--classes", "ship", "--count", "2"]
    assert run(*made, *QUICK, "--eps", "1", "--out", "ships", model=False)[0] == 0
    assert [entry["path"] for entry in sidecar(here / "ships" / "descent.json")["inputs"]] == ["seeds.safetensors"]
    assert run("rerun", "ships/descent.json", "--out", "again", model=False)[0] == 0
    assert run(*made, *QUICK, "--eps", "1", "--out", "ships.npz", model=False)[0] == 0
    assert [entry["path"] for entry in sidecar(here / "ships.json")["inputs"]] == ["seeds.safetensors"]
    for name in ("0000.png", "0001.png"):
        assert (here / "again" / name).read_bytes() == (here / "ships" / name).read_bytes()


def test_classes_stand_in_the_order_of_the_classifier(run, here, data, without):
    arrays = dict(np.load(data))
    arrays["class_names"] = np.array(PETS[::-1])
    arrays |= {f"{split}_labels": 2 - arrays[f"{split}_labels"] for split in ("train", "test")}
    np.savez(here / "turned.npz", **arrays)
    found = []
    for source, out in ((data, "a.safetensors"), ("turned.npz", "b.safetensors")):
        assert run("gaussians", "--model", without, "--data", source, "--out", out, model=False)[0] == 0
        found.append(load_gaussians(out, load_bundle(without)).means)
    assert (found[0] == found[1]).all()


def test_without_gaussians_generate_names_the_command(refused, without):
    line = refused("generate", "--model", without, "--classes", "cat", "--out", "cats.png", model=False)
    assert "or gray instead, or fit some" in line
    assert "pellucid gaussians --model NAME --data FOLDER --out FILE" in line


def test_data_of_other_classes_and_a_place_that_is_taken_are_refused(refused, run, data, without):
    np.savez(data, **{**np.load(data), "class_names": np.array([*PETS, "plane"])})
    words = ["gaussians", "--model", without, "--data", data]
    assert "has 4 classes, the model 3: only the data have plane" in refused(*words, model=False)
    np.savez(data, **{**np.load(data), "class_names": np.array(PETS)})
    assert "grain 3 does not divide 16 x 16" in refused(*words, "--grain", "3", model=False)
    assert run(*words, model=False)[0] == 0
    assert "gaussians.safetensors exists" in refused(*words, model=False)
