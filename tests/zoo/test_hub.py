"""Files of the hub, from a server on this machine that answers as the hub does."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace

import huggingface_hub.constants as constants
import pytest
import torch
from helpers import images, shake_norms
from hub_helpers import point_at, serving

import pellucid.zoo.models as models
from pellucid import InputError, load
from pellucid.zoo import hub
from pellucid.zoo.networks import build
from pellucid.zoo.published import published

REPO = "madrylab/robust-imagenet-models"


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


@pytest.fixture
def server(address, tmp_path, monkeypatch):
    """The hub, an empty cache, and a table whose ResNet-18s are small enough for a test."""
    small = [replace(e, arch="cifar-resnet20", data="cifar10") if "resnet18" in e.arch else e for e in published()]
    monkeypatch.setattr(models, "published", lambda: small)
    return point_at(address, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return shake_norms(build("cifar-resnet20", 10)).eval()


@pytest.fixture(scope="module")
def checkpoint(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("made") / "net.ckpt"
    state = {f"module.model.{name}": value for name, value in network.state_dict().items()}
    state |= {"module.normalizer.new_mean": torch.zeros(3, 1, 1), "module.normalizer.new_std": torch.ones(3, 1, 1)}
    torch.save({"model": state}, path)
    return path.read_bytes()


NAME, FILE = "imagenet-resnet18-l2-3", "resnet18_l2_eps3.ckpt"


def refusal(name):
    with pytest.raises(InputError) as caught:
        load(name, "cpu")
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    return message


@torch.no_grad()
def same(classifier, network):
    batch = images(2, 32)
    return torch.allclose(classifier.logits(batch), network(batch), atol=1e-5)


def test_a_published_classifier_is_fetched_once_and_then_needs_no_network(server, network, checkpoint, monkeypatch):
    server.files[f"{REPO}/{FILE}"] = checkpoint
    assert same(load(NAME, "cpu"), network)
    assert server.asked["GET"] == 1
    before = server.asked.total()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert same(load(NAME, "cpu"), network)
    assert server.asked.total() == before


def test_its_sha256_is_pinned_at_first_use(server, tmp_path, checkpoint, monkeypatch):
    server.files[f"{REPO}/{FILE}"] = checkpoint
    load(NAME, "cpu")
    pins = json.loads((tmp_path / "pellucid" / "pins.json").read_text())
    assert list(pins.values()) == [hashlib.sha256(checkpoint).hexdigest()]
    server.files[f"{REPO}/{FILE}"] = checkpoint + b" "
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another"))
    message = refusal(NAME)
    assert "is not what it was when it was first used" in message
    assert "pins.json" in message


def test_damaged_pins_are_named(server, tmp_path, checkpoint):
    server.files[f"{REPO}/{FILE}"] = checkpoint
    (tmp_path / "pellucid").mkdir()
    for text in ("{", "[]", "[" * 100_000):
        (tmp_path / "pellucid" / "pins.json").write_text(text)
        assert "pins.json" in refusal(NAME)


def test_a_file_of_another_sha256_than_the_published_is_refused(server, tmp_path, checkpoint):
    server.files[f"{REPO}/resnet50_linf_eps4.0.ckpt"] = checkpoint
    assert "is not the published file of this name: sha256" in refusal("imagenet-resnet50-linf-4")
    assert not (tmp_path / "pellucid" / "pins.json").exists()


def test_a_missing_file_and_a_missing_repository(server):
    assert f"there is no {FILE} in {REPO} on the hub" in refusal(NAME)
    assert "there is no a.pt in nobody/nothing" in refusal("hub:nobody/nothing/a.pt")
    assert "there is no c.pt in a b/--" in refusal("hub:a b/--/c.pt")


WEB_PAGE = b"<!DOCTYPE html><html>Sign in</html>"
# What the hub sends (None: the checkpoint without its end), the length that it claims, and what is said of it.
WRONG = {
    "a web page": (WEB_PAGE, len(WEB_PAGE), "is a web page"),
    "truncated": (None, 0, "damaged"),
    "of another length than announced": (None, 500, "cannot be fetched"),
    "of many gigabytes": (b"start", hub.MAX_DOWNLOAD + 1, "has 4,294,967,297 bytes; at most 4 GiB are downloaded"),
    "of no size": (b"start", None, "does not say how large it is"),
}


@pytest.mark.parametrize("row", WRONG)
def test_what_is_not_the_file_is_refused_and_neither_kept_nor_pinned(server, tmp_path, checkpoint, row):
    sent, claimed, said = WRONG[row]
    server.files[f"{REPO}/{FILE}"] = checkpoint[:-500] if sent is None else sent
    server.claims[f"{REPO}/{FILE}"] = claimed if sent is not None else len(checkpoint) - 500 + claimed
    assert said in refusal(NAME)
    assert not (tmp_path / "pellucid" / "pins.json").exists()
    assert server.asked["GET"] == (sent != b"start")
    assert bool(list((tmp_path / "hub").rglob("*.ckpt"))) == (row in ("a web page", "truncated"))


@pytest.mark.parametrize("offline", [True, False])
def test_without_a_network_one_line_says_what_to_download_and_where_to_put_it(
    server, tmp_path, network, checkpoint, monkeypatch, offline
):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    nowhere = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nowhere)
    place = tmp_path / "pellucid" / "downloads" / FILE
    message = refusal(NAME)
    assert f"download https://huggingface.co/{REPO}/resolve/main/{FILE} and put it at {place}" in message
    place.parent.mkdir(parents=True)
    place.write_bytes(checkpoint)
    assert same(load(NAME, "cpu"), network)


def test_what_is_not_on_the_hub_is_not_downloaded_but_asked_for(server, tmp_path):
    message = refusal("madrylab-cifar10-resnet50-l2-0.5")
    place = tmp_path / "pellucid" / "downloads" / "cifar_l2_0_5.pt"
    assert "download https://www.dropbox.com/s/1zazwjfzee7c8i4/cifar_l2_0_5.pt?dl=1" in message
    assert f"put it at {place}" in message
    assert not server.asked


def test_a_file_put_there_that_is_another_network_is_refused(server, tmp_path, checkpoint):
    place = tmp_path / "pellucid" / "downloads" / "cifar_l2_0_5.pt"
    place.parent.mkdir(parents=True)
    place.write_bytes(checkpoint)
    assert "does not fit madry-cifar-resnet50" in refusal("madrylab-cifar10-resnet50-l2-0.5")


# hub:OWNER/REPO/FILE


def test_a_checkpoint_by_its_place_on_the_hub(server, network, checkpoint):
    server.files["madrylab/mine/deep/net.ckpt"] = checkpoint
    classifier = load("hub:madrylab/mine/deep/net.ckpt", "cpu")
    assert same(classifier, network)
    assert classifier.card["arch"] == "cifar-resnet20"


def test_a_bundle_by_its_place_on_the_hub(server, tiny_bundle):
    for suffix in (".safetensors", ".json"):
        path = tiny_bundle.with_name(tiny_bundle.name + suffix)
        server.files[f"madrylab/mine/tiny-0.5{suffix}"] = path.read_bytes()
    classifier = load("hub:madrylab/mine/tiny-0.5.safetensors", "cpu")
    expected = load(str(tiny_bundle), "cpu")
    batch = images(2, 16)
    assert torch.equal(classifier.logits(batch), expected.logits(batch))
    assert classifier.gaussians is not None


def test_the_card_of_a_bundle_is_pinned_too(server, tiny_bundle, tmp_path, monkeypatch):
    weights, card = (tiny_bundle.with_name(tiny_bundle.name + end).read_bytes() for end in (".safetensors", ".json"))
    server.files |= {"madrylab/mine/tiny.safetensors": weights, "madrylab/mine/tiny.json": card}
    load("hub:madrylab/mine/tiny.safetensors", "cpu")
    server.files["madrylab/mine/tiny.json"] = json.dumps({**json.loads(card), "mean": [0, 0, 0]}).encode()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "another"))
    message = refusal("hub:madrylab/mine/tiny.safetensors")
    assert "tiny.json is not what it was when it was first used" in message


def test_a_bundle_whose_card_is_of_other_weights_is_refused(server, tiny_bundle):
    weights = tiny_bundle.with_name(tiny_bundle.name + ".safetensors").read_bytes()
    server.files["madrylab/mine/a.safetensors"] = weights + b" "
    server.files["madrylab/mine/a.json"] = tiny_bundle.with_name(tiny_bundle.name + ".json").read_bytes()
    assert "is not the file its card describes" in refusal("hub:madrylab/mine/a.safetensors")


def test_a_state_dict_without_a_card_is_converted_and_then_needs_no_network(server, network, monkeypatch):
    from safetensors.torch import save

    state = {**network.state_dict(), "normalize.mean": torch.zeros(3), "normalize.std": torch.ones(3)}
    server.files["madrylab/mine/b.safetensors"] = save({name: value.clone() for name, value in state.items()})
    assert same(load("hub:madrylab/mine/b.safetensors", "cpu"), network)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert same(load("hub:madrylab/mine/b.safetensors", "cpu"), network)


@pytest.mark.parametrize("name", ["", "a", "a/b", "a//b", "a/b/", "a/b/../../c.pt", "./b/c"])
def test_places_that_name_no_file_are_refused(server, name):
    assert "it is hub:OWNER/REPO/FILE" in refusal(f"hub:{name}")


def test_the_environment_of_the_hub_is_honored(address, server, tmp_path, checkpoint):
    server.files["madrylab/mine/net.ckpt"] = checkpoint
    code = "import pellucid as pl; print(pl.load('hub:madrylab/mine/net.ckpt', 'cpu').card['arch'])"
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "home")}
    environment |= {"PELLUCID_CACHE": str(tmp_path / "pellucid"), "OMP_NUM_THREADS": "1"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "cifar-resnet20\n"
    assert list((tmp_path / "home").rglob("net.ckpt"))
