"""The experiments of *Learning Perceptually-Aligned Representations via Adversarial Robustness*, one file each."""
