"""Frames: when they are taken, what they show, and which are kept."""

import pytest
import torch
from helpers import conv_classifier, images
from hypothesis import given
from hypothesis import strategies as st
from studio_helpers import from_png, shot

from pellucid.studio.runs import frames
from pellucid.studio.runs.frames import Camera, thinned


class Clock:
    def __init__(self, cost=0.0):
        self.now, self.cost = 100.0, cost

    def __call__(self):
        self.now += self.cost
        return self.now


def test_frames_are_at_least_a_tenth_of_a_second_apart():
    kept, clock = [], Clock()
    camera = Camera(conv_classifier(), None, kept.append, clock)
    picture = images(1)[0]
    camera.take(picture, 0, 500)
    for step in range(1, 501):
        clock.now += 0.01
        if camera.due:
            camera.take(picture, step, 500)
    assert len(kept) == pytest.approx(50, abs=2)
    assert [frame.step for frame in kept[:3]] == [0, 1, 11]  # the first step is seen at once


def test_a_dear_frame_is_taken_more_rarely():
    kept, clock = [], Clock(cost=0.05)  # each look at the clock costs that much
    camera = Camera(conv_classifier(), None, kept.append, clock)
    camera.take(images(1)[0], 0, 1)
    camera.take(images(1)[0], 1, 1)
    clock.cost = 0
    clock.now += frames.COST * 0.05 - 0.01
    assert not camera.due
    clock.now += 0.02
    assert camera.due


def test_a_frame_says_what_the_classifier_sees():
    kept, classifier = [], conv_classifier().eval()
    picture = images(1)[0]
    Camera(classifier, 2, kept.append).take(picture, 3, 9, float("nan"))
    wanted = classifier.logits(picture[None])[0].softmax(0)
    frame = kept[0]
    assert frame.wanted == pytest.approx(float(wanted[2].detach()), abs=1e-4)
    assert [name for name, _ in frame.top] == [str(i) for i in wanted.argsort(descending=True).tolist()]
    assert (frame.number, frame.step, frame.steps, frame.loss) == (0, 3, 9, None)
    assert torch.equal(torch.from_numpy(from_png(frame.png)).permute(2, 0, 1), (picture * 255).round().byte())


@given(st.integers(1, 2000))
def test_kept_frames_are_bounded_and_hold_the_first_and_the_last(count):
    kept = []
    for number in range(count):
        kept = thinned([*kept, shot(number)])
        assert len(kept) <= frames.MOST
        assert (kept[0].number, kept[-1].number) == (0, number)
    numbers = [frame.number for frame in kept]
    assert numbers == sorted(set(numbers))
