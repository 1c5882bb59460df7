import pytest
import torch
from helpers import conv_classifier, images, in_two_processes
from hypothesis import given
from hypothesis import strategies as st

from pellucid import L2, Activation, Activations, CrossEntropy, Diversity, InputError, descend
from pellucid.base.processes import Processes, sharing
from pellucid.core.batch import even_batches


def slow(values, size):
    """The definition, image by image and position by position."""
    if values.ndim == 3:
        values = values.transpose(1, 2)
    grams = []
    for image in values.double():
        positions = image.reshape(len(image), -1)
        gram = sum(torch.outer(positions[:, p], positions[:, p]) for p in range(positions.shape[1]))
        grams.append(gram / gram.square().sum().sqrt())
    losses = []
    for i in range(len(grams)):
        others = [j for j in range(len(grams)) if j // size == i // size and j != i]
        losses.append(sum(float((grams[i] * grams[j]).sum()) for j in others) / len(others) if others else 0.0)
    return losses


@pytest.mark.parametrize("size", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("shape", [(7, 5), (7, 4, 3), (7, 5, 2, 3)], ids=["units", "tokens", "channels"])
def test_it_is_the_mean_cosine_of_gram_matrices_with_the_others_of_the_group(shape, size):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    activations = Activations(torch.zeros(7, 2), torch.zeros(7, 2), {"x": values})
    found = Diversity(size, "x")(images(7), activations)
    assert found.tolist() == pytest.approx(slow(values, size), abs=1e-5)


def test_the_gradient_of_an_images_loss_leaves_the_others_alone():
    values = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    losses = Diversity(4)(images(4), Activations(torch.zeros(4, 2), values))
    (gradient,) = torch.autograd.grad(losses[1], values)
    assert gradient[1].abs().max() > 1e-3
    assert gradient[[0, 2, 3]].abs().max() == 0


def test_groups_are_right_after_images_were_selected():
    values = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    part = Diversity(3).select(torch.arange(3, 6)).select(torch.tensor([2, 0]))
    found = part(images(2), Activations(torch.zeros(2, 2), values[[5, 3]]))
    assert found.tolist() == pytest.approx(slow(values[[5, 3]], 2), abs=1e-5)
    across = Diversity(3).select(torch.arange(6)).select(torch.tensor([2, 3]))
    assert across(images(2), Activations(torch.zeros(2, 2), values[[2, 3]])).tolist() == [0, 0]


def test_a_sum_keeps_together_what_any_of_its_terms_does():
    assert CrossEntropy(0).group_size == (-Activation(unit=0)).group_size == 1
    assert (CrossEntropy(0) + 2 * (Diversity(4) - 3 * Diversity(6))).group_size == 12


@pytest.mark.parametrize("size", [0, -1])
def test_a_group_needs_an_image(size):
    with pytest.raises(InputError, match="size of a group"):
        Diversity(size)


def descent(**options):
    objective = CrossEntropy(0) + 3 * Diversity(3, "2")
    return descend(conv_classifier(), objective, images(8), ball=L2(1.0), steps=5, **options)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 7])
def test_a_split_of_a_batch_cuts_no_group(batch_size):
    whole, split = descent(), descent(batch_size=batch_size)
    assert torch.allclose(split.images, whole.images, atol=1e-4)
    assert torch.allclose(split.loss, whole.loss, atol=1e-4)
    assert (whole.forwards, split.forwards) == (5, 10 if batch_size > 5 else 15)


def test_halving_on_a_full_device_cuts_no_group(monkeypatch):
    whole, refused = descent(), []
    forward = conv_classifier().network[0].__class__.forward

    def small_memory(module, x):
        if len(x) > 4:
            refused.append(len(x))
            raise torch.cuda.OutOfMemoryError
        return forward(module, x)

    monkeypatch.setattr(torch.nn.Conv2d, "forward", small_memory)
    assert torch.allclose(descent().images, whole.images, atol=1e-4)
    assert refused == [8]  # three images, and not four, are then taken at once


@given(images=st.integers(0, 200), most=st.integers(1, 200), group=st.integers(1, 12))
def test_batches_are_equal_up_to_one_group_and_as_few_as_can_be(images, most, group):
    size, groups, fit = even_batches(images, most, group), -(-images // group), max(1, most // group)
    assert size % group == 0
    assert size <= max(most, group)
    each = [len(range(images)[first : first + size]) for first in range(0, images, size or 1)]
    assert len(each) == -(-groups // fit)
    assert not each or max(each) - each[-1] < group * len(each)


@given(items=st.integers(0, 60), count=st.integers(1, 7), group_size=st.integers(1, 9))
def test_shares_of_processes_cut_no_group(items, count, group_size):
    shares = [range(items)[Processes(rank, count).share(items, group_size)] for rank in range(count)]
    assert [item for share in shares for item in share] == list(range(items))
    assert all(share.start % group_size == 0 for share in shares if len(share))


def test_two_processes_come_to_what_one_does(tmp_path):
    whole = descent()

    def part(rank):
        with sharing(Processes(rank, 2)):
            return {"images": descent().images}

    for ours in in_two_processes(part, tmp_path):
        assert torch.allclose(torch.tensor(ours["images"]), whole.images, atol=1e-4)


def test_diverse_images_differ_more():
    def alike(weight):
        objective = -Activation(unit=3) + weight * Diversity(4, "2")
        made = descend(conv_classifier(), objective, images(4), ball=L2(3.0), steps=30)
        with torch.no_grad():
            return float(Diversity(4, "2")(made.images, conv_classifier().eval()(made.images, ["2"])).mean())

    assert alike(20.0) < alike(0.0) - 0.01
