"""The report: the rule of agreement, its folder and page, and every entry on two tiny classifiers."""

import csv
import json
import re
import shlex
from dataclasses import asdict, replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import PETS, pictures
from scipy import stats
from torch.utils._python_dispatch import TorchDispatchMode

import pellucid as pl
from pellucid.cli.main import main
from pellucid.report import samples, synthesis
from pellucid.report.catalog import ENTRIES
from pellucid.report.entry import Claim, Entry, Finding, Interval, Table
from pellucid.report.folder import Folder
from pellucid.report.page import report_page
from pellucid.report.report import chosen, report
from pellucid.report.scene import Scene
from pellucid.synthesis.start import seeds

MADE = [entry for entry in ENTRIES if not entry.reason]


@pytest.fixture(scope="module")
def scene(tiny_bundle, other_bundle, tmp_path_factory):
    classifiers = {"robust": pl.load(str(tiny_bundle), "cpu"), "standard": pl.load(str(other_bundle), "cpu")}
    size = classifiers["robust"].size
    data = pl.Dataset("pets", pictures(size, 24), pictures(size, 24, seed=1), classifiers["robust"].class_names)
    judge = pl.load(str(other_bundle), "cpu")
    with torch.no_grad():
        next(judge.network.parameters()).mul_(1.1)  # so that it is none of the others
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield Scene(classifiers, data, judge=judge, scale="tiny", styles={"red": torch.rand(1, 3, 64, 64)})


@pytest.mark.parametrize("entry", MADE, ids=lambda entry: entry.id)
def test_every_entry_is_made(entry, scene, tmp_path):
    folder = Folder(tmp_path / "report", {"seed": 0})
    left = report(lambda: scene, folder, [entry])
    if entry.missing(scene):
        assert left
        return
    assert left == []
    facts = json.loads((folder.path / f"{entry.id}.json").read_text())
    assert facts["files"] or facts["table"]
    assert facts["text"]
    assert facts["command"].split()[0] == entry.task
    assert all((folder.path / file).stat().st_size > 500 for file in facts["files"])


def test_figure_11_is_of_the_classifiers_that_withstand_linf_attacks(scene, monkeypatch):
    robust, standard = scene.pair
    assert "linf" in Entry("synthesis-figure-11", "", ("linf",)).missing(scene)
    monkeypatch.setattr(standard, "card", {**standard.card, "recipe": {"attack": {"norm": "linf"}}})
    three = replace(scene, classifiers={"robust": robust, "other": scene.judge, "linf": standard})
    assert Entry("synthesis-figure-11", "", ("linf",)).missing(three) == ""
    rows = synthesis.figure_11(three).pictures
    first, second = robust.class_names[:2]
    assert [row.label for row in rows] == [
        first, f"to {second}, robust", f"to {second}, linf", second, f"to {first}, robust", f"to {first}, linf"
    ]  # fmt: skip
    images = synthesis.of_class(three, first, 4)
    expected = pl.translate(standard, images, [second] * len(images), pl.TranslateRecipe()).images
    assert torch.equal(rows[2].images, expected)


def test_samples_are_made_and_measured_batch_by_batch(scene, tmp_path, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path))
    monkeypatch.setattr("pellucid.evaluation.features.READ", 2)
    calls, pixels = [], scene.size**2 * 3
    monkeypatch.setattr("pellucid.report.samples.generate", lambda *a, **k: calls.append(a) or pl.generate(*a, **k))

    class Largest(TorchDispatchMode):
        """How many images the largest batch of floats that an operation makes has."""

        most = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made = func(*args, **(kwargs or {}))
            if isinstance(made, torch.Tensor) and made.is_floating_point() and made.shape[1:].numel() == pixels:
                self.most = max(self.most, len(made))
            return made

    alone = replace(scene, classifiers={"robust": scene.classifier}, judge=None)
    with Largest() as largest:
        found = samples.qualities(alone)
    sets = found["robust"]
    assert {quality.count for name, quality in sets.items() if name != samples.REAL} == {2 * scene.classifier.classes}
    assert largest.most == 2
    second = pl.generate(scene.classifier, [1], start=seeds(scene.classifier, torch.tensor([1]), first=1)).images
    made = len(calls)
    first = samples.sampled(scene, scene.classifier, pl.GenerateRecipe()).raw(slice(0, 2))
    assert len(calls) == made  # it is read from where it was kept
    assert (first[1].float() - second[0] * 255).abs().max() < 0.51


def test_the_interval_of_a_mean_is_students():
    values = [0.1, 0.4, 0.35, 0.8]
    low, high = stats.t.interval(0.95, 3, loc=sum(values) / 4, scale=stats.sem(values))
    found = Interval.of_mean(values)
    assert (found.low, found.high) == pytest.approx((low, high))
    paired = Interval.of_difference([1.0, 2.0, 4.0], [0.0, 1.0, 3.0])
    assert (paired.value, paired.low, paired.high) == (1, 1, 1)
    assert Interval.of_mean([3.0]).high == float("inf")


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.1, 1, "agrees"), (-1, -0.1, "disagrees"), (-1, 1, "undecided"),
                                                      (float("nan"), float("nan"), "undecided")])  # fmt: skip
def test_a_claim_agrees_if_its_whole_interval_is_above_zero(low, high, verdict):
    assert Claim("", Interval(0, low, high)).verdict == verdict


class Counted(Entry):
    """An entry that counts how often it is made."""

    calls: list = []  # noqa: RUF012

    @property
    def make(self):
        def make(scene):
            self.calls.append(self.id)
            if self.shows == "fails":
                raise pl.InputError("no such thing")
            table = Table(("name", "share"), [("a<b", Interval(0.5, 0.25, 0.75)), ("c", 1.0), ("d", None)])
            return Finding("text & more", table=table, claims=[Claim("<script>", Interval(1, 0.5, 1.5), 2.0)])

        return make


def test_a_report_goes_on_where_it_stopped(scene, tmp_path, monkeypatch):
    entries = [Counted("style-a", "one"), Counted("style-b", "fails"), Counted("style-c", "three", ("targets",))]
    monkeypatch.setattr("pellucid.report.report.ENTRIES", entries)
    folder, shares = Folder(tmp_path / "report", {"scale": "tiny", "seed": 1}), []
    Counted.calls.clear()
    left = report(lambda: scene, folder, entries, callback=shares.append)
    assert Counted.calls == ["style-a", "style-b"]
    assert [line.split(":")[0] for line in left] == ["style-b", "style-c"]
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])
    report(lambda: scene, folder, entries)
    assert Counted.calls == ["style-a", "style-b", "style-b"]
    page = (folder.path / "index.html").read_text()
    assert "&lt;script&gt;" in page
    assert "a&lt;b" in page
    assert "text &amp; more" in page
    assert "<script" not in page
    assert "http" not in page
    facts = json.loads((folder.path / "report.json").read_text())
    assert facts["entries"][0]["claims"][0]["verdict"] == "agrees"
    assert "style-b" in facts["left_out"]
    rows = list(csv.reader((folder.path / "style-a.csv").open()))
    assert rows == [["name", "share", "share low", "share high"], ["a<b", "0.5", "0.25", "0.75"], ["c", "1.0", "", ""],
                    ["d", "", "", ""]]  # fmt: skip
    with pytest.raises(pl.InputError, match="seed"):
        report(lambda: scene, replace(folder, about={"scale": "tiny", "seed": 2}), entries)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "photo.txt").write_text("mine")
    with pytest.raises(pl.InputError, match="other"):
        report(lambda: scene, Folder(tmp_path / "other", {}), entries)


def test_entries_are_chosen_by_id_or_paper():
    assert [entry.id for entry in chosen(["style-layers"])] == ["style-layers"]
    assert {entry.paper for entry in chosen(["transfer"])} == {"transfer"}
    assert chosen([]) == list(ENTRIES)
    with pytest.raises(pl.InputError, match=r"did you mean synthesis-figure-3 or .* pellucid report --list has all"):
        chosen(["synthesis-figure-33"])


def test_a_page_of_nothing_is_a_page():
    assert report_page({}, [], {}, {}).startswith("<!doctype html>")


def test_the_command_makes_a_report_and_lists_the_entries(tiny_bundle, other_bundle, tmp_path, capsys):
    assert main(["report", "--list", "--only", "synthesis"]) == 0
    assert "synthesis-figure-3 " in capsys.readouterr().out
    out = str(tmp_path / "report")
    words = ["report", "--model", str(tiny_bundle), "--beside", str(other_bundle), "--scale", "tiny", "--out", out]
    words += ["--device", "cpu", "--only", "synthesis-figure-17", "representations-figure-4"]
    assert main(words) == 0
    assert "representations-figure-4: needs" in capsys.readouterr().err
    assert (tmp_path / "report" / "synthesis-figure-17.png").exists()
    assert main([*words, "--seed", "3"]) == 2
    assert "seed" in capsys.readouterr().err


def test_the_lines_on_the_page_make_the_entry_again(tiny_bundle, other_bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    size, name = pl.load(str(tiny_bundle), "cpu").size, "representations-table-4"
    split = pictures(size, 12)
    arrays = {"test_images": split.images.permute(0, 2, 3, 1).numpy(), "test_labels": split.labels.numpy()}
    np.savez("my pets.npz", **arrays, class_names=np.array(PETS))
    words = ["--model", str(tiny_bundle), "--beside", str(other_bundle), "--data", "my pets.npz", "--seed", "3"]
    assert main(["report", *words, "--scale", "tiny", "--device", "cpu", "--jobs", "1", "--only", name]) == 0
    page = Path("pellucid-report/index.html").read_text()
    [command, python] = unescape(re.findall(r"entry again</summary><pre>(.*?)</pre>", page, re.DOTALL)[0]).split(
        "\n\n", 1
    )
    assert main(shlex.split(command)[1:]) == 0
    folders = ("pellucid-report", name)
    [first], [again] = (json.loads(Path(folder, "report.json").read_text())["entries"] for folder in folders)
    assert (again["table"], again["claims"], again["again"]) == (first["table"], first["claims"], first["again"])
    exec(python, found := {})
    assert json.loads(json.dumps(asdict(found["finding"].table))) == first["table"]
