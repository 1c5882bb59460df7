"""Batch norm over the batch of all processes together.

Each process has a part of the batch. With the statistics of the parts, the result would depend on the number of
processes; so every batch norm takes those of the whole batch. torch has this for GPUs (`SyncBatchNorm`); this is the
same for any device.
"""

from __future__ import annotations

import torch
import torch.distributed
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce


class JointBatchNorm2d(nn.BatchNorm2d):
    """A batch norm whose statistics, in training, are those of every process's part: `(N, C, H, W)` to the same.

    Gradients pass through the statistics to all processes.
    """

    def forward(self, values: Tensor) -> Tensor:
        if not (self.training and torch.distributed.is_initialized()):
            return super().forward(values)
        own = values.float()
        count = own.new_full((1,), own.numel() / own.shape[1])
        sums = all_reduce(torch.cat([own.sum((0, 2, 3)), own.square().sum((0, 2, 3)), count]))
        total = sums[-1]
        mean, square = (sums[:-1] / total).chunk(2)
        variance = (square - mean.square()).clamp_min(0)
        self._remember(mean.detach(), variance.detach() * total / (total - 1))
        scale = (variance + self.eps).rsqrt() * self.weight
        shift = self.bias - mean * scale
        return (own * scale[:, None, None] + shift[:, None, None]).to(values.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards this batch's."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def join_batch_norms(network: nn.Module, device: torch.device) -> nn.Module:
    """The network with every 2-d batch norm over all processes; parameters, buffers and names stay."""
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(network)
    for name, module in list(network.named_modules()):
        if type(module) is nn.BatchNorm2d and module.affine and module.track_running_stats:
            joint = JointBatchNorm2d(module.num_features, module.eps, module.momentum).to(device)
            joint.load_state_dict(module.state_dict())
            joint.weight, joint.bias = module.weight, module.bias  # a frozen parameter stays frozen
            joint.train(module.training)
            network.set_submodule(name, joint)
    return network
