"""`pellucid evaluate` as a user meets it: the table, the JSON, and going on after a kill."""

import functools
import json
import os
import re
import sys
import time
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from evaluation_helpers import flat_classifier, gray_split
from helpers import PETS, pictures

from pellucid import Classifier, EvaluateRecipe, InputError, evaluate, load_data
from pellucid.cli.main import main
from pellucid.data.dataset import Split
from pellucid.data.image import write_image
from pellucid.evaluation.accuracy import Evaluation
from pellucid.zoo.bundle import save_bundle
from pellucid.zoo.networks import build


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A bundle, and images of 8 px with the labels that it sees in them."""
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build("preact-4-8", len(PETS))
    classifier = Classifier(network, class_names=PETS, card={"arch": "preact-4-8", "size": 8}).eval()
    split = pictures(8, 36)
    with torch.no_grad():  # so that it sees all classes
        logits = classifier.logits(split.batch(slice(None))[0])
        head = classifier.module(classifier.head)
        head.weight /= logits.std(0)[:, None]
        head.bias.copy_((head.bias - logits.mean(0)) / logits.std(0))
    save_bundle(classifier, "net")
    np.savez(
        "data.npz",
        test_images=split.images.permute(0, 2, 3, 1).numpy(),
        test_labels=classifier.predict(split.batch(slice(None))[0]).numpy(),
        class_names=np.array(PETS),
    )
    return tmp_path


COMMAND = ["evaluate", "--model", "net", "--data", "data.npz", "--device", "cpu", "--no-sanity"]


def run(capsys, *words):
    capsys.readouterr()
    code = main([*COMMAND, *map(str, words)])
    return code, *capsys.readouterr()


def test_the_table_and_the_json_say_the_same(here, capsys):
    words = ("--eps", "8/255", "2/255", "--norm", "linf", "--steps", "2", "5", "--out", "made/result.json")
    code, out, err = run(capsys, *words, "--autoattack", "apgd-ce", "--count", "6")
    assert (code, err) == (0, "")
    facts = json.loads((here / "made" / "result.json").read_text())
    assert [path.name for path in (here / "made").iterdir()] == ["result.json"]
    assert facts["images"] == 6
    assert set(facts["robust"]) == {"0.0313725", "0.00784314"}
    by_attack = facts["robust"]["0.0313725"]
    assert list(by_attack) == ["pgd-2", "pgd-5", "autoattack-apgd-ce"]
    assert facts["eps"] == [8 / 255, 2 / 255]
    assert (facts["norm"], facts["step_size"], facts["seed"], facts["warnings"]) == ("linf", "2.5 eps / steps", 0, [])
    lines = out.splitlines()
    assert lines[0] == "6 images of the test split, accuracy in percent [95% interval]"
    low, high = facts["intervals"]["clean"]
    assert lines[1].split() == ["clean", f"{100 * facts['clean']:.2f}", f"[{100 * low:.2f},", f"{100 * high:.2f}]"]
    assert len(lines) == 2 + 6
    assert [line.split()[:2] for line in lines[2::3]] == [["eps", "8/255"], ["eps", "2/255"]]
    assert facts["split"] == "test"


def test_radii_that_are_almost_alike_stay_apart_in_the_table_and_in_the_json(here, capsys):
    words = ("--norm", "linf", "--eps", "0.03137254901", "0.031372549", "--steps", "1", "--out", "result.json")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()[2:]] == ["0.03137254901", "0.031372549"]
    facts = json.loads((here / "result.json").read_text())
    assert list(facts["robust"]) == list(facts["intervals"]["robust"]) == ["0.03137254901", "0.031372549"]


def test_a_set_without_a_test_split_is_measured_with_a_warning(here, capsys):
    with np.load("data.npz") as arrays:
        np.savez("all.npz", **{name.replace("test", "train"): array for name, array in arrays.items()})
    words = ("--data", "all.npz", "--eps", "0.1", "--steps", "1", "--out", "result.json")
    code, out, err = run(capsys, *words)
    assert code == 0
    assert err.startswith("warning: all.npz has no test split: all of it is taken")
    assert len(err.splitlines()) == 1
    assert out.startswith("36 images of the train split")
    assert json.loads((here / "result.json").read_text())["split"] == "train"


# Classes


def test_classes_in_another_order_are_told_apart_by_name(here, capsys):
    words = ("--eps", "0.1", "--steps", "1", "--count", "20")
    _, expected, _ = run(capsys, *words)
    with np.load("data.npz") as arrays:
        numbers = np.array([2, 0, 1])  # of cat, dog and ship among dog, ship and cat
        labels, names = numbers[arrays["test_labels"]], np.array(["dog", "ship", "cat"])
        np.savez("moved.npz", **{**arrays, "test_labels": labels, "class_names": names})
    assert run(capsys, "--data", "moved.npz", *words) == (0, expected, "")


def test_classes_of_other_names_are_warned_of(here, capsys):
    with np.load("data.npz") as arrays:
        np.savez("wild.npz", **{**arrays, "class_names": np.array(["cat", "wolf", "boat"])})
    code, _, err = run(capsys, "--data", "wild.npz", "--eps", "0.1", "--steps", "1", "--out", "wild.json")
    assert (code, err.count("\n")) == (0, 1)
    said = err.removeprefix("warning: ").strip()
    assert "'wolf' where the model has 'dog', 'boat' where the model has 'ship'" in said
    assert json.loads((here / "wild.json").read_text())["warnings"] == [said]


# Image files


@pytest.fixture
def photos(here):
    """Images of 8 px in files, of which one in train and two in test are damaged."""
    for kind in ("train", "test"):
        split = pictures(8, 12)
        for number, (image, label) in enumerate(zip(*split.batch(slice(None)), strict=True)):
            write_image(here / "photos" / kind / PETS[label] / f"{number:02}.png", image)
    for name in ("train/cat/00.png", "test/cat/00.png", "test/ship/05.png"):
        (here / "photos" / name).write_bytes(b"nothing")
    return here / "photos"


@pytest.mark.parametrize("memory", [2**20, 0], ids=["decoded at once", "decoded when read"])
def test_unreadable_images_are_left_out_on_demand_and_those_of_the_train_split_not_even_read(
    photos, capsys, monkeypatch, memory
):
    loaded = functools.partial(load_data, memory=memory)
    monkeypatch.setattr("pellucid.cli.inputs.load_data", loaded)
    words = ("--data", photos, "--eps", "0.1", "--steps", "1", "--batch-size", "1", "--random-start")
    code, _, err = run(capsys, *words)
    assert code == 2
    assert re.search(r"test/cat/00.png is not an image", err)
    code, out, err = run(capsys, *words, "--skip-unreadable")
    assert code == 0
    assert out.startswith("10 images of the test split")
    assert all("test/" in line for line in err.splitlines())
    assert "cannot be read and are left out" in err


def test_a_set_of_nothing_readable_is_refused(photos, capsys):
    for path in photos.rglob("*.png"):
        path.write_bytes(b"nothing")
    code, out, err = run(capsys, "--data", photos, "--skip-unreadable", "--eps", "0.1", "--steps", "1")
    assert (code, out) == (2, "")
    assert "none of the 12 images can be read" in err


def test_signs_of_deception_are_printed_and_kept(here, capsys, monkeypatch):
    monkeypatch.setattr("pellucid.cli.evaluate.sanity", lambda *args: ["the gradient vanishes"])
    words = ("--eps", "0.1", "--steps", "1", "--out", "result.json", "--sanity")
    monkeypatch.setattr(sys.modules[__name__], "COMMAND", COMMAND[:-1])
    code, _, err = run(capsys, *words[:-1])
    assert (code, err) == (0, "warning: the gradient vanishes\n")
    assert json.loads((here / "result.json").read_text())["warnings"] == ["the gradient vanishes"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--norm", "linf", "--eps", "8"],
            "an linf eps of 8 allows any image, values are in [0, 1]; did you mean 8/255?",
        ),
        (["--autoattack", "standart"], "unknown attack of AutoAttack 'standart'; did you mean 'standard'?"),
        (["--autoattack", "standard"], "apgd-t needs 4 classes or more"),
        (["--step-size", "0"], "step_size must be positive"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(here, capsys, words, message):
    before = sorted(here.iterdir())
    code, out, err = run(capsys, *words, "--out", "result.json")
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert sorted(here.iterdir()) == before


# Going on


GOING_ON = ("--eps", "0.1", "0.3", "--steps", "3", "--batch-size", "3", "--random-start", "--restarts", "2")


def run_slowly(*words):
    outcomes = Evaluation.outcomes
    Evaluation.outcomes = lambda self, span: time.sleep(0.2) or outcomes(self, span)
    main([*COMMAND, *words])


def test_after_a_kill_the_same_command_comes_to_the_identical_result(here, capsys):
    code, expected, _ = run(capsys, *GOING_ON, "--out", "whole.json")
    assert code == 0
    kept = here / "result.partial.json"
    process = get_context("fork").Process(target=run_slowly, args=(*GOING_ON, "--out", "result.json"))
    process.start()
    deadline = time.monotonic() + 120
    while not (kept.exists() and len(json.loads(kept.read_text())["clean"]) >= 6):
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.kill()
    process.join()
    known = json.loads(kept.read_text())
    assert 6 <= len(known["clean"]) < 36
    assert not (here / "result.json").exists()
    kept.write_text(json.dumps({**known, "clean": "0" * len(known["clean"])}))  # to see that it is read
    _, out, _ = run(capsys, *GOING_ON, "--out", "result.json")
    assert out != expected
    (here / "result.json").unlink()
    kept.write_text(json.dumps(known))
    code, out, err = run(capsys, *GOING_ON, "--out", "result.json")
    assert (code, out, err) == (0, expected, "")
    whole, result = (json.loads((here / name).read_text()) for name in ("whole.json", "result.json"))
    assert {**result, "command": whole["command"]} == whole
    assert not kept.exists()


def test_ctrl_c_says_how_to_go_on(here, capsys, monkeypatch):
    outcomes = Evaluation.outcomes

    def interrupted(self, span):
        if span.start == 4:
            raise KeyboardInterrupt
        return outcomes(self, span)

    monkeypatch.setattr(Evaluation, "outcomes", interrupted)
    code, _, err = run(capsys, "--eps", "0.1", "--steps", "1", "--batch-size", "2", "--out", "result.json")
    assert code == 130
    assert err == "pellucid evaluate: interrupted; the same command goes on from result.partial.json\n"
    assert len(json.loads((here / "result.partial.json").read_text())["clean"]) == 4


@pytest.mark.parametrize(("written", "left"), [(1, False), (3, True)])
def test_what_is_older_than_the_result_was_left_by_a_kill_and_goes(here, capsys, written, left):
    for name, changed in (("result.partial.json", written), ("result.json", 2)):
        (here / name).write_text("{}")
        os.utime(here / name, (changed, changed))
    assert run(capsys, "--eps", "0.1", "--out", "result.json")[0] == 2
    assert (here / "result.partial.json").exists() == left


@pytest.fixture
def begun(tmp_path):
    """A classifier, images, a recipe, and the file of an evaluation of them that was stopped after 8 of 20."""
    classifier, split = flat_classifier(), gray_split(20)
    recipe = EvaluateRecipe(eps=(0.1, 0.2), steps=(2,), batch_size=8)
    evaluation, path = Evaluation(classifier, split, recipe), tmp_path / "result.partial.json"
    evaluation.partial(path).write(evaluation.outcomes(slice(0, 8)))
    return classifier, split, recipe, path


def test_only_what_is_not_known_is_computed(begun, monkeypatch):
    classifier, split, recipe, path = begun
    spans, outcomes = [], Evaluation.outcomes
    monkeypatch.setattr(Evaluation, "outcomes", lambda self, span: spans.append(span) or outcomes(self, span))
    made = evaluate(classifier, split, recipe, partial=path)
    assert spans == [slice(8, 16), slice(16, 20)]
    assert made == evaluate(classifier, split, recipe)
    spans.clear()
    assert evaluate(classifier, split, recipe, partial=path) == made
    assert spans == []


def test_another_recipe_is_refused_by_name(begun):
    classifier, split, _, path = begun
    with pytest.raises(InputError, match=r"with other settings: steps \(\[2\], now \[3\]\); repeat the command"):
        evaluate(classifier, split, EvaluateRecipe(eps=(0.1, 0.2), steps=(3,), batch_size=8), partial=path)


def test_another_classifier_other_images_and_another_seed_are_refused(begun):
    classifier, split, recipe, path = begun
    with pytest.raises(InputError, match="with other settings: model_sha256"):
        evaluate(flat_classifier(5), split, recipe, partial=path)
    with pytest.raises(InputError, match="with other settings: data_sha256"):
        evaluate(classifier, gray_split(20, seed=9), recipe, partial=path)
    changed = split.images.clone()
    changed[19] = 255 - changed[19]
    with pytest.raises(InputError, match="with other settings: data_sha256"):
        evaluate(classifier, Split(changed, split.labels), recipe, partial=path)
    with pytest.raises(InputError, match=r"with other settings: attack_precision .*, seed \(0, now 4\)"):
        evaluate(classifier, split, recipe, partial=path, seed=4, precision="bfloat16")


def changed(path, **entries):
    return json.dumps({**json.loads(path.read_text()), **entries})


@pytest.mark.parametrize(
    "text",
    [
        lambda path: "[]",
        lambda path: "[" * 100_000,
        lambda path: path.read_text()[:-20],
        lambda path: changed(path, facts=[]),
        lambda path: changed(path, clean="01210101"),
        lambda path: changed(path, clean=[True] * 8),
        lambda path: changed(path, clean="0101"),
        lambda path: changed(path, robust={"0.1": {"pgd-2": "00000000"}}),
        lambda path: changed(path, clean="1" * 21, robust={eps: {"pgd-2": "1" * 21} for eps in ("0.1", "0.2")}),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_in_one_line(begun, text):
    classifier, split, recipe, path = begun
    path.write_text(text(path))
    before = path.read_bytes()
    with pytest.raises(InputError, match="delete it") as error:
        evaluate(classifier, split, recipe, partial=path)
    assert len(str(error.value).splitlines()) == 1
    assert path.read_bytes() == before
