"""Every figure and every table of the four papers, in their order, and which of pellucid's tasks makes it, or why none.

The representations paper is Engstrom et al. 2019 (arXiv 1906.00945), the synthesis paper Santurkar et al. 2019 (arXiv
1906.09453), the transfer paper Salman et al. 2020 (arXiv 2007.08489). The style article is Nakano 2019 (distill.pub
00019.4) with the answer of Ilyas et al.; its figures have no numbers, and names here. What a paper says in a sentence
or in unnumbered tables has a name too: `synthesis-psnr`, `synthesis-settings`.
"""

from __future__ import annotations

from .entry import Entry, Need

PAIR: tuple[Need, ...] = ("beside", "data")
STYLED: tuple[Need, ...] = ("beside", "data", "styles")
TRANSFERRED: tuple[Need, ...] = ("beside", "targets")
DETECTOR = "pellucid trains no detectors; pellucid export writes the classifier as the backbone of one"

ENTRIES: tuple[Entry, ...] = (
    # Representations.
    Entry("representations-figure-1", "Inversion, interpolation, features and their addition, one picture of each.",
          reason="figures 6, 7, 11 and 12 show the same, larger"),
    Entry("representations-figure-2", "An image that a standard classifier represents like another, though the two "
          "look nothing alike.", PAIR, task="invert"),
    Entry("representations-figure-3", "Images brought to the representation of others: by a robust classifier they "
          "come to look like those, by a standard one they stay as they were.", PAIR, task="invert"),
    Entry("representations-figure-4", "How near a representation comes to that of a target, by the distance in pixels "
          "that it may move.", PAIR, task="distance"),
    Entry("representations-figure-5", "Inversions within 2, 8, 32 and 128 of the source: even the nearest show "
          "something of the target.", ("data",), task="distance"),
    Entry("representations-figure-6", "Inversions from noise, of test images and of images unlike any of the training.",
          ("data",), task="invert"),
    Entry("representations-figure-7", "What maximizes units of the representation, from images and from noise.",
          PAIR, task="visualize"),
    Entry("representations-figure-8", "What maximizes two units, and the images that activate them most and least.",
          ("data",), task="activating"),
    Entry("representations-figure-9", "Units of GoogLeNet's representation, visualized with regularization.",
          reason="it is a picture from another article (Olah, Mordvintsev and Schubert 2017), of GoogLeNet"),
    Entry("representations-figure-10", "Units of a standard classifier, visualized under random moves and rotations.",
          ("beside",), task="visualize"),
    Entry("representations-figure-11", "A feature is added to images by raising its unit above every other one.",
          ("data",), task="manipulate"),
    Entry("representations-figure-12", "Walks between two images through their representations, above those through "
          "their pixels.", ("data",), task="interpolate"),
    Entry("representations-figure-13", "Test images recovered from their representations, from other images and from "
          "noise.", ("data",), task="invert"),
    Entry("representations-figure-14", "Kaleidoscopes and images of unknown classes, recovered from their "
          "representations.", PAIR, task="invert"),
    Entry("representations-figure-15", "What a standard classifier's representations give back of test images: "
          "noise.", PAIR, task="invert"),
    Entry("representations-figure-16", "Figure 3 with classifiers of ImageNet.",
          reason="it is figure 3 of ImageNet classifiers: give those as --model and --beside"),
    Entry("representations-figure-17", "More walks between two images through robust representations.",
          reason="it shows more walks like those of figure 12: those of another --seed"),
    Entry("representations-figure-18", "Walks through standard representations, which are like those through pixels.",
          PAIR, task="interpolate"),
    Entry("representations-figure-19", "What maximizes randomly chosen units, with the class predicted of each.",
          ("data",), task="visualize"),
    Entry("representations-figure-20", "What maximizes selected units, with the class predicted of each.",
          reason="its units were chosen by eye; figure 19 shows units chosen without looking"),
    Entry("representations-figure-21", "What maximizes units of a robust classifier and of two standard ones.",
          reason="figure 7 shows it, if two standard classifiers are given as --beside"),
    Entry("representations-figure-22", "Figure 21 with classifiers of ImageNet.",
          reason="it is figure 7 of ImageNet classifiers: give those as --model and --beside"),
    Entry("representations-figure-23", "Several features, each added to several images.", ("data",),
          task="manipulate"),
    Entry("representations-table-1", "The nine classes of Restricted ImageNet.", task="evaluate"),
    Entry("representations-table-2", "How the classifiers were trained: epochs, learning rate, batches.", task="train"),
    Entry("representations-table-3", "Radius, steps and step size of adversarial training.", task="train"),
    Entry("representations-table-4", "Accuracy of standard and robust classifiers on Restricted ImageNet, clean and "
          "under attack.", PAIR, task="evaluate"),
    Entry("representations-table-5", "Accuracy of standard and robust classifiers on ImageNet, clean and under "
          "attack.",
          reason="it is table 4 of ImageNet classifiers: give those as --model and --beside"),
    Entry("representations-settings", "Radius, steps and step size of visualization, inversion and interpolation.",
          task="invert"),
    Entry("representations-similarity", "Whether the distance of two representations is one of what people see.",
          PAIR, task="similarity-study"),
    # Synthesis.
    Entry("synthesis-figure-1", "Every task, one picture of each.", reason="figures 3 to 8 show the same, larger"),
    Entry("synthesis-figure-2", "Images turned into one class after the other.", ("data",), task="translate"),
    Entry("synthesis-figure-3", "Generated images: one of each of many classes, and many of each of a few.",
          ("gaussians",), task="generate"),
    Entry("synthesis-figure-4", "Images with a hole, and what fills it.", ("data",), task="inpaint"),
    Entry("synthesis-figure-5", "Images of one domain turned into the other.", ("data",), task="translate"),
    Entry("synthesis-figure-6", "Enlarged images, beside bicubic interpolation.", ("data",), task="superres"),
    Entry("synthesis-figure-7", "Drawings turned into images of what they show.", task="sketch"),
    Entry("synthesis-figure-8", "Features painted onto regions of an image, one after the other.", ("data",),
          task="paint"),
    Entry("synthesis-figure-9", "More images of one domain turned into the other.",
          reason="it shows more images like those of figure 5: --scale small and paper have more"),
    Entry("synthesis-figure-10", "The same with a classifier of many classes, of which the two are a part.",
          reason="figure 5 shows it, if the classifier has more classes than the two"),
    Entry("synthesis-figure-11", "A classifier trained against linf attacks changes the background instead.",
          ("linf", "data"), task="translate"),
    Entry("synthesis-figure-12", "Holes that are filled otherwise than in the original: plausibly, or wrongly.",
          ("data", "judge"), task="inpaint"),
    Entry("synthesis-figure-13", "Generated images of CIFAR-10's classes.",
          reason="it is figure 3 of a CIFAR-10 classifier: give that as --model"),
    Entry("synthesis-figure-14", "Generated images of Restricted ImageNet's classes.",
          reason="it is figure 3 of a Restricted ImageNet classifier: give that as --model"),
    Entry("synthesis-figure-15", "Generated images of ImageNet's classes.",
          reason="it is figure 3 of an ImageNet classifier: give that as --model"),
    Entry("synthesis-figure-16", "Generated images of a random part of the classes.",
          reason="it shows more images like those of figure 3: those of another --seed"),
    Entry("synthesis-figure-17", "Draws from the class Gaussians, with which generation begins.", ("gaussians",),
          task="generate"),
    Entry("synthesis-table-1", "Inception Scores of generated images, of the training images, and of GANs.",
          ("gaussians", "data"), task="generate"),
    Entry("synthesis-table-2", "The nine classes of Restricted ImageNet.", task="evaluate"),
    Entry("synthesis-table-3", "How the classifiers were trained: epochs, learning rate, batches.", task="train"),
    Entry("synthesis-table-4", "Radius, steps and step size of adversarial training.", task="train"),
    Entry("synthesis-settings", "Radius, steps and step size of each task on each data set.", task="generate"),
    Entry("synthesis-fid", "Fréchet Inception Distance of generated images, worse than that of a GAN.",
          ("gaussians", "data"), task="generate"),
    Entry("synthesis-psnr", "Peak signal-to-noise ratio of images enlarged eightfold, and of bicubic interpolation.",
          ("data",), task="superres"),
    # Style.
    Entry("style-transferability", "Architectures that learn non-robust features well are fooled by each other's "
          "adversarial examples.", PAIR, task="transferability"),
    Entry("style-prediction", "At the prediction AlexNet and VGG are hardly more robust than a standard ResNet.",
          reason="it is table 4 of the representations paper: give AlexNet, VGG and ResNets of the same classes"),
    Entry("style-networks", "One algorithm with a standard ResNet-50, a robust one and VGG-19.", STYLED,
          task="compare-style"),
    Entry("style-transforms", "A standard network carries style once pixels are frequencies and the picture is moved "
          "and turned.", STYLED, task="stylize"),
    Entry("style-swap", "The network of the style loss decides how it looks, that of the content loss hardly.",
          STYLED, task="compare-style"),
    Entry("style-layers", "How far a small change of the image moves each layer: early layers of VGG and AlexNet are "
          "about as robust as a robust ResNet's.", PAIR, task="layers"),
    Entry("style-single-layers", "Style carried by one layer at a time: robust layers can, others cannot.",
          STYLED, task="compare-style"),
    Entry("style-artifacts", "Checkerboards of a robust ResNet and of AlexNet, which VGG does not make.", STYLED,
          task="stylize"),
    Entry("style-visualization", "Units are visualized without regularization, if the network is robust or a VGG.",
          reason="it is figure 7 of the representations paper: give a VGG of the same classes as --beside"),
    # Transfer.
    Entry("transfer-figure-1", "Units of robust and standard representations, and images recovered from them.",
          reason="figures 7 and 3 of the representations paper show the same"),
    Entry("transfer-figure-2", "Accuracy of linear heads on fixed features of robust and standard sources.",
          TRANSFERRED, task="transfer-study"),
    Entry("transfer-figure-3", "Accuracy after fine-tuning robust and standard sources.", TRANSFERRED,
          task="transfer-study"),
    Entry("transfer-figure-4", "Object detection and instance segmentation with robust and standard backbones.",
          reason=DETECTOR),
    Entry("transfer-figure-5", "Accuracy of a source on its own data against its accuracy after transfer, by eps.",
          TRANSFERRED, task="transfer-study"),
    Entry("transfer-figure-6", "Accuracy after transfer by the width of the source.", TRANSFERRED,
          task="transfer-study"),
    Entry("transfer-figure-7", "Accuracy after transfer by eps, with images brought to 32 pixels first.",
          TRANSFERRED, task="transfer-study"),
    Entry("transfer-figure-8", "Robust sources, standard ones and one trained on stylized images, on stylized images.",
          ("beside", "targets", "styles"), task="stylize-data"),
    Entry("transfer-table-1", "The best accuracy after transfer of robust and of standard sources, on 12 data sets.",
          reason="figures 2 and 3 have its numbers, beside the measured ones"),
    Entry("transfer-table-2", "At a fixed eps the source's own accuracy predicts that after transfer: R².",
          TRANSFERRED, task="transfer-study"),
    Entry("transfer-architectures", "Table 1 for each architecture, and the eps that is best on each data set.",
          reason="it is figures 2 and 3 of other sources: give those as --model and --beside"),
    Entry("transfer-linf", "Accuracy of linear heads on sources trained against linf attacks.",
          reason="it is figure 2 of such sources: give those as --model and --beside"),
    Entry("transfer-sources", "The sources' own accuracy by architecture and eps.",
          reason="pellucid models lists the published ones; table 4 of the representations paper measures yours"),
    Entry("transfer-settings", "Epochs, batches and learning rates of both kinds of transfer.", task="transfer"),
)  # fmt: skip
