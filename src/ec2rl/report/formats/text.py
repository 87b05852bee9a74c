"""Words for a person: each command has its own, and shows them as they come."""

from __future__ import annotations

from ec2rl.report.formats import Format

FORMAT = Format(write=None)
