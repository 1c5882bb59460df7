"""Checkpoints in each of the published shapes become classifiers that say what the originals said."""

import json
import os
import re
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from helpers import shake_norms
from safetensors.torch import save_file
from torch import nn
from zoo_helpers import GIVEN, MEAN, STD, assert_same, by_madry, made

import pellucid.zoo.convert as convert_module
from pellucid import ConvertRecipe, InputError, convert, load, load_bundle
from pellucid.cli.main import main
from pellucid.zoo.checksum import digest
from pellucid.zoo.fit import infer
from pellucid.zoo.networks import build
from pellucid.zoo.untangle import untangle


@pytest.fixture(scope="module")
def small():
    return made("cifar-resnet20")


class Command:
    """Runs a command, where it is unpickled as usual."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


# The published shapes


@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_a_checkpoint_of_the_robustness_library(tmp_path, small, new):
    torch.save({"model": by_madry(small.state_dict())}, tmp_path / "net.pt", _use_new_zipfile_serialization=new)
    classifier = convert(tmp_path / "net.pt")
    assert_same(classifier, small)
    assert not classifier.training
    assert classifier.card == {
        "arch": "cifar-resnet20",
        "size": 32,
        "source": {"file": "net.pt", "sha256": digest(tmp_path / "net.pt")},
    }


def test_a_command_beside_the_weights_does_not_run_and_is_listed(tmp_path, small):
    content = {"model": by_madry(small.state_dict()), "schedule": Command(f"touch {tmp_path}/ran")}
    torch.save(content, tmp_path / "net.pt")
    classifier = convert(tmp_path / "net.pt")
    assert_same(classifier, small)
    assert classifier.card["refused"] == [f"{os.system.__module__}.system"]
    assert not (tmp_path / "ran").exists()


def test_a_state_dict_in_safetensors(tmp_path, small):
    save_file(
        {f"module.{name}": value.clone() for name, value in small.state_dict().items()}, tmp_path / "a.safetensors"
    )
    assert_same(convert(tmp_path / "a.safetensors", GIVEN), small)


@pytest.mark.parametrize(
    ("arch", "size"),
    [
        ("cifar-resnet32", 32),
        ("torchvision:squeezenet1_1", 64),
        ("torchvision:shufflenet_v2_x0_5", 64),
        ("torchvision:mnasnet0_5", 64),
        ("torchvision:mobilenet_v2", 64),
    ],
)
def test_the_architecture_is_found(tmp_path, arch, size):
    network = made(arch, 9)
    torch.save({"state_dict": network.state_dict()}, tmp_path / "net.pt")
    classifier = convert(tmp_path / "net.pt", GIVEN)
    assert classifier.card["arch"] == arch
    assert classifier.card["size"] == (224 if "torchvision" in arch else 32)
    assert classifier.classes == 9
    assert_same(classifier, network, size)


@pytest.mark.parametrize(
    "arch",
    [
        *(f"madry-cifar-resnet{depth}" for depth in (18, 34, 50, 101, 152)),
        *(
            "cifar-resnet18",
            "cifar-resnet56",
            "torchvision:resnet18",
            "torchvision:resnet50",
            "torchvision:resnext50_32x4d",
        ),
        *("torchvision:wide_resnet50_2", "wide_resnet50_4", "torchvision:densenet161", "torchvision:vgg16_bn"),
        *("torchvision:mnasnet1_0", "torchvision:shufflenet_v2_x1_0", "torchvision:vgg16"),
    ],
)
def test_published_architectures_are_told_apart_by_their_shapes(arch):
    with torch.device("meta"):
        network = build(arch, 9)
    assert infer(network.state_dict()) == arch


class WideBlock(nn.Module):
    """A block as the code of TRADES has it, restated: what comes in is normed first where its shape changes."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(after), nn.Conv2d(after, after, 3, 1, 1, bias=False)
        if before != after:
            self.convShortcut = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, values):
        active = self.bn1(values).relu()
        carried = self.convShortcut(active) if hasattr(self, "convShortcut") else values
        return carried + self.conv2(self.bn2(self.conv1(active)).relu())


class WideResNet(nn.Module):
    def __init__(self, width, depth, classes=10):
        super().__init__()
        sizes = [16, 16 * width, 32 * width, 64 * width]
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        for number, (before, after) in enumerate(pairwise(sizes), start=1):
            first = WideBlock(before, after, 1 if number == 1 else 2)
            blocks = [first, *(WideBlock(after, after, 1) for _ in range(depth - 1))]
            block = nn.Module()
            block.layer = nn.Sequential(*blocks)
            self.add_module(f"block{number}", block)
        self.sub_block1 = nn.Linear(2, 2)  # TRADES' code has one that never runs
        self.bn1, self.fc = nn.BatchNorm2d(sizes[-1]), nn.Linear(sizes[-1], classes)

    def forward(self, images):
        values = self.conv1(images)
        for block in (self.block1, self.block2, self.block3):
            values = block.layer(values)
        return self.fc(self.bn1(values).relu().mean((2, 3)))


@pytest.mark.parametrize(("width", "depth", "arch"), [(1, 1, "wrn-10-1"), (2, 2, "wrn-16-2")])
def test_wide_resnets_of_other_repositories(tmp_path, width, depth, arch):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = shake_norms(WideResNet(width, depth)).eval()
    classifier = convert(saved(tmp_path, network), GIVEN)
    assert classifier.card["arch"] == arch
    assert_same(classifier, network)


def test_a_timm_model_is_named(tmp_path):
    network = made("timm:test_resnet", 5)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    classifier = convert(tmp_path / "net.pth", ConvertRecipe(arch="timm:test_resnet", mean=MEAN, std=STD, size=64))
    assert classifier.card["size"] == 64
    assert_same(classifier, network, 64)


def test_names_of_old_densenets_and_norms_that_do_not_count():
    old = {"features.denseblock1.denselayer1.norm.1.running_var": torch.ones(2), "classifier.bias": torch.ones(2)}
    weights, _ = untangle(old, "net.pt")
    name = "features.denseblock1.denselayer1.norm1."
    assert set(weights) == {f"{name}running_var", f"{name}num_batches_tracked", "classifier.bias"}


def test_half_and_double_precision_become_single(tmp_path, small):
    for dtype in (torch.float64, torch.float16):
        state = {n: v.to(dtype) if v.is_floating_point() else v for n, v in small.state_dict().items()}
        torch.save(state, tmp_path / "net.pt")
        read = convert(tmp_path / "net.pt", GIVEN).network.state_dict()
        assert all(torch.equal(read[name], value.float()) for name, value in state.items() if "num" not in name)


def test_quantized_weights_are_refused_and_not_taken_without_their_scales(tmp_path, small):
    state = small.state_dict()
    name = next(name for name in state if name.endswith("conv1.weight"))
    torch.save({**state, name: (state[name] * 100).to(torch.int8)}, tmp_path / "net.pt")
    with pytest.raises(InputError, match=rf"net\.pt: {re.escape(name)} is int8"):
        convert(tmp_path / "net.pt", GIVEN)


# What is taken from where


def saved(tmp_path, network, name="net.pt", **more):
    torch.save({"model": {**network.state_dict(), **more}}, tmp_path / name)
    return tmp_path / name


def test_the_users_normalization_comes_before_the_files(tmp_path, small):
    saved(tmp_path, small, mu=torch.tensor(MEAN), sigma=torch.tensor(STD))
    other = convert(tmp_path / "net.pt", ConvertRecipe(mean=(0, 0, 0), std=(1, 1, 1)))
    assert other.std.flatten().tolist() == [1, 1, 1]
    assert str(list(MEAN)) in other.card["notes"][0]


def test_a_network_of_1000_classes_has_imagenets_normalization(tmp_path):
    classifier = convert(saved(tmp_path, made("torchvision:squeezenet1_1", 1000)))
    assert classifier.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    assert classifier.card["notes"] == ["mean and std were assumed: ImageNet's"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (["cat", "dog", "cow"], ["cat", "dog", "cow"]),
        ({"1": "dog", "0": "cat", "2": "cow"}, ["cat", "dog", "cow"]),
        ({"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "cow"]}, ["cat", "dog", "cow"]),
    ],
)
def test_class_names_come_from_a_file(tmp_path, content, expected):
    (tmp_path / "names.json").write_text(json.dumps(content))
    path = saved(tmp_path, made("cifar-resnet20", 3))
    recipe = ConvertRecipe(mean=MEAN, std=STD, classes=str(tmp_path / "names.json"))
    assert convert(path, recipe).class_names == expected


@pytest.mark.parametrize("text", ["", "{}", "[]", "7", '["cat", 5]', '{"1": "cat"}', "[" * 100_000, '"cat"x', "[[]]"])
def test_files_without_class_names_are_refused(tmp_path, small, text):
    (tmp_path / "names.json").write_text(text)
    with pytest.raises(InputError, match="names"):
        convert(saved(tmp_path, small), ConvertRecipe(mean=MEAN, std=STD, classes=str(tmp_path / "names.json")))


def test_a_published_files_name_brings_what_is_known_of_it(tmp_path, small, monkeypatch):
    entries = [replace(entry, arch="cifar-resnet20") for entry in convert_module.published()]
    monkeypatch.setattr(convert_module, "published", lambda: entries)
    torch.save({"model": by_madry(small.state_dict())}, tmp_path / "cifar_l2_0_5.pt")
    classifier = convert(tmp_path / "cifar_l2_0_5.pt")
    assert_same(classifier, small)
    assert classifier.class_names[:2] == ["airplane", "automobile"]
    assert classifier.card["threat"] == "l2 eps 0.5"
    assert classifier.card["published_accuracy"]["clean"] == 0.9083
    assert classifier.card["source"]["known_as"] == "madrylab-cifar10-resnet50-l2-0.5"
    assert classifier.card["notes"] == ["known by the name of the file alone: no checksum was published"]


def test_another_network_under_a_published_name_is_not_taken_for_it(tmp_path, small):
    classifier = convert(saved(tmp_path, small, "cifar_l2_0_5.pt"), GIVEN)
    assert not classifier.card.keys() & {"threat", "published_accuracy", "notes", "data"}
    assert classifier.class_names is None


def test_a_file_that_is_not_the_published_one_is_refused_by_its_sha256(tmp_path, small):
    with pytest.raises(InputError, match="is not the published file of this name: sha256"):
        convert(saved(tmp_path, small, "resnet50_linf_eps4.0.ckpt"), GIVEN)
    with pytest.raises(InputError, match="is not the published file of this name: md5"):
        convert(saved(tmp_path, small, "mitll_cifar_nat.pt"), GIVEN)


# Mistakes


def test_safetensors_that_are_damaged_or_asked_for_a_set_are_refused(tmp_path, small):
    (tmp_path / "net.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(InputError, match="damaged"):
        convert(tmp_path / "net.safetensors", GIVEN)
    with pytest.raises(InputError, match="--weights ema"):
        convert(tmp_path / "net.safetensors", replace(GIVEN, weights="ema"))


# The command


def test_the_command_writes_a_bundle_that_says_the_same(tmp_path, small, mistaken, capsys):
    content = {"model": by_madry(small.state_dict()), "schedule": Command(f"touch {tmp_path}/ran")}
    torch.save(content, tmp_path / "net.pt", _use_new_zipfile_serialization=False)
    out = tmp_path / "made" / "net.safetensors"
    command = ["convert", str(tmp_path / "net.pt"), "--out", str(out)]
    assert main([*command, "--classes", "cifar10"]) == 0
    said, err = capsys.readouterr()
    assert err == ""
    assert f"refused, not run: {os.system.__module__}.system\n" in said
    assert not (tmp_path / "ran").exists()
    classifier = load(str(out), "cpu")
    assert_same(classifier, small)
    assert classifier.class_names[3] == "cat"
    assert classifier.card["source"]["sha256"] == digest(tmp_path / "net.pt")
    assert classifier.card["refused"] == [f"{os.system.__module__}.system"]
    before = out.read_bytes()
    assert "exists; choose another name or say --overwrite" in mistaken(*command)
    assert out.read_bytes() == before
    assert main([*command, "--overwrite", "--half", "--quiet"]) == 0
    assert out.stat().st_size < 0.6 * len(before)
    weight = load_bundle(out).network.state_dict()["conv1.weight"]
    assert torch.equal(weight, small.conv1.weight.half().float())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name the checkpoint"),
        (("net.pt",), "name the bundle: --out NAME.safetensors"),
        (("net.pt", "--out", "net.pt"), "name the bundle: --out NAME.safetensors, not net.pt"),
        (("missing.pt", "--out", "a.safetensors"), "missing.pt does not exist"),
        (("net.pt", "--out", "a.safetensors"), "does not say its normalization"),
        (("net.pt", "--out", "a.safetensors", "--mean", "0", "0", "0"), "mean and std go together"),
    ],
)
def test_mistakes_give_one_line_and_no_file(tmp_path, monkeypatch, small, mistaken, words, said):
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, small)
    assert said in mistaken("convert", *words)
