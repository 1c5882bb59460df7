"""A folder to work in, and commands run there as a user types them."""

import numpy as np
import pytest
from helpers import PETS, images, pictures
from words import QUICK, files

from pellucid.cli.main import main
from pellucid.data.image import write_image


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder with two 16 px photos and an 8 px one in it."""
    monkeypatch.chdir(tmp_path)
    for number, photo in enumerate(images(2, size=16)):
        write_image(tmp_path / "photos" / f"{number}.png", photo)
    write_image(tmp_path / "photo.png", images(1, size=16, seed=5)[0])
    write_image(tmp_path / "small.png", images(1, size=8, seed=6)[0])
    return tmp_path


@pytest.fixture
def run(tiny_bundle, capsys):
    """Runs a command on the tiny bundle; gives the exit code, stdout and stderr."""

    def run(command, *words, model=True):
        capsys.readouterr()
        extra = ["--model", str(tiny_bundle), "--device", "cpu"] if model else []
        try:
            code = main([command, *extra, *map(str, words)])
        except SystemExit as leaving:  # tyro leaves so
            code = leaving.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def refused(run, here):
    """Runs a command that must fail with one line and leave the folder as it was; gives the line."""

    def refused(*words, **options):
        before = files(here)
        code, out, err = run(*words, **options)
        assert (code, out) == (2, "")
        lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
        assert len(lines) == 1, err
        assert lines[0].startswith("pellucid")
        assert files(here) == before
        return lines[0]

    return refused


@pytest.fixture
def data(here):
    train, test = pictures(8, 24), pictures(8, 12, seed=1)
    arrays = {
        "train_images": train.images.permute(0, 2, 3, 1).numpy(),
        "train_labels": train.labels.numpy(),
        "test_images": test.images.permute(0, 2, 3, 1).numpy(),
        "test_labels": test.labels.numpy(),
        "class_names": np.array(PETS),
    }
    np.savez(here / "data.npz", **arrays)
    return here / "data.npz"


@pytest.fixture
def result(run, here):
    assert (
        run("translate", "--images", "photo.png", "--classes", "cat", *QUICK, "--eps", "2", "--out", "made.png")[0] == 0
    )
    return here / "made.json"
