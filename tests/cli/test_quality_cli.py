"""`pellucid generate --out NAME.npz` and `pellucid quality` as a user meets them."""

import json

import numpy as np
import pytest
import torch
from helpers import PETS, pictures
from words import QUICK, files, sidecar, stops_after

from pellucid import load_bundle, load_data
from pellucid.zoo.models import fingerprint

SAMPLES = ("generate", "--count", "8", "--seed", "2", *QUICK, "--eps", "2", "--out", "samples.npz")


@pytest.fixture
def samples(run, here):
    assert run(*SAMPLES)[0] == 0


@pytest.fixture
def photos(here):
    split = pictures(16, 45)
    np.savez("photos.npz", test_images=split.images.permute(0, 2, 3, 1).numpy(), test_labels=split.labels.numpy())


@pytest.fixture
def measure(run, photos, tiny_bundle):
    """Runs `pellucid quality` under the features of the tiny bundle."""

    def measure(*words):
        common = ("--device", "cpu", "--data", "photos.npz", "--subsets", "2", "--features", tiny_bundle)
        return run("quality", *common, *words, model=False)

    return measure


def test_samples_are_a_data_set_with_a_sidecar_that_repeats_them(run, here, tiny_bundle):
    code, out, err = run(*SAMPLES)
    assert (code, out) == (0, "samples.npz  (8 images of each class; how they were made: samples.json)\n")
    assert err.startswith("about ")
    assert err.endswith(" in all\n")
    facts = sidecar(here / "samples.json")
    assert (facts["task"], facts["seed"], facts["classes"]) == ("generate", 2, PETS)
    assert facts["model_sha256"] == fingerprint(load_bundle(tiny_bundle))
    assert run("rerun", "samples.json", model=False)[0] == 0
    assert torch.equal(load_data("samples.npz").train.images, load_data("samples-rerun.npz").train.images)


def test_ctrl_c_keeps_what_is_finished(run, here, monkeypatch):
    monkeypatch.setattr("pellucid.synthesis.samples.at_once", lambda images: 5)
    with monkeypatch.context() as patch:
        stops_after(patch, "pellucid.cli.generate", "sample_dataset", 3)
        code, out, err = run(*SAMPLES)
    assert (code, out) == (130, "")
    assert err.endswith("pellucid generate: interrupted; what is finished is kept, and the same command goes on\n")
    assert "samples.npz" not in files(here)
    assert run(*SAMPLES)[0] == 0
    assert not any(name.startswith("samples-parts") for name in files(here))
    assert len(load_data("samples.npz").train) == 24


def test_a_data_set_that_was_killed_before_its_sidecar_gets_one(run, here, monkeypatch):
    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pellucid.cli.generate.write_sidecar", killed)
        assert run(*SAMPLES)[0] == 130
    assert "samples.npz" in files(here)
    assert run(*SAMPLES)[0] == 0
    assert {"samples.npz", "samples.json"} <= set(files(here))
    assert "samples.npz exists" in run(*SAMPLES)[2]


def test_the_table_and_the_json_say_the_same(measure, samples, here, tiny_bundle):
    code, out, err = measure("--samples", "samples.npz", "--out", "made/quality.json")
    assert (code, err) == (0, "")
    assert f"24 images against 45 real ones, features of {tiny_bundle}; not comparable with published" in out
    facts = json.loads((here / "made/quality.json").read_text())
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line}
    score = ["Score", f"{facts['inception_score']:.3f}", f"{facts['inception_score_std']:.3f}"]
    assert lines["Inception"][1:] == score
    assert lines["FID"] == ["FID", f"{facts['fid']:.3f}"]
    assert lines["precision"] == ["precision", f"{facts['precision']:.4f}"]
    assert (facts["count"], facts["real_count"], facts["split"], facts["warnings"]) == (24, 45, "test", [])
    assert (facts["features"], facts["comparable_with_published"]) == (str(tiny_bundle), False)
    assert facts["model_sha256"] == fingerprint(load_bundle(tiny_bundle))


def test_a_flat_folder_is_measured_and_a_fid_that_is_left_out_is_a_warning(measure, run, here):
    assert run("generate", "--count", "7", *QUICK, "--eps", "2", "--out", "flat")[0] == 0
    for path in sorted((here / "flat").glob("*.png"))[-6:]:
        path.unlink()
    code, _, err = measure("--samples", "flat", "--splits", "2", "--out", "flat.json")
    assert (code, err.count("\n")) == (0, 1)
    facts = json.loads((here / "flat.json").read_text())
    assert facts["fid"] is None
    assert facts["count"] == 15
    assert [f"warning: {said}\n" for said in facts["warnings"]] == [err]
    assert "FID is left out" in err


def test_evaluate_reads_samples(run, samples):
    code, out, _ = run("evaluate", "--data", "samples.npz", "--eps", "0.1", "--steps", "1", "--no-sanity")
    assert code == 0
    assert out.startswith("24 images of the train split")


def test_mistakes_are_one_line(refused, photos):
    words = ("--device", "cpu", "--data", "photos.npz")
    assert "--samples FOLDER --data FOLDER --features inception" in refused("quality", *words, model=False)
    line = refused("generate", "--out", "made.npz", "--start-images", "photo.png")
    assert "goes with neither --beside, --save-frames nor --start-images" in line
    assert "exists; choose another name" in refused("generate", "--out", "photos.npz")
