"""The entries of the style article on tiny classifiers, beside what the library says itself."""

from dataclasses import replace

import pytest
import torch
from helpers import pictures

import pellucid as pl
from pellucid.report import style as entries
from pellucid.report.scene import Scene
from pellucid.style.backbone import default_layers
from pellucid.zoo.models import fingerprint


@pytest.fixture(scope="module")
def scene(tiny_bundle, other_bundle):
    known = {"robust": pl.load(str(tiny_bundle), "cpu"), "standard": pl.load(str(other_bundle), "cpu")}
    data = pl.Dataset("pets", pictures(16, 24), pictures(16, 24, seed=1), known["robust"].class_names)
    return Scene(known, data, scale="tiny", styles={"red": torch.rand(1, 3, 64, 64)})


def test_layers_are_those_that_carry_style_above_the_published_ones(scene):
    rows = {row[0]: row[1:] for row in entries.layers(scene).table.rows}
    assert rows["published: robust ResNet-50"] == (0.07, 0.066, 0.062, 0.048)
    layers = default_layers(scene.classifier)[0]
    how = pl.LayersRecipe(eps=scene.eps, steps=5, restarts=1, layers=layers)
    expected = pl.layer_robustness(scene.classifier, scene.images(4)[0], how)
    assert [cell.value for cell in rows["robust"] if cell is not None] == [each.value for each in expected]


def test_the_same_network_for_style_and_content_changes_nothing(scene):
    twins = replace(scene, classifiers={"one": scene.classifier, "other": scene.classifier})
    assert [row[1].value for row in entries.swap(twins).table.rows] == [0, 0]
    style, content = (row[1].value for row in entries.swap(scene).table.rows)
    assert style > 0
    assert content > 0


def test_examples_are_tried_as_the_library_does(scene):
    how = pl.TransferabilityRecipe(eps=scene.eps, steps=5, count=60)
    expected = pl.transferability(scene.classifiers, scene.measured, how)
    rows = entries.transferability(scene).table.rows
    for row, rates, counts in zip(rows, expected.rates.tolist(), expected.counts.tolist(), strict=True):
        shares = [None if cell is None else cell.value for cell in row[1:]]
        assert shares == [rate if count else None for rate, count in zip(rates, counts, strict=True)]


def test_without_a_judge_a_bundled_classifier_that_is_none_of_the_others_judges(scene):
    if "cifar10-standard" not in pl.bundled():
        pytest.skip("needs the bundled classifiers")
    judge = pl.load("cifar10-standard", "cpu")
    assert fingerprint(entries.judge_of(scene)) == fingerprint(judge)
    other = entries.judge_of(replace(scene, classifiers={"standard": judge}))
    assert fingerprint(other) == fingerprint(pl.load("animals59-standard", "cpu"))
    assert entries.judge_of(replace(scene, judge=judge)) is judge
