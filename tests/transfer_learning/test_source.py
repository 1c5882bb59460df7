import pytest

from pellucid.transfer_learning.source import SourceFacts, source_facts


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("imagenet-resnet50-linf-4", SourceFacts("linf", 4 / 255, 0.6386, 224, "imagenet", "torchvision:resnet50", 1)),
        ("imagenet-resnet18-l2-0", SourceFacts("l2", 0.0, 0.6979, 224, "imagenet", "torchvision:resnet18", 1)),
        ("imagenet-wide_resnet50_4-l2-0.03", SourceFacts("l2", 0.03, 0.7787, 224, "imagenet", "wide_resnet50_4", 4)),
        ("imagenet-vgg16_bn-l2-3", SourceFacts("l2", 3.0, 0.5719, 224, "imagenet", "torchvision:vgg16_bn", None)),
        ("torchvision:resnet50", SourceFacts("l2", None, None, 224, "ImageNet", "torchvision:resnet50", 1)),
    ],
)
def test_the_facts_of_a_source_are_on_its_card(name, expected):
    assert source_facts(name) == expected
