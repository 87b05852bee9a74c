"""What each connection-tracking setting will be after a reboot, and which line decides.

First the module comes up with its sizes (`boot_module`), then one reader applies the sysctl files
(`facts.sysctl_conf`), if the keys exist by then; later others may change it (`boot_changers`).
"""

from __future__ import annotations

from collections.abc import Mapping

from ec2rl.conntrack.boot.changers import changers, loaders
from ec2rl.conntrack.boot.decide import (
    Kernel,
    Setting,
    dead_lines,
    decide,
    initial,
    kernel_of,
    settings,
)
from ec2rl.conntrack.boot.keys import paths_of
from ec2rl.conntrack.boot.lines import read_lines
from ec2rl.conntrack.boot.module import Module, When
from ec2rl.conntrack.boot.overlay import Overlay
from ec2rl.conntrack.boot.udev import Reapplied, reapplied
from ec2rl.conntrack.defaults import version
from ec2rl.facts.conf_files import final
from ec2rl.facts.sysctl_conf import Reader, kernel_int
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import record, replace

UNIT = "/etc/systemd/system/systemd-sysctl.service"


@record(frozen=True)
class BootSettings:
    """All settings after boot; `reader` None means that it is not known who applies the files.

    `by_hand` is what `sysctl --system` would make of the same files, where it differs.
    """

    settings: tuple[Setting, ...]
    reader: Reader | None
    module: Module
    loaders: tuple[Evidence, ...]
    by_hand: Mapping[str, int | None]
    warnings: tuple[str, ...]
    unread: tuple[Unreadable, ...]

    def setting(self, key: str) -> Setting | None:
        """The setting of this name, such as `net.netfilter.nf_conntrack_max`."""
        return next((setting for setting in self.settings if setting.key == key), None)


def boot_settings(host: Host) -> BootSettings:
    """Compute from the files of a host what its next boot makes of each setting."""
    kernel = kernel_of(host)
    module = kernel.module
    reader, masked = _reader(host)
    chosen = reader or Reader.SYSTEMD
    lines = {each: read_lines(host, each, kernel.existing) for each in Reader}
    told = {each: settings(kernel, lines[each]) for each in Reader}
    after, unread = changers(host, loadable=module.when is not When.BUILT_IN)
    unread = (*unread, *module.unread, *lines[chosen].unread)
    if module.unsure is not None:
        unread = (*unread, module.unsure)
    again = reapplied(host) if module.when in (When.LATE, When.UNKNOWN) else None
    late = _late(host, kernel, told[chosen], again)
    found = []
    for key, setting in told[chosen].items():
        if reader is None and setting.value != told[Reader.PROCPS][key].value:
            setting = replace(setting, value=None, because="who applies the files is not known")
        if module.when is When.LATE:
            setting = late[key]
        elif masked:
            setting = _lost(kernel, setting, masked)
        elif module.when is When.UNKNOWN and setting.value != late[key].value:
            setting = replace(setting, value=None, because="when the module is loaded is not known")
        theirs = tuple(changer for changer in after if changer.setting in (key, ""))
        found.append(replace(setting, now=_now(host, key), changers=theirs))
    by_hand = {
        key: setting.value
        for key, setting in told[Reader.PROCPS].items()
        if setting.value != told[chosen][key].value
    }
    warnings = [*module.warnings, *dead_lines(kernel, lines[chosen])]
    warnings += [
        f"{setting.decided.source}: {setting.decided.text!r} counts for {Reader.PROCPS.value}, "
        "not at boot"
        for setting in told[Reader.PROCPS].values()
        if setting.key in by_hand and setting.decided is not None
    ]
    return BootSettings(
        tuple(found), reader, module, loaders(host), by_hand, tuple(warnings), unread
    )


def would_win(host: Host, files: Mapping[str, str | None]) -> BootSettings:
    """The same as if these files had these texts (None: as if they were not there)."""
    return boot_settings(Overlay(host, files))


def _reader(host: Host) -> tuple[Reader | None, str]:
    """Who applies the files at boot, and why nobody does ("" if somebody does)."""
    reader: Reader | None = Reader.PROCPS
    for folder in ("/usr/lib/systemd", "/lib/systemd"):
        names = host.names(folder)
        if isinstance(names, tuple) and "systemd-sysctl" in names:
            masked = final(host, UNIT) == "/dev/null"
            return Reader.SYSTEMD, f"{UNIT} is masked: nobody applies the files" if masked else ""
        if isinstance(names, Unreadable) and names.why is not Why.ABSENT:
            reader = None
    return reader, ""


LATE = "nf_conntrack is loaded after the sysctl files are read: no such key yet, exit status 0"


def _late(
    host: Host,
    kernel: Kernel,
    told: Mapping[str, Setting],
    again: Reapplied | Unreadable | None,
) -> dict[str, Setting]:
    """The settings if the module comes after the sysctl files were applied."""
    install = kernel.module.install
    found: dict[str, Setting] = {}
    lines = None
    if isinstance(again, Reapplied) and again.computed:
        lines = read_lines(host, Reader.SYSTEMD, kernel.existing, again.prefixes)
    for key, setting in told.items():
        if not setting.spoken_of:
            found[key] = setting
        elif install is not None:
            found[key] = replace(setting, value=None, because=f"{install.source} runs a command")
        elif isinstance(again, Unreadable):
            found[key] = replace(setting, value=None, because=f"{again} may apply the files again")
        elif again is None:
            found[key] = _lost(kernel, setting, LATE)
        elif lines is None:
            found[key] = replace(
                setting, value=None, because=f"{again.place.source} runs a command"
            )
        else:
            second = decide(kernel, lines, key)
            told_by = f"{again.place.source} applies the files when the module comes"
            if second.decided == initial(kernel, key)[2] and not second.because.endswith("decide"):
                second = _lost(kernel, setting, f"{LATE}; {told_by}, but not this line")
            elif (version(kernel.release or "") or (0, 0)) < (5, 12):
                told_by += "; before Linux 5.12 that may be too early"
            found[key] = replace(second, warnings=(*second.warnings, told_by))
    return found


def _lost(kernel: Kernel, setting: Setting, why: str) -> Setting:
    """The setting where no sysctl file is applied: as the module came up."""
    if not setting.spoken_of:
        return setting
    value, because, decided = initial(kernel, setting.key)
    losers = setting.losers
    if setting.decided is not None and setting.decided != decided:
        losers = (setting.decided, *losers)
    return replace(setting, value=value, because=because, decided=decided, losers=losers, lost=why)


def _now(host: Host, key: str) -> int | None:
    for path in paths_of(key):
        text = host.read(f"/proc/sys/{path}")
        if isinstance(text, Evidence):
            return kernel_int(text.text)
    return None
