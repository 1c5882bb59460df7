"""Which source to use: a probe on few images, and how sure it is."""

import numpy as np
import pytest
import torch
from helpers import PETS, pictures

from pellucid import Classifier, Dataset, InputError, Split
from pellucid.cli import transfer_study
from pellucid.cli.main import main
from pellucid.transfer_learning.study.advise import advise, compare, cross_validated, subset


def blind(seed=0):
    """A source whose features say nothing of the image: they are those of its noise."""
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 4), torch.nn.Linear(4, 2))
    with torch.no_grad():
        network[1].weight.zero_()
        network[1].weight[:, :1] = torch.randn(4, 1, generator=torch.Generator().manual_seed(seed))
    return Classifier(network, card={"size": 8})


@pytest.fixture
def pets():
    return Dataset("colors", pictures(8, 90), pictures(8, 0), PETS)


def test_a_source_that_sees_is_told_from_one_that_does_not(classifier, pets):
    shares = []
    advice = advise({"blind": blind(), "sees": classifier}, lambda size: pets, images=90, callback=shares.append)
    assert advice.sources == ["sees", "blind"]
    assert advice.certain
    assert advice.shares[0] == pytest.approx(1)
    assert str(advice).startswith("use sees: ")
    assert shares == [0.5, 1.0]


def test_two_that_see_alike_cannot_be_told_apart(classifier, pets):
    advice = advise({"one": classifier, "same": classifier}, lambda size: pets, images=60)
    assert advice.gap == (0, 0, 0)
    assert not advice.certain
    assert advice.shares == [0.5, 0.5]
    assert "60 images cannot tell one from same" in str(advice)


def test_the_interval_of_the_gap_is_that_of_paired_images():
    """60 of 400 images only the first has right, 20 only the second: the gap's standard deviation is known."""
    labels = torch.zeros(400, dtype=torch.int64)
    first, second = torch.ones(400).long(), torch.ones(400).long()
    first[:260] = 0  # right on 260
    second[60:280] = 0  # right on 220, of which 200 are shared
    advice = compare({"second": second, "first": first}, labels, "top-1", 5, 0)
    p, q = 60 / 400, 20 / 400
    half = 1.96 * ((p + q - (p - q) ** 2) / 400 * (1 + 5 / 4)) ** 0.5
    assert advice.sources == ["first", "second"]
    assert advice.gap == pytest.approx((0.1, 0.1 - half, 0.1 + half), abs=0.012)


def test_sources_that_are_equally_good_are_seldom_told_apart():
    """Of 60 pairs of blind sources 3 may be, at 95%."""
    generator, labels = torch.Generator().manual_seed(0), torch.arange(60) % 2
    told = 0
    for seed in range(60):
        both = [torch.randn(60, 10, generator=generator) for _ in range(2)]
        found = [cross_validated(values, labels, ["a", "b"], 5, seed, "top-1") for values in both]
        told += compare({"one": found[0], "two": found[1]}, labels, "top-1", 5, seed).certain
    assert told <= 3


def test_intervals_of_accuracies_stay_between_none_and_all():
    labels = torch.zeros(20, dtype=torch.int64)
    advice = compare({"all": labels, "most": (torch.arange(20) == 0).long()}, labels, "top-1", 5, 0)
    assert advice.intervals[0] == (1, 1)
    assert advice.intervals[1][1] == 1


def test_the_subset_is_even_over_classes_and_follows_the_seed():
    labels = torch.tensor([0] * 40 + [1] * 5 + [2] * 40)
    split = Split(torch.arange(85).byte()[:, None, None, None].expand(-1, 3, 8, 8), labels)
    some = subset(split, 25, 0)
    assert torch.bincount(some.labels).tolist() == [10, 5, 10]
    assert len({int(image[0, 0, 0]) for image in some.raw(slice(0, None))}) == 25
    assert torch.equal(subset(split, 25, 0).raw(slice(0, None)), some.raw(slice(0, None)))
    assert not torch.equal(subset(split, 25, 1).raw(slice(0, None)), some.raw(slice(0, None)))
    assert len(subset(split, 1000, 0)) == 85


def test_no_image_is_predicted_by_a_head_that_saw_it():
    """With random labels, and as many units as images, a head knows by heart whatever it was fitted to."""
    generator = torch.Generator().manual_seed(0)
    values, labels = torch.randn(200, 200, generator=generator), torch.randint(2, (200,), generator=generator)
    predicted = cross_validated(values, labels, ["a", "b"], 5, 0, "top-1")
    assert 0.35 < float((predicted == labels).float().mean()) < 0.65


def test_layer_and_metric_are_heeded(classifier, pets, monkeypatch):
    from pellucid.transfer_learning.study import advise as module

    layers, features = [], module.features
    monkeypatch.setattr(
        module, "features", lambda *a, layer, **o: layers.append(layer) or features(*a, layer=layer, **o)
    )
    advice = advise(
        {"one": classifier, "same": classifier}, lambda size: pets, images=60, layer="2", metric="per-class"
    )
    assert (advice.metric, layers) == ("per-class", ["2", "2"])


def test_mistakes(classifier, pets):
    with pytest.raises(InputError, match="name two or more"):
        advise({"one": classifier}, lambda size: pets)
    with pytest.raises(InputError, match="validation by 5 folds needs 5 training images of each class"):
        advise({"one": classifier, "two": blind()}, lambda size: pets, images=9)
    with pytest.raises(InputError, match="images must be a whole number"):
        advise({"one": classifier, "two": blind()}, lambda size: pets, images=0)


def test_the_command_advises(tiny_bundle, other_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    split = pictures(16, 30)
    images, labels = split.images.permute(0, 2, 3, 1).numpy(), split.labels.numpy()
    np.savez(tmp_path / "data.npz", train_images=images, train_labels=labels)
    words = ["--sources", str(tiny_bundle), str(other_bundle), "--targets", str(tmp_path / "data.npz")]
    assert main(["transfer-study", *words, "--advise", "--probe", "30", "--device", "cpu", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "best in" in out
    assert "use " in out or "cannot tell" in out
    asked = []
    monkeypatch.setattr(transfer_study, "advise", lambda *a, **options: asked.append(options) or advise(*a, **options))
    words += ["--advise", "--probe", "30", "--device", "cpu", "--quiet", "--layer", "stem", "--metric", "per-class"]
    assert main(["transfer-study", *words, "--precision", "bfloat16"]) == 0
    assert (asked[0]["layer"], asked[0]["metric"], asked[0]["precision"]) == ("stem", "per-class", "bfloat16")
