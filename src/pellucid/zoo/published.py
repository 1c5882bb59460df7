"""A table of the published robust weights: what they are, how accurate, and where to get them.

Salman et al. 2020 (*Do Adversarially Robust ImageNet Models Transfer Better?*) published 67 ImageNet classifiers, now
on a hub repository. The MadryLab (Engstrom et al. 2019, *Robustness (Python Library)*) published its own through file
hosts; four of those were later saved again, without pickled functions.

Names are `DATA-ARCHITECTURE-NORM-EPS`, with eps of linf in 255ths; those of the MadryLab begin with `madrylab-`, and
those that were saved again with `mitll-`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

HUB_REPO = "madrylab/robust-imagenet-models"
SALMAN = "Salman et al. 2020, arXiv:2007.08489"
ENGSTROM = "Engstrom et al. 2019, github.com/MadryLab/robustness"
SYNTHESIS = "Santurkar et al. 2019, arXiv:1906.09453"


@dataclass(frozen=True)
class Published:
    """One published classifier.

    Attributes:
        name: what `pellucid.load` takes.
        file: the name of its file.
        arch: a name that pellucid builds.
        data: the data set it was trained on.
        threat: what it was trained to withstand.
        url: where the file is.
        repo: its repository on the hub; None if it is elsewhere, and then it is not downloaded but asked for.
        clean: published accuracy on unchanged test images, from 0 to 1; None if there is none.
        robust: published accuracy under attack, from 0 to 1: `{attack: accuracy}`.
        size: of its images, in pixels a side.
        bytes: of the file, where known.
        checksum: of the file, as `sha256:...` or `md5:...`, where known.
        license: where known.
        source: who published it.
    """

    name: str
    file: str
    arch: str
    data: str
    threat: str
    url: str
    repo: str | None = None
    clean: float | None = None
    robust: dict[str, float] = field(default_factory=dict)
    size: int = 224
    bytes: int | None = None
    checksum: str | None = None
    license: str | None = None
    source: str = ""

    def card(self) -> dict[str, Any]:
        """What is known of it, in the form of a bundle's card; without weights, there is no sha256."""
        facts = {key: value for key, value in asdict(self).items() if value not in (None, {})}
        accuracy = {key: facts.pop(key) for key in ("clean", "robust") if key in facts}
        return {**facts, "published_accuracy": accuracy} if accuracy else facts


def published() -> list[Published]:
    """All published classifiers that are known by name.

    >>> [entry.file for entry in published() if entry.name == "imagenet-resnet50-l2-3"]
    ['resnet50_l2_eps3.ckpt']
    """
    return [*_salman(), *_madrylab(), *_saved_again()]


# Salman et al., accuracy on ImageNet's validation images in percent. A file's name has its architecture's name here.
L2_ALL = ("0", "0.01", "0.03", "0.05", "0.1", "0.25", "0.5", "1", "3", "5")
L2_ENDS = ("0", "3")
LINF = ("0.5", "1.0", "2.0", "4.0", "8.0")
ACCURACIES = {
    ("resnet18", "l2"): (L2_ALL, "69.79 69.90 69.24 69.15 68.77 67.43 65.49 62.32 53.12 45.59"),
    ("resnet50", "l2"): (L2_ALL, "75.80 75.68 75.76 75.59 74.78 74.14 73.16 70.43 62.83 56.13"),
    ("wide_resnet50_2", "l2"): (L2_ALL, "76.97 77.25 77.26 77.17 76.74 76.21 75.11 73.41 66.90 60.94"),
    ("wide_resnet50_4", "l2"): (L2_ALL, "77.91 78.02 77.87 77.77 77.64 77.10 76.52 75.51 69.67 65.20"),
    ("densenet", "l2"): (L2_ENDS, "77.37 66.98"),
    ("mnasnet", "l2"): (L2_ENDS, "60.97 41.83"),
    ("mobilenet", "l2"): (L2_ENDS, "65.26 50.40"),
    ("resnext50_32x4d", "l2"): (L2_ENDS, "77.38 66.25"),
    ("shufflenet", "l2"): (L2_ENDS, "64.25 43.32"),
    ("vgg16_bn", "l2"): (L2_ENDS, "73.66 57.19"),
    ("resnet18", "linf"): (LINF, "66.13 63.46 59.63 52.49 42.11"),
    ("resnet50", "linf"): (LINF, "73.73 72.05 69.10 63.86 54.53"),
    ("wide_resnet50_2", "linf"): (LINF, "75.82 74.65 72.35 68.41 60.82"),
}
# Where an architecture is not torchvision's of the same name.
ARCHS = {
    "densenet": "torchvision:densenet161",
    "mnasnet": "torchvision:mnasnet1_0",
    "mobilenet": "torchvision:mobilenet_v2",
    "shufflenet": "torchvision:shufflenet_v2_x1_0",
    "wide_resnet50_4": "wide_resnet50_4",
}
# AutoAttack at eps 4/255, from RobustBench.
AUTOATTACK = {
    "resnet18_linf_eps4.0.ckpt": 25.32,
    "resnet50_linf_eps4.0.ckpt": 34.96,
    "wide_resnet50_2_linf_eps4.0.ckpt": 38.14,
}
KNOWN = {
    "resnet50_linf_eps4.0.ckpt": (
        204_818_947,
        "sha256:9e62216975c111b8081481533b6142dec34be69abe5d90b54d7f860015c263db",
    )
}


def _salman() -> list[Published]:
    found = []
    for (arch, norm), (radii, percents) in ACCURACIES.items():
        for eps, percent in zip(radii, percents.split(), strict=True):
            file = f"{arch}_{norm}_eps{eps}.ckpt"
            short = eps.removesuffix(".0")
            size, checksum = KNOWN.get(file, (None, None))
            found.append(
                Published(
                    name=f"imagenet-{arch}-{norm}-{short}",
                    file=file,
                    arch=ARCHS.get(arch, f"torchvision:{arch}"),
                    data="imagenet",
                    threat=_threat(norm, short),
                    url=f"https://huggingface.co/{HUB_REPO}/resolve/main/{file}",
                    repo=HUB_REPO,
                    clean=_share(float(percent)),
                    robust={"AutoAttack, linf 4/255": _share(AUTOATTACK[file])} if file in AUTOATTACK else {},
                    bytes=size,
                    checksum=checksum,
                    license="MIT",
                    source=SALMAN,
                )
            )
    return found


DROPBOX = "https://www.dropbox.com/s/{key}/{file}?dl=1"
# name, file, key of the file host, data, norm, eps, clean, {attack: robust}; accuracies in percent, of 100-step PGD.
CIFAR, IMAGENET = "cifar10", "imagenet"
ON_DROPBOX = [
    ("cifar_nat.pt", "yhpp4yws7sgi6lj", CIFAR, "l2", "0", 95.25, {"l2 0.25": 7.34, "l2 0.5": 0.14}),
    ("cifar_l2_0_25.pt", "2qsp7pt6t7uo71w", CIFAR, "l2", "0.25", 92.77, {"l2 0.25": 81.19, "l2 0.5": 62.13}),
    ("cifar_l2_0_5.pt", "1zazwjfzee7c8i4", CIFAR, "l2", "0.5", 90.83, {"l2 0.25": 82.31, "l2 0.5": 70.11}),
    ("cifar_l2_1_0.pt", "s2x7thisiqxz095", CIFAR, "l2", "1", 81.62, {"l2 0.5": 68.61, "l2 1": 52.61}),
    ("cifar_linf_8.pt", "c9qlt1lbdnu9tlo", CIFAR, "linf", "8", 87.03, {"linf 8/255": 53.29, "linf 16/255": 17.62}),
    ("imagenet_l2_3_0.pt", "knf4uimlqsi1yz8", IMAGENET, "l2", "3", 57.90, {"l2 3": 35.09}),
    ("imagenet_linf_4.pt", "axfuary2w1cnyrg", IMAGENET, "linf", "4", 62.42, {"linf 4/255": 33.38}),
    ("imagenet_linf_8.pt", "yxn15a9zklz3s8q", IMAGENET, "linf", "8", 47.91, {"linf 8/255": 19.52}),
]
# The classifiers of Santurkar et al., as the notebooks fetched them: (file, data, eps).
AUTHORS = "http://andrewilyas.com/{file}"
OF_NOTEBOOKS = [
    ("CIFAR.pt", "cifar10", "0.5"),
    ("RestrictedImageNet.pt", "restricted-imagenet", "3.5"),
    ("ImageNet.pt", "imagenet", "3"),
    ("H2Z.pt", "horse2zebra", "5"),
    ("S2W.pt", "summer2winter", "5"),
    ("A2O.pt", "apple2orange", "5"),
]
STANDARD_RESTRICTED = "https://robustmodels.s3.amazonaws.com/RestrictedImageNetNat.pt"


def _madrylab() -> list[Published]:
    found = []
    for file, key, data, norm, eps, clean, robust in ON_DROPBOX:
        found.append(
            Published(
                name=f"madrylab-{data}-resnet50-{norm}-{eps}",
                file=file,
                url=DROPBOX.format(key=key, file=file),
                clean=_share(clean),
                robust={f"PGD-100, {attack}": _share(percent) for attack, percent in robust.items()},
                **_resnet50(data, norm, eps),
                source=ENGSTROM,
            )
        )
    for file, data, eps in OF_NOTEBOOKS:
        name = f"madrylab-synthesis-{data}-resnet50-l2-{eps}"
        facts = _resnet50(data, "l2", eps)
        facts["threat"] += " (the paper's; the file does not say)"
        found.append(Published(name, file, url=AUTHORS.format(file=file), **facts, source=SYNTHESIS))
    data = "restricted-imagenet"
    found.append(
        Published(
            name=f"madrylab-{data}-resnet50-l2-0",
            file="RestrictedImageNetNat.pt",
            url=STANDARD_RESTRICTED,
            **_resnet50(data, "l2", "0"),
            source=SYNTHESIS,
        )
    )
    return found


RELEASE = "https://github.com/mit-ll-responsible-ai/data_hosting/releases/download/madrylab_models/{file}"
# file, data, eps of l2, clean accuracy in percent, md5
SAVED_AGAIN = [
    ("mitll_cifar_nat.pt", "cifar10", "0", 95.25, "34e15ff183735933e13f41ad27f755b4"),
    ("mitll_cifar_l2_1_0.pt", "cifar10", "1", 81.62, "738f109685dfc55f7227dc6dc473379e"),
    ("mitll_imagenet_l2_3_0.pt", "imagenet", "3", 57.90, "37728e5c9c47684c0edd373e9d80ac9b"),
    ("mitll_restricted_imagenet_l2_3_0.pt", "restricted-imagenet", "3", None, "db37145acfd8bdf7ef7c05f4d261c0d9"),
]


def _saved_again() -> list[Published]:
    return [
        Published(
            name=f"mitll-{data}-resnet50-l2-{eps}",
            file=file,
            url=RELEASE.format(file=file),
            clean=None if clean is None else _share(clean),
            checksum=f"md5:{md5}",
            **_resnet50(data, "l2", eps),
            source=f"{ENGSTROM}, saved again by MIT Lincoln Laboratory",
        )
        for file, data, eps, clean, md5 in SAVED_AGAIN
    ]


def _resnet50(data: str, norm: str, eps: str) -> dict[str, Any]:
    small = data == "cifar10"
    arch = "madry-cifar-resnet50" if small else "torchvision:resnet50"
    return {"arch": arch, "data": data, "threat": _threat(norm, eps), "size": 32 if small else 224}


def _threat(norm: str, eps: str) -> str:
    if eps == "0":
        return "none (standard training)"
    return f"{norm} eps {eps}/255" if norm == "linf" else f"{norm} eps {eps}"


def _share(percent: float) -> float:
    return round(percent / 100, 6)
