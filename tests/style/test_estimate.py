"""What a transfer is said to take, against what it takes."""

import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from style_helpers import CONTENT, FAST, STYLE, preact

import pellucid.style.estimate as module
from pellucid import stylize
from pellucid.style.estimate import COPIES, estimate
from pellucid.style.pyramid import resized
from pellucid.style.stylize import make_reader


@pytest.fixture(scope="module")
def network():
    return preact()


def asked(network, size, optimizer="adam", **changes):
    recipe = replace(FAST, **changes)
    pictures = [resized(picture, size) for picture in (CONTENT, STYLE)]
    return estimate(make_reader(network, network, recipe), pictures[0], pictures[1:], recipe, optimizer)


def test_scales_and_evaluations_are_those_of_the_transfer(network):
    found = asked(network, (64, 80), evaluations=3)
    result = stylize(network, resized(CONTENT, (64, 80)), [STYLE], replace(FAST, evaluations=3))
    assert (found.sizes, found.evaluations) == (result.sizes, result.evaluations)


def test_time_is_that_of_every_scale_by_its_pixels(network, monkeypatch):
    ticks = count()
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(ticks)))  # the piece takes a second
    found = asked(network, (256, 256), evaluations=5, smallest=128)
    pixels = sum(h * w for h, w in found.sizes)
    assert len(found.sizes) == 3
    assert found.seconds == pytest.approx(5 * pixels / 128**2)
    tiled = asked(network, (256, 256), evaluations=5, smallest=128, tile=64)
    assert tiled.seconds > 4 / 3 * found.seconds  # a forward pass more, and halos


def test_memory_grows_with_the_picture_and_with_what_the_optimizer_keeps(network):
    image = 12 * 256 * 256
    adam, lbfgs, plain = (asked(network, (256, 256), name).bytes for name in ("adam", "lbfgs", "plain-lbfgs"))
    assert lbfgs - adam == (COPIES["lbfgs"] - COPIES["adam"]) * image
    assert plain - lbfgs == (COPIES["plain-lbfgs"] - COPIES["lbfgs"]) * image
    assert asked(network, (512, 512), "adam").bytes == pytest.approx(4 * adam, rel=0.05)


def test_by_tiles_memory_grows_by_the_picture_alone(network):
    small, large = (asked(network, (side, side), "adam", tile=128).bytes for side in (512, 1024))
    assert large - small == pytest.approx(COPIES["adam"] * 12 * (1024**2 - 512**2))
    assert small < asked(network, (512, 512), "adam").bytes
    assert asked(network, (96, 96), "adam", tile=128).bytes == asked(network, (96, 96), "adam").bytes


def test_what_does_not_grow_with_the_picture_counts_once():
    """Weights, of which a wide network has more than a small picture has features."""
    wide = preact("preact-32-128")
    count = 4 * sum(parameter.numel() for parameter in wide.network.parameters())
    small, large = (asked(wide, (side, side)).bytes for side in (64, 128))
    assert count < small
    assert 4 * small - large > 3 * count  # times four, weights would vanish from the difference


CHILD = """
import sys
import torch
from style_helpers import CONTENT, STYLE, preact
from pellucid import StylizeRecipe, stylize
from pellucid.style.estimate import estimate
from pellucid.style.pyramid import resized
from pellucid.style.stylize import make_reader

def memory(kind):  # not by resource.getrusage, whose peak begins with that of the process that started this one
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(kind))

torch.set_num_threads(1)
network = preact("preact-32-64")
recipe = StylizeRecipe(optimizer=sys.argv[1], evaluations=int(sys.argv[2]), smallest=10**6)
content, style = (resized(picture, (256, 256)) for picture in (CONTENT, STYLE))
stylize(network, CONTENT, [STYLE], recipe)  # what is imported on the way is no picture's
before = memory("VmRSS")
stylize(network, content, [style], recipe)
taken = memory("VmHWM") - before
print(estimate(make_reader(network, network, recipe), content, [style], recipe, recipe.optimizer).bytes, taken)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize(("optimizer", "evaluations"), [("adam", 2), ("lbfgs", 22)])
def test_memory_is_near_the_peak_of_a_process(optimizer, evaluations):
    words = [sys.executable, "-c", CHILD, optimizer, str(evaluations)]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    said, taken = map(int, done.stdout.split())
    assert 0.6 * taken < said < 1.5 * taken
