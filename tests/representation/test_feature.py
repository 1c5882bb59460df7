import numpy as np
import pytest
import torch
from helpers import images
from torch import nn

from pellucid import Classifier, InputError
from pellucid.representation.feature import MAX_BYTES, find_features, maximize, random_units

LIKE = images(1)


@pytest.fixture
def direction(tmp_path):
    path = tmp_path / "a-b direction.npy"
    np.save(path, np.arange(24))
    return path


def value(classifier, word, x):
    (feature,) = find_features(classifier, word, LIKE)
    objective = maximize([feature] * len(x))
    return -objective(x, classifier(x, objective.layers)).detach()


def test_what_a_word_means(classifier, direction):
    x = images(3)
    activations = classifier(x, ["0", "2"])
    channels = {name: values.detach().mean((2, 3)) for name, values in activations.layers.items()}
    units, logits = activations.representation.detach(), activations.logits.detach()
    along = units @ torch.arange(24.0)
    for word, expected in {
        "17": units[:, 17],
        17: units[:, 17],
        "representation:17": units[:, 17],
        "2:5": channels["2"][:, 5],
        "logits:dog": logits[:, 1],
        "logits:2": logits[:, 2],
        f"direction:{direction}": along,
        "2 * 0:3 - logits:dog + 17": 2 * channels["0"][:, 3] - logits[:, 1] + units[:, 17],
        "0:3 - 0.5 * 2:3 - 0:4": channels["0"][:, 3] - 0.5 * channels["2"][:, 3] - channels["0"][:, 4],
        "-1 * 17": -units[:, 17],
        f"17 - 3e-1 * direction:{direction}": units[:, 17] - 0.3 * along,
        "17 + 17": 2 * units[:, 17],
        "2*0:3 - 0.5 *logits:dog": 2 * channels["0"][:, 3] - 0.5 * logits[:, 1],
    }.items():
        torch.testing.assert_close(value(classifier, word, x), expected, atol=1e-4, rtol=1e-5)


def test_names_may_hold_signs_and_digits():
    network = nn.Sequential()
    network.add_module("block-1+2", nn.Conv2d(3, 4, 1))
    network.add_module("pool", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    network.add_module("fc", nn.Linear(4, 4))
    classifier = Classifier(network, class_names=["T-shirt", "7-8", "salt + pepper", "salt"])
    x = images(2)
    activations = classifier(x, ["block-1+2"])
    expected = activations["block-1+2"].mean((2, 3))[:, 3] - activations.logits[:, 1] + activations.logits[:, 0]
    found = value(classifier, "block-1+2:3 - logits:7-8 + logits:T-shirt", x)
    assert torch.allclose(found, expected, atol=1e-5)
    expected = activations.logits[:, 2] - 2 * activations.logits[:, 3]
    assert torch.allclose(value(classifier, "logits:salt + pepper - 2 * logits:salt", x), expected, atol=1e-5)


def test_each_image_maximizes_its_own_feature_also_after_some_have_left(classifier):
    words = ["17", "0:3", "logits:cat - 2:1", "17"]
    x = images(4)
    objective = maximize(find_features(classifier, words, LIKE))
    assert objective.layers == {"0", "2", "representation", "logits"}
    expected = torch.stack([value(classifier, word, x[i : i + 1])[0] for i, word in enumerate(words)])
    assert torch.allclose(-objective(x, classifier(x, ["0", "2"])), expected, atol=1e-5)
    for index in (torch.tensor([2, 0]), torch.tensor([3])):
        found = objective.select(index)(x[index], classifier(x[index], ["0", "2"]))
        assert torch.allclose(-found, expected[index], atol=1e-5)


def test_the_network_runs_once_for_all_layers(classifier):
    runs = []
    handle = classifier.network.register_forward_hook(lambda *args: runs.append(1))
    find_features(classifier, ["17", "0:3", "2:3 - logits:cat"], LIKE)
    handle.remove()
    assert len(runs) == 1


def test_tokens_are_averaged():
    class Tokens(nn.Module):
        def forward(self, x):
            return x.flatten(2).transpose(1, 2)

    network = nn.Sequential(Tokens(), nn.Linear(3, 5), nn.Flatten(), nn.Linear(5 * 64, 2))
    classifier = Classifier(network)
    x = images(2)
    expected = classifier(x, ["1"])["1"][:, :, 4].mean(1)
    assert torch.allclose(value(classifier, "1:4", x), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("24", "layer 'representation' has units 0 to 23, not 24"),
        ("0:x", "layer '0' has units 0 to 5, not x"),
        ("representatio:3", "unknown layer 'representatio'; did you mean 'representation'?"),
        ("logits:catt", "unknown class 'catt'; did you mean 'cat'?"),
        ("cat", "'cat' is not a feature: write a unit such as 17"),
        ("", "'' is not a feature"),
        ("0:3-logits:dog", "not 3-logits:dog; \\+ and - of a sum stand between spaces"),
        ("17-3", "'17-3' is not a feature.*stand between spaces"),
        ("17 - - 3", "'- 3' is not a feature"),
        ("two * 17", "'two' in 'two \\* 17' is not a number"),
        ("nan * 17", "'nan' in 'nan \\* 17' is not a number"),
        ("0:", "'0:' is not a feature"),
    ],
)
def test_a_word_that_means_nothing_is_told(classifier, word, message):
    with pytest.raises(InputError, match=message):
        find_features(classifier, ["17", word], LIKE)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(23), r"float64 \(23,\); a direction of 'representation' is 24 numbers"),
        (np.full(24, np.nan), "must be finite"),
        (np.zeros(24), "not all 0"),
        (np.array(["x"] * 24), "<U1"),
        (np.array([print] * 24, dtype=object), "not a readable"),
    ],
)
def test_another_array_is_no_direction(classifier, tmp_path, array, message):
    np.save(tmp_path / "d.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        find_features(classifier, f"direction:{tmp_path / 'd.npy'}", LIKE)


def test_other_files_are_no_direction(classifier, tmp_path):
    def said(name):
        with pytest.raises(InputError) as error:
            find_features(classifier, f"direction:{tmp_path / name}", LIKE)
        return str(error.value)

    assert "cannot be read: No such file" in said("none.npy")
    assert "cannot be read: Is a directory" in said("")
    (tmp_path / "text.npy").write_text("hello")
    assert "not a readable .npy" in said("text.npy")
    np.savez(tmp_path / "z.npz", x=np.ones(24))
    assert "an .npz; a direction" in said("z.npz")
    with (tmp_path / "large.npy").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert "over 64 MiB" in said("large.npy")


def test_a_header_that_promises_more_than_there_is_takes_no_memory(classifier, tmp_path):
    with (tmp_path / "d.npy").open("wb") as file:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**11,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(24 * 8))
    with pytest.raises(InputError, match="not a readable"):
        find_features(classifier, f"direction:{tmp_path / 'd.npy'}", LIKE)


def test_random_units_are_on_somewhere_and_follow_from_the_seed():
    weight = torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0, 1.0]))
    first, head = nn.Linear(6, 6, bias=False), nn.Linear(6, 2)
    first.weight.data = weight
    network = nn.Sequential(nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), first, nn.ReLU(), head)
    classifier, x = Classifier(network), images(4)
    assert random_units(classifier, 4, x) == ["0", "2", "3", "5"]
    some = {tuple(random_units(classifier, 2, x, seed)) for seed in range(12)}
    assert len(some) > 3
    assert random_units(classifier, 2, x, 5) == random_units(classifier, 2, x, 5)
    with pytest.raises(InputError, match="4 units of the representation are ever on; ask for 1 to 4, not 5"):
        random_units(classifier, 5, x)
