"""The perceptual distance: closed forms, a slow restatement, which layers, the objective, the command."""

import json

import numpy as np
import pytest
import torch
from helpers import close, conv_classifier, images
from network_helpers import resnet18, vgg11
from torch import nn

from pellucid import L2, Classifier, InputError, descend, load, perceptual, perceptual_distance
from pellucid.cli.main import main
from pellucid.data.image import write_image
from pellucid.evaluation.perceptual import perceptual_layers


def color_reader():
    """A network whose first layer is the colors themselves."""
    network = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    network[0].weight.data = torch.eye(3)[:, :, None, None]
    return Classifier(network).eval()


def test_of_a_linear_layer_it_is_twice_one_minus_the_cosine():
    """‖û - v̂‖² = 2 - 2 cos(u, v), of colors u and v at every position."""
    u, v = torch.tensor([[0.3, 0.4, 0.0], [0.2, 0.2, 0.2]]), torch.tensor([[0.4, 0.3, 0.0], [0.6, 0.6, 0.6]])
    a, b = (colors[:, :, None, None].expand(2, 3, 4, 4) for colors in (u, v))
    found = perceptual_distance(color_reader(), a, b, ["0"])
    close(found, 2 - 2 * torch.cosine_similarity(u, v))
    assert found[0] == pytest.approx(2 - 2 * 0.96, abs=1e-6)
    close(found[1], torch.tensor(0.0))  # brightness alone has no direction


def test_it_is_what_loops_over_layers_and_positions_find():
    classifier, layers = conv_classifier(), ["0", "2", "representation", "logits"]
    a, b = images(3), images(3, seed=1)
    expected = np.zeros(3)
    for layer in layers:
        one, other = (classifier(part, layers)[layer].numpy() for part in (a, b))
        one, other = (part.reshape(*part.shape, *[1] * (4 - part.ndim)).astype(float) for part in (one, other))
        for number in range(3):
            apart = []
            for y in range(one.shape[2]):
                for x in range(one.shape[3]):
                    p, q = one[number, :, y, x], other[number, :, y, x]
                    apart.append(np.sum((p / max(np.linalg.norm(p), 1e-10) - q / max(np.linalg.norm(q), 1e-10)) ** 2))
            expected[number] += np.mean(apart)
    close(perceptual_distance(classifier, a, b, layers), torch.tensor(expected).float())


def test_equal_images_have_none_and_the_order_does_not_matter():
    a, b = images(2), images(2, seed=1)
    assert perceptual_distance(conv_classifier(), a, a).tolist() == [0, 0]
    close(perceptual_distance(conv_classifier(), a, b), perceptual_distance(conv_classifier(), b, a))
    close(perceptual_distance(conv_classifier(), a[:1], b[:1]), perceptual_distance(conv_classifier(), a, b)[:1])


def test_the_last_layer_of_each_resolution_is_read():
    assert perceptual_layers(Classifier(resnet18()), images(1, 64)) == ("bn1", "layer1", "layer2", "layer3", "layer4")
    assert perceptual_layers(Classifier(vgg11()), images(1, 224))[:5] == (
        "relu1_1", "relu2_1", "relu3_2", "relu4_2", "relu5_2"
    )  # fmt: skip
    with pytest.raises(InputError, match="no maps of features among its named layers; name layers to compare"):
        perceptual_distance(Classifier(nn.Sequential(nn.Flatten(), nn.Linear(192, 2))), images(1), images(1))


def test_the_objective_is_the_distance_and_can_be_lowered():
    classifier, a, b = conv_classifier(), images(2), images(2, seed=1)
    objective = perceptual(classifier, b, ["1"])
    close(objective(a, classifier(a, ["1"])), perceptual_distance(classifier, a, b, ["1"]))
    made = descend(classifier, objective, a, ball=L2(2.0), steps=20, keep_best=True)
    assert (made.loss < 0.5 * perceptual_distance(classifier, a, b, ["1"])).all()


def test_images_of_two_shapes_are_refused():
    with pytest.raises(InputError, match="give images of one shape, in pairs"):
        perceptual_distance(conv_classifier(), images(1), images(2))


def test_the_command_prints_distances_from_the_first_image(tiny_bundle, tmp_path, monkeypatch, capsys, mistaken):
    monkeypatch.chdir(tmp_path)
    one, other = images(2, 16)
    for name, image in {"a": one, "same": one, "b": other}.items():
        write_image(f"{name}.png", image)
    words = ["similarity", "--images", "a.png", "same.png", "b.png", "--model", str(tiny_bundle)]
    assert main([*words, "--out", "found.json"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip(" ─")]
    assert lines[0][-1] == "tiny-0.5"
    assert lines[1] == ["same.png", "0.0000"]
    found = json.loads((tmp_path / "found.json").read_text())["models"][str(tiny_bundle)]
    assert found["layers"] == ["stage1", "norm"]
    pixels = [(image * 255).round()[None] / 255 for image in (one, other)]
    expected = perceptual_distance(load(str(tiny_bundle), "cpu"), *pixels)
    assert found["distances"] == pytest.approx([0, float(expected)], abs=1e-5)
    assert "name two or more" in mistaken("similarity", "--images", "a.png", "--model", tiny_bundle)
    assert "found.json exists" in mistaken(*words, "--out", "found.json")
    assert "unknown layer 'stem9'" in mistaken(*words, "--layers", "stem9")
