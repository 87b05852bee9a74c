"""Which version of OpenSSH a program is of, by the name in it: it is not run."""

from __future__ import annotations

from ec2rl.host.queries.about_file import AboutFile
from ec2rl.record import record

_NAME = "OpenSSH_"


@record(frozen=True)
class SshdVersion(AboutFile):
    """The version in a program, as `9.2p1`; an empty line where there is none."""

    path: str = "/usr/sbin/sshd"

    @property
    def key(self) -> str:
        return f"sshd version {self.path}"

    def told(self, text: str) -> str:
        at = 0
        while (at := text.find(_NAME, at) + len(_NAME)) >= len(_NAME):
            version = text[at : at + 12].partition("\\")[0].partition(" ")[0]
            if version[:1].isdigit():
                return f"{version}\n"
        return "\n"
