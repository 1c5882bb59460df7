"""Six flat drawings that the project makes itself, as inputs for `sketch`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..data.image import cover, to_tensor

SIDE = 256  # drawn large and scaled down, which smooths the edges
Draw = ImageDraw.ImageDraw


def drawings(size: int) -> tuple[list[str], Tensor]:
    """The names of what is drawn, and the drawings, `(6, 3, size, size)` in [0, 1]."""
    artists: dict[str, Callable[[Draw], None]] = {
        "ship": _ship, "automobile": _automobile, "horse": _horse,
        "bird": _bird, "truck": _truck, "airplane": _airplane,
    }  # fmt: skip
    pictures = []
    for artist in artists.values():
        picture = Image.new("RGB", (SIDE, SIDE))
        artist(ImageDraw.Draw(picture))
        pictures.append(cover(to_tensor(picture)[None], size)[0])
    return list(artists), torch.stack(pictures)


def _scene(draw: Draw, sky: str, ground: str, horizon: int) -> None:
    draw.rectangle((0, 0, SIDE, horizon), sky)
    draw.rectangle((0, horizon, SIDE, SIDE), ground)


def _wheels(draw: Draw, centers: list[int], y: int, radius: int) -> None:
    for x in centers:
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), "#1c1c1c")
        draw.ellipse((x - radius // 2, y - radius // 2, x + radius // 2, y + radius // 2), "#9a9a9a")


def _ship(draw: Draw) -> None:
    _scene(draw, "#a9c8e4", "#35658c", 168)
    draw.polygon(((24, 148), (232, 148), (204, 194), (52, 194)), "#8c2f2a")
    draw.rectangle((84, 112, 176, 148), "#f0f0ea")
    draw.rectangle((112, 66, 134, 112), "#333333")


def _automobile(draw: Draw) -> None:
    _scene(draw, "#c9d3da", "#77777b", 150)
    draw.polygon(((72, 122), (98, 78), (170, 78), (200, 122)), "#5b7d99")
    draw.rounded_rectangle((26, 120, 232, 176), 18, "#c0272d")
    _wheels(draw, [76, 184], 178, 25)


def _horse(draw: Draw) -> None:
    _scene(draw, "#b9d2e6", "#6f9a4b", 160)
    brown = "#6b3f22"
    draw.ellipse((60, 98, 182, 162), brown)
    draw.polygon(((150, 124), (182, 52), (208, 62), (182, 140)), brown)
    draw.ellipse((178, 44, 238, 80), brown)
    for x in (74, 98, 146, 168):
        draw.rectangle((x - 7, 146, x + 7, 224), brown)
    draw.polygon(((64, 112), (34, 130), (30, 182), (46, 178)), "#38200f")


def _bird(draw: Draw) -> None:
    _scene(draw, "#9fbf8f", "#7d9c62", 256)
    draw.rectangle((0, 196, 256, 208), "#5a4632")
    draw.ellipse((72, 96, 176, 186), "#3b6ea5")
    draw.ellipse((140, 60, 204, 120), "#3b6ea5")
    draw.polygon(((200, 84), (232, 94), (200, 102)), "#e0a030")
    draw.polygon(((84, 140), (20, 184), (92, 174)), "#28507c")
    draw.ellipse((176, 78, 186, 88), "#101010")


def _truck(draw: Draw) -> None:
    _scene(draw, "#bfd0dd", "#6f6f70", 176)
    draw.rectangle((18, 66, 160, 168), "#e8e6de")
    draw.polygon(((164, 92), (208, 92), (236, 132), (236, 168), (164, 168)), "#2b58a0")
    draw.polygon(((176, 102), (204, 102), (222, 130), (176, 130)), "#d4e4ee")
    _wheels(draw, [54, 118, 204], 178, 23)


def _airplane(draw: Draw) -> None:
    draw.rectangle((0, 0, SIDE, SIDE), "#8fb8de")
    draw.ellipse((20, 112, 236, 148), "#eceff2")
    draw.polygon(((112, 132), (76, 206), (104, 206), (158, 134)), "#b9c0c8")
    draw.polygon(((122, 124), (108, 72), (126, 72), (156, 124)), "#b9c0c8")
    draw.polygon(((28, 126), (14, 76), (38, 76), (66, 120)), "#c23b3b")
