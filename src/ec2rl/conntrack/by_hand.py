"""The commands that do by hand what a plan would do."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ec2rl.conntrack.boot.keys import BUCKETS
from ec2rl.model import SetSysctl, WriteFile


def commands(changes: Sequence[SetSysctl | WriteFile], old: bool) -> tuple[str, ...]:
    """One command a line, to be pasted; `old`: a kernel that has the buckets as a parameter."""
    lines = []
    settings = [change for change in changes if isinstance(change, SetSysctl)]
    for change in settings:
        if change.key == BUCKETS and old:
            lines.append(f"echo {change.value} > /sys/module/nf_conntrack/parameters/hashsize")
        else:
            lines.append(f"sysctl -w {change.key}={change.value}")
    if settings:
        keys = " ".join(change.key for change in settings)
        lines.append(f"sysctl {keys}    # read them back: -w can exit 0 on a refused write")
    for file in changes:
        if isinstance(file, WriteFile):
            text = " ".join(f"'{line}'" for line in file.text.splitlines() if line[0] != "#")
            lines.append(f"mkdir -p {os.path.dirname(file.path)}")
            lines.append(f"printf '%s\\n' {text} > {file.path}")
    return tuple(lines)
