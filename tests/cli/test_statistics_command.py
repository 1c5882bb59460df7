"""`pellucid statistics`, as a user runs it."""

import csv

import pytest
from words import QUICK, sidecar

from pellucid.statistics import comparison

TASKS = {
    "superres": (["--factor", "2"], "PSNR, dB"),
    "inpaint": (["--patch", "5"], "SSIM"),
    "invert": ([], "distance in representation"),
    "translate": (["--eps", "2", "--pairs", "cat", "dog", "dog", "ship"], "in the target class"),
}


@pytest.mark.parametrize("task", TASKS)
def test_the_statistics_of_a_task(task, run, data, here, tiny_bundle, other_bundle):
    extra, metric = TASKS[task]
    words = ["--model", tiny_bundle, "--beside", other_bundle, "--judge", other_bundle, "--data", "data.npz"]
    words = [*words, "--count", "4", *QUICK, *extra]
    code, out, err = run("statistics", task, *words, "--out", "found.json", model=False)
    assert (code, err) == (0, "")
    assert out.startswith(f"{task}, 4 images: mean [95% interval]")
    assert metric in out
    facts = sidecar(here / "found.json")
    assert (facts["task"], facts["own"], facts["split"], facts["images"]) == (task, "tiny-0.5", "test", 4)
    assert {"tiny-0.5", "tiny-standard"} <= {row["method"] for row in facts["rows"]}
    assert not (here / "found.partial").exists()


def test_a_table_as_csv(run, data, here, tiny_bundle):
    words = ["--model", tiny_bundle, "--data", "data.npz", "--count", "2", *QUICK, "--factor", "2"]
    assert run("statistics", "superres", *words, "--out", "found.csv", model=False)[0] == 0
    rows = list(csv.DictReader((here / "found.csv").open()))
    assert [row["method"] for row in rows] == ["nearest", "bicubic", "start", "tiny-0.5"] * 2


def test_what_was_stopped_goes_on(run, data, here, tiny_bundle, monkeypatch):
    monkeypatch.setattr(comparison, "AT_ONCE", 2)
    words = ["--model", tiny_bundle, "--data", "data.npz", "--count", "4", *QUICK, "--factor", "2", "--out", "a.json"]
    original = comparison.Comparison.measure

    def stopped(self, task, compare, settings, callback):
        def once(photos, first):
            if first:
                raise KeyboardInterrupt
            return compare(photos, first)

        return original(self, task, once, settings, callback)

    monkeypatch.setattr(comparison.Comparison, "measure", stopped)
    code, _, err = run("statistics", "superres", *words, model=False)
    assert (code, err) == (130, "pellucid statistics: interrupted; the same command goes on from a.partial\n")
    monkeypatch.setattr(comparison.Comparison, "measure", original)
    assert run("statistics", "superres", *words, model=False)[0] == 0
    assert not (here / "a.partial").exists()


def test_help_and_mistakes(run, refused, data, tiny_bundle):
    assert "superres,inpaint,invert,translate" in run("statistics", "--help", model=False)[1]
    assert "--factor" in run("statistics", "superres", "--help", model=False)[1]
    assert "did you mean 'inpaint'" in refused("statistics", "impaint", model=False)
    words = ("statistics", "superres", "--model", tiny_bundle)
    assert "name the data" in refused(*words, model=False)
    assert "a table is a .json or a .csv" in refused(*words, "--data", "data.npz", "--out", "x.png", model=False)
