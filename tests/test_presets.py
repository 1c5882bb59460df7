"""Every preset against what the papers print, which stands in `report/published`, and what they and their code say.

Santurkar et al. 2019, Engstrom et al. 2019, Nakano 2019, Salman et al. 2020, and the published notebooks. Names begin
with "paper" only where the paper prints numbers.
"""

from operator import attrgetter

import pytest

from pellucid.data.gaussians import usual_grain
from pellucid.report.published.tables import table
from pellucid.representation import distance, interpolate, invert, manipulate, visualize
from pellucid.style import recipe as style
from pellucid.synthesis import generate, inpaint, paint, sketch, superres, text_to_image, translate
from pellucid.training import presets as training
from pellucid.transfer_learning import recipe as transfer_learning

IN, RIN, CIFAR10, NOTEBOOKS = "imagenet", "restricted-imagenet", "cifar10", "synthesis-notebooks"
PAIRS = ("horse2zebra", "apple2orange", "summer2winter")


def rows(table_id, *data):
    return {f"paper-{name}": (f"synthesis-settings-{table_id} {name}",) for name in data}


def notebooks(task, *data):
    return {f"notebook-{name}": (f"{NOTEBOOKS} {task} {name}",) for name in data}


# The rows that hold a preset's numbers. Their columns are named like the recipe's fields.
PRINTED = {
    generate: rows("generate", CIFAR10, RIN, IN) | notebooks("generate", CIFAR10, RIN, IN),
    inpaint: rows("inpaint", RIN) | notebooks("inpaint", RIN),
    translate: rows("translate", IN) | notebooks("translate", "two-classes") | {
        "paper-two-classes": tuple(f"synthesis-settings-translate {pair}" for pair in PAIRS),
        "paper-figure2-restricted-imagenet": (f"synthesis-settings-figure-2 {RIN}",),
    },
    superres: rows("superres", CIFAR10, RIN) | notebooks("superres", CIFAR10, RIN),
    sketch: notebooks("sketch", RIN),
    paint: notebooks("paint", RIN),
    invert: {"paper": ("representations-settings invert",)},
    interpolate: {
        "paper": ("representations-settings interpolate",),
        "notebook-cifar10": (f"representations-notebooks interpolate {CIFAR10}",),
    },
    visualize: {
        "paper": ("representations-settings visualize",),
        "notebook-figure8": ("representations-notebooks visualize figure8",),
    },
    # The paper has the rule, the notebook the numbers.
    manipulate: dict.fromkeys(("paper", "notebook"), (f"representations-notebooks manipulate {RIN}",)),
    training: {
        **{f"synthesis-{data}": (f"synthesis-table-3 {data}", f"synthesis-table-4 {data}")
           for data in (CIFAR10, RIN, IN, *PAIRS)},
        **{f"representations-{data}": (f"representations-table-2 {data} robust", f"representations-table-3 {data}")
           for data in (RIN, IN)},
        "transfer-imagenet": ("transfer-training imagenet",),
    },
    transfer_learning: {"full": ("transfer-settings full",), "paper-fixed": ("transfer-settings fixed",)},
}  # fmt: skip
NO_FIELDS = {"data", "task", "model", "patch", "factor"}
WITHIN = {  # fields of a recipe within the recipe
    training: dict.fromkeys(("eps", "steps", "step_size"), "attack."),
    transfer_learning: dict.fromkeys(("epochs", "batch_size", "weight_decay", "step_epochs"), "train."),
}


@pytest.mark.parametrize(
    ("module", "name", "places"),
    [
        pytest.param(module, name, places, id=f"{module.__name__.rpartition('.')[2]} {name}")
        for module, presets in PRINTED.items()
        for name, places in presets.items()
    ],
)
def test_a_preset_is_as_printed(module, name, places):
    for place in places:
        printed = table(place.split()[0]).row(*place.split()[1:])
        fields = {c: WITHIN.get(module, {}).get(c, "") + c for c in printed if c not in NO_FIELDS}
        assert len(fields) >= 3
        for column, field in fields.items():
            assert attrgetter(field)(module.PRESETS[name]) == printed[column], field


PLAIN = (0, 0)  # the papers do not blur the gradient
MATCH = "momentum schedule tolerance straight_through"
STYLE = "style_weight start straight_through pooling style_layers content_layers"
TRAIN = "arch augment schedule weight_decay attack.norm attack.random_start method"
IMAGENET, CIFAR = ("torchvision:resnet50", "madry-imagenet"), ("madry-cifar-resnet50", "madry-cifar")
L2, WRN = ("multi-step", 5e-4, "l2"), ("wrn-34-10", "crop-flip")
VGG = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")  # the convolutions before relu1_1 to relu5_1
OTHERS = None

# What else a preset has: the fields, and their values for each or for all others.
BESIDES = {
    generate: ("start enlargement sigmas", {OTHERS: ("gaussian", "nearest", PLAIN)}),
    inpaint: ("weight straight_through composite fill label_weight surroundings sigmas", {
        OTHERS: (10, True, False, "mean", 1, 0, PLAIN),
    }),
    translate: ("sigmas", {OTHERS: (PLAIN,)}),
    superres: ("start straight_through consistent sigmas", {
        OTHERS: ("nearest", False, False, PLAIN),
        "notebook-restricted-imagenet": ("nearest", True, False, PLAIN),
    }),
    sketch: ("sigmas", {OTHERS: (PLAIN,)}),
    paint: ("activation weight straight_through sigmas", {OTHERS: (0.1, 90, True, PLAIN)}),
    invert: (f"{MATCH} start", {OTHERS: (0, "constant", 0, True, "noise")}),
    interpolate: (f"{MATCH} intervals blur sigmas", {OTHERS: (0, "constant", 0, True, 9, 0, PLAIN)}),
    visualize: ("parametrization transforms start noise", {
        "paper": ("pixels", "none", "noise", 1 / 20),
        "notebook-figure8": ("pixels", "none", "gray", 1 / 20),
        # lucid: 512 steps of Adam at 0.05. Fel et al. 2023: 256 steps on crops.
        "lucid": ("fourier", "standard", "noise", 0.01),
        "maco": ("maco", "crops", "noise", 1 / 20),
    }),
    distance: ("radii", {"paper": (sum(table("representations-figure-5").rows, ()),)}),
    manipulate: ("until value straight_through", {"paper": ("exceeds", 1, True), "notebook": ("reaches", 1, True)}),
    training: (TRAIN, {
        OTHERS: (*IMAGENET, *L2, False, "pgd"),
        "synthesis-cifar10": (*CIFAR, *L2, False, "pgd"),
        "representations-restricted-imagenet": (*IMAGENET, *L2, True, "pgd"),
        "representations-imagenet": (*IMAGENET, *L2, True, "pgd"),
        "transfer-imagenet": (*IMAGENET, "step", 1e-4, "l2", False, "pgd"),
        # Wong et al. 2020, Shafahi et al. 2019, Zhang et al. 2019.
        "fast-cifar10": ("preact-64-128-256-512", "crop-flip", "one-cycle", 5e-4, "linf", True, "pgd"),
        "free-cifar10": (*WRN, "multi-step", 2e-4, "linf", False, "free"),
        "trades-cifar10": (*WRN, "multi-step", 2e-4, "linf", True, "trades"),
    }),
    # The notebook of Ganz and Elad 2023; what of it is not here stands beside the preset.
    text_to_image: ("steps learning_rate parametrization sigmas views noise size", {
        "notebook-clipag": (100, 0.0175, "pixels", PLAIN, 32 + 32, 0.01, 224),
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


@pytest.mark.parametrize("module", BESIDES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_what_else_a_preset_has(module):
    fields, known = BESIDES[module]
    assert set(module.PRESETS) == PRINTED.get(module, {}).keys() | known.keys() - {OTHERS}
    for name, preset in module.PRESETS.items():
        values = known.get(name, known.get(OTHERS))
        assert tuple(attrgetter(field)(preset) for field in fields.split()) == values, name


def test_what_all_presets_of_a_paper_share():
    for recipe in training.PRESETS.values():  # SGD with momentum, and a decay of all parameters
        assert (recipe.momentum, recipe.nesterov, recipe.decay_norms, recipe.average) == (0.9, False, True, 0)
    attack = training.PRESETS["transfer-imagenet"].attack
    assert (attack.eps, attack.step_size) == (3, 2 * attack.eps / attack.steps)
    others = {name: training.PRESETS[f"{name}-cifar10"] for name in ("fast", "free", "trades")}
    assert [(r.epochs, r.batch_size, r.lr, r.attack.steps) for r in others.values()] == [
        (30, 128, 0.2, 1), (25, 128, 0.1, 1), (76, 128, 0.1, 10)
    ]  # fmt: skip
    assert [recipe.attack.step_size for recipe in others.values()] == [10 / 255, 8 / 255, 0.007]
    assert {recipe.attack.eps for recipe in others.values()} == {8 / 255}
    assert (others["free"].replays, others["free"].drops) == (8, (13, 19))
    assert (others["trades"].beta, others["trades"].drops) == (6, (75,))
    for name in ("full", "paper-fixed"):
        recipe = transfer_learning.PRESETS[name].train
        assert (recipe.schedule, recipe.momentum, recipe.nesterov, recipe.decay_norms) == ("step", 0.9, False, True)
        assert (recipe.augment, recipe.average) == ("resized-crop", 0)
    for name in ("distill2019", "distill2019-standard", "distill2019-vgg19"):
        recipe = style.PRESETS[name]
        assert (recipe.evaluations, recipe.size, recipe.optimizer) == (500, 512, "plain-lbfgs")
        assert (recipe.smoothness, recipe.content_weight, recipe.relative) == (0, 1, False)
        assert (recipe.style_loss, recipe.layer_weights, recipe.normalization) == ("gram", (), "restricted-imagenet")
    crops = text_to_image.PRESETS["notebook-clipag"].crops  # 128 px of 224 with weight 5, the whole with weight 1
    assert (crops.count(128 / 224), crops.count(1), len(crops)) == (5, 1, 6)
    for name in ("paper", "notebook-figure8"):
        assert (visualize.PRESETS[name].straight_through, visualize.PRESETS[name].sigmas) == (True, PLAIN)
    lucid, mordvintsev = visualize.PRESETS["lucid"], style.PRESETS["mordvintsev2018"]
    assert (lucid.learning_rate, lucid.steps, visualize.PRESETS["maco"].steps) == (0.05, 512, 256)
    assert (mordvintsev.learning_rate, mordvintsev.optimizer, mordvintsev.evaluations) == (0.05, "adam", 512)
    assert (mordvintsev.parametrization, mordvintsev.transforms) == ("fourier", True)
    assert style.RESTRICTED_IMAGENET == ((0.4717, 0.4499, 0.3837), (0.2600, 0.2516, 0.2575))
    assert usual_grain(224) == 4  # A.7 of the synthesis paper: downsampled by 4
