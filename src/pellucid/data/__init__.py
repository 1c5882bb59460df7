"""Data sets, images, transforms and class Gaussians."""
