"""Command lines that several tests run, and what they leave behind."""

import json

import pytest

QUICK = ["--steps", "4", "--step-size", "0.5"]
MAKING = ["generate", "inpaint", "translate", "superres", "sketch", "paint", "brush"]
GENERATE = ("generate", "--classes", "cat", "ship", "--count", "2")
COMMAND_LINES = {
    "generate": (*GENERATE, "--eps", "2"),
    "inpaint": ("inpaint", "--images", "photos", "--patch", "5", "--eps", "2"),
    "translate": ("translate", "--images", "photos", "--classes", "dog", "--eps", "2"),
    "superres": ("superres", "--images", "small.png", "--eps", "2"),
    "sketch": ("sketch", "--images", "photos/0.png", "photo.png", "--classes", "dog", "cat", "--eps", "2"),
    "paint": ("paint", "--images", "photo.png", "--strokes", "0,8,16,8:3", "0,0,8,8:4:0.5", "--eps", "2"),
    "brush": ("brush", "--images", "photos", "--box", "2", "3", "8", "9", "--classes", "dog", "--eps", "2"),
}
INPUTS = {
    "generate": [],
    "inpaint": ["photos/0.png", "photos/1.png"],
    "translate": ["photos/0.png", "photos/1.png"],
    "superres": ["small.png"],
    "sketch": ["photos/0.png", "photo.png"],
    "paint": ["photo.png"],
    "brush": ["photos/0.png", "photos/1.png"],
}
COUNTS = {"generate": 4, "inpaint": 2, "translate": 2, "superres": 1, "sketch": 2, "paint": 1, "brush": 2}
each = pytest.mark.parametrize("command", MAKING)
TRAIN = ("train", "--data", "data.npz", "--arch", "preact-4-8", "--batch-size", "8", "--precision", "float32")


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sidecar(path):
    return json.loads(path.read_text())


def stops_after(monkeypatch, module, name, calls):
    """Lets the callback of a function raise Ctrl-C when it is called for this time."""
    module = __import__(module, fromlist=[name])
    original, seen = getattr(module, name), []

    def interrupted(*args, callback=None, **options):
        def stop(progress):
            seen.append(progress)
            if len(seen) == calls:
                raise KeyboardInterrupt
            callback(progress)

        return original(*args, callback=stop, **options)

    monkeypatch.setattr(module, name, interrupted)
