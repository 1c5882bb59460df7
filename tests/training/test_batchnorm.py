"""Batch norm over two processes, each with half of a batch, against torch's over the whole batch."""

import copy

import pytest
import torch
from helpers import conv_network, images, in_two_processes
from torch import nn

from pellucid.training.batchnorm import JointBatchNorm2d, join_batch_norms


def passed(network, x):
    """Output, gradients and statistics of one training pass with a loss that is not linear."""
    x = x.clone().requires_grad_()
    network.train()
    output = network(x)
    (output.square().mean() + output[:, 0].mean()).backward()
    parameters = {f"grad.{name}": p.grad for name, p in network.named_parameters()}
    return {"output": output.detach(), "x": x.grad, **parameters, **network.state_dict()}


@pytest.mark.parametrize(
    ("network", "x"),
    # Eight values a channel: few enough to tell the variance of a sample from that of its population.
    [(nn.Sequential(nn.BatchNorm2d(3)), 10 * images(8, size=1)), (conv_network(), images(8))],
    ids=["norm", "network"],
)
def test_two_halves_are_as_one_batch(tmp_path, network, x):
    halves = in_two_processes(
        lambda rank: passed(join_batch_norms(copy.deepcopy(network), torch.device("cpu")), x[4 * rank : 4 * rank + 4]),
        tmp_path,
    )
    whole = passed(copy.deepcopy(network), x)
    for name, expected in whole.items():
        parts = [torch.tensor(half[name]) for half in halves]
        if name == "output":
            ours = torch.cat(parts)
        elif name == "x":  # each process's loss is a mean over half as many images
            ours = torch.cat(parts) / 2
        elif name.startswith("grad."):
            ours = (parts[0] + parts[1]) / 2
        else:
            assert torch.allclose(parts[0].float(), parts[1].float())
            ours = parts[0]
        assert torch.allclose(ours.float(), expected.float(), rtol=1e-3, atol=1e-5), name


def test_alone_and_in_eval_mode_it_is_torchs(tmp_path):
    plain = conv_network()
    joined = join_batch_norms(copy.deepcopy(plain), torch.device("cpu"))
    assert any(isinstance(module, JointBatchNorm2d) for module in joined.modules())
    assert joined.state_dict().keys() == plain.state_dict().keys()
    for mode in (True, False):
        assert torch.equal(joined.train(mode)(images(4)), plain.train(mode)(images(4)))
