"""What /etc/shadow says of passwords, without any: their state and their times (shadow(5))."""

from __future__ import annotations

from ec2rl.host.queries.about_file import AboutFile
from ec2rl.record import record

EMPTY, SET, LOCKED, NONE = "empty", "set", "locked", "none"


@record(frozen=True)
class Shadow(AboutFile):
    """The lines of a shadow file, with a word in the place of each hash.

    `empty` for no password, `set` for a hash, `locked` for what begins with a `!`, `none` for what
    no password can match.
    """

    path: str = "/etc/shadow"

    @property
    def key(self) -> str:
        return f"shadow {self.path}"

    def told(self, data: bytes) -> str:
        lines = data.decode("utf-8", "backslashreplace").split("\n")
        return "\n".join(map(_without_hash, lines))


def _without_hash(line: str) -> str:
    """Give a line with its hash made a word; of one in no known form nothing but its name."""
    name, found, rest = line.partition(":")
    if not found:
        return "?" if line.strip() else ""
    password, found, times = rest.partition(":")
    if not found:
        return f"{name}:?"
    word = SET if len(password) > 12 or password.startswith(("$", "_")) else NONE
    if not password:
        word = EMPTY
    elif password.startswith("!"):
        word = LOCKED
    return f"{name}:{word}:{times}"
