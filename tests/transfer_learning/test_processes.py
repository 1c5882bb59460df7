"""Fine-tuning in two processes against one, and what several processes are not for."""

from importlib import import_module

import pytest
import torch
from helpers import PETS, in_two_processes, pictures

from pellucid import Dataset, TransferRecipe, load
from pellucid.base.processes import Processes, processes
from pellucid.cli.main import main
from pellucid.training.recipe import TrainRecipe
from pellucid.transfer_learning import transfer as transfers

PartialState = pytest.importorskip("accelerate", reason='needs the extra "distributed"').PartialState


def weights_of_a_transfer(source, monkeypatch, rank=None):
    """What the head and the last stage have learned, and the test images' classes."""
    if rank is not None:
        together = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "ACCELERATE_USE_CPU": 1}
        for name, value in together.items():
            monkeypatch.setenv(name, str(value))
        PartialState(cpu=True)
        assert processes() == Processes(rank, 2)
    tuned = []
    predictions = transfers.predictions
    monkeypatch.setattr(transfers, "predictions", lambda found, split: tuned.append(found) or predictions(found, split))
    train = TrainRecipe(epochs=3, batch_size=6, average=0.0, schedule="constant")
    data = Dataset("colors", pictures(16, 30), pictures(16, 18, seed=1), PETS)
    recipe = TransferRecipe("full", seeds=1, lrs=(0.02,), freeze="stage1", train=train)
    [trial] = transfers.transfer(source, data, recipe).trials
    state = tuned[0].network.state_dict()
    return {"predicted": trial.predicted, **{n: state[n] for n in state if n.startswith(("stage1", "stage2", "head"))}}


def test_two_processes_fine_tune_as_one_with_the_same_batch(tiny_bundle, tmp_path, monkeypatch):
    """Of what is frozen batch norms stand still; those of the rest take the statistics of the whole batch."""
    source = load(str(tiny_bundle), "cpu")
    both = in_two_processes(lambda rank: weights_of_a_transfer(source, monkeypatch, rank), tmp_path)
    alone = weights_of_a_transfer(source, monkeypatch)
    for name, expected in alone.items():
        for ours in both:
            assert torch.allclose(torch.tensor(ours[name]), expected, atol=1e-4), name
    before = source.network.state_dict()
    assert torch.equal(alone["stage1.0.norm1.running_mean"], before["stage1.0.norm1.running_mean"])
    assert not torch.allclose(alone["stage2.0.norm1.running_mean"], before["stage2.0.norm1.running_mean"], atol=1e-3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["transfer", "--mode", "fixed"], "a fixed transfer is one process's work; start it without accelerate"),
        (["transfer-study", "--targets", "data.npz"], "a study's transfers run side by side with --jobs or --cluster"),
        (["stylize-data"], "stylize-data is one process's work; start it without accelerate"),
    ],
)
def test_what_several_processes_cannot_do_is_refused(data_folder, tiny_bundle, words, message, monkeypatch, capsys):
    for name in ("transfer_learning.transfer", "cli.transfer", "cli.transfer_study", "cli.stylize_data"):
        monkeypatch.setattr(import_module(f"pellucid.{name}"), "processes", lambda: Processes(0, 2))
    given = {"transfer": ["--data", "data.npz", "--source"], "transfer-study": ["--sources"],
             "stylize-data": ["--data", "data.npz", "--model"]}[words[0]]  # fmt: skip
    assert main([*words, *given, str(tiny_bundle), "--quiet"]) == 2
    assert message in capsys.readouterr().err
