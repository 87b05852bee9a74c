"""The files that make a connection-tracking setting last."""

from __future__ import annotations

from collections.abc import Mapping

from ec2rl.conntrack.boot.changers import changers
from ec2rl.conntrack.boot.rules import ConntrackRules
from ec2rl.conntrack.defaults import BUCKETS, MAX
from ec2rl.conntrack.settings import FILES, MODULES, OPTIONS
from ec2rl.facts.proc import version
from ec2rl.host import Host
from ec2rl.next_boot import files
from ec2rl.next_boot.files import MARK, BootFiles, Names
from ec2rl.next_boot.module import kernel_release

PAGE_FILE = "/etc/sysctl.d/99-netfilter.conf"
"""The file that the original page appends its two lines to."""


def needs_loading(host: Host) -> bool:
    """Tell whether a file is needed that loads the module before the settings are applied."""
    return bool(files.load_file(ConntrackRules(host), (MAX, BUCKETS), MODULES))


def boot_files(host: Host, wanted: Mapping[str, int], write: bool = True) -> BootFiles:
    """Give files for these settings, by key.

    None where the next boot has them, or none is wanted.
    """
    more = {}
    release = version(kernel_release(host) or "")
    if BUCKETS in wanted and release is not None and release < (4, 9):
        # Read-only there: only the module's parameter sets it.
        more[OPTIONS] = MARK + f"options nf_conntrack hashsize={wanted[BUCKETS]}\n"
    sizes = (MAX, BUCKETS)
    # `explain` has people write the first of ours by hand.
    names = Names(FILES, MODULES, more, {FILES[0]: sizes, PAGE_FILE: sizes})
    return files.boot_files(host, wanted, names, ConntrackRules, changers, write)
