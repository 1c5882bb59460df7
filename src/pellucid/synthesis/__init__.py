"""The tasks of *Image Synthesis with a Single (Robust) Classifier*: each an objective, a start, a ball, a descent."""
