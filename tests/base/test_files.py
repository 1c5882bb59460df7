"""Files that are whole or not there, and what a killed process leaves of one."""

import pytest
from helpers import full_disk

from pellucid.base.errors import InputError
from pellucid.base.files import holds_something, replacing, write_json


def test_what_a_killed_process_was_writing_is_nothing(tmp_path):
    folder = tmp_path / "report"
    assert not holds_something(folder)
    with replacing(folder / "about.json") as temporary:
        assert temporary.exists()
        assert not holds_something(folder)
    assert holds_something(folder)
    assert holds_something(folder / "about.json")


def test_a_full_disk_leaves_the_old_text_and_is_one_line(tmp_path):
    write_json(tmp_path / "facts.json", {"old": 1})
    with full_disk(100), pytest.raises(InputError, match=r"^cannot write .*facts\.json: File too large$"):
        write_json(tmp_path / "facts.json", {"new": "x" * 200})
    assert [path.name for path in tmp_path.iterdir()] == ["facts.json"]
    assert '"old": 1' in (tmp_path / "facts.json").read_text()
