"""The points of a study as jobs."""

from functools import partial

import numpy as np

from pellucid import TransferRecipe
from pellucid.transfer_learning.study import jobs, worker
from pellucid.transfer_learning.study.jobs import Place, run_points, side_by_side
from pellucid.transfer_learning.study.study import Study, done

QUICK = TransferRecipe(seeds=2, penalties=(0.1, 0.01))


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


def test_processes_side_by_side_give_what_one_does(here, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "CONTEXT", "fork")  # nothing to import again; with one thread of torch's it is safe
    points = Study(("standard", "robust"), ("data0.npz",), recipe=QUICK).points()
    shares = []
    run = partial(side_by_side, jobs=2)
    two, _ = run_points(points, Place(tmp_path / "two", tmp_path / "a", device="cpu"), run, shares.append)
    one, _ = run_points(points, Place(tmp_path / "one", tmp_path / "b", device="cpu"))
    assert shares == [0.5, 1.0]
    for left, right in zip(one.values(), two.values(), strict=True):
        assert {k: v for k, v in left.items() if k != "seconds"} == {k: v for k, v in right.items() if k != "seconds"}


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
