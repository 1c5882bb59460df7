"""Drawings that the project makes itself, as inputs for `sketch`: six flat ones in color, and six of lines."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..data.image import cover, to_tensor

SIDE = 256  # drawn large and scaled down, which smooths the edges
Draw = ImageDraw.ImageDraw


def drawings(size: int) -> tuple[list[str], Tensor]:
    """The names of what is drawn in flat colors, and the drawings, `(6, 3, size, size)` in [0, 1]."""
    return _drawn({"ship": _ship, "automobile": _automobile, "horse": _horse,
                   "bird": _bird, "truck": _truck, "airplane": _airplane}, size)  # fmt: skip


def line_drawings(size: int) -> tuple[list[str], Tensor]:
    """The names of what is drawn with a pen on white paper, and the drawings, `(6, 3, size, size)` in [0, 1]."""
    return _drawn({"church": _church_lines, "daisy": _flower_lines, "sunflower": _flower_lines,
                   "mountain": _mountain_lines, "parachute": _parachute_lines, "samoyed": _dog_lines},
                  size)  # fmt: skip


def _drawn(artists: dict[str, Callable[[Draw], None]], size: int) -> tuple[list[str], Tensor]:
    pictures = []
    for artist in artists.values():
        picture = Image.new("RGB", (SIDE, SIDE), "white")
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


def _pen(draw: Draw, *points: tuple[float, float]) -> None:
    draw.line(points, "#202020", 4, joint="curve")


def _church_lines(draw: Draw) -> None:
    _pen(draw, (40, 220), (40, 130), (130, 130), (220, 130), (220, 220), (40, 220))
    _pen(draw, (32, 136), (130, 84), (228, 136))
    _pen(draw, (104, 98), (104, 60), (130, 12), (156, 60), (156, 98))
    for x in (72, 130, 188):
        draw.arc((x - 14, 152, x + 14, 184), 180, 360, "#202020", 4)
        _pen(draw, (x - 14, 168), (x - 14, 220), (x + 14, 220), (x + 14, 168))


def _flower_lines(draw: Draw) -> None:
    for number in range(14):
        angle = 2 * math.pi * number / 14
        tip = (128 + 104 * math.cos(angle), 120 + 104 * math.sin(angle))
        sides = [(128 + 70 * math.cos(angle + by), 120 + 70 * math.sin(angle + by)) for by in (-0.2, 0.2)]
        roots = [(128 + 34 * math.cos(angle + by), 120 + 34 * math.sin(angle + by)) for by in (-0.15, 0.15)]
        _pen(draw, roots[0], sides[0], tip, sides[1], roots[1])
    draw.ellipse((94, 86, 162, 154), outline="#202020", width=4)


def _mountain_lines(draw: Draw) -> None:
    _pen(draw, (0, 190), (60, 96), (92, 132), (150, 40), (206, 126), (226, 104), (256, 150))
    _pen(draw, (122, 84), (140, 98), (152, 80), (166, 98), (178, 84))
    _pen(draw, (0, 210), (80, 196), (170, 214), (256, 198))


def _parachute_lines(draw: Draw) -> None:
    draw.arc((40, 20, 216, 180), 180, 360, "#202020", 4)
    for x in (40, 99, 157):
        draw.arc((x, 84, x + 59, 116), 180, 360, "#202020", 4)
    for x in (40, 99, 157, 216):
        _pen(draw, (x, 100), (128, 204))
    draw.ellipse((118, 202, 138, 222), outline="#202020", width=4)
    _pen(draw, (128, 222), (128, 246))


def _dog_lines(draw: Draw) -> None:
    _pen(draw, (74, 70), (60, 20), (104, 48), (152, 48), (196, 20), (182, 70), (196, 120), (170, 168), (128, 182))
    _pen(draw, (128, 182), (86, 168), (60, 120), (74, 70))
    for x in (100, 156):
        draw.ellipse((x - 9, 92, x + 9, 110), fill="#202020")
    draw.ellipse((114, 128, 142, 148), fill="#202020")
    _pen(draw, (128, 148), (128, 160), (108, 168))
    _pen(draw, (128, 160), (148, 168))
    _pen(draw, (66, 150), (36, 256))
    _pen(draw, (190, 150), (220, 256))
