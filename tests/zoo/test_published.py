"""The table of published classifiers, pinned."""

import re
from collections import Counter

import pytest
import torch

from pellucid import published
from pellucid.zoo.class_names import class_names
from pellucid.zoo.networks import build
from pellucid.zoo.published import HUB_REPO

BY_NAME = {entry.name: entry for entry in published()}
SALMAN = [entry for entry in published() if entry.repo]


def test_salman_et_al_published_67_files():
    assert len(SALMAN) == 67
    assert {entry.repo for entry in SALMAN} == {HUB_REPO} == {"madrylab/robust-imagenet-models"}
    kinds = Counter(re.fullmatch(r"(\w+)_(l2|linf)_eps[\d.]+[.]ckpt", entry.file).groups() for entry in SALMAN)
    ten = ("resnet18", "resnet50", "wide_resnet50_2", "wide_resnet50_4")
    two = ("densenet", "mnasnet", "mobilenet", "resnext50_32x4d", "shufflenet", "vgg16_bn")
    expected = {(arch, "l2"): 10 for arch in ten} | {(arch, "l2"): 2 for arch in two}
    assert kinds == expected | {(arch, "linf"): 5 for arch in ten[:3]}


@pytest.mark.parametrize(
    ("file", "clean"),
    [
        ("resnet18_l2_eps0.ckpt", 69.79),
        ("resnet18_l2_eps5.ckpt", 45.59),
        ("resnet50_l2_eps0.01.ckpt", 75.68),
        ("resnet50_l2_eps3.ckpt", 62.83),
        ("wide_resnet50_2_l2_eps0.25.ckpt", 76.21),
        ("wide_resnet50_4_l2_eps1.ckpt", 75.51),
        ("densenet_l2_eps3.ckpt", 66.98),
        ("mnasnet_l2_eps0.ckpt", 60.97),
        ("mobilenet_l2_eps3.ckpt", 50.40),
        ("shufflenet_l2_eps3.ckpt", 43.32),
        ("vgg16_bn_l2_eps3.ckpt", 57.19),
        ("resnext50_32x4d_l2_eps0.ckpt", 77.38),
        ("resnet18_linf_eps0.5.ckpt", 66.13),
        ("resnet50_linf_eps4.0.ckpt", 63.86),
        ("wide_resnet50_2_linf_eps8.0.ckpt", 60.82),
        ("cifar_nat.pt", 95.25),
        ("cifar_l2_1_0.pt", 81.62),
        ("imagenet_linf_8.pt", 47.91),
    ],
)
def test_published_accuracies(file, clean):
    (entry,) = [entry for entry in published() if entry.file == file]
    assert entry.clean == pytest.approx(clean / 100)
    assert entry.card()["published_accuracy"]["clean"] == entry.clean


def test_the_accuracies_of_transfer_fall_with_eps():
    for arch in ("resnet18", "resnet50", "wide_resnet50_2"):
        linf = [entry.clean for entry in SALMAN if entry.file.startswith(f"{arch}_linf")]
        assert linf == sorted(linf, reverse=True)


def test_names_and_files_are_unique_and_follow_one_scheme():
    assert len(BY_NAME) == len(published()) == len({entry.file for entry in published()}) == 86
    for entry in published():
        assert re.fullmatch(r"((madrylab|madrylab-synthesis|mitll)-)?[a-z0-9-]+-[\w.]+-(l2|linf)-[\d.]+", entry.name)
        assert entry.url.startswith(("https://", "http://andrewilyas.com/"))
        assert entry.url.split("?")[0].endswith(entry.file)
        assert entry.source


def test_what_a_name_stands_for():
    entry = BY_NAME["imagenet-resnet50-linf-4"]
    assert (entry.file, entry.threat, entry.arch) == (
        "resnet50_linf_eps4.0.ckpt",
        "linf eps 4/255",
        "torchvision:resnet50",
    )
    assert (entry.bytes, entry.license) == (204_818_947, "MIT")
    assert entry.checksum == "sha256:9e62216975c111b8081481533b6142dec34be69abe5d90b54d7f860015c263db"
    assert entry.robust == {"AutoAttack, linf 4/255": 0.3496}
    assert BY_NAME["imagenet-wide_resnet50_4-l2-0"].threat == "none (standard training)"
    assert BY_NAME["madrylab-cifar10-resnet50-l2-0.5"].robust["PGD-100, l2 0.5"] == 0.7011
    assert BY_NAME["madrylab-synthesis-horse2zebra-resnet50-l2-5"].file == "H2Z.pt"
    assert BY_NAME["mitll-cifar10-resnet50-l2-1"].checksum == "md5:738f109685dfc55f7227dc6dc473379e"


@pytest.mark.parametrize("arch", sorted({entry.arch for entry in published()}))
def test_every_architecture_can_be_built(arch):
    with torch.device("meta"):
        network = build(arch, 10)
    assert network(torch.empty(2, 3, 64, 64, device="meta")).shape == (2, 10)


def test_every_data_set_has_class_names():
    counts = {data: len(class_names(data)) for data in {entry.data for entry in published()}}
    pairs = dict.fromkeys(("horse2zebra", "apple2orange", "summer2winter"), 2)
    assert counts == {"imagenet": 1000, "restricted-imagenet": 9, "cifar10": 10, **pairs}
    assert class_names("imagenet")[340] == "zebra"
