"""What every test shares: one thread, and hypothesis without deadlines."""

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("pellucid", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("pellucid")
