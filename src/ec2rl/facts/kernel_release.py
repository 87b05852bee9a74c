"""The release of a kernel, such as `6.1.0-18-amd64`."""

from __future__ import annotations


def version(release: str) -> tuple[int, int] | None:
    """The first two numbers of a kernel release; None for a text that has none."""
    parts = release.split("-")[0].split(".")
    if len(parts) < 2 or not all(p.isascii() and p.isdigit() and len(p) < 5 for p in parts[:2]):
        return None
    return int(parts[0]), int(parts[1])
