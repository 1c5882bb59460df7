import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import PETS, images, pictures
from safetensors.torch import load_file, save_file
from torch import nn

import pellucid.zoo.bundle as bundle
from pellucid import Classifier, InputError, fit_gaussians, load, load_bundle, save_bundle
from pellucid.zoo import models
from pellucid.zoo.checksum import digest
from pellucid.zoo.networks import build


@pytest.fixture
def made():
    """A classifier that fits its card."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = build("preact-4-8", 3)
    return Classifier(network, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), PETS, card={"arch": "preact-4-8", "size": 8}).eval()


@pytest.fixture
def saved(made, tmp_path):
    return save_bundle(made, tmp_path / "small", gaussians=fit_gaussians(pictures(8), 3), half=True)


def refusal(path):
    """What `load_bundle` says, which is one line and names the file."""
    with pytest.raises(InputError) as caught:
        load_bundle(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.stem in message
    return message


def edit_card(path, **changes):
    """The card of a bundle with these entries; `None` takes one away."""
    path = path.with_suffix(".json")
    card = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in card.items() if value is not None}))


def replace_weights(path, tensors):
    """Other tensors under a card that vouches for them."""
    save_file(tensors, path)
    edit_card(path, sha256=digest(path))


# Round trip


def test_what_a_classifier_holds_beside_its_weights_comes_back(made, tmp_path):
    card = {**made.card, "measured": np.float32(0.5)}
    turned = Classifier(made.network, class_names=PETS, head="stage2.0.conv2", card=card)
    turned.gaussians, turned.unit_axes = fit_gaussians(pictures(8), 3), {"stage1": 1}
    read = load_bundle(save_bundle(turned, tmp_path / "turned"))
    assert (read.head, read.unit_axes, read.card["measured"]) == ("stage2.0.conv2", {"stage1": 1}, 0.5)
    assert torch.equal(read.gaussians.means, turned.gaussians.means)
    x = images(2)
    torch.testing.assert_close(read(x).representation, turned.eval()(x).representation)
    for odd in ({"head": "nowhere"}, {"head": 3}, {"unit_axes": [1]}, {"unit_axes": {"stage1": 9}}):
        edit_card(tmp_path / "turned.json", **{"head": None, "unit_axes": None, **odd})
        with pytest.raises(InputError, match=r"nowhere|head must|unit_axes must"):
            load_bundle(tmp_path / "turned")


def test_what_could_not_be_read_back_is_not_written(made, tmp_path):
    odd = {
        "the network is not the preact-4-4": {"arch": "preact-4-4"},
        "the network is not the preact-4-8": {"network": nn.DataParallel(made.network)},
        "holds what JSON cannot": {"key": object()},
    }
    for message, change in odd.items():
        network = change.pop("network", made.network)
        with pytest.raises(InputError, match=message):
            save_bundle(Classifier(network, class_names=PETS, card={**made.card, **change}), tmp_path / "odd")
    made.network.head.bias.data[1] = torch.nan
    with pytest.raises(InputError, match=r"head\.bias holds numbers that are not finite"):
        save_bundle(made, tmp_path / "odd")
    assert list(tmp_path.iterdir()) == []


def test_weights_come_back_rounded_to_half_precision_and_norms_exactly(made, saved):
    read = load_bundle(saved).network.state_dict()
    for name, tensor in made.network.state_dict().items():
        expected = tensor.half().float() if tensor.ndim > 1 else tensor
        assert torch.equal(read[name], expected), name
        assert read[name].dtype == tensor.dtype


def test_in_full_precision_the_classifier_comes_back_exactly(made, tmp_path):
    read = load_bundle(save_bundle(made, tmp_path / "full"))
    batch = images(4)
    assert torch.equal(read.logits(batch), made.logits(batch))
    assert (read.class_names, read.size, read.gaussians) == (PETS, 8, None)
    assert not read.training


def test_class_gaussians_come_back(saved):
    expected, read = fit_gaussians(pictures(8), 3), load_bundle(saved).gaussians
    assert torch.equal(read.means, expected.means.half().float())
    assert torch.equal(read.factors, expected.factors.half().float())
    assert torch.equal(read.noise, expected.noise)
    assert (read.shape, read.grain, read.kept) == (expected.shape, expected.grain, expected.kept)


def test_a_classifier_without_class_names_comes_back_with_numbers(made, tmp_path):
    made.class_names = None
    assert load_bundle(save_bundle(made, tmp_path / "nameless")).class_names == ["0", "1", "2"]


def test_what_was_loaded_can_be_saved_again(saved, tmp_path):
    read = load_bundle(saved)
    again = save_bundle(read, tmp_path / "again", gaussians=read.gaussians, half=True)
    assert digest(again) == digest(saved)


def test_the_card_describes_the_file(made, saved):
    card = json.loads(saved.with_suffix(".json").read_text())
    assert card["sha256"] == digest(saved)
    assert card["parameters"] == sum(p.numel() for p in made.network.parameters())
    assert card["gaussians"] == {"shape": [3, 8, 8], "grain": 1, "rank": 4, "variance_kept": 1.0}


@pytest.mark.parametrize("suffix", ["", ".safetensors", ".json"])
def test_a_bundle_is_found_with_and_without_suffix_though_its_name_has_a_dot(made, tmp_path, suffix):
    assert save_bundle(made, tmp_path / "net-0.5").name == "net-0.5.safetensors"
    assert load(f"{tmp_path / 'net-0.5'}{suffix}", "cpu").class_names == PETS
    assert models.card(f"{tmp_path / 'net-0.5'}{suffix}")["arch"] == "preact-4-8"


# Names


def test_a_name_that_nothing_has_gives_the_nearest(saved, monkeypatch):
    monkeypatch.setattr(models, "BUNDLES", saved.parent)
    assert models.bundled() == ["small"]
    assert load("small", "cpu").class_names == PETS
    for find in (load, models.card):
        with pytest.raises(InputError, match="unknown model 'smal'; did you mean 'small'"):
            find("smal")


@pytest.mark.parametrize("name", ["", ".", "timm:", "nothing/here"])
def test_what_is_no_name_at_all_is_unknown(name):
    for find in (load, models.card):
        with pytest.raises(InputError, match="unknown model"):
            find(name)


def test_a_file_of_another_kind_is_not_a_bundle(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"anything")
    with pytest.raises(InputError, match="is not a bundle"):
        load(str(tmp_path / "weights.pt"))


# Damage


def test_weights_that_the_card_does_not_describe_are_refused(saved):
    data = bytearray(saved.read_bytes())
    data[-1] ^= 1
    saved.write_bytes(data)
    assert "is not the file its card describes: sha256" in refusal(saved)


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
def test_truncated_weights_are_refused(saved, share):
    data = saved.read_bytes()
    saved.write_bytes(data[: int(len(data) * share)])
    assert "sha256" in refusal(saved)
    edit_card(saved, sha256=digest(saved))
    assert "damaged" in refusal(saved)


def test_a_missing_file_of_the_two_is_named(saved):
    card = saved.with_suffix(".json").rename(saved.with_name("elsewhere.json"))
    assert "small.json does not exist" in refusal(saved)
    card.rename(saved.with_suffix(".json"))
    saved.unlink()
    assert "small.safetensors does not exist" in refusal(saved)


@pytest.mark.parametrize("key", ["arch", "class_names", "mean", "std", "size", "sha256"])
def test_a_card_without_one_of_its_keys_is_refused(saved, key):
    edit_card(saved, **{key: None})
    assert f"is not a card: {key} missing" in refusal(saved)


NO_CARDS = [b"", b"{", b"[]", b"null", b"[" * 10**5, b"\0", b'{"arch": 1}', b"7" * 10**4, b"\xff\xfe\x80", b" " * 2**25]


@pytest.mark.parametrize("content", NO_CARDS, ids=lambda content: repr(content[:8]))
def test_a_file_that_is_no_card_is_refused(saved, content):
    saved.with_suffix(".json").write_bytes(content)
    refusal(saved)


HOSTILE = {
    "std": ([0.2, 0.0, 0.2], [0.2, float("nan"), 0.2], [0.2, 0.2], 0.2, {"r": 1, "g": 1, "b": 1}),
    "mean": ([1e30, 0, 0], ["a", "b", "c"]),
    "class_names": ("cat", {"cat": 0}, [], [1, 2, 3]),
    "arch": (["preact-4-8"], "eval-4-8"),
    "sha256": (5,),
    "size": (0, -8, 10**9, 8.5, "8"),
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in HOSTILE.items() for value in values])
def test_hostile_values_on_a_card_are_refused(saved, key, value):
    edit_card(saved, **{key: value})
    with pytest.raises(InputError, match=r"\A[^\n]+\Z"):
        load_bundle(saved)


@pytest.mark.parametrize(
    "changes", [*({"arch": f"preact-{widths}"} for widths in ("4-16", "4-8-16", "8")), {"class_names": [*PETS, "frog"]}]
)
def test_the_weights_of_another_architecture_are_refused(saved, changes):
    edit_card(saved, **changes)
    assert f"does not fit {changes.get('arch', 'preact-4-8')}" in refusal(saved)


def test_a_missing_or_a_surplus_tensor_is_refused(saved):
    tensors = load_file(saved)
    replace_weights(saved, {**tensors, "network.more": torch.zeros(1)})
    assert "does not fit" in refusal(saved)
    replace_weights(saved, {name: tensor for name, tensor in tensors.items() if name != "network.head.bias"})
    assert "does not fit" in refusal(saved)


FACTS = {"shape": [3, 8, 8], "grain": 1, "rank": 4, "variance_kept": 1.0}


NO_FACTS = {
    "shape": ([3, 8], [3, 8, 9], "3, 8, 8", None, [12, 4, 4]), "grain": (0, 2, 10**9, float("inf")),
    "variance_kept": ("all",),
}  # fmt: skip


@pytest.mark.parametrize("facts", [[], 7, {}, *({**FACTS, key: v} for key in NO_FACTS for v in NO_FACTS[key])], ids=str)
def test_a_card_that_misdescribes_its_gaussians_is_refused(saved, facts):
    edit_card(saved, gaussians=facts)
    assert "its class Gaussians are damaged" in refusal(saved)


@pytest.mark.parametrize(
    "shapes",
    [
        {"means": (3,)},
        {"means": (3,), "factors": (3,)},
        {"means": (2, 192), "factors": (2, 4, 192), "noise": (2,)},
        {"factors": (3, 4, 191)},
        {"noise": ()},
        {"noise": (4,)},
    ],
    ids=str,
)
def test_gaussians_of_other_shapes_are_refused(saved, shapes):
    changes = {f"gaussians.{name}": torch.zeros(shape) for name, shape in shapes.items()}
    replace_weights(saved, {**load_file(saved), **changes})
    assert "its class Gaussians are damaged" in refusal(saved)


# Saving


def test_a_failed_save_leaves_what_was_there(made, saved, monkeypatch):
    before = {path.name: path.read_bytes() for path in saved.parent.iterdir()}

    def fail(*args, **options):
        raise OSError("disk full")

    for step in ("write_tensors", "write_text"):
        with monkeypatch.context() as patch:
            patch.setattr(bundle, step, fail)
            with pytest.raises(InputError, match="disk full"):
                save_bundle(made, saved, overwrite=True)
        assert {path.name: path.read_bytes() for path in saved.parent.iterdir()} == before


def test_neither_another_bundle_nor_the_sidecar_of_a_picture_is_replaced(made, saved):
    before = saved.read_bytes()
    with pytest.raises(InputError, match=r"small\.safetensors exists; choose another name or give overwrite=True"):
        save_bundle(made, saved)
    sidecar = saved.with_name("picture.json")
    sidecar.write_text("of picture.png")
    with pytest.raises(InputError, match=r"picture\.json exists"):
        save_bundle(made, saved.with_name("picture"))
    assert (saved.read_bytes(), sidecar.read_text()) == (before, "of picture.png")


@pytest.mark.parametrize("key", ["arch", "size"])
def test_a_classifier_whose_card_cannot_be_loaded_is_not_saved(made, tmp_path, key):
    del made.card[key]
    with pytest.raises(InputError, match=f"a bundle's card needs '{key}'"):
        save_bundle(made, tmp_path / "small")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(made, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        save_bundle(made, tmp_path / "file" / "small")


def test_a_fingerprint_is_that_of_the_weights_as_they_are_whether_or_not_there_is_a_card(made, saved):
    for classifier in (made, load_bundle(saved)):
        prints = [models.fingerprint(classifier)]
        assert [models.fingerprint(classifier)] == prints
        with torch.no_grad():
            classifier.network.head.bias[0] += 1
        prints.append(models.fingerprint(classifier))
        classifier.network.bfloat16()
        prints.append(models.fingerprint(classifier))
        assert len(set(prints)) == 3


def test_gaussians_of_another_grain_are_kept_at_their_grain(made, tmp_path):
    coarse = fit_gaussians(pictures(8), 3, grain=4)
    read = load_bundle(save_bundle(made, tmp_path / "coarse", gaussians=coarse)).gaussians
    assert replace(read, means=0, factors=0, noise=0) == replace(coarse, means=0, factors=0, noise=0)


def test_a_card_that_names_a_larger_network_is_refused_before_it_is_built(tiny_bundle, tmp_path):
    for suffix in (".safetensors", ".json"):
        shutil.copy(tiny_bundle.with_name(tiny_bundle.name + suffix), tmp_path / f"huge{suffix}")
    card = json.loads((tmp_path / "huge.json").read_text())
    (tmp_path / "huge.json").write_text(json.dumps({**card, "arch": "preact-9999-9999-9999-9999-9999-9999"}))
    with pytest.raises(InputError, match="does not fit"):  # 33 GB, were it built
        load_bundle(tmp_path / "huge")
