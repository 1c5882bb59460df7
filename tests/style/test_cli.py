import json

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid.cli.stylize as command
from pellucid.cli.main import main
from pellucid.data.image import read_image, write_image
from pellucid.data.picture import Picture, read_picture, write_picture

QUICK = ["--evaluations", "2", "--size", "24", "--smallest", "24"]
LAYERS = ["--style-layers", "stem", "stage1", "--content-layers", "stage1"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = torch.Generator().manual_seed(0)
    for name, shape in (("photo.png", (3, 30, 40)), ("paint.png", (3, 28, 28)), ("other.png", (3, 40, 26))):
        write_image(tmp_path / name, torch.rand(shape, generator=generator))
    Image.fromarray(np.tile(np.array([255, 0], np.uint8).repeat(20), (30, 1))).save(tmp_path / "left.png")
    return tmp_path


@pytest.fixture
def run(here, tiny_bundle, capsys):
    def run(*words, quick=True):
        extra = [*QUICK, *LAYERS, "--model", str(tiny_bundle), "--device", "cpu"] if quick else []
        code = main([*words, *extra])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


PICTURES = ["stylize", "--content", "photo.png", "--styles", "paint.png"]


def test_a_picture_and_how_it_was_made(run, here, tiny_bundle):
    code, out, err = run(*PICTURES, "--out", "new/made.png", "--seed", "3")
    assert (code, err) == (0, "")
    assert "new/made.json" in out
    assert sorted(path.name for path in (here / "new").iterdir()) == ["made.json", "made.png"]
    assert read_image(here / "new/made.png").shape == (3, 24, 32)
    facts = json.loads((here / "new/made.json").read_text())
    assert (facts["task"], facts["seed"], facts["model"]) == ("stylize", 3, str(tiny_bundle))
    assert [entry["path"] for entry in facts["inputs"]] == ["photo.png", "paint.png"]
    assert facts["recipe"]["size"] == 24
    assert [len(scale["style"]) for scale in facts["scales"]] == [2]
    assert set(facts["checkerboard_db"]) == {"2", "4", "8", "16"}
    assert facts["checkerboard_db"]["16"] is None  # four periods are not there


def test_rerun_repeats_it_bit_for_bit(run, here):
    assert run(*PICTURES, "--start", "noise", "--seed", "5")[0] == 0  # to the default place
    code, _, err = run("rerun", "stylized.json", "--out", "again.png", quick=False)
    assert (code, err) == (0, "")
    assert (here / "again.png").read_bytes() == (here / "stylized.png").read_bytes()
    assert run("rerun", "stylized.json", quick=False)[0] == 0
    assert (here / "stylized-rerun.png").read_bytes() == (here / "stylized.png").read_bytes()


def test_a_result_in_the_place_of_its_content_cannot_be_repeated(run, here):
    assert run(*PICTURES, "--out", "photo.png", "--overwrite")[0] == 0
    code, _, err = run("rerun", "photo.json", quick=False)
    assert (code, "photo.png has changed since; its sha256 is not the sidecar's" in err) == (2, True)


def test_two_styles_with_masks_and_frames(run, here):
    masks = ["--styles", "paint.png", "other.png", "--masks", "left.png", "-", "--blend", "1", "3"]
    code, _, err = run("stylize", "--content", "photo.png", *masks, "--save-frames", "frames", "--save-every", "1")
    assert (code, err) == (0, "")
    assert sorted(path.name for path in (here / "frames").iterdir()) == [f"frame-{n:04d}.png" for n in range(3)]
    assert (read_image(here / "frames/frame-0002.png") - read_image(here / "stylized.png")).abs().max() == 0
    facts = json.loads((here / "stylized.json").read_text())
    assert [entry["path"] for entry in facts["inputs"]] == ["photo.png", "paint.png", "other.png", "left.png"]
    assert (
        run("stylize", "--content", "photo.png", *masks, "--overwrite", "--save-frames", "way.gif", "--start", "gray")[
            0
        ]
        == 0
    )
    with Image.open(here / "way.gif") as frames:
        assert frames.n_frames >= 2
        assert frames.size == (32, 24)


def test_frames_of_an_earlier_run_do_not_stay(run, here):
    words = [*PICTURES, "--save-frames", "frames", "--save-every", "1", "--overwrite"]
    assert run(*words)[0] == 0
    (here / "frames" / "notes.txt").write_text("not a frame")
    (here / "frames" / "frame-0017.png").write_bytes((here / "photo.png").read_bytes())
    assert run(*words)[0] == 0
    frames = [f"frame-{n:04d}.png" for n in range(3)]  # two evaluations and the result
    assert sorted(path.name for path in (here / "frames").iterdir()) == [*frames, "notes.txt"]


def test_a_colored_mask_counts_by_its_lightness(run, here, monkeypatch):
    real, seen = command.stylize, []

    def watched(*args, masks, **options):
        seen.extend(masks)
        return real(*args, masks=masks, **options)

    monkeypatch.setattr(command, "stylize", watched)
    colors = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (90, 90, 90)]], np.uint8)
    Image.fromarray(colors).save(here / "colored.png")
    assert run(*PICTURES, "--masks", "colored.png")[0] == 0
    assert seen[0].flatten().tolist() == pytest.approx([0.299, 0.587, 0.114, 1.0, 90 / 255], abs=1e-5)


def test_the_losses_in_the_sidecar_are_those_that_are_printed(run, here):
    code, out, _ = run(*PICTURES)
    assert code == 0
    losses = json.loads((here / "stylized.json").read_text())["losses"]
    assert f"style {losses['style']:.3g}, content {losses['content']:.3g}" in out


def test_steps_that_are_far_too_long_are_told(run, here, tiny_bundle):
    words = [*PICTURES, *LAYERS, "--model", str(tiny_bundle), "--device", "cpu", "--size", "24", "--smallest", "24"]
    code, _, err = run(*words, "--evaluations", "25", "--optimizer", "adam", "--learning-rate", "1000", quick=False)
    assert code == 0
    facts = json.loads((here / "stylized.json").read_text())
    assert facts["rollbacks"] >= 2
    assert f"diverged {facts['rollbacks']} times" in err
    assert facts["losses"]["total"] <= facts["scales"][0]["total"][0]


def test_transparency_and_profile_are_the_contents(run, here):
    values = torch.rand(4, 30, 40, generator=torch.Generator().manual_seed(1))
    profile = bytes(16) + b"RGB " + bytes(200)
    write_picture(here / "cut.png", Picture(values[:3], values[3:], profile))
    assert run("stylize", "--content", "cut.png", "--styles", "paint.png", "--out", "made.tiff")[0] == 0
    made = read_picture(here / "made.tiff")
    assert made.profile == profile
    assert made.alpha.shape == (1, 24, 32)


def test_without_a_style_a_soft_edge_comes_back_as_it_was(run, here):
    values = torch.full((4, 24, 32), 0.25)
    values[3] = torch.linspace(0, 1, 32)
    write_picture(here / "soft.png", Picture(values[:3], values[3:]))
    words = ["--style-weight", "0", "--content-weight", "1", "--out", "made.png"]
    assert run("stylize", "--content", "soft.png", "--styles", "paint.png", *words)[0] == 0
    with Image.open(here / "soft.png") as before, Image.open(here / "made.png") as after:
        first, second = (np.array(image).astype(int) for image in (before, after))
    assert (first[..., 3] == second[..., 3]).all()
    assert np.abs(first - second)[first[..., 3] > 0].max() <= 1


def test_a_photo_lying_on_its_side_is_turned_upright(run, here):
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(here / "photo.png") as image:
        image.save(here / "side.png", exif=exif)
    assert run("stylize", "--content", "side.png", "--styles", "paint.png")[0] == 0
    assert read_image(here / "stylized.png").shape == (3, 32, 24)


def test_a_size_that_no_memory_holds_is_refused_before_it_is_asked_for(run, tiny_bundle):
    words = ["--size", "1000000", *LAYERS, "--model", str(tiny_bundle), "--device", "cpu"]
    code, _, err = run(*PICTURES, *words, quick=False)
    assert code == 2
    assert "the result with a shorter side of 1000000 pixels would take" in err


def test_ctrl_c_saves_what_there_is(run, here, monkeypatch):
    real = command.stylize

    def interrupted(*args, callback, **options):
        def stop(progress):
            callback(progress)
            if progress.evaluation == 2:
                raise KeyboardInterrupt

        return real(*args, callback=stop, **options)

    monkeypatch.setattr(command, "stylize", interrupted)
    code, _, err = run(*PICTURES)
    assert code == 130
    assert "stylized.png is what there was" in err
    assert read_image(here / "stylized.png").shape == (3, 24, 32)
    assert json.loads((here / "stylized.json").read_text())["interrupted"] is True


def test_a_name_without_a_suffix_is_a_folder_which_rerun_fills_as_well(run, here):
    assert run(*PICTURES, "--out", "made")[0] == 0
    assert run("rerun", "made/0000.json", "--out", "again", quick=False)[0] == 0
    assert (here / "again" / "0000.png").read_bytes() == (here / "made" / "0000.png").read_bytes()


def test_presets_and_flags_after_them(run, here):
    words = [*PICTURES, "--preset", "distill2019-vgg19", "--pooling", "own", "--style-weight", "1e3"]
    code, _, err = run(*words)
    assert (code, err) == (0, "")
    recipe = json.loads((here / "stylized.json").read_text())["recipe"]
    assert (recipe["relative"], recipe["optimizer"], recipe["style_weight"]) == (False, "plain-lbfgs", 1000.0)


@pytest.mark.parametrize("flag", ["--blend", "--content-model", "--start-image", "--seed"])
def test_every_control_reaches_the_picture(run, here, other_bundle, flag):
    words = ["stylize", "--content", "photo.png", "--styles", "paint.png", "other.png", "--content-weight", "10"]
    words += ["--start", "noise"]
    values = {"--blend": ["1", "9"], "--content-model": [str(other_bundle)], "--start-image": ["other.png"]}
    assert run(*words, "--out", "without.png")[0] == 0
    assert run(*words, flag, *values.get(flag, ["7"]), "--out", "with.png")[0] == 0
    assert (here / "with.png").read_bytes() != (here / "without.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stylize", "--styles", "paint.png"], "--content FILE"),
        (["stylize", "--content", "photo.png"], "--styles FILE"),
        ([*PICTURES, "--out", "painted.xyz"], "give a folder, or a name ending in one of"),
        ([*PICTURES, "--out", "photo.png"], "photo.png exists"),
        ([*PICTURES, "--masks", "-", "-"], "2 masks for 1 styles"),
        ([*PICTURES, "--blend", "1", "2"], "2 style weights for 1 styles"),
        ([*PICTURES, "--save-every", "3"], "--save-every needs --save-frames"),
        ([*PICTURES, "--save-frames", "way.mp4"], "frames go to a .gif or to a folder"),
        ([*PICTURES, "--out", "way.gif", "--save-frames", "./way.gif"], "--out and --save-frames are both way.gif"),
        ([*PICTURES, "--pooling", "average"], "pooling average replaces max pooling"),
        ([*PICTURES, "--strength", "2"], "strength is between 0 and 1"),
        ([*PICTURES, "--preset", "distil"], "unknown preset 'distil'; did you mean"),
        ([*PICTURES, "--content-model", "none"], "unknown model 'none'"),
        (["stylize", "--content", "none.png", "--styles", "paint.png"], "none.png does not exist"),
        (["stylize", "--content", "text.png", "--styles", "paint.png"], "is not an image"),
        ([*PICTURES, "--masks", "black.png"], "the mask black.png"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(run, here, words, message):
    (here / "text.png").write_text("no picture")
    Image.new("L", (4, 4)).save(here / "black.png")
    before = sorted(path.name for path in here.iterdir())
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in here.iterdir()) == before


def test_a_network_whose_layers_are_not_known_asks_for_them(run, here, tiny_bundle, monkeypatch):
    monkeypatch.setattr("pellucid.style.backbone.LAYERS", {})
    code, _, err = run(*PICTURES, "--model", str(tiny_bundle), "--device", "cpu", quick=False)
    assert code == 2
    assert "name style layers and content layers (there are: stem, stage1" in err


def test_help_lists_the_recipe(capsys):
    with pytest.raises(SystemExit) as leaving:  # tyro leaves so
        main(["stylize", "--help"])
    out = capsys.readouterr().out
    assert leaving.value.code == 0
    for flag in ("--style-weight", "--content-layers", "--tile", "--preset", "--save-every", "--colors"):
        assert flag in out
