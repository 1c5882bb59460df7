"""CLIPs: zero-shot classifiers, and open_clip's files from a server on this machine that answers as the hub does."""

import json
import pickle

import huggingface_hub.constants as constants
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from clip_helpers import SIDE, linear_clip
from helpers import PETS, close, images
from hub_helpers import point_at, serving
from safetensors.torch import save

from pellucid import InputError, load, read_image, zero_shot
from pellucid.cli.main import main
from pellucid.zoo.models import fingerprint

NAME, REPO = "clip:hf-hub:madrylab/tiny-clip", "madrylab/tiny-clip"
VISION = {"image_size": 16, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}
CONFIG = {"embed_dim": 12, "vision_cfg": VISION, "text_cfg": TEXT, "quick_gelu": True}
SEEN = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25]}


def test_a_zero_shot_classifier_multiplies_unit_embeddings_of_images_and_of_names():
    clip, _ = linear_clip()
    batch, names = images(3, SIDE), ["cat", "dog", "snow_cat"]
    classifier = zero_shot(clip, names, ("a {}", "one {} more"))
    texts = [[f"a {name}", f"one {name} more"] for name in ("cat", "dog", "snow cat")]
    rows = torch.stack([F.normalize(F.normalize(clip.text(both)).mean(0), dim=0) for both in texts])
    close(classifier(batch).logits, 20 * F.normalize(clip(batch).representation) @ rows.T.detach())
    assert classifier.class_names == names
    with pytest.raises(InputError, match="have numbers and no names"):
        zero_shot(clip, ["0", "1"])


# What open_clip writes


@pytest.fixture(scope="module")
def open_clip():
    return pytest.importorskip("open_clip", reason="needs the extra clip (open_clip_torch)")


@pytest.fixture(scope="module")
def model(open_clip):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return open_clip.CLIP(**CONFIG).eval()


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


@pytest.fixture
def server(address, tmp_path, monkeypatch, model):
    """The hub with a tiny random CLIP on it."""
    found = point_at(address, tmp_path, monkeypatch)
    put(found, {"model_cfg": CONFIG, "preprocess_cfg": SEEN})
    found.files[f"{REPO}/open_clip_model.safetensors"] = save({k: v.clone() for k, v in model.state_dict().items()})
    return found


def put(server, config):
    server.files[f"{REPO}/open_clip_config.json"] = json.dumps(config).encode()


def refusal(name=NAME):
    with pytest.raises(InputError) as caught:
        load(name, "cpu")
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 700
    return message


@torch.no_grad()
def assert_same(clip, model, open_clip):
    """Images and words have the embeddings that open_clip gives them."""
    batch = images(2, 16)
    mean, std = (torch.tensor(SEEN[key]).reshape(3, 1, 1) for key in ("mean", "std"))
    close(clip(batch).representation, model.encode_image((batch - mean) / std))
    words = ["a red panda in the snow", "a photo of a cat."]
    close(clip.labels(words), model.encode_text(open_clip.tokenize(words), normalize=True))


def test_a_clip_from_the_hub_is_open_clips_and_then_needs_no_network(server, model, open_clip, tmp_path, monkeypatch):
    clip = load(NAME, "cpu")
    assert_same(clip, model, open_clip)
    assert (clip.size, clip.card["arch"], clip.classes) == (16, NAME, 0)
    assert clip.scale == pytest.approx(1 / 0.07)
    pins = json.loads((tmp_path / "pellucid" / "pins.json").read_text())
    assert sorted(url.rpartition("/")[2] for url in pins) == ["open_clip_config.json", "open_clip_model.safetensors"]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert_same(load(NAME, "cpu"), model, open_clip)


def test_zero_shot_is_as_in_open_clip(server, model, open_clip):
    templates = ["a photo of a {}.", "a drawing of the {}."]
    weights = open_clip.build_zero_shot_classifier(model, open_clip.tokenize, PETS, templates)
    clip, batch = load(NAME, "cpu"), images(3, 16)
    with torch.no_grad():
        expected = clip.scale * F.normalize(clip(batch).representation) @ weights
    close(zero_shot(clip, PETS, templates)(batch).logits, expected)


def test_the_text_encoder_counts_in_the_fingerprint(server):
    clip = load(NAME, "cpu")
    before = fingerprint(clip)
    with torch.no_grad():
        clip.text.model.token_embedding.weight[5, 0] += 1
    assert fingerprint(clip) != before


class Hostile:
    def __reduce__(self):
        return open, ("made-by-a-pickle", "w")


def test_a_pickle_is_read_as_data_and_never_run(server, model, open_clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    del server.files[f"{REPO}/open_clip_model.safetensors"]
    torch.save({"state_dict": model.state_dict(), "more": Hostile()}, tmp_path / "weights.bin")
    server.files[f"{REPO}/open_clip_pytorch_model.bin"] = (tmp_path / "weights.bin").read_bytes()
    assert_same(load(NAME, "cpu"), model, open_clip)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert_same(load(NAME, "cpu"), model, open_clip)
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_other_pickles_are_refused(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    del server.files[f"{REPO}/open_clip_model.safetensors"]
    server.files[f"{REPO}/open_clip_pytorch_model.bin"] = pickle.dumps(Hostile())
    assert "torch.save" in refusal()
    assert not (tmp_path / "made-by-a-pickle").exists()


def test_what_is_not_there_or_not_named_is_said(server):
    del server.files[f"{REPO}/open_clip_model.safetensors"]
    assert "madrylab/tiny-clip has no open_clip_model.safetensors or " in refusal()
    assert "has no open_clip_config.json on the hub" in refusal("clip:hf-hub:madrylab/other")
    for name in ("clip:ViT-B-32", "clip:hf-hub:a", "clip:hf-hub:a/../b", "clip:"):
        assert "it is clip:hf-hub:OWNER/REPO" in refusal(name)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ([], "is no config of open_clip"),
        ({"model_cfg": {"embed_dim": 12, "vision_cfg": 3, "text_cfg": TEXT}}, "is no config of open_clip"),
        ({"model_cfg": {**CONFIG, "vision_cfg": {**VISION, "layers": 10**9}}}, "layers must be from 1 to 256"),
        ({"model_cfg": {**CONFIG, "text_cfg": {**TEXT, "context_length": 10**6}}}, "context_length must be from 1"),
        ({"model_cfg": {**CONFIG, "vision_cfg": {**VISION, "width": 10**6}}}, "does not fit its open_clip_config.json"),
        ({"model_cfg": {**CONFIG, "vision_cfg": {**VISION, "depth": 3}}}, "is no config that open_clip builds"),
        ({"model_cfg": {**CONFIG, "text_cfg": {**TEXT, "hf_model_name": "a/b"}}}, "has a hf_model_name"),
        ({"model_cfg": {**CONFIG, "vision_cfg": {**VISION, "timm_model_name": "a"}}}, "has a timm_model_name"),
        ({"model_cfg": {**CONFIG, "multimodal_cfg": {"width": 8}}}, "has a multimodal_cfg"),
        ({"model_cfg": CONFIG, "preprocess_cfg": {"mean": [120, 110, 100]}}, "is for images in [0, 1]"),
    ],
)  # fmt: skip
def test_a_config_of_another_kind_is_refused_in_one_line(server, tmp_path, config, said):
    put(server, config)
    assert said in refusal()
    assert not (tmp_path / "pellucid" / "pins.json").exists()


def test_without_open_clip_one_line_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "open_clip", None)
    assert "pip install 'pellucid[clip]'" in refusal()


# As a user runs it


def test_from_words_to_a_picture_and_again(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["--model", NAME, "--device", "cpu", "--steps", "3", "--views", "2", "--count", "2", "--seed", "4"]
    words += ["--text", "a red panda in the snow", "a cat", "--also", "a blurry photo", "-0.3", "--out", "made.png"]
    assert main(["text-to-image", *words]) == 0, capsys.readouterr().err
    assert read_image(tmp_path / "made.png").shape[1] > 2 * 16
    facts = json.loads((tmp_path / "made.json").read_text())
    assert [fact["prompt"] for fact in facts["prompts"]] == ["a red panda in the snow"] * 2 + ["a cat"] * 2
    assert all(-1 <= fact["similarity"] <= 1 for fact in facts["prompts"])
    assert (facts["recipe"]["views"], facts["model_sha256"]) == (2, fingerprint(load(NAME, "cpu")))
    assert main(["rerun", "made.json"]) == 0, capsys.readouterr().err
    assert (tmp_path / "made-rerun.png").read_bytes() == (tmp_path / "made.png").read_bytes()


def test_mistakes_on_the_command_line(server, tmp_path, monkeypatch, mistaken):
    monkeypatch.chdir(tmp_path)
    assert "say what the images are to show" in mistaken("text-to-image", "--model", NAME)
    assert "name a CLIP" in mistaken("text-to-image", "--text", "a cat")


def test_evaluate_takes_the_names_of_the_data_for_classes(server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    classifier, batch = zero_shot(load(NAME, "cpu"), PETS, ["the {}"]), images(6, 16)
    batch = (batch * 255).byte()
    labels = classifier.predict(batch.float() / 255)
    arrays = {"test_images": batch.permute(0, 2, 3, 1).numpy(), "test_labels": labels.numpy()}
    np.savez("pets.npz", **arrays, class_names=np.array(PETS))
    words = ["--model", NAME, "--device", "cpu", "--data", "pets.npz", "--templates", "the {}", "--no-sanity"]
    words += ["--eps", "0.5", "--steps", "2", "--out", "result.json"]
    assert main(["evaluate", *words]) == 0, capsys.readouterr().err
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["clean"], result["model_sha256"]) == (1, fingerprint(classifier))
