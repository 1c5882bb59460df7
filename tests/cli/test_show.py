"""`pellucid models` and `pellucid show`: what they say agrees with other counts."""

import json

import pytest
import torch
from torch import nn

from pellucid import bundled, load, published
from pellucid.cli.main import main
from pellucid.zoo import models
from pellucid.zoo.anatomy import anatomy
from pellucid.zoo.networks import build


@pytest.fixture
def run(capsys):
    def run(*words):
        code = main(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return run


def counted(network, size):
    """Multiply-adds of convolutions and linear layers, by their own shapes."""
    found = []

    def count(module, args, output):
        found.append(module.weight[0].numel() * output[0].numel())

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(torch.rand(1, 3, size, size))
    return sum(found)


@pytest.mark.parametrize(
    ("arch", "size"),
    [
        ("preact-8-16", 16),
        ("cifar-resnet20", 32),
        ("wrn-10-1", 32),
        ("torchvision:squeezenet1_1", 64),
        ("torchvision:mobilenet_v2", 64),
        ("timm:test_resnet", 64),
    ],
)
def test_counts_agree_with_a_count_by_hooks(arch, size):
    seen, network = anatomy(arch, 7, size), build(arch, 7)
    assert seen.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert seen.multiply_adds == counted(network, size)


def test_the_published_cost_of_a_resnet50():
    """torchvision's documentation: 25,557,032 parameters, 4.09 billion multiply-adds."""
    seen = anatomy("torchvision:resnet50", 1000, 224)
    assert seen.parameters == 25_557_032
    assert seen.multiply_adds / 1e9 == pytest.approx(4.09, abs=0.005)


def test_show_prints_card_layers_and_sums(run, tiny_bundle):
    code, out, err = run("show", str(tiny_bundle))
    assert (code, err) == (0, "")
    words = [line.split() for line in out.splitlines()]
    assert ["arch", "preact-8-16"] in words
    assert ["mean", "0.4,", "0.5,", "0.6"] in words
    network = load(str(tiny_bundle), "cpu").network
    parameters = sum(parameter.numel() for parameter in network.parameters())
    assert ["in", "all", f"{parameters:,}", f"{counted(network, 16):,}"] in words
    assert ["stage2", "16", "x", "8", "x", "8"] in [line[:6] for line in words]
    assert all(line == line.rstrip() for line in out.splitlines())


def test_show_prints_the_raw_card(run, tiny_bundle):
    code, out, _ = run("show", str(tiny_bundle), "--json")
    assert (code, json.loads(out)) == (0, json.loads(tiny_bundle.with_name(tiny_bundle.name + ".json").read_text()))


def test_show_of_a_published_one_needs_no_download(run):
    code, out, _ = run("show", "imagenet-shufflenet-l2-3")
    assert code == 0
    assert "shufflenet_l2_eps3.ckpt" in out
    assert "0.4332" in out
    assert "2,278,604" in out  # parameters, of torchvision's documentation


def test_what_a_card_says_cannot_command_the_terminal(run, tiny_bundle, tmp_path):
    card = json.loads(tiny_bundle.with_name(tiny_bundle.name + ".json").read_text())
    (tmp_path / "odd.json").write_text(json.dumps({**card, "data": "\x1b[2J[red]colors[/red]\n"}))
    code, out, _ = run("show", str(tmp_path / "odd"))
    assert code == 0
    assert "?[2J[red]colors[/red]?" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "imagenet-resnet50-l2-4"), "did you mean 'imagenet-resnet50-l2-"),
        (("show", "timm:resnet51"), "unknown timm model"),
        (("show", "nothing"), "unknown model 'nothing'"),
    ],
)
def test_mistakes_give_one_line(mistaken, words, said):
    assert said in mistaken(*words)


def test_models_lists_everything_that_has_a_name(run, tiny_bundle, monkeypatch):
    monkeypatch.setattr(models, "BUNDLES", tiny_bundle.parent)
    code, out, _ = run("models")
    assert code == 0
    words = {word for line in out.splitlines() for word in line.split()}
    assert {entry.name for entry in published()} | {entry.file for entry in published()} <= words
    assert {"tiny-0.5", "timm:NAME", "torchvision:NAME", "hub:OWNER/REPO/FILE", "205", "62.83%"} <= words


def test_models_as_json(run):
    found = json.loads(run("models", "--json")[1])
    assert list(found["bundled"]) == bundled()
    assert found["published"]["imagenet-resnet50-l2-3"]["published_accuracy"] == {"clean": 0.6283}
    assert len(found["published"]) == len(published())
