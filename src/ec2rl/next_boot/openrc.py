"""The services that OpenRC starts, by the program and the words that their scripts give.

openrc-run(8) of OpenRC 0.45: `command=` and `command_args=` in /etc/init.d/NAME, for which
/etc/conf.d/NAME is read after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.facts import conf_files
from ec2rl.host import Host
from ec2rl.model import Evidence
from ec2rl.next_boot.init_system import RUNLEVELS, Init, init_system
from ec2rl.next_boot.shell_values import shell_values
from ec2rl.next_boot.units import Service

MAX_SERVICES = 500


def openrc_services(host: Host) -> Iterator[Service]:
    """Yield the services of all run levels, each with one line; none where OpenRC is not."""
    if init_system(host) is not Init.OPENRC:
        return
    for folder in RUNLEVELS:
        names = host.names(folder)
        for name in names[:MAX_SERVICES] if isinstance(names, tuple) else ():
            said: dict[str, tuple[str, Evidence]] = {}
            for path in (f"/etc/init.d/{name}", f"/etc/conf.d/{name}"):
                text = conf_files.text(host, path)
                if isinstance(text, Evidence):
                    lines = "\n".join(line for _, line in conf_files.joined_lines(text.text))
                    said.update(shell_values(Evidence(path, lines)))
            if "command" in said:
                command, place = said["command"]
                words = said.get("command_args", ("", place))[0]
                line = Evidence(place.source.partition(":")[0], f"command={command} {words}")
                yield Service(name, (line,), {key: value for key, (value, _) in said.items()})
