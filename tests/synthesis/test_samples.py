"""Samples as a data set: each is what `generate` makes alone, however the work was divided or stopped."""

import pytest
import torch
from helpers import PETS, in_two_processes

from pellucid import GenerateRecipe, InputError, generate, load_data, sample_dataset
from pellucid.base.processes import Processes
from pellucid.synthesis.start import seeds

RECIPE = GenerateRecipe(eps=1.0, steps=2, step_size=0.5)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr("pellucid.synthesis.samples.at_once", lambda images: 4)


def made(path):
    data = load_data(path)
    assert data.class_names == PETS
    return data.train.raw(slice(None)), data.train.labels


def test_a_sample_is_what_generate_makes_of_its_seed_alone(classifier, tmp_path):
    sample_dataset(classifier, tmp_path / "made.npz", 5, RECIPE, seed=3)
    images, labels = made(tmp_path / "made.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["made.npz"]
    assert labels.tolist() == [0, 1, 2] * 5
    for number in (0, 4, 14):
        start = seeds(classifier, labels[number, None], seed=3, first=number)
        alone = generate(classifier, labels[number, None], RECIPE, start=start).images
        assert (images[number].float() - alone[0] * 255).abs().max() < 0.51


def test_the_first_samples_are_the_same_whatever_the_count(classifier, tmp_path):
    for count in (2, 4):
        sample_dataset(classifier, tmp_path / f"{count}.npz", count, RECIPE, classes=["ship", "cat"])
    few, many = made(tmp_path / "2.npz"), made(tmp_path / "4.npz")
    assert few[1].tolist() == [2, 0, 2, 0]
    assert torch.equal(few[0], many[0][:4])


def test_an_interrupted_run_goes_on_to_the_same_file(classifier, tmp_path):
    sample_dataset(classifier, tmp_path / "whole.npz", 5, RECIPE)
    shares = []

    def interrupt(share):
        shares.append(share)
        if len(shares) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_dataset(classifier, tmp_path / "parts.npz", 5, RECIPE, callback=interrupt)
    assert shares == [0, 0.25, 0.5]
    next((tmp_path / "parts-parts").glob("*.safetensors")).write_bytes(b"damaged")
    again = []
    sample_dataset(classifier, tmp_path / "parts.npz", 5, RECIPE, callback=again.append)
    assert again == [0.25, 0.5, 0.75, 1]
    assert torch.equal(made(tmp_path / "parts.npz")[0], made(tmp_path / "whole.npz")[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts.npz", "whole.npz"]


def test_parts_of_other_samples_are_refused_and_left(classifier, tmp_path):
    def interrupt(share):
        if share:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_dataset(classifier, tmp_path / "made.npz", 5, RECIPE, callback=interrupt)
    before = sorted((tmp_path / "made-parts").iterdir())
    for options in ({"seed": 1}, {"classes": ["cat"]}, {"mixture": {"dog": 1.0}}):
        with pytest.raises(InputError, match="made-parts holds parts of another result"):
            sample_dataset(classifier, tmp_path / "made.npz", 5, RECIPE, **options)
    assert sorted((tmp_path / "made-parts").iterdir()) == before


def test_two_processes_make_what_one_makes(classifier, tmp_path):
    sample_dataset(classifier, tmp_path / "one.npz", 5, RECIPE)

    def work(rank):
        shares = []
        sample_dataset(
            classifier, tmp_path / "two.npz", 5, RECIPE, team=Processes(rank, 2), callback=shares.append
        )  # fmt: skip
        return {"shares": torch.tensor(shares)}

    assert [result["shares"] for result in in_two_processes(work, tmp_path)] == [[0, 0.5, 1]] * 2
    assert torch.equal(made(tmp_path / "two.npz")[0], made(tmp_path / "one.npz")[0])
