"""Which version of OpenSSH a program is of, and which keywords it knows: it is not run."""

from __future__ import annotations

from ec2rl.host.queries.about_file import AboutFile
from ec2rl.record import record

_NAME = b"OpenSSH_"


@record(frozen=True)
class SshdWords(AboutFile):
    """The version in a program, as `9.2p1`, and those of `words` that are strings in it.

    They are a line each, and everybody asks for the same words.  The first line is empty where the
    program is none of OpenSSH.
    """

    path: str
    words: tuple[str, ...]

    @property
    def key(self) -> str:
        return f"sshd words {self.path}"

    def told(self, data: bytes) -> str:
        # A linker may have put a string into the end of a longer one.
        known = [word for word in self.words if word.encode() + b"\0" in data]
        return "".join(f"{line}\n" for line in (_version(data), *known))


def _version(data: bytes) -> str:
    at = 0
    while (at := data.find(_NAME, at) + len(_NAME)) >= len(_NAME):
        version = data[at : at + 12].partition(b"\0")[0].partition(b" ")[0]
        if version[:1].isdigit():
            return version.decode("ascii", "backslashreplace")
    return ""
