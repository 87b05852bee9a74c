"""What SELinux's configuration and the kernel's command line make of the next boot.

libselinux, src/selinux_config.c (init_selinux_config) and src/load_policy.c
(selinux_init_load_policy), 2.5 to 3.8.
"""

from __future__ import annotations

from ec2rl.facts.kernel_cmdline import arguments
from ec2rl.record import record

CONFIG = "/etc/selinux/config"
ENFORCING, PERMISSIVE, DISABLED = "enforcing", "permissive", "disabled"
_MODES = (ENFORCING, PERMISSIVE, DISABLED)
_LINES = 10_000


@record(frozen=True)
class SelinuxConfig:
    """The mode that a file asks for ("" for none that is known), its line, and the policy's name.

    `number` counts from 1, 0 for no line; `text` is the line without its end.
    """

    mode: str
    type: str
    number: int = 0
    text: str = ""


def parse_config(text: str) -> SelinuxConfig:
    """Read the file as libselinux does: the first mode that it knows counts, the last type."""
    mode, kind, number, line_of = "", "targeted", 0, ""
    for at, line in enumerate(text.split("\n")[:_LINES], 1):
        key, found, value = line.partition("=")
        value = value.strip()
        if key == "SELINUX" and found and not mode:
            number, line_of = at, line
            mode = next((one for one in _MODES if value.lower().startswith(one)), "")
        elif key.lstrip() == "SELINUXTYPE" and value and "/" not in value:
            kind = value
    return SelinuxConfig(mode, kind, number, line_of)


def forced_mode(command_line: str) -> str:
    """Give the mode that a kernel's command line asks for, "" where it says nothing."""
    forced = ""
    for one in arguments(command_line):
        if one.name == "selinux" and one.value == "0":
            return DISABLED
        if one.name == "enforcing" and one.value in ("0", "1"):
            forced = ENFORCING if one.value == "1" else PERMISSIVE
    return forced
