"""How well the tasks do over a test set, with intervals."""
