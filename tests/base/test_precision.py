"""Precision: what "auto" comes to, who takes it, and that a result keeps the one it was made in."""

import json

import pytest
import torch
from helpers import images

import pellucid as pl
from pellucid.base.devices import pick_precision
from pellucid.cli.main import main

MASK = pl.box_mask((16, 16), (4, 4, 6, 6))
MAKING = {
    "generate": lambda c, **o: pl.generate(c, "cat", steps=2, **o),
    "sketch": lambda c, **o: pl.sketch(c, images(1, 16), "cat", steps=2, **o),
    "brush": lambda c, **o: pl.brush(c, images(1, 16), MASK, "cat", steps=2, **o),
    "paint": lambda c, **o: pl.paint(c, images(1, 16), [pl.Stroke(MASK, 1)], steps=2, **o)[0],
    "translate": lambda c, **o: pl.translate(c, images(1, 16), "cat", steps=2, **o),
    "superres": lambda c, **o: pl.superres(c, images(1, 8), "cat", steps=2, **o),
    "inpaint": lambda c, **o: pl.inpaint(c, images(1, 16), MASK, "cat", steps=2, surroundings=0, **o),
    "interpolate": lambda c, **o: pl.interpolate(c, images(1, 16), images(1, 16, 1), steps=2, intervals=2, **o),
    "visualize": lambda c, **o: pl.visualize(c, [1], steps=2, **o),
    "stylize": lambda c, **o: pl.stylize(
        c, images(1, 16), images(1, 16, 1), style_layers=("stem",), content_layers=("stage1",), evaluations=3, **o
    ),
    "manipulate": lambda c, **o: pl.manipulate(c, images(1, 16), 1, steps=2, **o),
}


@pytest.fixture
def cpu(monkeypatch):
    """Says what the CPU has."""

    def cpu(**capabilities):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)

    return cpu


def test_auto_is_bfloat16_where_the_cpu_multiplies_it(cpu, monkeypatch):
    here = torch.device("cpu")
    assert pick_precision("auto", here) == "float32"
    for name in ("avx512_bf16", "amx_bf16"):
        cpu(**{name: True})
        assert pick_precision("auto", here) == "bfloat16"
    assert pick_precision("float32", here) == "float32"
    assert pick_precision("auto", torch.device("mps")) == "float32"
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert pick_precision("auto", here) == "float32"


@pytest.mark.parametrize("task", MAKING)
def test_tasks_that_make_images_take_auto_and_their_sidecars_name_what_it_was(task, tiny_bundle, cpu):
    classifier = pl.load(str(tiny_bundle), "cpu")
    made = {p: MAKING[task](classifier, precision=p).images for p in ("float32", "bfloat16")}
    assert not torch.equal(made["float32"], made["bfloat16"])
    for precision in ("float32", "bfloat16"):
        cpu(avx512_bf16=precision == "bfloat16")
        found = MAKING[task](classifier)
        assert torch.equal(found.images, made[precision])
        assert found.made.facts()["call"]["precision"] == precision


def test_what_measures_or_needs_it_stays_in_float32(tiny_bundle, cpu):
    classifier, pair = pl.load(str(tiny_bundle), "cpu"), images(2, 16)
    split = pl.Split((pair * 255).byte(), torch.tensor([0, 1]))

    def measured(**options):
        curve = pl.distance(classifier, pair[:1], pair[1:], radii=(0.5,), steps=3, **options).distances
        table = pl.invert_statistics(pl.Comparison({"tiny": classifier}, split), pl.InvertRecipe(steps=2), **options)
        return curve, table.to_json(), pl.invert(classifier, pair, steps=2, **options).info

    expected = measured(precision="float32")
    cpu(avx512_bf16=True)
    assert measured() == expected
    assert measured(precision="auto")[0] != expected[0]


def test_a_rerun_keeps_the_precision_whatever_the_machine_and_an_old_sidecar_means_float32(
    tiny_bundle, cpu, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = [
        "--model",
        str(tiny_bundle),
        "--device",
        "cpu",
        "--classes",
        "cat",
        "--count",
        "1",
        "--steps",
        "3",
        "--quiet",
    ]
    cpu(avx512_bf16=True)
    assert main(["generate", *words, "--eps", "2", "--out", "fast.png"]) == 0
    cpu()
    assert main(["generate", *words, "--eps", "2", "--out", "slow.png"]) == 0
    facts = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("fast", "slow")}
    assert [facts[name]["precision"] for name in facts] == ["bfloat16", "float32"]
    assert main(["rerun", "fast.json", "--quiet"]) == 0
    cpu(avx512_bf16=True)
    del facts["slow"]["precision"]
    (tmp_path / "slow.json").write_text(json.dumps(facts["slow"]))
    assert main(["rerun", "slow.json", "--quiet"]) == 0
    fast, slow = (tmp_path.joinpath(f"{name}.png").read_bytes() for name in facts)
    assert fast != slow
    assert [tmp_path.joinpath(f"{name}-rerun.png").read_bytes() for name in facts] == [fast, slow]
