"""What every test shares: one thread, hypothesis without deadlines, and a classifier as it comes from disk."""

from pathlib import Path

import pytest
import torch
from helpers import PETS, conv_network, images, pictures
from hypothesis import settings

from pellucid import Classifier
from pellucid.cli.main import main
from pellucid.data.gaussians import fit_gaussians
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.networks import build

torch.set_num_threads(1)
settings.register_profile("pellucid", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("pellucid")


@pytest.fixture(scope="session", autouse=True)
def float32():
    """The CPU has no bfloat16 here, so that figures do not depend on where a test runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
        yield


@pytest.fixture
def mistaken(capsys):
    """Runs a command that must fail with one line and leave its folder as it was; gives the line."""

    def mistaken(*words):
        capsys.readouterr()
        before = sorted(Path().rglob("*"))
        assert main([*map(str, words)]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert sorted(Path().rglob("*")) == before
        return err

    return mistaken


@pytest.fixture(scope="session")
def classifier():
    """Of 8 px and three classes, with class Gaussians; it has a normalization, and a batch norm that is not idle."""
    classifier = Classifier(conv_network(len(PETS)), (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), PETS, card={"size": 8})
    classifier.gaussians = fit_gaussians(pictures(8), len(PETS))
    classifier.eval()
    with torch.no_grad():  # so that it does not see the same class everywhere
        classifier.network[-1].bias -= classifier.logits(images(100)).mean(0)
    return classifier


def bundle(path, seed):
    """Save a bundle of 16 px with class Gaussians; its path, without suffix."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build("preact-8-16", len(PETS))
    card = {"arch": "preact-8-16", "size": 16, "data": "colors", "threat": "none"}
    classifier = Classifier(network, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), PETS, card=card)
    save_bundle(classifier, path, gaussians=fit_gaussians(pictures(16), len(PETS), grain=2))
    return path


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory):
    """The path, without suffix, of a bundle of 16 px with class Gaussians."""
    return bundle(tmp_path_factory.mktemp("bundles") / "tiny-0.5", seed=0)


@pytest.fixture(scope="session")
def other_bundle(tmp_path_factory):
    """The path of another one, to be shown beside the first."""
    return bundle(tmp_path_factory.mktemp("bundles") / "tiny-standard", seed=1)
