"""EC2 Rescue for Linux."""

__version__ = "2.0.0.dev0"
