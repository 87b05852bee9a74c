"""JSON (RFC 8259), in ASCII: no terminal, and no old parser, takes a byte of it for another."""

from __future__ import annotations

from ec2rl.report.formats import Format
from ec2rl.report.json_text import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ec2rl.model import Json


def write(data: Json) -> str:
    """Write it with an indent of two.  ValueError for a number that JSON has not."""
    return dumps(data) + "\n"


FORMAT = Format(write)
