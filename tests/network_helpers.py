"""Networks of torchvision and timm that several tests read."""

import timm
import torch
from helpers import shake_norms
from torch import nn
from torchvision import models


def without_head(kind, features):
    """A torchvision network with its real features and a small head: the real one has 100 million weights."""
    with torch.device("meta"):
        network = kind()
    network.features.to_empty(device="cpu")
    network.classifier = nn.Sequential(nn.Linear(features, 8), nn.ReLU(inplace=True), nn.Linear(8, 5))
    torch.manual_seed(0)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.05)
    return network.eval()


def vgg11():
    return without_head(models.vgg11, 512 * 49)


def alexnet():
    return without_head(models.alexnet, 256 * 36)


def resnet18():
    return shake_norms(models.resnet18(num_classes=5)).eval()


def squeezenet():
    return models.squeezenet1_0(num_classes=5).eval()


def timm_resnet():
    return shake_norms(timm.create_model("test_resnet", num_classes=5)).eval()
