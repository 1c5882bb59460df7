import json
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import conv_classifier, forward_batches, hooks_on, in_two_processes, pictures
from safetensors.torch import load_file, save_file
from torch import nn

from pellucid import Activating, Classifier, InputError, Split, activating, read_image
from pellucid.base.processes import Processes, sharing
from pellucid.core.objective import pooled


def split(count=37, size=8, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (count, 3, size, size), generator=generator).byte()
    return Split(pixels, torch.arange(count) % 4)


def stepped():
    """A classifier whose units take few values, so that most images share theirs with others."""
    network = nn.Sequential(nn.AdaptiveAvgPool2d((1, 2)), nn.Flatten(), Steps(), nn.Linear(6, 4))
    nn.init.ones_(network[3].weight)
    nn.init.zeros_(network[3].bias)
    return Classifier(network).eval()


class Steps(nn.Module):
    def forward(self, x):
        return (x * 20 - 10).clamp(-1, 1).round()


def by_full_sort(classifier, split, layer, k):
    """Python's own sort, which keeps the order of equals, of all values of each unit."""
    with torch.no_grad():
        values = pooled(classifier(split.batch(slice(0, len(split)))[0], [layer])[layer])
    most, least = [], []
    for unit in values.T.tolist():
        most.append(sorted(range(len(unit)), key=lambda i: -unit[i])[:k])
        least.append(sorted(range(len(unit)), key=lambda i: unit[i])[:k])
    return values.T, torch.tensor(most), torch.tensor(least)


@pytest.mark.parametrize("k", [1, 5, 37])
@pytest.mark.parametrize("layer", ["representation", "logits", "0", "2"])
def test_it_is_what_a_full_sort_finds(layer, k, monkeypatch):
    monkeypatch.setattr("pellucid.data.readings.READ", 11)
    classifier = conv_classifier().eval()
    found = activating(classifier, split(), layer=layer, k=k)
    values, most, least = by_full_sort(classifier, split(), layer, k)
    # Values that differ by rounding alone may come in either order.
    assert torch.allclose(found.most, values.gather(1, most), atol=1e-5)
    assert torch.allclose(found.least, values.gather(1, least), atol=1e-5)
    assert torch.allclose(values.gather(1, found.most_index), found.most, atol=1e-5)
    assert torch.allclose(values.gather(1, found.least_index), found.least, atol=1e-5)


@pytest.mark.parametrize("read", [1, 4, 512])
def test_of_equal_images_the_first_counts(read, monkeypatch):
    monkeypatch.setattr("pellucid.data.readings.READ", read)
    found = activating(stepped(), split(), k=6)
    values, most, least = by_full_sort(stepped(), split(), "representation", 6)
    assert len(values.unique()) <= 3
    assert torch.equal(found.most_index, most)
    assert torch.equal(found.least_index, least)
    assert torch.equal(found.most, values.gather(1, most))
    assert torch.equal(found.least, values.gather(1, least))


@pytest.mark.parametrize("make", [stepped, conv_classifier])
def test_two_processes_find_what_one_finds(tmp_path, make):
    whole = activating(make(), split(), k=6)

    def part(rank):
        with sharing(Processes(rank, 2)):
            found = activating(make(), split(), k=6)
        return {"most": found.most_index, "least": found.least_index}

    for ours in in_two_processes(part, tmp_path):
        assert ours["most"] == whole.most_index.tolist()
        assert ours["least"] == whole.least_index.tolist()


def test_there_is_one_pass_over_the_images_and_nothing_is_left_behind():
    classifier, shares = conv_classifier().train(), []
    with forward_batches(classifier.network) as sizes:
        activating(classifier, split(), layer="2", callback=shares.append)
    assert sum(sizes) == 37
    assert (shares[-1], sorted(shares)) == (1.0, shares)
    assert classifier.network.training
    evaluated = activating(conv_classifier().eval(), split(), layer="2")
    assert torch.equal(activating(classifier, split(), layer="2").most, evaluated.most)
    assert hooks_on(classifier) == 0


def test_the_images_themselves():
    found = activating(stepped(), split(), k=2)
    most, least = found.images(split(), [5, 0])
    assert most.shape == least.shape == (2, 2, 3, 8, 8)
    pixels = split().images.float() / 255
    assert torch.equal(most[0], pixels[found.most_index[5]])
    assert torch.equal(least[1], pixels[found.least_index[0]])
    for other in (split(36), split(seed=1)):
        with pytest.raises(InputError, match="another split"):
            found.images(other, [0])
    with pytest.raises(InputError, match="units 0 to 5, not 6"):
        found.images(split(), [6])


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (split(0), {}, "no images"),
        (split(2), {"k": 0}, "k must be a whole number"),
        (split(2), {"layer": "layr"}, "unknown layer 'layr'"),
    ],
)
def test_mistakes_are_told(images, options, message):
    with pytest.raises(InputError, match=message):
        activating(stepped(), images, **options)


def test_images_of_another_size_are_refused(classifier):
    with pytest.raises(InputError, match="16 x 16 and the classifier takes 8 px"):
        activating(classifier, split(size=16))


def test_activations_that_are_not_finite_are_refused():
    classifier = stepped()
    classifier.network[3].weight.data[0, 0] = torch.inf
    with pytest.raises(InputError, match="layer 'logits' is not finite on images 0 to"):
        activating(classifier, split(), layer="logits")


# On disk


@pytest.fixture
def index(tmp_path):
    return activating(stepped(), split(), k=3).save(tmp_path / "index.safetensors")


def test_what_was_saved_is_read(index):
    whole = activating(stepped(), split(), k=3)
    found = Activating.load(index)
    assert found.facts == whole.facts
    for name in ("most", "most_index", "least", "least_index"):
        assert torch.equal(getattr(found, name), getattr(whole, name))


def damaged(index, change=None, **tensors):
    """The index with other tensors or facts."""
    from safetensors import safe_open

    with safe_open(index, framework="pt") as file:
        facts = json.loads(file.metadata()["pellucid"])
    text = json.dumps({**facts, **change}) if isinstance(change, dict) else change or json.dumps(facts)
    kept = {name: tensor for name, tensor in {**load_file(index), **tensors}.items() if tensor is not None}
    save_file(kept, index, {"pellucid": text})


INTS = torch.zeros(6, 3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("change", "tensors"),
    [
        ("no JSON", {}),
        ("[]", {}),
        ({"activating": 2}, {}),
        ({"more": 1}, {}),
        ({"count": 2}, {}),
        (None, {"most": None}),
        (None, {"most": INTS}),
        (None, {"most_index": torch.zeros(6, 3)}),
        (None, {"most_index": INTS - 1}),
        (None, {"least_index": INTS + 37}),
    ],
    ids=str,
)
def test_a_file_that_is_no_index_is_refused(index, change, tensors):
    damaged(index, change, **tensors)
    with pytest.raises(InputError, match="is not an index of activating images"):
        Activating.load(index)


def test_damaged_and_missing_files_are_refused(index, tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        Activating.load(tmp_path / "none.safetensors")
    content = index.read_bytes()
    for damage in (b"", content[:100], content[:-1], struct.pack("<Q", 2**60) + content[8:]):
        index.write_bytes(damage)
        with pytest.raises(InputError, match="is not an index"):
            Activating.load(index)
    with index.open("r+b") as file:
        file.truncate(2**28 + 1)
    with pytest.raises(InputError, match="over 256 MiB"):
        Activating.load(index)
    with pytest.raises(InputError, match=r"an index is a \.safetensors"):
        activating(stepped(), split(), k=3).save(tmp_path / "index.npz")


# The command


@pytest.fixture
def run(command, tmp_path):
    photos = pictures(16, 9)
    np.savez(tmp_path / "photos.npz", test_images=photos.images.permute(0, 2, 3, 1).numpy(), test_labels=photos.labels)
    return command("activating")


QUICK = ["--data", "photos.npz", "--steps", "3", "--step-size", "0.5", "--eps", "1"]


def test_a_figure_of_units_with_what_activates_them(run, tmp_path, tiny_bundle, classifier):
    code, _, err = run("--units", "3", "0", "--layer", "stage1", "--k", "2", *QUICK, "--out", "units.png")
    assert (code, err) == (0, "")
    from pellucid import load

    expected = activating(load(str(tiny_bundle), "cpu"), pictures(16, 9), layer="stage1", k=2)
    facts = json.loads((tmp_path / "units.json").read_text())
    assert [fact["feature"] for fact in facts["features"]] == ["stage1:3", "stage1:0"]
    assert [fact["most"] for fact in facts["features"]] == expected.most_index[[3, 0]].tolist()
    assert [fact["least"] for fact in facts["features"]] == expected.least_index[[3, 0]].tolist()
    assert facts["recipe"]["start"] == "gray"
    page = read_image(tmp_path / "units.png")
    assert page.shape[2] > 5 * 128
    most, least = expected.images(pictures(16, 9), [3])
    row = page[:, 16 : 16 + 128, -(5 * 132 - 4) :]
    for column, image in enumerate([*most[0], *least[0]], start=1):
        shown = row[:, ::8, column * 132 : column * 132 + 128 : 8]
        assert torch.allclose(shown, image, atol=1e-2)


def test_the_index_is_kept_and_read(run, tmp_path):
    words = ["--units", "1", "--k", "3", *QUICK]
    assert run(*words, "--index", "all.safetensors", "--out", "a.png")[0] == 0
    index = tmp_path / "all.safetensors"
    found = Activating.load(index)
    assert found.most_index.shape == (16, 3)
    swapped = replace(found, most=found.least.clone(), most_index=found.least_index.clone())
    swapped.save(index, overwrite=True)
    assert run(*words, "--index", "all.safetensors", "--out", "b.png")[0] == 0
    fact = json.loads((tmp_path / "b.json").read_text())["features"][0]
    assert fact["most"] == fact["least"] == found.least_index[1].tolist()
    for more, message in {
        ("--k", "4"): "keeps 3 images of a unit",
        ("--layer", "stage1"): "another layer or classifier",
    }.items():
        code, _, err = run("--units", "1", *QUICK, "--k", "3", *more, "--index", "all.safetensors", "--out", "c.png")
        assert (code, message in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--units", "3"], "name the data"),
        (["--data", "photos.npz"], "name the units"),
        (["--units", "99", *QUICK], "units 0 to 15, not 99"),
        (["--units", "3", "--layer", "stag1", *QUICK], "unknown layer 'stag1'"),
        (["--units", "3", "--k", "0", *QUICK], "k must be"),
        (["--units", "3", "--index", "all.npz", *QUICK], "a .safetensors file"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(run, tmp_path, words, message):
    before = sorted(tmp_path.iterdir())
    code, out, err = run(*words, "--out", "made.png")
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
