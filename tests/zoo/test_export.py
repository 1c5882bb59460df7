import re
import sys
from pathlib import Path

import pytest
import torch
from helpers import PETS, conv_network, images
from zoo_helpers import MEAN, STD, made

import pellucid.zoo.export as export_module
from pellucid import Classifier, InputError, export
from pellucid.cli.main import main
from pellucid.zoo.networks import build

ROOT = Path(__file__).parent.parent.parent


def of(arch, size=32):
    return Classifier(made(arch, 3), MEAN, STD, PETS, card={"arch": arch, "size": size})


@pytest.fixture
def onnxruntime():
    pytest.importorskip("onnx", reason="needs the extra export: onnx, onnxruntime and onnxscript")
    pytest.importorskip("onnxscript", reason="needs the extra export: onnx, onnxruntime and onnxscript")
    return pytest.importorskip("onnxruntime", reason="needs the extra export: onnx, onnxruntime and onnxscript")


@pytest.mark.parametrize(
    ("arch", "to"), [("resnet18", "torchvision"), ("resnet18", "timm"), ("mnasnet0_5", "torchvision")]
)
def test_a_state_dict_is_what_the_library_loads(tmp_path, arch, to):
    classifier = of(f"torchvision:{arch}")
    path = tmp_path / "net.pth"
    assert export(classifier, path, to) < 1e-4
    import timm
    from torchvision import models

    theirs = timm.create_model(arch, num_classes=3) if to == "timm" else models.get_model(arch, num_classes=3)
    theirs.load_state_dict(torch.load(path, weights_only=True))
    batch = images(2, 32)
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (MEAN, STD))
    with torch.no_grad():
        expected = classifier.eval().logits(batch)
        torch.testing.assert_close(theirs.eval()((batch - mean) / std), expected, atol=1e-4, rtol=1e-4)


def test_safetensors_hold_the_same_state_dict(tmp_path):
    from safetensors.torch import load_file

    export(of("torchvision:squeezenet1_1"), tmp_path / "net.safetensors", "torchvision")
    export(of("torchvision:squeezenet1_1"), tmp_path / "net.pth", "torchvision")
    found, expected = load_file(tmp_path / "net.safetensors"), torch.load(tmp_path / "net.pth", weights_only=True)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)


@pytest.mark.parametrize(
    ("arch", "to"),
    [("preact-4-8", "torchvision"), ("cifar-resnet20", "timm"), ("torchvision:squeezenet1_1", "timm")],
)
def test_an_architecture_that_the_library_does_not_have_goes_to_onnx(tmp_path, arch, to):
    with pytest.raises(InputError, match=f"{arch} is none of {to}'s architectures; --to onnx takes every network"):
        export(of(arch), tmp_path / "net.pth", to)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arch", ["smooth-4-8", "cifar-resnet20", "torchvision:resnet18"])
def test_onnx_takes_images_of_any_number_and_normalizes_them(onnxruntime, tmp_path, arch):
    classifier = of(arch).eval()
    path = tmp_path / "net.onnx"
    assert export(classifier, path) < 1e-3
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    session = onnxruntime.InferenceSession(path)
    for count in (1, 5):
        batch = images(count, 32, seed=7)
        found = torch.as_tensor(session.run(["logits"], {"images": batch.numpy()})[0])
        with torch.no_grad():
            expected = classifier.logits(batch)
        assert float((found - expected).abs().max()) <= 1e-4 * max(1.0, float(expected.abs().max()))


def test_a_file_that_would_say_something_else_gets_no_name(tmp_path, monkeypatch):
    classifier, other = of("torchvision:squeezenet1_1"), of("torchvision:squeezenet1_1").network
    with torch.no_grad():
        other.classifier[1].bias += 1
    monkeypatch.setattr(export_module, "filled", lambda *_: other)
    with pytest.raises(InputError, match="the exported network's logits differ by"):
        export(classifier, tmp_path / "net.pth", "torchvision")
    assert not list(tmp_path.iterdir())


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    classifier = Classifier(conv_network(), card={"size": 8})
    with pytest.raises(InputError, match=re.escape("ONNX needs onnxruntime: pip install 'pellucid[export]'")):
        export(classifier, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_the_command(tiny_bundle, tmp_path, capsys, onnxruntime):
    words = ["export", str(tiny_bundle), "--out", str(tmp_path / "net.onnx")]
    assert main(words) == 0
    assert re.search(r"net\.onnx  \(\d+\.\d MB; its logits differ by at most \S+\)", capsys.readouterr().out)
    assert main(words) == 2
    assert "net.onnx exists" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the classifier: pellucid export NAME"),
        (["cifar10-l2-0.5"], "name the file: --out NAME.onnx"),
        (["cifar10-l2-0.5", "--out", "net.pth"], "name the file: --out NAME.onnx, not net.pth"),
        (["cifar10-l2-0.5", "--to", "timm", "--out", "net.onnx"], "--out NAME.pth or NAME.pt or NAME.safetensors, not"),
    ],
)
def test_what_is_missing_is_named(mistaken, words, message):
    assert message in mistaken("export", *words)


def test_the_detector_and_the_segmenter_of_the_docs_take_a_step(tmp_path, monkeypatch):
    code = next(
        block
        for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "zoo.md").read_text(), re.DOTALL)
        if "FasterRCNN" in block
    )
    monkeypatch.chdir(tmp_path)
    scope = {"__name__": "docs"}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build("torchvision:resnet50", 3)
        for name, parameter in network.named_parameters():
            if name.endswith("bn3.weight"):  # as small as after a training, so that 16 blocks do not add up
                parameter.data.fill_(0.2)
        export(
            Classifier(network, MEAN, STD, card={"arch": "torchvision:resnet50", "size": 32}),
            "resnet50.pth",
            "torchvision",
        )
        exec(compile(code, "zoo.md", "exec"), scope)
    weights = torch.load("resnet50.pth", weights_only=True)
    for body in (scope["detector"].backbone.body, scope["segmenter"].backbone):
        moved = (body.layer4[2].conv3.weight.detach() - weights["layer4.2.conv3.weight"]).abs().max()
        assert 0 < float(moved) < 0.1  # begun at the exported weights, and trained
