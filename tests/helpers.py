"""Small networks and measurements that several tests use."""

import resource
import struct
import zlib
from contextlib import contextmanager
from multiprocessing import get_context

import torch
from torch import nn

from pellucid import Classifier
from pellucid.data.dataset import Split

PETS = ["cat", "dog", "ship"]


def shake_norms(network, seed=0):
    """Give every batch norm statistics as training would: none of them 0, 1, or the same for two channels."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.running_mean.copy_(torch.randn(module.num_features, generator=generator))
            module.running_var.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(module.num_features, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(module.num_features, generator=generator))
    return network


def conv_network(classes=4, seed=0):
    """Convolution, batch norm, ReLU, pooling, linear: for images of 3 channels and 8 x 8 pixels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(24, classes),
        )
    return shake_norms(network)


def conv_classifier(classes=4, seed=0):
    """A classifier of `conv_network`, with a normalization that is not the identity."""
    return Classifier(conv_network(classes, seed), mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))


def images(count, size=8, seed=0):
    """Random images, away from 0 and 1."""
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 0.6 + 0.2


def close(made, expected):
    """Assert that two tensors are the same but for the order of sums."""
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def png_of(width, height, data):
    """A PNG with right checksums whose header states this size, with these bytes in place of its pixels."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )


def pictures(size, count=12, seed=0):
    """A labeled split of `PETS`: each class has its own color, and noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % len(PETS)
    colors = torch.tensor([[150, 110, 90], [90, 140, 110], [100, 120, 160]])
    pixels = colors[labels][:, :, None, None] + 20 * torch.randn(count, 3, size, size, generator=generator)
    return Split(pixels.clamp(0, 255).byte(), labels)


def hooks_on(network):
    """How many hooks there are on a network."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


@contextmanager
def forward_batches(network):
    """Within, a list that gets the batch size of every forward pass of `network`."""
    sizes = []
    handle = network.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    try:
        yield sizes
    finally:
        handle.remove()


@contextmanager
def full_disk(size=4096):
    """Within, no file can grow over `size` bytes: writing fails as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def in_two_processes(function, folder):
    """`function(rank)` in each of two processes of one gloo group; what they return, by rank."""
    context = get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_worker, args=(function, rank, folder, queue)) for rank in range(2)]
    for worker in workers:
        worker.start()
    results = dict(queue.get(timeout=300) for _ in workers)
    for worker in workers:
        worker.join()
    return [results[rank] for rank in range(2)]


def _worker(function, rank, folder, queue):
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    result = function(rank)
    # As lists: tensors would be shared through a file that goes away with this process.
    queue.put((rank, {name: tensor.tolist() for name, tensor in result.items()}))
    torch.distributed.destroy_process_group()


class TwoReaders(nn.Module):
    """A convolution whose output goes through a batch norm and around it."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, values):
        values = self.conv(values)
        return self.head((self.norm(values) + values).mean((2, 3)))


def read_only(module, args, output):
    module.seen = output.detach().clone()
