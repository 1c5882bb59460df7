"""Statistics over test sets: intervals against scipy, and each task against the task itself, image by image."""

import csv
import io
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from helpers import PETS, conv_classifier, images, pictures
from scipy import stats

from pellucid import (
    Comparison,
    Dataset,
    InpaintRecipe,
    InputError,
    InvertRecipe,
    Split,
    Statistics,
    SuperresRecipe,
    TranslateRecipe,
    inpaint,
    inpaint_statistics,
    invert_statistics,
    patch_mask,
    perceptual_distance,
    superres,
    superres_statistics,
    translate,
    translate_statistics,
)
from pellucid.base.blur import blurred
from pellucid.data.image import enlarge
from pellucid.data.quality import psnr
from pellucid.evaluation.intervals import wilson
from pellucid.representation.invert import begin, resemblance
from pellucid.statistics import comparison as module
from pellucid.statistics.inpaint import FILLS
from pellucid.statistics.judge import Judge

SUPERRES = SuperresRecipe(eps=0.2, steps=3, step_size=0.1)
INPAINT = InpaintRecipe(steps=3, step_size=0.1, surroundings=0.0)
TRANSLATE = TranslateRecipe(eps=0.5, steps=3, step_size=0.2)


@pytest.fixture
def other():
    other = conv_classifier(len(PETS), seed=3)
    other.card["size"] = 8
    return other


@pytest.fixture
def judge():
    judge = conv_classifier(4, seed=5)
    judge.class_names = ["frog", "Ship", "cat, kitten", "dog"]
    return judge


@pytest.fixture
def compared(classifier, other):
    return Comparison({"ours": classifier, "other": other}, pictures(8, 12), count=7)


# The table


def test_means_and_intervals_are_those_of_scipy():
    a, b = torch.tensor([20.0, 22.5, 21.0, 25.0]), torch.tensor([19.0, 22.0, 21.5, 23.0])
    table = Statistics("toy", "a", {"PSNR, dB": {"b": b, "a": a}})
    theirs, own = table.rows
    for row, values in ((theirs, b), (own, a)):
        expected = stats.ttest_1samp(values.double().numpy(), 0).confidence_interval(0.95)
        assert row.mean == pytest.approx(float(values.mean()))
        assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
    paired = stats.ttest_rel(a.double().numpy(), b.double().numpy()).confidence_interval(0.95)
    assert theirs.ahead == pytest.approx(0.75)
    assert (theirs.ahead_low, theirs.ahead_high) == pytest.approx((paired.low, paired.high))
    assert (own.ahead, own.ahead_low) == (None, None)


def test_shares_have_wilsons_interval_and_a_single_image_none():
    seen = torch.tensor([True, True, False, True])
    row, one = Statistics("toy", "a", {"seen": {"a": seen}, "one": {"a": torch.tensor([2.0])}}).rows
    assert (row.mean, row.low, row.high) == (0.75, *wilson(0.75, 4))
    expected = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert (row.low, row.high) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert (one.mean, one.low, one.high) == (2.0, None, None)


def test_a_table_is_text_json_and_csv():
    values = {"SSIM": {"b": torch.tensor([0.5, 0.7]), "a": torch.tensor([0.6, 0.8])}}
    table = Statistics("toy", "a", values, {"seed": 3})
    assert "SSIM\n  b  0.6000 [-0.6706, 1.8706]   0.1000 [0.1000, 0.1000]\n  a  0.7000" in str(table)
    facts = table.to_json()
    assert (facts["task"], facts["images"], facts["seed"], facts["rows"][0]["ahead"]) == ("toy", 2, 3, 0.1)
    first, second = csv.DictReader(io.StringIO(table.to_csv()))
    assert (first["method"], first["mean"], second["method"], second["ahead"]) == ("b", "0.6", "a", "")


# The images


def test_batches_do_not_matter_and_what_is_finished_is_not_made_again(compared, tmp_path, monkeypatch):
    whole = superres_statistics(compared, SUPERRES, factor=2)
    monkeypatch.setattr(module, "AT_ONCE", 3)
    shares = []
    kept = replace(compared, parts=tmp_path / "parts")

    def stop(share):
        shares.append(share)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        superres_statistics(kept, SUPERRES, factor=2, callback=stop)
    (first,) = (tmp_path / "parts").iterdir()
    before = first.stat().st_mtime_ns
    found = superres_statistics(kept, SUPERRES, factor=2, callback=shares.append)
    assert first.stat().st_mtime_ns == before
    assert shares == [3 / 7, 3 / 7, 6 / 7, 1.0]
    order = [(row.metric, row.method) for row in whole.rows]
    assert [(row.metric, row.method) for row in found.rows] == order
    for metric, methods in whole.values.items():
        for method, values in methods.items():
            torch.testing.assert_close(found.values[metric][method], values, atol=1e-3, rtol=0)
    superres_statistics(replace(kept, seed=1), SUPERRES, factor=2)  # of another seed: made anew
    assert first.stat().st_mtime_ns > before


def test_images_are_drawn_evenly(compared):
    assert compared.images.labels.bincount().tolist() in ([3, 2, 2], [2, 3, 2], [2, 2, 3])
    assert len(replace(compared, count=None).images) == 12


# The tasks


def test_superres_is_measured_on_what_superres_makes(compared, classifier, other):
    found = superres_statistics(compared, SUPERRES, factor=2).values["PSNR, dB"]
    photos = compared.images.batch(slice(None))[0]
    small = F.avg_pool2d(photos, 2)
    assert list(found) == ["nearest", "bicubic", "start", "ours", "other"]
    assert torch.equal(found["bicubic"], psnr(enlarge(small, 8, "bicubic"), photos))
    for name, model in (("ours", classifier), ("other", other)):
        assert torch.equal(found[name], psnr(superres(model, small, recipe=SUPERRES).images, photos))


def test_inpaint_is_measured_within_the_holes(compared, classifier, judge):
    found = inpaint_statistics(replace(compared, judge=judge), INPAINT, patch=3).values
    photos = compared.images.batch(slice(None))[0]
    mask = patch_mask(7, (8, 8), 3)
    made = {name: fill(photos, mask) for name, fill in FILLS.items()}
    made["ours"] = inpaint(classifier, photos, mask, recipe=INPAINT).images
    for name, filled in made.items():
        squares = ((filled - photos).square() * mask).sum((1, 2, 3)) / (3 * 9)
        torch.testing.assert_close(found["PSNR, dB"][name], -10 * squares.log10(), atol=1e-3, rtol=0)
        torch.testing.assert_close(
            found["perceptual distance"][name], perceptual_distance(judge, filled, photos, tuple(judge.layers))
        )


def test_invert_is_measured_on_what_invert_makes(compared, classifier, judge):
    recipe = InvertRecipe(steps=4)
    found = invert_statistics(replace(compared, judge=judge), recipe).values
    photos = compared.images.batch(slice(None))[0]
    start = begin("noise", photos, 0)
    expected = torch.tensor(resemblance(classifier, start, photos)["distance"])
    assert torch.equal(found["distance in representation"]["start"], expected)
    assert found["distance in representation"]["ours"].mean() < expected.mean()
    seen = judge.predict(start) == judge.predict(photos)
    assert torch.equal(found["the target's class, says the judge"]["start"], seen)


def test_translate_is_judged_by_class_names(compared, classifier, judge):
    found = translate_statistics(replace(compared, judge=judge), TRANSLATE, pairs=[("cat", "ship"), ("dog", "cat")])
    labels = compared.split.labels[compared.split.labels != 2][:7]
    assert found.images == 7
    targets = torch.tensor(found.settings["targets"])
    assert targets.unique().tolist() == [0, 2]
    part = compared.split.subset(torch.arange(12)[compared.split.labels != 2], labels.new_tensor([0, 1] * 4))
    photos, sources = replace(compared, split=part).images.batch(slice(None))
    assert torch.equal(targets, torch.where(sources == 0, 2, 0))
    made = translate(classifier, photos, targets, TRANSLATE).images
    for metric, shown in (("in the target class", made), ("after a blur of 1 px", blurred(made, 1.0).clamp(0, 1))):
        logits = judge(shown).logits[:, [2, 3, 1]]  # in the classifier's order, without the frog
        assert torch.equal(found.values[metric]["ours"], logits.argmax(1) == targets)


def test_classes_of_a_data_set_are_matched_by_name(compared, judge):
    ours = translate_statistics(replace(compared, judge=judge), TRANSLATE, pairs=[("cat", "ship")])
    names = compared.first.class_names
    turned = Split(compared.split.images, len(names) - 1 - compared.split.labels)
    data = Dataset("turned", turned, turned, names[::-1])
    found = translate_statistics(replace(compared, split=data.test, judge=judge), TRANSLATE, pairs=[("cat", "ship")])
    assert found.images == ours.images
    assert torch.equal(found.values["in the target class"]["ours"], ours.values["in the target class"]["ours"])


def test_without_pairs_every_image_goes_to_another_class_that_the_judge_knows(compared, judge):
    judge.class_names = ["frog", "ship", "cat", "wolf"]
    found = translate_statistics(replace(compared, judge=judge), TRANSLATE)
    targets = torch.tensor(found.settings["targets"])
    assert set(targets.tolist()) <= {0, 2}
    assert (targets != compared.images.labels).all()


# The judge


def test_a_judge_chooses_among_the_classes_that_it_knows(judge):
    asked = Judge(judge, ["dog", "wolf", "cat"])
    assert asked.own.tolist() == [3, -1, 2]
    photos = images(20)
    seen, representation = asked.look(photos)
    logits = judge(photos).logits
    assert torch.equal(seen, torch.where(logits[:, 3] > logits[:, 2], 0, 2))
    assert representation.shape == (20, 24)


# Mistakes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c, j: Comparison({}, c.split), "give the classifiers by name"),
        (lambda c, j: replace(c, split=Split(images(2, 7), [0, 1])), "the images are 7 x 7 and ours takes 8 x 8"),
        (lambda c, j: replace(c, split=Split(images(2)[:0], [])), "there are no images"),
        (lambda c, j: superres_statistics(c, factor=3), "factor 3 must be at least 2 and divide the images' 8 px"),
        (lambda c, j: inpaint_statistics(c, patch=9), "a patch of 9 pixels does not fit"),
        (lambda c, j: translate_statistics(c), "and a judge"),
        (lambda c, j: translate_statistics(replace(c, judge=j), pairs=[("cat", "dgo")]), "did you mean 'dog'"),
    ],
)
def test_mistakes_are_told(compared, judge, call, message):
    with pytest.raises(InputError, match=message):
        call(compared, judge)


def test_a_judge_that_knows_too_little_is_refused(compared, judge):
    judge.class_names = ["cat", "dog", "x", "y"]
    with pytest.raises(InputError, match="the judge does not know 'ship'; it knows cat, dog"):
        translate_statistics(replace(compared, judge=judge), pairs=[("cat", "ship")])
    judge.class_names = ["cat", "w", "x", "y"]
    with pytest.raises(InputError, match="the judge knows 1 of the classes"):
        translate_statistics(replace(compared, judge=judge))
