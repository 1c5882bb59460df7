"""The papers' training settings, typed from their tables."""

import pytest

from pellucid.training.presets import PRESETS

# epochs, batch, rate, its drops, weight decay, norm, eps, steps, step size, random start
TABLES = {
    # Santurkar et al. 2019, tables 3 and 4; of restricted ImageNet the step is 0.5, by its authors' word
    "synthesis-cifar10": (350, 256, 0.01, (150, 250), 5e-4, "l2", 0.5, 7, 0.1, False),
    "synthesis-restricted-imagenet": (110, 128, 0.1, (30, 60), 5e-4, "l2", 3.5, 7, 0.5, False),
    "synthesis-imagenet": (110, 256, 0.1, (100,), 5e-4, "l2", 3, 7, 0.5, False),
    "synthesis-horse2zebra": (350, 64, 0.01, (50, 100), 5e-4, "l2", 5, 7, 0.9, False),
    "synthesis-apple2orange": (350, 64, 0.01, (50, 100), 5e-4, "l2", 5, 7, 0.9, False),
    "synthesis-summer2winter": (350, 64, 0.01, (50, 100), 5e-4, "l2", 5, 7, 0.9, False),
    # Engstrom et al. 2019, tables 2 and 3; A.3: "starting from a random initial perturbation"
    "representations-restricted-imagenet": (110, 256, 0.1, (30, 60), 5e-4, "l2", 3.0, 7, 0.5, True),
    "representations-imagenet": (110, 256, 0.1, (100,), 5e-4, "l2", 3.0, 7, 0.5, True),
    # Salman et al. 2020, appendix A: 3 steps of 2 eps / 3; the rate falls tenfold every 30 epochs
    "transfer-imagenet": (90, 512, 0.1, 30, 1e-4, "l2", 3.0, 3, 2.0, False),
    # Wong et al. 2020; Shafahi et al. 2019; Zhang et al. 2019
    "fast-cifar10": (30, 128, 0.2, None, 5e-4, "linf", 8 / 255, 1, 10 / 255, True),
    "free-cifar10": (25, 128, 0.1, (13, 19), 2e-4, "linf", 8 / 255, 1, 8 / 255, False),
    "trades-cifar10": (76, 128, 0.1, (75,), 2e-4, "linf", 8 / 255, 10, 0.007, True),
}


@pytest.mark.parametrize("name", TABLES | PRESETS)
def test_the_papers_settings(name):
    r = PRESETS[name]
    a = r.attack
    drops = {"multi-step": r.drops, "step": r.step_epochs, "one-cycle": None}[r.schedule]
    found = (r.epochs, r.batch_size, r.lr, drops, r.weight_decay, a.norm, a.eps, a.steps, a.step_size, a.random_start)
    assert found == TABLES[name]
    assert (r.momentum, r.nesterov, r.decay_norms, r.average) == (0.9, False, True, 0.0)
