"""The entries of the transfer paper on sources and a target of 16 px, beside what the library says itself."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import PETS, pictures

import pellucid as pl
from pellucid.report import transfer as entries
from pellucid.report.scene import Scene
from pellucid.transfer_learning.study.linearity import linearity
from pellucid.zoo.networks import build


def source(seed, eps, clean, width=8):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(f"preact-4-{width}", len(PETS)).eval()
    threat = f"l2 eps {eps}" if eps else "none (standard training)"
    card = {"arch": f"preact-4-{width}", "size": 16, "data": "pets", "threat": threat, "accuracy": {"clean": clean}}
    return pl.Classifier(network, class_names=PETS, card=card)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("targets")
    arrays = {}
    for part, seed in (("train", 2), ("test", 3)):
        split = pictures(16, 36, seed)
        arrays |= {f"{part}_images": split.images.permute(0, 2, 3, 1).numpy(), f"{part}_labels": split.labels.numpy()}
    np.savez(folder / "signs.npz", **arrays, class_names=np.array(PETS))
    known = {"robust": source(0, 0.5, 0.7), "standard": source(1, 0, 0.9), "second": source(2, 0.5, 0.75, width=12),
             "third": source(3, 0.5, 0.8, width=16)}  # fmt: skip
    return Scene(known, judge=source(4, 0, 0.8), styles={"red": torch.rand(1, 3, 32, 32)}, scale="tiny",
                 targets=(str(folder / "signs.npz"),))  # fmt: skip


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))


def test_fixed_features_are_those_of_a_transfer(scene):
    found = entries.figure_2(scene)
    measured = {row[1]: row[2] for row in found.table.rows}
    data = pl.load_data(scene.targets[0], 16)
    for name, classifier in scene.classifiers.items():
        expected = pl.transfer(classifier, data, pl.TransferRecipe(seeds=1))
        assert measured[name].value == pytest.approx(expected.accuracy, abs=1e-4)
        assert (measured[name].low, measured[name].high) == pytest.approx(expected.sampling_interval, abs=1e-4)
    [claim] = found.claims
    assert claim.difference.value == pytest.approx(measured["robust"].value - measured["standard"].value)
    assert claim.published is None  # signs.npz is none of the paper's data sets


def test_the_line_is_that_of_the_three_sources_of_one_eps(scene):
    accuracies = {row[1]: row[2].value for row in entries.figure_2(scene).table.rows}
    own, after = [0.7, 0.75, 0.8], [accuracies[name] for name in ("robust", "second", "third")]
    if len(set(after)) < 2:
        pytest.skip("all sources are equally good")
    [row, *published] = entries.table_2(scene).table.rows
    assert row[1:3] == (0.5, 3)
    assert row[3].value == pytest.approx(linearity(own, after).r2, abs=1e-3)
    assert [each[-1] for each in published] == [0.79, 0.98]
    with pytest.raises(pl.InputError, match="three sources of one eps"):
        entries.table_2(replace(scene, classifiers=dict(list(scene.classifiers.items())[:2])))


def test_the_other_figures_have_a_row_for_each_source(scene):
    width, own, coarse = entries.figure_6(scene), entries.figure_5(scene), entries.figure_7(scene)
    assert [row[2:4] for row in width.table.rows] == [(8, "robust"), (12, "second"), (16, "third")]
    assert {row[1]: row[3] for row in own.table.rows} == {
        "robust": 0.7, "standard": 0.9, "second": 0.75, "third": 0.8
    }  # fmt: skip
    assert {row[1] for row in coarse.table.rows} == {16, 4}
    assert len(coarse.table.rows) == 8
    from matplotlib.figure import Figure

    for finding in (width, own, coarse):
        axes = Figure().subplots()
        finding.plot(axes)
        assert axes.get_legend() is not None
    with pytest.raises(pl.InputError, match="different widths"):
        entries.figure_6(replace(scene, classifiers=dict(list(scene.classifiers.items())[:2])))


def test_heads_are_tested_on_stylized_images(scene):
    found = entries.figure_8(scene)
    plain = {row[1]: row[2] for row in entries.figure_2(scene).table.rows}
    assert {row[1]: row[2] for row in found.table.rows} == plain
    assert len(found.claims) == 1


def test_sources_are_fine_tuned(scene):
    pair = replace(scene, classifiers=dict(list(scene.classifiers.items())[:2]))
    assert [row[1] for row in entries.figure_3(pair).table.rows] == ["robust", "standard"]


def test_published_numbers_stand_beside_the_papers_own_data_sets():
    assert entries.published_name("torchvision:CIFAR10") == "cifar10"
    assert entries.published_name("paper:pets") == "pets"
    assert entries.published_name("pets.npz") == ""
