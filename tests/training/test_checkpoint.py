import os
import signal
from multiprocessing import get_context

import pytest
import torch
from helpers import full_disk

from pellucid import InputError
from pellucid.training.checkpoint import CHECKPOINT, PREVIOUS, load_checkpoint, read_checkpoint, save_checkpoint
from pellucid.training.state import average_into


def state(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "network": {"a/b.weight": torch.rand(2, 3, generator=generator), "n": torch.tensor(3)},
        "random": {"order": torch.Generator().get_state(), "empty": torch.zeros(0, 4)},
    }


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    save_checkpoint(tmp_path / "deep", state(), {"epoch": 3, "recipe": {"lr": 0.1}})
    loaded, facts = load_checkpoint(tmp_path / "deep")
    assert facts == {"epoch": 3, "recipe": {"lr": 0.1}}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [CHECKPOINT]
    for group, tensors in state().items():
        assert loaded[group].keys() == tensors.keys()
        assert all(torch.equal(loaded[group][name], tensors[name]) for name in tensors)


def test_the_one_before_is_kept(tmp_path):
    for epoch in range(4):
        save_checkpoint(tmp_path, state(epoch), {"epoch": epoch})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CHECKPOINT, PREVIOUS])
    assert read_checkpoint(tmp_path / CHECKPOINT)[1]["epoch"] == 3
    assert read_checkpoint(tmp_path / PREVIOUS)[1]["epoch"] == 2


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "missing", "foreign"])
def test_a_damaged_checkpoint_costs_an_epoch_and_says_so(tmp_path, damage):
    save_checkpoint(tmp_path, state(1), {"epoch": 1})
    save_checkpoint(tmp_path, state(2), {"epoch": 2})
    path = tmp_path / CHECKPOINT
    content = bytearray(path.read_bytes())
    content[-3] ^= 255
    new = {"truncated": content[:-9], "flipped": content, "empty": b"", "foreign": b"\x02" + b"\x00" * 7 + b"{}"}
    path.unlink() if damage == "missing" else path.write_bytes(new[damage])
    with pytest.warns(UserWarning, match=r"going on from the one before, of epoch 1$"):
        loaded, facts = load_checkpoint(tmp_path)
    assert facts["epoch"] == 1
    assert torch.equal(loaded["network"]["a/b.weight"], state(1)["network"]["a/b.weight"])


def test_without_a_whole_checkpoint_there_is_nothing_to_go_on_from(tmp_path):
    with pytest.raises(InputError, match=r"holds no checkpoint\.safetensors to resume"):
        load_checkpoint(tmp_path)
    for name in (CHECKPOINT, PREVIOUS):
        (tmp_path / name).write_bytes(b"nonsense")
    with pytest.raises(InputError, match=rf"{CHECKPOINT} is not a whole.*{PREVIOUS} is not a whole"):
        load_checkpoint(tmp_path)


def test_a_full_disk_leaves_the_last_checkpoints_and_says_so_in_one_line(tmp_path):
    for epoch in (1, 2):
        save_checkpoint(tmp_path, state(epoch), {"epoch": epoch})
    large = {"network": {"w": torch.zeros(10_000)}}
    with full_disk(), pytest.raises(InputError, match=r"^cannot write into .*: .*File too large[^\n]*$"):
        save_checkpoint(tmp_path, large, {"epoch": 3})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([CHECKPOINT, PREVIOUS])
    assert [read_checkpoint(tmp_path / name)[1]["epoch"] for name in (CHECKPOINT, PREVIOUS)] == [2, 1]


def write_for_ever(folder):
    for epoch in range(10**6):
        save_checkpoint(folder, {"network": {"w": torch.full((300, 300), float(epoch))}}, {"epoch": epoch})


def test_a_process_killed_while_writing_leaves_a_whole_checkpoint(tmp_path):
    context = get_context("fork")
    for delay in (0.05, 0.07, 0.11, 0.13):
        writer = context.Process(target=write_for_ever, args=(tmp_path,))
        writer.start()
        writer.join(delay)
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        if not (tmp_path / PREVIOUS).exists():
            continue  # killed before its second checkpoint
        newest = next(path for path in (tmp_path / CHECKPOINT, tmp_path / PREVIOUS) if path.exists())
        loaded, facts = read_checkpoint(newest)
        assert set(loaded["network"]["w"].flatten().tolist()) == {float(facts["epoch"])}


def test_what_a_killed_process_left_is_cleared_away(tmp_path):
    (tmp_path / ".checkpoint-abc.safetensors").write_bytes(b"half")
    save_checkpoint(tmp_path, state(), {"epoch": 0})
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT]


def test_the_moving_average_includes_the_statistics_of_batch_norms():
    network, average = torch.nn.BatchNorm1d(2), {}
    average.update({name: tensor.clone() for name, tensor in network.state_dict().items()})
    network.running_mean += 4.0
    network.num_batches_tracked += 7
    average_into(average, network, 0.75)
    assert average["running_mean"].tolist() == [1.0, 1.0]
    assert average["num_batches_tracked"] == 7
