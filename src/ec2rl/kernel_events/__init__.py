"""Events that the kernel tells of in its log: told apart from hearsay, grouped, and judged."""
