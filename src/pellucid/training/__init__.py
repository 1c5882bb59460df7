"""Standard and adversarial training."""
