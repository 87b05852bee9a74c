"""ACT: the only package that changes a machine, and the one that can take its changes back."""
