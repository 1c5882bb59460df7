"""Every preset against the papers' tables and the published notebooks, from which the numbers are typed.

Santurkar et al. 2019 (A.3 to A.9, tables 3 and 4), Engstrom et al. 2019 (A.3, A.6, tables 2 and 3, figures 5 and 8),
Nakano 2019, and Salman et al. 2020 with their code. Names begin with "paper" only where the paper prints numbers.
"""

from operator import attrgetter

import pytest

from pellucid.data.gaussians import usual_grain
from pellucid.representation import distance, interpolate, invert, manipulate, visualize
from pellucid.style import recipe as style
from pellucid.synthesis import generate, inpaint, paint, sketch, superres, translate
from pellucid.training import presets as training
from pellucid.transfer_learning import recipe as transfer_learning

BASIC = "eps steps step_size"
PLAIN = (0, 0)  # the papers do not blur the gradient
MATCH = f"{BASIC} momentum schedule tolerance straight_through"
TRAIN = "arch augment epochs batch_size lr schedule drops weight_decay"
ATTACK = "attack.norm attack.eps attack.steps attack.step_size attack.random_start"
STYLE = "style_weight start straight_through pooling style_layers content_layers"
IMAGENET, CIFAR = ("torchvision:resnet50", "madry-imagenet"), ("madry-cifar-resnet50", "madry-cifar")
WRN = ("wrn-34-10", "crop-flip")
PAIR = (*IMAGENET, 350, 64, 0.01, "multi-step", (50, 100), 5e-4, "l2", 5, 7, 0.9, False)
VGG = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")  # the convolutions before relu1_1 to relu5_1

# The fields of a table's columns, and a row for each preset.
TABLES = {
    generate: (f"{BASIC} start enlargement sigmas", {
        "paper-cifar10": (30, 60, 0.5, "gaussian", "nearest", PLAIN),
        "paper-restricted-imagenet": (40, 60, 1, "gaussian", "nearest", PLAIN),
        "paper-imagenet": (40, 60, 1, "gaussian", "nearest", PLAIN),
        "notebook-cifar10": (30, 60, 0.5, "gaussian", "nearest", PLAIN),
        "notebook-restricted-imagenet": (40, 60, 1, "gaussian", "nearest", PLAIN),
        "notebook-imagenet": (40, 60, 1, "gaussian", "nearest", PLAIN),
    }),
    # A.8 and A.9 print the columns of steps and of their size in each other's place.
    inpaint: (f"{BASIC} weight straight_through composite fill label_weight surroundings sigmas", {
        "paper-restricted-imagenet": (21, 720, 0.1, 10, True, False, "mean", 1, 0, PLAIN),
        "notebook-restricted-imagenet": (21.6, 720, 0.1, 10, True, False, "mean", 1, 0, PLAIN),
    }),
    translate: (f"{BASIC} sigmas", {
        "paper-two-classes": (60, 80, 0.5, PLAIN),
        "paper-imagenet": (60, 80, 1, PLAIN),
        "notebook-two-classes": (80, 200, 0.5, PLAIN),
        "paper-figure2-restricted-imagenet": (300, 500, 1, PLAIN),
    }),
    superres: (f"{BASIC} start straight_through consistent sigmas", {
        "paper-cifar10": (15, 50, 1, "nearest", False, False, PLAIN),
        "paper-restricted-imagenet": (8, 40, 1, "nearest", False, False, PLAIN),
        "notebook-cifar10": (15, 50, 1, "nearest", False, False, PLAIN),
        "notebook-restricted-imagenet": (8, 40, 1, "nearest", True, False, PLAIN),
    }),
    sketch: (f"{BASIC} sigmas", {"notebook-restricted-imagenet": (40, 60, 1, PLAIN)}),
    paint: (f"{BASIC} activation weight straight_through sigmas", {
        "notebook-restricted-imagenet": (70, 140, 1, 0.1, 90, True, PLAIN),
    }),
    invert: (f"{MATCH} start", {"paper": (1000, 10_000, 1, 0, "constant", 0, True, "noise")}),
    interpolate: (f"{MATCH} intervals blur sigmas", {
        "paper": (1000, 10_000, 1, 0, "constant", 0, True, 9, 0, PLAIN),
        "notebook-cifar10": (1000, 10_000, 0.1, 0, "constant", 0, True, 9, 0, PLAIN),
    }),
    visualize: (f"{BASIC} start noise straight_through parametrization transforms sigmas", {
        "paper": (1000, 200, 1, "noise", 1 / 20, True, "pixels", "none", PLAIN),
        "notebook-figure8": (500, 1500, 0.5, "gray", 1 / 20, True, "pixels", "none", PLAIN),
    }),
    distance: ("radii", {"paper": ((2, 8, 32, 128),)}),
    # The paper has the rule, the notebook the numbers.
    manipulate: (f"{BASIC} until value straight_through", {
        "paper": (1000, 800, 0.1, "exceeds", 1, True),
        "notebook": (1000, 800, 0.1, "reaches", 1, True),
    }),
    training: (f"{TRAIN} {ATTACK}", {
        "synthesis-cifar10": (*CIFAR, 350, 256, 0.01, "multi-step", (150, 250), 5e-4, "l2", 0.5, 7, 0.1, False),
        # A.4 prints a step of 0.1; its authors say that 0.5 was meant.
        "synthesis-restricted-imagenet": (
            *IMAGENET, 110, 128, 0.1, "multi-step", (30, 60), 5e-4, "l2", 3.5, 7, 0.5, False,
        ),
        "synthesis-imagenet": (*IMAGENET, 110, 256, 0.1, "multi-step", (100,), 5e-4, "l2", 3, 7, 0.5, False),
        "synthesis-horse2zebra": PAIR,
        "synthesis-apple2orange": PAIR,
        "synthesis-summer2winter": PAIR,
        "representations-restricted-imagenet": (
            *IMAGENET, 110, 256, 0.1, "multi-step", (30, 60), 5e-4, "l2", 3, 7, 0.5, True,
        ),
        "representations-imagenet": (*IMAGENET, 110, 256, 0.1, "multi-step", (100,), 5e-4, "l2", 3, 7, 0.5, True),
    }),
}  # fmt: skip
MORE = {
    training: (f"arch augment method epochs batch_size lr schedule weight_decay {ATTACK}", {
        # Three steps of 2 eps / 3. Then Wong et al. 2020, Shafahi et al. 2019, Zhang et al. 2019.
        "transfer-imagenet": (*IMAGENET, "pgd", 90, 512, 0.1, "step", 1e-4, "l2", 3, 3, 2, False),
        "fast-cifar10": (
            "preact-64-128-256-512", "crop-flip", "pgd", 30, 128, 0.2, "one-cycle", 5e-4,
            "linf", 8 / 255, 1, 10 / 255, True,
        ),
        "free-cifar10": (*WRN, "free", 25, 128, 0.1, "multi-step", 2e-4, "linf", 8 / 255, 1, 8 / 255, False),
        "trades-cifar10": (*WRN, "trades", 76, 128, 0.1, "multi-step", 2e-4, "linf", 8 / 255, 10, 0.007, True),
    }),
    # lucid: 512 steps of Adam at 0.05. Fel et al. 2023: 256 steps on crops.
    visualize: ("steps parametrization transforms", {
        "lucid": (512, "fourier", "standard"),
        "maco": (256, "maco", "crops"),
    }),
    style: (STYLE, {
        "distill2019": (1e10, "content", True, "own", (), ()),
        "distill2019-standard": (1e14, "content", True, "own", (), ()),
        "distill2019-vgg19": (4e6, "content", False, "average", VGG, ("conv4_2",)),
        "mordvintsev2018": (1, "content", False, "own", (), ()),
        "strokes": (1, "content", False, "own", (), ()),
    }),
    transfer_learning: ("mode paper_compat lrs", {
        "fixed": ("fixed", False, (0.01, 0.001)),
        "full": ("full", False, (0.01, 0.001)),
        "paper-fixed": ("fixed", True, (0.01, 0.001)),
        "full-short": ("full", False, (0.01,)),
    }),
}  # fmt: skip
ROWS = [
    pytest.param(module, name, fields, row, id=f"{module.__name__.rpartition('.')[2]} {name}")
    for tables in (TABLES, MORE)
    for module, (fields, rows) in tables.items()
    for name, row in rows.items()
]


@pytest.mark.parametrize(("module", "name", "fields", "row"), ROWS)
def test_a_preset_is_as_published(module, name, fields, row):
    preset = module.PRESETS[name]
    assert {field: attrgetter(field)(preset) for field in fields.split()} == dict(zip(fields.split(), row, strict=True))


@pytest.mark.parametrize("module", TABLES | MORE, ids=lambda module: module.__name__)
def test_there_are_no_others(module):
    assert set(module.PRESETS) == {name for tables in (TABLES, MORE) for name in tables.get(module, ("", {}))[1]}


def test_what_all_presets_of_a_paper_share():
    for recipe in training.PRESETS.values():  # SGD with momentum, and a decay of all parameters
        assert (recipe.momentum, recipe.nesterov, recipe.decay_norms, recipe.average) == (0.9, False, True, 0)
    assert training.PRESETS["transfer-imagenet"].step_epochs == 30
    assert (training.PRESETS["free-cifar10"].replays, training.PRESETS["free-cifar10"].drops) == (8, (13, 19))
    assert (training.PRESETS["trades-cifar10"].beta, training.PRESETS["trades-cifar10"].drops) == (6, (75,))
    for name in ("full", "paper-fixed"):  # Salman et al.: 150 epochs, a tenth of the rate every 50
        recipe = transfer_learning.PRESETS[name].train
        assert (recipe.epochs, recipe.batch_size, recipe.schedule, recipe.step_epochs) == (150, 64, "step", 50)
        assert (recipe.momentum, recipe.nesterov, recipe.weight_decay, recipe.decay_norms) == (0.9, False, 5e-4, True)
        assert (recipe.augment, recipe.average) == ("resized-crop", 0)
    for name in ("distill2019", "distill2019-standard", "distill2019-vgg19"):
        recipe = style.PRESETS[name]
        assert (recipe.evaluations, recipe.size, recipe.optimizer) == (500, 512, "plain-lbfgs")
        assert (recipe.smoothness, recipe.content_weight, recipe.relative) == (0, 1, False)
        assert (recipe.style_loss, recipe.layer_weights, recipe.normalization) == ("gram", (), "restricted-imagenet")
    lucid, mordvintsev = visualize.PRESETS["lucid"], style.PRESETS["mordvintsev2018"]
    assert (lucid.learning_rate, lucid.noise) == (0.05, 0.01)
    assert (mordvintsev.learning_rate, mordvintsev.optimizer, mordvintsev.evaluations) == (0.05, "adam", 512)
    assert (mordvintsev.parametrization, mordvintsev.transforms) == ("fourier", True)
    assert style.RESTRICTED_IMAGENET == ((0.4717, 0.4499, 0.3837), (0.2600, 0.2516, 0.2575))
    assert usual_grain(224) == 4  # A.7 of the synthesis paper: downsampled by 4
