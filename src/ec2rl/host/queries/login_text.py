"""The lines of a saved syslog that tell of sshd: its own, and systemd's of its units."""

from __future__ import annotations

from ec2rl.host.queries.boot_text import BootText, Printed
from ec2rl.record import record, replace

_WORDS = ("ssh", "SSH", "ecure Shell")


@record(frozen=True)
class LoginText(BootText):
    """Lines of the end of the saved texts that a syslog daemon, or journalctl, wrote."""

    @property
    def key(self) -> str:
        return "login text /var/log/auth.log"


def of_logins(printed: Printed) -> Printed:
    """Keep of a text the lines that tell of sshd."""
    lines = [line for line in printed.text.split("\n") if any(word in line for word in _WORDS)]
    return replace(printed, text="".join(f"{line}\n" for line in lines))
