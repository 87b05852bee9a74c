"""`ec2rl conntrack boot`: what each setting will be after a reboot, and which line decides."""

from __future__ import annotations

from ec2rl.arguments import Parsed, format_of
from ec2rl.conntrack.boot.keys import setting_of
from ec2rl.conntrack.boot.settings import boot_settings
from ec2rl.conntrack.report.boot_text import all_told, boot_facts, boot_text
from ec2rl.host.caching import CachingHost
from ec2rl.subcommand import COULD_NOT_LOOK, document, host_of
from ec2rl.terminal import Terminal

__all__ = ["boot_settings", "command", "setting_of"]  # `ec2rl boot` asks here about our keys


def command(args: Parsed, terminal: Terminal) -> int:
    """Tell what settings the next boot gives: 0, or 3 where one of them cannot be told."""
    boot = boot_settings(CachingHost(host_of(args.last("root"))))
    write = format_of(args).write
    if write is None:
        terminal.out(boot_text(boot, runs=not args.has("root"), width=terminal.width))
    else:
        terminal.out(write(document(**boot_facts(boot))))
    return COULD_NOT_LOOK if boot.unread or not all_told(boot) else 0
