"""`pellucid transfer-study` as a user runs it."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from transfer_helpers import rewritten

from pellucid import load
from pellucid.cli.main import main
from pellucid.zoo.bundle import save_bundle

ONE = "--sources robust --targets data0.npz "


def test_the_command_writes_results_tables_and_figures(here, tmp_path, capsys):
    sources = ["--sources", "standard", "robust", "wide", "--targets", "data0.npz", "data1.npz", "--granularities", "4"]
    words = f"--device cpu --seeds 2 --penalties 0.1 --out {tmp_path / 'study'}".split()
    assert main(["transfer-study", *sources, *words]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "accuracy by the source's eps" in out
    folder = tmp_path / "study"
    facts = json.loads((folder / "study.json").read_text())
    assert len(facts["points"]) == 12
    assert {path.name for path in folder.iterdir()} == {
        "by-eps.csv", "by-eps.png", "by-width.csv", "by-width.png", "study.json", *facts["points"],
    }  # fmt: skip
    assert len((folder / "by-eps.csv").read_text().splitlines()) == 13
    assert (folder / "by-eps.png").read_bytes()[:4] == b"\x89PNG"
    assert main(["transfer-study", *ONE.split(), *words]) == 0
    assert not list(folder.glob("by-width.*"))  # there is one width now


def test_a_study_of_other_images_under_the_same_name_is_computed_anew(here, tmp_path, capsys):
    data = tmp_path / "data.npz"
    words = f"transfer-study --sources robust --targets {data} --device cpu --seeds 1 --quiet".split()
    accuracies = {}
    for folder, seed in (("first", 5), ("first", 6), ("second", 6)):
        rewritten(data, seed)
        assert main([*words, "--out", str(tmp_path / folder)]) == 0
        accuracies[folder, seed] = (tmp_path / folder / "by-eps.csv").read_text()
    assert accuracies["first", 6] == accuracies["second", 6] != accuracies["first", 5]
    assert len(json.loads((tmp_path / "first/study.json").read_text())["points"]) == 1


def test_weights_that_were_replaced_under_their_old_card_are_told_and_not_passed_over(here, tmp_path, capsys):
    source, weights = tmp_path / "net", tmp_path / "net.safetensors"
    save_bundle(load("robust", "cpu"), source)
    words = ["transfer-study", "--sources", str(source), "--targets", "data0.npz", "--seeds", "1", "--device", "cpu",
             "--quiet", "--out", str(tmp_path / "study")]  # fmt: skip
    assert main(words) == 0
    weights.write_bytes(Path("standard.safetensors").read_bytes())
    assert main(words) == 2
    assert f"{weights} is not the file its card describes" in capsys.readouterr().err


def test_what_succeeds_has_its_tables_and_all_that_fails_is_named(here, tmp_path, capsys):
    bad = str(tmp_path / "bad.npz")
    np.savez(bad, train_images=np.zeros((9, 8, 8, 3), np.uint8), train_labels=np.arange(9) % 3)
    words = ["--sources", "robust", "standard", "--targets", bad, "data0.npz", "--seeds", "1", "--device", "cpu"]
    assert main(["transfer-study", *words, "--out", str(tmp_path / "study")]) == 2
    out, err = capsys.readouterr()
    assert len(err.splitlines()) == 1
    assert "2 of 4 transfers failed: " in err
    assert all(f"{source} to {bad}: bad has no test images" in err for source in ("robust", "standard"))
    assert "accuracy by the source's eps" in out
    assert len((tmp_path / "study/by-eps.csv").read_text().splitlines()) == 3
    assert len(json.loads((tmp_path / "study/study.json").read_text())["points"]) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--targets data0.npz", "a study needs sources"),
        ("--sources robust robust --targets data0.npz", "robust is twice among the sources; name each once"),
        (ONE + "--jobs 0", "jobs must be a whole number"),
        ("--study none.json", "none.json cannot be read"),
        ("--study none.json --seeds=7 --modes full", "leave out --seeds --modes, or write it there"),
        (ONE + "--mode full", "give modes and granularities, not mode"),
        (ONE + "--granularity 4", "not mode and granularity"),
        (ONE + "--probe 4", "--probe is for --advise"),
        (ONE + "--size 16", "every source says which images it takes"),
        (ONE + "--advise --modes full --seeds 2 --out x", "leave out --modes --seeds --out"),
        ("--study none.json --sources robust", "none.json is the whole study; leave out --sources"),
        (ONE + "--out data0.npz", "data0.npz is a file"),
        (ONE + "--cluster auto --jobs 2", "the cluster at auto decides how many transfers run at once"),
    ],
)
def test_mistakes_are_one_line(here, mistaken, words, message):
    assert message in mistaken("transfer-study", "--device", "cpu", "--quiet", *words.split())


def test_a_study_compares_targets_with_their_copies(here, tmp_path, capsys):
    words = ["--sources", "standard", "robust", "wide", "--targets", "data0.npz", "--stylized", "data1.npz"]
    words += ["--texture-augmented", "wide", "--seeds", "2", "--penalties", "0.1", "--device", "cpu"]
    assert main(["transfer-study", *words, "--out", str(tmp_path / "study")]) == 0
    out = capsys.readouterr().out
    assert "accuracy on plain and on stylized images" in out
    with (tmp_path / "study/by-texture.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["kind"], row["source"]) for row in rows} == {
        ("standard", "standard"), ("robust", "robust"), ("texture-augmented", "wide"),
    }  # fmt: skip
    of = {name: [json.loads(f.read_text()) for f in sorted((tmp_path / "study").glob(f"robust--{name}*"))]
          for name in ("data0", "data1")}  # fmt: skip
    row = next(row for row in rows if row["source"] == "robust")
    assert [float(row["plain"]), float(row["stylized"])] == [of["data0"][0]["accuracy"], of["data1"][0]["accuracy"]]
    assert (tmp_path / "study/by-texture.png").read_bytes()[:4] == b"\x89PNG"
