"""A data set made by inversion: every image of a folder, replaced by one that its classifier represents alike.

Ilyas et al. 2019 (*Adversarial Examples Are Not Bugs, They Are Features*) train on such a set: what a standard network
learns from the inversions of a robust one is robust.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from ..base.errors import InputError
from ..base.files import finite, write_json
from ..base.processes import Processes
from ..base.recipes import plain
from ..core.classifier import Classifier
from ..data.image import SUFFIXES, read_image, write_image
from ..data.jsonfile import read_json
from .invert import InvertRecipe, begin, invert

SETTINGS, LEDGER = "inversion.json", "inverted.jsonl"


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
    **options,
) -> int:
    """Invert every image below a folder into a folder of the same structure.

    An image counts as done when its PNG and its line in `inverted.jsonl`, with the sha256 of what was inverted, are
    written; a second call goes on with those that are not, and replaces those whose picture is another now. An image's
    start follows from the seed and its path, so that the result does not depend on where a run was interrupted, or on
    which other images there are.

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
    wanted = {_target(out, str(path.relative_to(folder))) for path in files}
    if overwrite and team.main:
        _forget(out, settings, wanted)
    team.wait()
    _check(out, folder, settings, wanted)
    if team.main:
        write_json(out / SETTINGS, settings)
    team.wait()
    done = {name: sha256 for name, sha256 in _listed(out).items() if _target(out, name).is_file()}
    prints = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    todo = [path for path in files if done.get(str(path.relative_to(folder))) != prints[path]]
    team.wait()  # no process writes before all have read
    for first in range(0, len(todo), chunk):
        part = todo[first : first + chunk]
        targets = torch.stack([read_image(path, classifier.size) for path in part])
        names = [str(path.relative_to(folder)) for path in part]
        start = torch.cat(
            [begin(recipe.start, row[None], _number(name, seed)) for name, row in zip(names, targets, strict=True)]
        )
        descent = invert(classifier, targets, recipe, start=start, **options)
        if team.main:
            with (out / LEDGER).open("a", encoding="utf-8") as ledger:
                for number, name in enumerate(names):
                    write_image(_target(out, name), descent.images[number])
                    told = {key: values[number] for key, values in descent.info["result"].items()}
                    told |= {"image": name, "sha256": prints[part[number]], "steps": int(descent.stopped_at[number])}
                    start_of_line = "\n" * (number == 0)  # a crash may have cut off the line before
                    ledger.write(f"{start_of_line}{json.dumps(finite(told), allow_nan=False)}\n")
                    ledger.flush()  # the ledger lists every picture, whenever the run stops
        if callback is not None:
            callback((len(files) - len(todo) + first + len(part)) / len(files))
    return len(todo)


def _settings(out: Path) -> object:
    """The settings of the inversions in a folder; None if it holds none."""
    return read_json(out / SETTINGS) if (out / SETTINGS).is_file() else None


def _forget(out: Path, settings: object, wanted: set[Path]) -> None:
    """Remove inversions that an earlier call made with other settings, or of images that are gone."""
    made = {_target(out, name) for name in _listed(out)}
    kept = wanted if _settings(out) == settings else set()
    for path in list(out.rglob("*.png")):  # only pictures in this folder, wherever the ledger points
        if path in made - kept:
            path.unlink()
    if not kept:
        (out / LEDGER).unlink(missing_ok=True)
    write_json(out / SETTINGS, settings)


def _check(out: Path, folder: Path, settings: object, wanted: set[Path]) -> None:
    """Raise `InputError` if a folder holds inversions with other settings, or pictures of no image."""
    if _settings(out) not in (None, settings):
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


def _target(out: Path, name: str) -> Path:
    return (out / name).with_suffix(".png")


def _number(name: str, seed: int) -> int:
    """The seed of a path's noise: 48 bits of a hash of the path and the run's seed."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:6], "big")


def _listed(out: Path) -> dict[str, str]:
    """The images in the ledger, each with the sha256 of its picture; a line cut off by a crash does not count."""
    ledger, listed = out / LEDGER, {}
    for line in ledger.read_text(encoding="utf-8", errors="replace").splitlines() if ledger.is_file() else ():
        with suppress(ValueError, TypeError, KeyError):
            told = json.loads(line)
            listed[str(told["image"])] = told["sha256"]
    return listed
