import pytest
import torch

from pellucid.data.parts import Parts


def never():
    raise AssertionError("the part was kept")


@pytest.mark.parametrize("damage", [lambda c: c[:-5], lambda c: c[:-1] + bytes([c[-1] ^ 64]), lambda c: b"no part"])
def test_a_part_is_made_once_and_again_where_it_is_damaged(tmp_path, damage):
    parts, made = Parts(tmp_path / "parts"), {"a": torch.rand(2, 3), "n": torch.tensor([1, 2])}
    assert parts.get("one", lambda: made) is made
    kept = parts.get("one", never)
    assert all(torch.equal(kept[name], made[name]) for name in made)
    (path,) = (tmp_path / "parts").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert parts.get("one", lambda: made) is made
    parts.get("one", never)


def test_forgetting_leaves_what_is_no_part(tmp_path):
    parts = Parts(tmp_path / "parts")
    parts.get("one", lambda: {"a": torch.zeros(1)})
    (tmp_path / "parts/mine.txt").touch()
    parts.forget()
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["mine.txt"]
    (tmp_path / "parts/mine.txt").unlink()
    parts.forget()
    assert not (tmp_path / "parts").exists()


def test_without_a_folder_nothing_is_kept():
    assert Parts().get("one", lambda: {"a": torch.ones(1)})["a"] == 1
    assert Parts().get("one", lambda: {"a": torch.zeros(1)})["a"] == 0
    Parts().forget()
