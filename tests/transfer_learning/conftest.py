"""Folders with small sources and targets, and caches of their own."""

import numpy as np
import pytest
import torch
from helpers import PETS, pictures
from transfer_helpers import source_of

from pellucid import Classifier, Dataset
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.networks import build as build_network


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Three sources of 8 px, of two radii and two widths, and two targets."""
    root = tmp_path_factory.mktemp("study")
    for name, arch, threat, clean in (
        ("standard", "preact-4-8", "none (standard training)", 0.9),
        ("robust", "preact-4-8", "l2 eps 0.5", 0.8),
        ("wide", "preact-4-12", "l2 eps 0.5", 0.85),
    ):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(len(name))
            network = build_network(arch, 3)
        card = {"arch": arch, "size": 8, "threat": threat, "accuracy": {"clean": clean}}
        save_bundle(Classifier(network, class_names=PETS, card=card), root / name)
    for number in range(2):
        arrays = {}
        for part, count in (("train", 24), ("test", 15)):
            split = pictures(8, count, number + 2 * (part == "test"))
            arrays |= {
                f"{part}_images": split.images.permute(0, 2, 3, 1).numpy(),
                f"{part}_labels": split.labels.numpy(),
            }
        np.savez(root / f"data{number}.npz", **arrays, class_names=np.array(PETS))
    return root


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    arrays = {}
    for part, count, seed in (("train", 30, 0), ("test", 18, 1)):
        split = pictures(16, count, seed)
        arrays[f"{part}_images"] = split.images.permute(0, 2, 3, 1).numpy()
        arrays[f"{part}_labels"] = split.labels.numpy()
    np.savez("data.npz", **arrays, class_names=np.array(PETS))
    np.savez("one.npz", **{**arrays, "train_labels": np.zeros(30, int), "test_labels": np.zeros(18, int)})
    np.savez("few.npz", **{name: values[:9] for name, values in arrays.items()}, class_names=np.array(PETS))
    np.savez("untested.npz", **{name: values for name, values in arrays.items() if name.startswith("train")})
    return tmp_path


@pytest.fixture
def source():
    return source_of()


@pytest.fixture
def pets():
    return Dataset("Oxford-Pets", pictures(8, 45), pictures(8, 30, seed=1), PETS)
