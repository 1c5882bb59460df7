"""What a run of training is bound to, for images that are files."""

import os
import shutil

import torch
from helpers import images

from pellucid.data.folder import load_folder
from pellucid.data.image import write_image
from pellucid.training.identity import content


def test_files_are_told_apart_without_reading_them_and_may_be_moved(tmp_path):
    for number, image in enumerate(images(4)):
        write_image(tmp_path / "one" / "train" / "ab"[number % 2] / f"{number}.png", image)
    first = content(load_folder(tmp_path / "one", 8, False).train)
    two = tmp_path / "two"
    shutil.move(tmp_path / "one", two)
    assert content(load_folder(two, 8, False).train) == first
    assert content(load_folder(two, 9, False).train) != first
    write_image(two / "train" / "b" / "1.png", torch.zeros(3, 8, 8))
    other = content(load_folder(two, 8, False).train)
    assert other != first
    os.rename(two / "train" / "a" / "0.png", two / "train" / "a" / "00.png")
    assert content(load_folder(two, 8, False).train) not in (first, other)
