"""The commands that do by hand what a plan would do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from ec2rl.remedies import SetSysctl, WriteFile


def commands(
    changes: Sequence[SetSysctl | WriteFile], parameters: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Give one command a line, to be pasted.

    `parameters` are files to write in place of these keys.
    """
    lines = []
    settings = [change for change in changes if isinstance(change, SetSysctl)]
    for change in settings:
        file = (parameters or {}).get(change.key)
        assigned = f"sysctl -w {change.key}={change.value}"
        lines.append(f"echo {change.value} > {file}" if file else assigned)
    if settings:
        keys = " ".join(change.key for change in settings)
        lines.append(f"sysctl {keys}    # read them back: -w can exit 0 on a refused write")
    for written in changes:
        if not isinstance(written, WriteFile):
            continue
        if written.text is None:
            lines.append(f"rm {written.path}")
        else:
            text = " ".join(f"'{line}'" for line in written.text.splitlines() if line[0] != "#")
            lines.append(f"mkdir -p {os.path.dirname(written.path)}")
            lines.append(f"printf '%s\\n' {text} > {written.path}")
    return tuple(lines)
