"""Every figure and every table of the four papers, and which of pellucid's tasks makes it, or why none does.

The representations paper is Engstrom et al. 2019 (arXiv 1906.00945), the synthesis paper Santurkar et al. 2019 (arXiv
1906.09453), the transfer paper Salman et al. 2020 (arXiv 2007.08489). The style article is Nakano 2019 (distill.pub
00019.4) with the answer of Ilyas et al.; its figures have no numbers, and names here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Need = Literal[
    "beside", "classes", "data", "domains", "drawings", "eps", "gaussians", "images", "inception", "linf", "model",
    "styles", "target", "widths",
]  # fmt: skip
NEEDS: dict[Need, str] = {
    "model": "a classifier (--model)",
    "beside": "another classifier of the same classes, trained without attacks (--beside)",
    "images": "images of the classifier's size, without labels",
    "data": "labeled images of the classifier's classes (--data)",
    "classes": "four classes or more",
    "gaussians": "class Gaussians in the classifier's bundle (pellucid gaussians)",
    "inception": "Inception weights, or a classifier in their place (--features)",
    "domains": "a classifier of two domains, such as horses and zebras",
    "linf": "a classifier trained against linf attacks",
    "drawings": "drawings, and the classes that they show",
    "styles": "pictures whose style is taken",
    "target": "labeled images of other classes than the classifier's",
    "eps": "classifiers of one architecture that withstand several eps",
    "widths": "classifiers that withstand one eps, of several widths or architectures",
}
"""What an entry can need, and how a user gives it."""

PAPERS = ("representations", "synthesis", "style", "transfer")


@dataclass(frozen=True)
class Item:
    """A figure, a table or a number in the text.

    Attributes:
        id: the paper's short name, a hyphen, and `figure-4`, `table-1` or a name.
        shows: what, in one sentence.
        task: the command of pellucid that makes it; "" where none does.
        needs: what that takes, of `NEEDS`.
        missing: why no task makes it; "" where one does.
    """

    id: str
    shows: str
    task: str = ""
    needs: tuple[Need, ...] = ()
    missing: str = ""

    @property
    def paper(self) -> str:
        """One of `PAPERS`."""
        return self.id.partition("-")[0]


PAIR: tuple[Need, ...] = ("model", "beside", "images")
MEASURED: tuple[Need, ...] = ("model", "beside", "data")
GENERATED: tuple[Need, ...] = ("model", "gaussians")
NO_LABELS = "it lists which ImageNet classes make up Restricted ImageNet; the data of that name have them"
DETECTOR = "it needs COCO or Pascal VOC and a detector; export the classifier as the detector's backbone"

CATALOG = (
    # Representations.
    Item("representations-figure-1", "Inversion, interpolation, features and their addition, one picture of each.",
         "invert", PAIR),
    Item("representations-figure-2", "An image that a standard classifier represents like another, which it resembles "
         "in nothing.", "invert", PAIR),
    Item("representations-figure-3", "Images brought to the representation of others: by a robust classifier they come "
         "to look like those, by a standard one they stay as they were.", "invert", PAIR),
    Item("representations-figure-4", "How near a representation comes to that of a target, by the distance in pixels "
         "that it may move.", "distance", PAIR),
    Item("representations-figure-5", "Inversions within 2, 8, 32 and 128 of the source: even the nearest show "
         "something of the target.", "distance", ("model", "images")),
    Item("representations-figure-6", "Inversions from noise, of test images and of images unlike any of the training.",
         "invert", ("model", "images")),
    Item("representations-figure-7", "What maximizes units of the representation, from images and from noise.",
         "visualize", PAIR),
    Item("representations-figure-8", "What maximizes two units, and the test images that activate them most and least.",
         "activating", ("model", "images")),
    Item("representations-figure-9", "Units of GoogLeNet's representation, visualized with regularization.",
         missing="it is reproduced from Olah, Mordvintsev and Schubert 2017, where GoogLeNet's units are shown"),
    Item("representations-figure-10", "Units of a standard classifier, visualized under random moves and rotations.",
         "visualize", ("beside",)),
    Item("representations-figure-11", "A feature is added to images by raising its unit above every other one.",
         "manipulate", ("model", "images")),
    Item("representations-figure-12", "Walks between two images through their representations, above those through "
         "their pixels.", "interpolate", ("model", "images")),
    Item("representations-figure-13", "Test images recovered from their representations, from other images and from "
         "noise.", "invert", ("model", "images")),
    Item("representations-figure-14", "Kaleidoscopes and images of unknown classes, recovered from their "
         "representations.", "invert", ("model",)),
    Item("representations-figure-15", "What a standard classifier's representations give back of test images: "
         "noise.", "invert", ("beside", "images")),
    Item("representations-figure-16", "Figure 3 with classifiers of ImageNet.", "invert", PAIR),
    Item("representations-figure-17", "More walks between two images through robust representations.", "interpolate",
         ("model", "images")),
    Item("representations-figure-18", "Walks through standard representations, which are like those through pixels.",
         "interpolate", ("beside", "images")),
    Item("representations-figure-19", "What maximizes randomly chosen units, with the class predicted of each.",
         "visualize", ("model", "images")),
    Item("representations-figure-20", "What maximizes selected units, with the class predicted of each.",
         "visualize", ("model", "images")),
    Item("representations-figure-21", "What maximizes units of a robust classifier and of two standard ones.",
         "visualize", PAIR),
    Item("representations-figure-22", "Figure 21 with classifiers of ImageNet.", "visualize", PAIR),
    Item("representations-figure-23", "Several features, each added to several images.", "manipulate",
         ("model", "images")),
    Item("representations-table-1", "The nine classes of Restricted ImageNet.", missing=NO_LABELS),
    Item("representations-table-2", "How the classifiers were trained: epochs, learning rate, batches.", "train"),
    Item("representations-table-3", "Radius, steps and step size of adversarial training.", "train"),
    Item("representations-table-4", "Accuracy of standard and robust classifiers on Restricted ImageNet, clean and "
         "under attack.", "evaluate", MEASURED),
    Item("representations-table-5", "Accuracy of standard and robust classifiers on ImageNet, clean and under attack.",
         "evaluate", MEASURED),
    Item("representations-settings", "Radius, steps and step size of visualization, inversion and interpolation.",
         "invert"),
    Item("representations-similarity", "Whether the distance of two representations is one of what people see.",
         "similarity", PAIR),
    # Synthesis.
    Item("synthesis-figure-1", "Every task, one picture of each.", "demo", ("model", "images")),
    Item("synthesis-figure-2", "Images turned into one class after the other.", "translate",
         ("model", "images", "classes")),
    Item("synthesis-figure-3", "Generated images: one of each of many classes, and many of each of a few.", "generate",
         GENERATED),
    Item("synthesis-figure-4", "Images with a hole, and what fills it.", "inpaint", ("model", "data")),
    Item("synthesis-figure-5", "Images of one domain turned into the other.", "translate", ("domains", "images")),
    Item("synthesis-figure-6", "Enlarged images, beside bicubic interpolation.", "superres", ("model", "data")),
    Item("synthesis-figure-7", "Drawings turned into images of what they show.", "sketch", ("model", "drawings")),
    Item("synthesis-figure-8", "Features painted onto regions of an image, one after the other.", "paint",
         ("model", "images")),
    Item("synthesis-figure-9", "More images of one domain turned into the other.", "translate", ("domains", "images")),
    Item("synthesis-figure-10", "The same with a classifier of many classes, of which the two are a part.",
         "translate", ("model", "images")),
    Item("synthesis-figure-11", "A classifier trained against linf attacks changes the background instead.",
         "translate", ("linf", "domains", "images")),
    Item("synthesis-figure-12", "Holes that are filled otherwise than in the original: plausibly, or wrongly.",
         "inpaint", ("model", "data")),
    Item("synthesis-figure-13", "Generated images of CIFAR-10's classes.", "generate", GENERATED),
    Item("synthesis-figure-14", "Generated images of Restricted ImageNet's classes.", "generate", GENERATED),
    Item("synthesis-figure-15", "Generated images of ImageNet's classes.", "generate", GENERATED),
    Item("synthesis-figure-16", "Generated images of a random part of the classes.", "generate", GENERATED),
    Item("synthesis-figure-17", "Draws from the class Gaussians, with which generation begins.", "generate", GENERATED),
    Item("synthesis-table-1", "Inception Scores of generated images, of the training images, and of GANs.",
         "generate", (*GENERATED, "data", "inception")),
    Item("synthesis-table-2", "The nine classes of Restricted ImageNet.", missing=NO_LABELS),
    Item("synthesis-table-3", "How the classifiers were trained: epochs, learning rate, batches.", "train"),
    Item("synthesis-table-4", "Radius, steps and step size of adversarial training.", "train"),
    Item("synthesis-settings", "Radius, steps and step size of each task on each data set.", "generate"),
    Item("synthesis-fid", "Fréchet Inception Distance of generated images, worse than that of a GAN.", "generate",
         (*GENERATED, "data", "inception")),
    Item("synthesis-psnr", "Peak signal-to-noise ratio of images enlarged eightfold, and of bicubic interpolation.",
         "superres", ("model", "data")),
    # Style.
    Item("style-transferability", "Architectures that learn non-robust features well are fooled by each other's "
         "adversarial examples.", "transferability", MEASURED),
    Item("style-prediction", "At the prediction AlexNet and VGG are hardly more robust than a standard ResNet.",
         "evaluate", MEASURED),
    Item("style-networks", "One algorithm with a standard ResNet-50, a robust one and VGG-19.", "compare-style",
         ("model", "beside", "images", "styles")),
    Item("style-transforms", "A standard network carries style once pixels are frequencies and the picture is moved "
         "and turned.", "stylize", ("beside", "images", "styles")),
    Item("style-swap", "The network of the style loss decides how it looks, that of the content loss hardly.",
         "compare-style", ("model", "beside", "images", "styles")),
    Item("style-layers", "How far a small change of the image moves each layer: early layers of VGG and AlexNet are "
         "about as robust as a robust ResNet's.", "layers", PAIR),
    Item("style-single-layers", "Style carried by one layer at a time: robust layers can, others cannot.",
         "compare-style", ("model", "beside", "images", "styles")),
    Item("style-artifacts", "Checkerboards of a robust ResNet and of AlexNet, which VGG does not make.", "stylize",
         ("model", "beside", "images", "styles")),
    Item("style-visualization", "Units are visualized without regularization, if the network is robust or a VGG.",
         "visualize", PAIR),
    # Transfer.
    Item("transfer-figure-1", "Units of robust and standard representations, and images recovered from them.",
         "visualize", PAIR),
    Item("transfer-figure-2", "Accuracy of linear heads on fixed features of robust and standard sources.",
         "transfer-study", ("model", "beside", "target")),
    Item("transfer-figure-3", "Accuracy after fine-tuning robust and standard sources.", "transfer-study",
         ("model", "beside", "target")),
    Item("transfer-figure-4", "Object detection and instance segmentation with robust and standard backbones.",
         missing=DETECTOR),
    Item("transfer-figure-5", "Accuracy of a source on its own data against its accuracy after transfer, by eps.",
         "transfer-study", ("eps", "target")),
    Item("transfer-figure-6", "Accuracy after transfer by the width of the source.", "transfer-study",
         ("widths", "target")),
    Item("transfer-figure-7", "Accuracy after transfer by eps, with images brought to 32 pixels first.",
         "transfer-study", ("eps", "target")),
    Item("transfer-figure-8", "Robust sources, standard ones and one trained on stylized images, on stylized images.",
         "transfer-study", ("model", "beside", "target", "styles")),
    Item("transfer-table-1", "The best accuracy after transfer of robust and of standard sources, on twelve data sets.",
         "transfer-study", ("model", "beside", "target")),
    Item("transfer-table-2", "At a fixed eps the source's own accuracy predicts that after transfer: R².",
         "transfer-study", ("widths", "target")),
    Item("transfer-architectures", "Table 1 for each architecture, and the eps that is best on each data set.",
         "transfer-study", ("eps", "target")),
    Item("transfer-linf", "Accuracy of linear heads on sources trained against linf attacks.", "transfer-study",
         ("linf", "target")),
    Item("transfer-sources", "The sources' own accuracy by architecture and eps.", "evaluate", ("eps", "data")),
    Item("transfer-settings", "Epochs, batches and learning rates of both kinds of transfer.", "transfer"),
)  # fmt: skip
"""In the order of the papers."""
