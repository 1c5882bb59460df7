"""Studies: what they are read from, their jobs, and the analyses."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from helpers import pictures
from transfer_helpers import FACTS, result

from pellucid import InputError, TransferRecipe, load
from pellucid.cli.main import main
from pellucid.transfer_learning.source import SourceFacts, source_facts
from pellucid.transfer_learning.study import jobs
from pellucid.transfer_learning.study.analysis import analyses, by_eps, by_width, of_linearity
from pellucid.transfer_learning.study.jobs import Place, run_points, side_by_side
from pellucid.transfer_learning.study.study import Point, Study, done
from pellucid.transfer_learning.study.study_file import build, read_study
from pellucid.zoo.bundle import save_bundle

SOURCES = ("standard", "robust", "wide")
QUICK = TransferRecipe(seeds=2, penalties=(0.1, 0.01))


# Points and files


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


def test_a_study_is_read_from_json_and_toml(here, tmp_path):
    text = {"sources": ["robust"], "targets": ["data0.npz"], "granularities": [4], "modes": ["fixed", "full"],
            "recipe": {"seeds": 1, "penalties": [0.5], "train": {"epochs": 7, "attack": {"eps": 1}}}}  # fmt: skip
    (tmp_path / "study.json").write_text(json.dumps(text))
    found = read_study(tmp_path / "study.json")
    assert found.recipe.train.epochs == 7
    assert found.recipe.train.batch_size == 64  # as the paper has it, not as training in general
    assert (found.recipe.penalties, found.recipe.train.attack.eps, found.granularities) == ((0.5,), 1, (4,))
    if sys.version_info >= (3, 11):
        toml = 'sources = ["robust"]\ntargets = ["data0.npz"]\ngranularities = [4]\nmodes = ["fixed", "full"]\n'
        toml += "[recipe]\nseeds = 1\n"
        toml += "penalties = [0.5]\n[recipe.train]\nepochs = 7\nattack.eps = 1\n"
        (tmp_path / "study.toml").write_text(toml)
        assert read_study(tmp_path / "study.toml") == found


def rewritten(path, seed, split="train"):
    """An .npz of 8 px images again, with others."""
    with np.load(path if Path(path).exists() else "data0.npz") as file:
        arrays = dict(file)
    images = pictures(8, len(arrays[f"{split}_images"]), seed).images.permute(0, 2, 3, 1).numpy()
    np.savez(path, **{**arrays, f"{split}_images": images})


def test_other_images_weights_or_precision_under_the_same_names_are_other_points(here, tmp_path):
    data, source = tmp_path / "data.npz", tmp_path / "net"
    rewritten(data, 5)
    study = Study((str(source),), (str(data),), recipe=QUICK)
    found = []
    for images, weights in ((5, "robust"), (6, "robust"), (6, "standard")):
        rewritten(data, images)
        save_bundle(load(weights, "cpu"), source)
        found += study.points()
    found += study.points(precision="bfloat16")
    assert len({point.file for point in found}) == 4
    known = json.loads(source.with_suffix(".json").read_text())
    source.with_suffix(".json").write_text(json.dumps({**known, "accuracy": {"clean": 0.1}}))
    assert study.points() == [found[2]]  # its accuracy says nothing of its weights
    rewritten(data, 7, "test")
    assert study.points() != [found[2]]


def test_weights_that_were_replaced_under_their_old_card_are_told_and_not_passed_over(here, tmp_path, capsys):
    source, weights = tmp_path / "net", tmp_path / "net.safetensors"
    save_bundle(load("robust", "cpu"), source)
    words = ["transfer-study", "--sources", str(source), "--targets", "data0.npz", "--seeds", "1", "--device", "cpu",
             "--quiet", "--out", str(tmp_path / "study")]  # fmt: skip
    assert main(words) == 0
    weights.write_bytes(Path("standard.safetensors").read_bytes())
    assert main(words) == 2
    assert f"{weights} is not the file its card describes" in capsys.readouterr().err


def test_what_a_mode_does_not_heed_makes_no_other_point(here):
    one, other = (
        Study(("robust",), ("data0.npz",), ("fixed", "full"), recipe=replace(QUICK, lrs=(rate,))).points()
        for rate in (0.1, 0.2)
    )
    assert one[0] == other[0]
    assert one[1] != other[1]
    assert one[1].recipe.penalties == TransferRecipe().penalties


ROBUST = {"sources": ["robust"], "targets": ["data0.npz"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"source": ["robust"]}, "unknown key in .*'source'; did you mean 'sources'"),
        ({"sources": ["robust"]}, "a study needs targets"),
        (ROBUST | {"sources": "robust"}, "sources must be a list of texts, not 'robust'"),
        (ROBUST | {"sources": [3]}, r"sources must be a list of texts, not \[3\]"),
        (ROBUST | {"targets": ["data9.npz"]}, "no data at 'data9.npz'"),
        (ROBUST | {"targets": ["paper:pet"]}, "unknown data set of the paper 'pet'; did you mean 'pets'"),
        (ROBUST | {"targets": ["data0.npz", "data0.npz"]}, "data0.npz is twice among the targets"),
        (
            ROBUST | {"targets": ["data0.npz", "./data0.npz"]},
            "./data0.npz is twice among the targets, first as data0.npz",
        ),
        (ROBUST | {"stylized": ["./data0.npz"]}, "data0.npz is its own stylized copy"),
        (ROBUST | {"recipe": {"granularity": 4}}, "give modes and granularities, not mode and granularity"),
        (ROBUST | {"recipe": {"mode": "full"}}, "give modes and granularities, not mode and granularity"),
        (ROBUST | {"recipe": {"lrs": [0.1]}}, "lrs would be ignored, as modes is fixed"),
        (ROBUST | {"modes": ["full"], "recipe": {"layer": "stem", "augment": 2}}, "layer, augment would be ignored"),
        (
            ROBUST | {"modes": ["full"], "recipe": {"train": {"attack": {"step_size": "a"}}}},
            "must be like 0.0, not 'a'",
        ),
        (ROBUST | {"modes": ["fix"]}, "unknown mode 'fix'; did you mean 'fixed'"),
        (ROBUST | {"granularities": [4.5]}, "granularities must be a list of whole numbers"),
        (ROBUST | {"recipe": {"sedes": 1}}, "did you mean 'seeds'"),
        (ROBUST | {"recipe": {"metric": "topp"}}, "unknown metric 'topp'; did you mean 'top-1'"),
        (ROBUST | {"recipe": {"train": {"augment": "foo"}}}, "unknown augment 'foo'"),
        (ROBUST | {"recipe": {"train": {"schedule": "bar"}}}, "unknown schedule 'bar'"),
        (ROBUST | {"recipe": {"train": {"attack": {"norm": "l3"}}}}, "unknown norm 'l3'"),
        (ROBUST | {"recipe": {"seeds": "three"}}, "must be like 3, not 'three'"),
        (ROBUST | {"recipe": {"train": {"epochs": 0}}}, "epochs must be at least"),
        (ROBUST | {"recipe": 3}, "must hold keys and values, not 3"),
        ([], "must hold keys and values"),
    ],
)
def test_mistakes_in_a_study(here, tmp_path, text, message):
    (tmp_path / "study.json").write_text(json.dumps(text))
    with pytest.raises(InputError, match=message):
        read_study(tmp_path / "study.json")


def test_files_that_are_no_study(tmp_path):
    (tmp_path / "study.json").write_text('{"sources": [')
    (tmp_path / "study.toml").write_text("sources = [")
    with pytest.raises(InputError, match="not usable JSON"):
        read_study(tmp_path / "study.json")
    with pytest.raises(InputError, match=r"not usable TOML|as .json only"):
        read_study(tmp_path / "study.toml")
    (tmp_path / "large.toml").write_text("x = 1\n" + "#" * 2**24)
    with pytest.raises(InputError, match=r"larger than 16 MiB|as .json only"):
        read_study(tmp_path / "large.toml")
    with pytest.raises(InputError, match=r"cannot be read|as .json only"):
        read_study(tmp_path / "nothing.toml")


def test_a_source_that_does_not_exist_is_told_with_the_nearest(here):
    study = Study(("cifar10-l2-0.6",), ("data0.npz",))
    with pytest.raises(InputError, match=r"unknown model 'cifar10-l2-0.6'; did you mean 'cifar10-l2-0.5'"):
        study.points()


# Sources


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imagenet-resnet50-linf-4", SourceFacts("linf", 4 / 255, 0.6386, 224, "imagenet", "torchvision:resnet50", 1)),
        ("imagenet-resnet18-l2-0", SourceFacts("l2", 0.0, 0.6979, 224, "imagenet", "torchvision:resnet18", 1)),
        ("imagenet-wide_resnet50_4-l2-0.03", SourceFacts("l2", 0.03, 0.7787, 224, "imagenet", "wide_resnet50_4", 4)),
        ("imagenet-vgg16_bn-l2-3", SourceFacts("l2", 3.0, 0.5719, 224, "imagenet", "torchvision:vgg16_bn", None)),
        ("torchvision:resnet50", SourceFacts("l2", None, None, 224, "ImageNet", "torchvision:resnet50", 1)),
    ],
)
def test_the_facts_of_a_source_are_on_its_card(name, expected):
    assert source_facts(name) == expected


# Jobs


def test_a_study_goes_on_where_it_was_stopped(here, tmp_path, monkeypatch):
    points = Study(("standard", "robust"), ("data0.npz", "data1.npz"), recipe=QUICK).points()
    place = Place(tmp_path / "out", tmp_path / "cache", device="cpu")
    results, _ = run_points(points, place)
    first, *others = points
    (place.folder / first.file).write_text("{")
    times = {p.file: (place.folder / p.file).stat().st_mtime_ns for p in others}
    assert set(done(points, place.folder)) == set(times)
    again, _ = run_points(points, place)
    assert {p.file: (place.folder / p.file).stat().st_mtime_ns for p in others} == times
    assert [r["top-1"] for r in again.values()] == [r["top-1"] for r in results.values()]


def test_a_result_of_other_settings_is_not_taken_for_one(here, tmp_path):
    [point] = Study(("robust",), ("data0.npz",), recipe=QUICK).points()
    (tmp_path / point.file).write_text(json.dumps(RESULT | {"point": "other"}))
    assert done([point], tmp_path) == {}
    (tmp_path / point.file).write_text(json.dumps(RESULT | {"point": point.digest}))
    assert len(done([point], tmp_path)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"source": None},
        {"metric": "top"},
        {"accuracy": "high"},
        {"sampling_interval": [0.1]},
        {"recipe": 3},
        {"top-1": []},
    ],
    ids=str,
)
def test_a_result_that_no_analysis_can_be_made_of_is_as_good_as_none(here, tmp_path, changes):
    [point] = Study(("robust",), ("data0.npz",), recipe=QUICK).points()
    (tmp_path / point.file).write_text(json.dumps(RESULT | {"point": point.digest} | changes))
    assert done([point], tmp_path) == {}
    (tmp_path / point.file).write_text(json.dumps({"point": point.digest, "accuracy": 0.5}))
    assert done([point], tmp_path) == {}


def test_processes_side_by_side_give_what_one_does(here, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "CONTEXT", "fork")  # nothing to import again; with one thread of torch's it is safe
    points = Study(("standard", "robust"), ("data0.npz",), recipe=QUICK).points()
    shares = []
    run = partial(side_by_side, jobs=2)
    two, _ = run_points(points, Place(tmp_path / "two", tmp_path / "a", device="cpu"), run, shares.append)
    one, _ = run_points(points, Place(tmp_path / "one", tmp_path / "b", device="cpu"))
    assert shares == [0.5, 1.0]
    for left, right in zip(one.values(), two.values(), strict=True):
        assert {k: v for k, v in left.items() if k != "seconds"} == {k: v for k, v in right.items() if k != "seconds"}


ORPHANS = """
import os, sys, time
from pathlib import Path
from pellucid.transfer_learning.study import jobs

def attempt(point, place):
    os.write(1, f"{os.getpid()}\\n".encode())  # in one piece: two of them write
    time.sleep(600)

jobs.CONTEXT, jobs.attempt = "fork", attempt
list(jobs.side_by_side([0, 1], jobs.Place(Path(), Path()), jobs=2))
"""


def test_workers_end_with_a_parent_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
        ended = Thread(target=parent.stdout.read, daemon=True)  # it ends when nobody can write any more
        ended.start()
        ended.join(20)
        alive = ended.is_alive()
        for worker in workers if alive else ():
            os.kill(worker, signal.SIGKILL)
    assert not alive


STOPPED = """
import os, sys, time
from pathlib import Path
from pellucid.base.files import replacing
from pellucid.transfer_learning.study import jobs

def attempt(point, place):
    with replacing(place.folder / f"{point}.json") as temporary:
        temporary.write_text("half")
        os.write(1, f"{point}\\n".encode())
        while point:  # the first is done at once
            time.sleep(0.01)

jobs.CONTEXT, jobs.attempt = "fork", attempt
try:
    list(jobs.side_by_side(range(6), jobs.Place(Path(sys.argv[1]), Path()), jobs=2))
except KeyboardInterrupt:
    sys.exit(130)
"""


def test_ctrl_c_to_the_parent_alone_ends_the_workers_and_keeps_what_is_finished(tmp_path):
    command = [sys.executable, "-c", STOPPED, str(tmp_path)]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        begun = {int(parent.stdout.readline()) for _ in range(3)}
        parent.send_signal(signal.SIGINT)
        try:
            out, err = parent.communicate(timeout=60)
        finally:
            parent.kill()  # its workers end with it
    assert (begun, out, err, parent.returncode) == ({0, 1, 2}, "", "", 130)
    results = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert results == ["0.json"]  # beside it a worker that had no time may leave what it was about to write


def test_what_fails_is_told_and_the_others_are_done(here, tmp_path):
    np.savez(tmp_path / "bad.npz", train_images=np.zeros((9, 8, 8, 3), np.uint8), train_labels=np.arange(9) % 3)
    points = Study(("robust",), (str(tmp_path / "bad.npz"), "data0.npz"), recipe=QUICK).points()
    place = Place(tmp_path / "out", tmp_path / "cache", device="cpu")
    results, [failed] = run_points(points, place)
    assert failed.startswith(f"robust to {tmp_path / 'bad.npz'}: bad has no test images")
    assert list(results) == list(done(points, place.folder)) == [points[1].file]


def test_a_job_that_cannot_write_or_has_no_memory_is_told_like_any_other(here, tmp_path, monkeypatch):
    run_point = jobs.run_point

    def scarce(point, place):
        if point.source == "robust":
            raise MemoryError
        if point.source == "wide":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory\nand where that was")
        return run_point(point, place)

    monkeypatch.setattr(jobs, "run_point", scarce)
    points = Study(("robust", "wide", "standard"), ("data0.npz",), recipe=QUICK).points()
    place = Place(tmp_path / "out", tmp_path / "cache", device="cpu")
    results, failed = run_points(points, place)
    assert list(results) == [points[2].file]
    assert failed == [
        "robust to data0.npz: MemoryError",
        "wide to data0.npz: DefaultCPUAllocator: can't allocate memory",
    ]


# Analyses


RESULT = result("robust", 0.5, "data0.npz")


def test_accuracy_by_eps_is_a_row_for_each_source_whose_eps_is_known():
    found = by_eps([result("r", 0.5), result("a", 0.4), result("unknown", 0.9), result("a", 0.3, side=16)], FACTS)
    picked = [tuple(row[found.columns.index(c)] for c in ("granularity", "eps", "accuracy")) for row in found.rows]
    assert picked == [(None, 0.0, 0.4), (None, 3.0, 0.5), (16, 0.0, 0.3)]
    assert found.to_csv().splitlines()[0].startswith("target,mode,granularity,sources,norm,eps")


def test_the_interval_of_a_row_is_the_wider_one():
    [row] = by_eps([result("a", 0.5, seeds=(0.3, 0.7))], FACTS).rows
    assert row[8:10] == pytest.approx((0.5 - 12.706 * 0.2, 0.5 + 12.706 * 0.2), abs=1e-3)
    [row] = by_eps([result("a", 0.5, seeds=(0.5, 0.5))], FACTS).rows
    assert row[8:10] == pytest.approx((0.4, 0.6))


def test_linearity_is_asked_at_a_fixed_radius():
    results = [result("a", 0.1), result("b", 0.2), result("c", 0.3), result("r", 0.9), result("fish", 0.9)]
    [row] = of_linearity(results, FACTS).rows
    assert row[:8] == ("t", "fixed", None, "birds", "l2", 0.0, 3, 1.0)


def test_width_is_asked_where_there_are_two():
    found = by_width([result("a", 0.1), result("b", 0.2), result("r", 0.3), result("fish", 0.9)], FACTS)
    assert [(row[5], row[6], row[8]) for row in found.rows] == [(0.0, 1, 0.1), (0.0, 2, 0.2)]
    assert [table.name for table in analyses([result("r", 0.3)], FACTS)] == ["by-eps"]


# The command


def test_the_command_writes_results_tables_and_figures(here, tmp_path, capsys):
    words = ["--sources", *SOURCES, "--targets", "data0.npz", "data1.npz", "--granularities", "4", "--device", "cpu"]
    words += ["--seeds", "2", "--penalties", "0.1", "--out", str(tmp_path / "study")]
    assert main(["transfer-study", *words]) == 0
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
    fewer = ["--sources", "robust", "--targets", "data0.npz", *words[-8:]]
    assert main(["transfer-study", *fewer]) == 0
    assert not list(folder.glob("by-width.*"))  # there is one width now


def test_a_study_of_other_images_under_the_same_name_is_computed_anew(here, tmp_path, capsys):
    data = tmp_path / "data.npz"
    words = [
        "transfer-study",
        "--sources",
        "robust",
        "--targets",
        str(data),
        "--device",
        "cpu",
        "--seeds",
        "1",
        "--quiet",
    ]
    accuracies = {}
    for folder, seed in (("first", 5), ("first", 6), ("second", 6)):
        rewritten(data, seed)
        assert main([*words, "--out", str(tmp_path / folder)]) == 0
        accuracies[folder, seed] = (tmp_path / folder / "by-eps.csv").read_text()
    assert accuracies["first", 6] == accuracies["second", 6] != accuracies["first", 5]
    assert len(json.loads((tmp_path / "first/study.json").read_text())["points"]) == 1


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


def test_a_size_is_for_sources_that_do_not_say_theirs(here, tmp_path, monkeypatch):
    from pellucid.transfer_learning.study import study

    monkeypatch.setattr(study, "known_sources", lambda names: {name: FACTS[name] for name in names})
    monkeypatch.setattr(study, "source_digest", str)
    both = Study(("a", "unknown"), ("data0.npz",), granularities=(12,), recipe=QUICK)
    small, large = both.points(size=8), both.points(size=16)
    assert small[0] == large[0]
    assert small[1].digest != large[1].digest
    assert [(p.source, p.recipe.granularity) for p in large] == [("a", None), ("unknown", None), ("unknown", 12)]


@pytest.mark.parametrize(
    ("target", "drawn"), [("paper:pets", True), ("torchvision:CIFAR10", True), ("pets.npz", False), ("cifar10", False)]
)
def test_a_files_name_is_no_proof_that_it_is_the_papers_data(tmp_path, monkeypatch, target, drawn):
    from pellucid.transfer_learning.study import figures

    monkeypatch.setattr(figures, "_draw", lambda panels, *_, **__: panels)
    panels = figures.eps_figure(by_eps([result("a", 0.5, target)], FACTS), tmp_path)
    assert bool(panels[target].published) == drawn


def test_published_curves_are_drawn_over(here, tmp_path):
    from pellucid.transfer_learning.study.figures import eps_figure

    rows = by_eps([result("a", 0.5, target="paper:pets"), result("r", 0.6, target="paper:pets")], FACTS)
    plain = by_eps([result("a", 0.5, target="paper:mine"), result("r", 0.6, target="paper:mine")], FACTS)
    with_curve, without = eps_figure(rows, tmp_path / "a.png"), eps_figure(plain, tmp_path / "b.png")
    assert with_curve.stat().st_size > without.stat().st_size


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--targets", "data0.npz"], "a study needs sources"),
        (
            ["--sources", "robust", "robust", "--targets", "data0.npz"],
            "robust is twice among the sources; name each once",
        ),
        (["--sources", "robust", "--targets", "data0.npz", "--jobs", "0"], "jobs must be a whole number"),
        (["--study", "none.json"], "none.json cannot be read"),
        (["--study", "none.json", "--seeds=7", "--modes", "full"], "leave out --seeds --modes, or write it there"),
        (["--sources", "robust", "--targets", "data0.npz", "--mode", "full"], "give modes and granularities, not mode"),
        (["--sources", "robust", "--targets", "data0.npz", "--granularity", "4"], "not mode and granularity"),
        (["--sources", "robust", "--targets", "data0.npz", "--probe", "4"], "--probe is for --advise"),
        (["--sources", "robust", "--targets", "data0.npz", "--size", "16"], "every source says which images it takes"),
        (
            [
                "--sources",
                "robust",
                "--targets",
                "data0.npz",
                "--advise",
                "--modes",
                "full",
                "--seeds",
                "2",
                "--out",
                "x",
            ],
            "leave out --modes --seeds --out",
        ),
        (
            ["--study", "none.json", "--sources", "robust"],
            "none.json is the whole study; leave out --sources, or write it there",
        ),
        (["--sources", "robust", "--targets", "data0.npz", "--out", "data0.npz"], "data0.npz is a file"),
        (
            ["--sources", "robust", "--targets", "data0.npz", "--cluster", "auto", "--jobs", "2"],
            "the cluster at auto decides how many transfers run at once; leave out --jobs",
        ),
    ],
)
def test_mistakes_are_one_line(here, capsys, words, message):
    assert main(["transfer-study", "--device", "cpu", "--quiet", *words]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err


def test_build_replaces_what_is_given_alone():
    assert build(TransferRecipe, {}, "x") == TransferRecipe()
    assert build(TransferRecipe, {"slips": {"unnormalized": True}}, "x").slips.unnormalized
