"""Transfer learning: fixed features, fine-tuning, and studies over them."""
