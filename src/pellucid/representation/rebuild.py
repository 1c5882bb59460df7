"""A data set made by inversion: every image of a folder, replaced by one that its classifier represents alike.

Ilyas et al. 2019 (*Adversarial Examples Are Not Bugs, They Are Features*) train on such a set: what a standard network
learns from the inversions of a robust one is robust.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from ..base.errors import InputError
from ..base.files import finite, write_json, write_text
from ..base.processes import Processes
from ..base.recipes import plain
from ..base.task import task
from ..core.classifier import Classifier
from ..data.image import SUFFIXES, read_image, write_image
from ..data.jsonfile import read_json
from ..data.parts import Parts
from .invert import InvertRecipe, begin, invert

SETTINGS, RESULTS, PARTS = "inversion.json", "inverted.jsonl", ".parts"


@task()
def rebuild(
    classifier: Classifier,
    folder: Path,
    out: Path,
    recipe: InvertRecipe,
    *,
    facts: dict,
    seed: int = 0,
    overwrite: bool = False,
    chunk: int = 256,
    team: Processes | None = None,
    callback: Callable[[float], None] | None = None,
    **options: Any,
) -> int:
    """Invert every image below a folder into a folder of the same structure.

    What is finished is kept in `.parts` (`pellucid.data.parts`): a second call goes on with the images that are not
    finished, whose inversion is missing, or whose picture has changed. `inverted.jsonl` has a line for each finished
    image. An image's start follows from the seed and its path, so the result depends neither on interruptions nor on
    the other images.

    Args:
        classifier: whose representation is inverted.
        folder: with images at any depth, such as class folders.
        out: where the inversions go.
        recipe: settings of `invert`.
        facts: what else the result depends on, such as the classifier's fingerprint; kept in `inversion.json`.
        seed: of the noise.
        overwrite: remove from `out` what an earlier call made with other settings, or of images that are gone.
        chunk: how many images are inverted, and then written, at once.
        team: the processes that share the work, all of which make this call.
        callback: called with the share of the images that are done.
        **options: of `descend`.

    Returns:
        How many images were inverted by this call.

    Raises:
        InputError: no images, two of one name, or `out` holds inversions with other settings, or of other images.
    """
    team = team or Processes()
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and not _hidden(path, folder))
    if not files:
        raise InputError(f"{folder} holds no images ({', '.join(SUFFIXES)})")
    twins = [path for path, times in Counter(path.with_suffix("") for path in files).items() if times > 1]
    if twins:
        raise InputError(f"{twins[0]} exists with several suffixes, and would be written to one PNG; rename one")
    settings = json.loads(json.dumps({**facts, "recipe": plain(recipe), "seed": seed}))
    names = {path: str(path.relative_to(folder)) for path in files}
    targets = {path: (out / name).with_suffix(".png") for path, name in names.items()}
    parts = Parts(out / PARTS)
    if team.main:
        if overwrite:
            _forget(out, parts, {*targets.values()})
        _check(out, folder, settings, {*targets.values()}, overwrite)
        write_json(out / SETTINGS, settings)
    team.wait()
    prints = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    keys = {path: (_part(out, targets[path]), json.dumps([settings, names[path], prints[path]])) for path in files}
    kept = {path: parts.kept(*keys[path]) for path in files if targets[path].is_file()}
    done = {path: tensors for path, tensors in kept.items() if tensors is not None}
    todo = [path for path in files if path not in done]
    team.wait()  # no process writes before all have read
    for first in range(0, len(todo), chunk):
        some = todo[first : first + chunk]
        pictures = torch.stack([read_image(path, classifier.size) for path in some])
        numbers = [_number(names[path], seed) for path in some]
        start = torch.cat([begin(recipe.start, pictures[n, None], number) for n, number in enumerate(numbers)])
        descent = invert(classifier, pictures, recipe, start=start, **options)
        if team.main:
            measured = {key: torch.tensor(values) for key, values in descent.info["result"].items()}
            measured["steps"] = descent.stopped_at.cpu()
            for number, path in enumerate(some):
                write_image(targets[path], descent.images[number])
                own = {key: values[number].clone() for key, values in measured.items()}
                done[path] = parts.keep(keys[path][0], own, of=keys[path][1])
            lines = [_line(names[path], prints[path], done[path]) for path in files if path in done]
            write_text(out / RESULTS, "".join(lines))
        if callback is not None:
            callback((len(files) - len(todo) + first + len(some)) / len(files))
    return len(todo)


def _forget(out: Path, parts: Parts, wanted: set[Path]) -> None:
    """Remove what earlier calls made of images that are gone."""
    for path in [path for path in out.rglob("*.png") if path not in wanted]:
        if (part := parts.path(_part(out, path))).is_file():
            path.unlink()
            part.unlink()


def _check(out: Path, folder: Path, settings: object, wanted: set[Path], overwrite: bool) -> None:
    """Raise `InputError` if a folder holds inversions with other settings, or pictures of no image."""
    if (out / SETTINGS).is_file() and not overwrite and read_json(out / SETTINGS) != settings:
        raise InputError(
            f"{out} holds inversions with other settings (see {SETTINGS}); choose another --out or say --overwrite"
        )
    if others := sorted(path for path in out.rglob("*.png") if path not in wanted and not _hidden(path, out)):
        more = f" and {len(others) - 1} more" if others[1:] else ""
        raise InputError(
            f"{out} holds pictures of no image in {folder}: {others[0].relative_to(out)}{more}; "
            "choose another --out, or say --overwrite to remove those that pellucid made"
        )


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _part(out: Path, target: Path) -> str:
    """The name of the part of an inversion."""
    return hashlib.sha256(target.relative_to(out).as_posix().encode()).hexdigest()


def _line(name: str, sha256: str, measured: dict[str, torch.Tensor]) -> str:
    """The line of an image in `inverted.jsonl`."""
    told = {key: value.item() for key, value in measured.items()}
    return json.dumps(finite({**told, "image": name, "sha256": sha256}), allow_nan=False) + "\n"


def _number(name: str, seed: int) -> int:
    """The seed of a path's noise: 48 bits of a hash of the path and the run's seed."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:6], "big")
