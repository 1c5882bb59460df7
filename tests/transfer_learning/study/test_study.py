"""The points of a study, and their results in its folder."""

import json
from dataclasses import replace

import pytest
from transfer_helpers import FACTS, result, rewritten

from pellucid import InputError, TransferRecipe, load
from pellucid.transfer_learning.study import study as module
from pellucid.transfer_learning.study.study import Point, Study, done
from pellucid.zoo.bundle import save_bundle

SOURCES = ("standard", "robust", "wide")
QUICK = TransferRecipe(seeds=2, penalties=(0.1, 0.01))
RESULT = result("robust", 0.5, "data0.npz")


def test_every_combination_is_a_point(here):
    study = Study(SOURCES, ("data0.npz", "data1.npz"), ("fixed", "full"), (4, 8, 16), recipe=QUICK)
    points = study.points()
    assert len(points) == 3 * 2 * 2 * 2  # 8 and 16 px are no coarser than the sources' images
    assert {point.recipe.granularity for point in points} == {None, 4}
    assert len({point.file for point in points}) == len(points)
    assert all("/" not in point.file for point in points)


def test_another_setting_is_another_point():
    one, other = (Point("a", "b", TransferRecipe(seeds=n)) for n in (1, 2))
    assert one.file != other.file
    assert Point("x/../../a", "b", QUICK).file.count("/") == 0


def test_other_images_weights_or_precision_under_the_same_names_are_other_points(here, tmp_path):
    data, source = tmp_path / "data.npz", tmp_path / "net"
    rewritten(data, 5)
    study = Study((str(source),), (str(data),), recipe=QUICK)
    found = []
    for images, weights in ((5, "robust"), (6, "robust"), (6, "standard")):
        rewritten(data, images)
        save_bundle(load(weights, "cpu"), source, overwrite=True)
        found += study.points()
    found += study.points(precision="bfloat16")
    assert len({point.file for point in found}) == 4
    known = json.loads(source.with_suffix(".json").read_text())
    source.with_suffix(".json").write_text(json.dumps({**known, "accuracy": {"clean": 0.1}}))
    assert study.points() == [found[2]]  # its accuracy says nothing of its weights
    rewritten(data, 7, "test")
    assert study.points() != [found[2]]


def test_what_a_mode_does_not_heed_makes_no_other_point(here):
    one, other = (
        Study(("robust",), ("data0.npz",), ("fixed", "full"), recipe=replace(QUICK, lrs=(rate,))).points()
        for rate in (0.1, 0.2)
    )
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert one[1].recipe.penalties == TransferRecipe().penalties


def test_a_source_that_does_not_exist_is_told_with_the_nearest(here):
    study = Study(("cifar10-l2-0.6",), ("data0.npz",))
    with pytest.raises(InputError, match=r"unknown model 'cifar10-l2-0.6'; did you mean 'cifar10-l2-0.5'"):
        study.points()


def test_a_size_is_for_sources_that_do_not_say_theirs(here, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "known_sources", lambda names: {name: FACTS[name] for name in names})
    monkeypatch.setattr(module, "source_digest", str)
    both = Study(("a", "unknown"), ("data0.npz",), granularities=(12,), recipe=QUICK)
    small, large = both.points(size=8), both.points(size=16)
    assert small[0] == large[0]
    assert small[1].digest != large[1].digest
    assert [(p.source, p.recipe.granularity) for p in large] == [("a", None), ("unknown", None), ("unknown", 12)]


def test_a_result_of_other_settings_is_not_taken_for_one(here, tmp_path):
    [point] = Study(("robust",), ("data0.npz",), recipe=QUICK).points()
    (tmp_path / point.file).write_text(json.dumps(RESULT | {"point": "other"}))
    assert done([point], tmp_path) == {}
    (tmp_path / point.file).write_text(json.dumps(RESULT | {"point": point.digest}))
    assert len(done([point], tmp_path)) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stylized": ("data1.npz", "data1.npz")}, "2 stylized copies of 1 targets"),
        ({"stylized": ("data0.npz",)}, "data0.npz is its own stylized copy"),
        ({"stylized": ("data9.npz",)}, "no data at 'data9.npz'"),
        ({"texture_augmented": ("robst",)}, "unknown source of the study 'robst'; did you mean 'robust'"),
    ],
)
def test_copies_that_do_not_fit(here, settings, message):
    with pytest.raises(InputError, match=message):
        Study(("robust",), ("data0.npz",), **settings)
