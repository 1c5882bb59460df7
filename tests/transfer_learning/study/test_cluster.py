"""A study's jobs under Ray: the same results, and what fails or dies takes nobody with it."""

import json
import os
import sys

import numpy as np
import pytest

from pellucid import InputError
from pellucid.cli.main import main
from pellucid.transfer_learning.study.cluster import connected, on_cluster, outcome_of
from pellucid.transfer_learning.study.jobs import Place


def run(out, *words):
    return main(["transfer-study", "--sources", "standard", "robust", "--device", "cpu", "--seeds", "2", "--penalties",
                 "0.1", "--quiet", "--out", str(out), *words])  # fmt: skip


def results(path):
    """What the jobs wrote, without how long they took."""
    found = {file.name: json.loads(file.read_text()) for file in path.glob("*--*.json")}
    return {name: {key: value for key, value in facts.items() if key != "seconds"} for name, facts in found.items()}


def test_two_workers_of_ray_give_what_one_process_does_and_what_fails_is_told(here, tmp_path, capfd):
    pytest.importorskip("ray", reason='needs the extra "cluster"')
    bad = str(tmp_path / "bad.npz")
    np.savez(bad, train_images=np.zeros((9, 8, 8, 3), np.uint8), train_labels=np.arange(9) % 3)
    targets = ["--targets", "data0.npz", bad, "data1.npz"]
    cache = ["--cache", str(tmp_path / "other-cache")]
    assert run(tmp_path / "two", *targets, *cache, "--cluster", "local", "--jobs", "2") == 2
    error = capfd.readouterr().err
    assert "2 of 6 transfers failed" in error
    why = "bad has no test images; a transfer needs a train and a test split"
    assert all(f"{source} to {bad}: {why}" in error for source in ("standard", "robust"))
    assert len(error.splitlines()) == 1
    assert run(tmp_path / "one", "--targets", "data0.npz", "data1.npz") == 0
    found = results(tmp_path / "two")
    assert len(found) == 4
    assert found == results(tmp_path / "one")


def test_a_study_that_is_done_needs_no_cluster(here, tmp_path):
    assert run(tmp_path / "study", "--targets", "data0.npz") == 0
    assert run(tmp_path / "study", "--targets", "data0.npz", "--cluster", "auto") == 0


def test_a_worker_that_dies_is_told_and_the_next_job_has_another():
    pytest.importorskip("ray", reason='needs the extra "cluster"')
    with connected("local", 1) as ray:
        died = ray.remote(max_retries=0)(lambda: os._exit(1)).remote()
        raised = ray.remote(lambda: json.loads("{")).remote()
        fine = ray.remote(lambda: "fine").remote()
        assert "worker died" in str(outcome_of(ray, died))
        assert str(outcome_of(ray, raised)).startswith("Expecting property name")
        assert outcome_of(ray, fine) == "fine"
    assert not ray.is_initialized()


def test_without_ray_the_extra_is_named(here, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert run(tmp_path / "out", "--targets", "data0.npz", "--cluster", "auto") == 2
    message = 'pellucid transfer-study: studies on a cluster need Ray: pip install "pellucid[cluster]"\n'
    assert capsys.readouterr().err == message


@pytest.mark.parametrize(
    ("address", "message"), [("auto", "no Ray cluster at auto"), ("here", "no Ray cluster at here")]
)
def test_a_cluster_that_is_not_there_is_one_line(tmp_path, address, message, monkeypatch):
    pytest.importorskip("ray", reason='needs the extra "cluster"')
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(InputError, match=message) as caught:
        list(on_cluster([], Place(tmp_path, tmp_path), address))
    assert "\n" not in str(caught.value)
