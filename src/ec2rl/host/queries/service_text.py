"""The lines of a saved syslog that tell how services fared: systemd's, and cloud-init's."""

from __future__ import annotations

from ec2rl.host.queries.boot_text import BootText, Printed
from ec2rl.record import record, replace

_WORDS = (" systemd[1]: ", " systemd: ", "cloud-init", "ci-info: ")


@record(frozen=True)
class ServiceText(BootText):
    """Lines of the end of the saved texts that a syslog daemon, or journalctl, wrote."""

    @property
    def key(self) -> str:
        return "service text /var/log/syslog"


def of_services(printed: Printed) -> Printed:
    """Keep of a text the lines that tell of services."""
    lines = [line for line in printed.text.split("\n") if any(word in line for word in _WORDS)]
    return replace(printed, text="".join(f"{line}\n" for line in lines))
