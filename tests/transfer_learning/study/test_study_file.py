"""A study that is read from a file."""

import json
import sys

import pytest

from pellucid import InputError, TransferRecipe
from pellucid.transfer_learning.study.study_file import build, read_study

ROBUST = {"sources": ["robust"], "targets": ["data0.npz"]}


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"source": ["robust"]}, "unknown key in .*'source'; did you mean 'sources'"),
        ({"sources": ["robust"]}, "a study needs targets"),
        (ROBUST | {"sources": "robust"}, "sources .*'robust'"),
        (ROBUST | {"sources": [3]}, "sources must be text, not 3"),
        (ROBUST | {"targets": ["data9.npz"]}, "no data at 'data9.npz'"),
        (ROBUST | {"targets": ["paper:pet"]}, "unknown data set of the paper 'pet'; did you mean 'pets'"),
        (ROBUST | {"targets": ["data0.npz", "data0.npz"]}, "data0.npz is twice among the targets"),
        (
            ROBUST | {"targets": ["data0.npz", "./data0.npz"]},
            "./data0.npz is twice among the targets, first as data0.npz",
        ),
        (ROBUST | {"stylized": ["./data0.npz"]}, "data0.npz is its own stylized copy"),
        (ROBUST | {"recipe": {"granularity": 4}}, "give modes and granularities, not mode and granularity"),
        (ROBUST | {"recipe": {"lrs": [0.1]}}, "lrs would be ignored, as modes is fixed"),
        (ROBUST | {"modes": ["full"], "recipe": {"layer": "stem", "augment": 2}}, "layer, augment would be ignored"),
        (ROBUST | {"modes": ["full"], "recipe": {"train": {"attack": {"step_size": "a"}}}}, "step_size .* not 'a'"),
        (ROBUST | {"modes": ["fix"]}, "unknown mode 'fix'; did you mean 'fixed'"),
        (ROBUST | {"granularities": [4.5]}, "granularities must be a whole number, not 4.5"),
        (ROBUST | {"recipe": {"sedes": 1}}, "did you mean 'seeds'"),
        (ROBUST | {"recipe": {"train": {"attack": {"norm": "l3"}}}}, "unknown norm 'l3'"),
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


def test_build_replaces_what_is_given_alone():
    assert build(TransferRecipe, {}, "x") == TransferRecipe()
    assert build(TransferRecipe, {"known_bugs": {"unnormalized": True}}, "x").known_bugs.unnormalized
