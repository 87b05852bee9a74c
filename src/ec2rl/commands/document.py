"""What every command shares that prints JSON of its own, and may not see all."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ec2rl import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json

COULD_NOT_LOOK = 3
"""Exit status when something that was asked for could not be read."""


def document(**content: Json) -> str:
    """A JSON document: its schema's version, the program's, the time, and the content."""
    import json

    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    whole: Mapping[str, Json] = {
        "schema_version": 1,
        "tool": {"name": "ec2rl", "version": __version__},
        "time": now,
        **content,
    }
    return json.dumps(whole, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
