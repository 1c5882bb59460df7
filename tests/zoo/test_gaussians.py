import pytest
import torch
from helpers import PETS, conv_network, pictures
from safetensors.torch import load_file

from pellucid import Classifier, InputError, fit_gaussians, load_bundle, load_gaussians, save_bundle, save_gaussians
from pellucid.core.batch import generators
from pellucid.zoo.networks import build


def bare(names=PETS, size=8):
    """A classifier as a library gives it: without class Gaussians."""
    return Classifier(conv_network(3), class_names=names, card={"size": size})


def same(one, other):
    assert (one.shape, one.grain, one.classes) == (other.shape, other.grain, other.classes)
    labels = torch.tensor([0, 2, 1, 1])
    assert torch.equal(one.sample(labels, generators(0, 4)), other.sample(labels, generators(0, 4)))


@pytest.fixture
def seeds(tmp_path):
    """The path of a file of class Gaussians, and these."""
    classifier = bare()
    classifier.gaussians = fit_gaussians(pictures(8), 3, grain=2)
    return save_gaussians(classifier, tmp_path / "seeds.safetensors"), classifier.gaussians


@pytest.mark.parametrize("components", [1, 2])
def test_a_file_gives_the_same_draws_to_another_classifier_of_the_classes(tmp_path, components):
    classifier = bare()
    classifier.gaussians = fit_gaussians(pictures(8), 3, grain=2, components=components)
    path = save_gaussians(classifier, tmp_path / "seeds.safetensors")
    same(load_gaussians(path, bare()), classifier.gaussians)
    assert ("gaussians.weights" in load_file(path)) == (components > 1)  # one Gaussian a class is stored as ever


@pytest.mark.parametrize("half", [False, True])
def test_a_bundle_holds_a_mixture(tmp_path, half):
    card = {"arch": "preact-4-8", "size": 8}
    classifier = Classifier(build("preact-4-8", 3), class_names=PETS, card=card)
    fitted = fit_gaussians(pictures(8), 3, components=2)
    save_bundle(classifier, tmp_path / "net", gaussians=fitted, half=half)
    found = load_bundle(tmp_path / "net").gaussians
    torch.testing.assert_close(found.weights, fitted.weights, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.means, fitted.means, atol=1e-3, rtol=0)
    if not half:
        same(found, fitted)


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        (bare(["cat", "ship", "dog"]), "is for other classes .* than the classifier's: cat, ship, dog"),
        (bare(None), "is for other classes"),
        (bare(size=16), "is for images of 8 px, and the classifier takes 16 px"),
    ],
)
def test_gaussians_of_another_classifier_are_refused(seeds, classifier, message):
    with pytest.raises(InputError, match=message):
        load_gaussians(seeds[0], classifier)


def test_what_is_no_file_of_gaussians_is_refused(seeds, tmp_path):
    path, _ = seeds
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(InputError, match="its checksum is another one"):
        load_gaussians(path, bare())
    with pytest.raises(InputError, match="not a whole file of pellucid's"):
        load_gaussians(tmp_path / "absent.safetensors", bare())
    with pytest.raises(InputError, match="this classifier has no class Gaussians; set"):
        save_gaussians(bare(), path)


def test_weights_that_are_no_shares_are_damage(tmp_path):
    classifier = bare()
    classifier.gaussians = fit_gaussians(pictures(8), 3, components=2)
    classifier.gaussians.weights[1, 0] = -1
    path = save_gaussians(classifier, tmp_path / "seeds.safetensors")
    with pytest.raises(InputError, match="weights are not shares"):
        load_gaussians(path, bare())
