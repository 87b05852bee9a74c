"""What a parameter of a module will be: from modprobe.d, or the kernel's command line."""

from __future__ import annotations

from ec2rl.facts.modprobe_conf import module_name
from ec2rl.host import Host
from ec2rl.model import Evidence
from ec2rl.next_boot.load import CMDLINE
from ec2rl.next_boot.module import When, find_module, kernel_release
from ec2rl.next_boot.setting import NextBoot, Setting
from ec2rl.next_boot.values import plain


def option(host: Host, name: str) -> NextBoot:
    """Give the setting `MODULE.PARAMETER`, as it will be when the module is loaded."""
    owner, _, parameter = module_name(name).partition(".")
    release = kernel_release(host)
    module = find_module(host, release, owner)
    given = [one for one in module.given if one.name == parameter]
    lines = tuple(one.given for one in given)
    line = host.read(CMDLINE)
    by_kernel = bool(given) and isinstance(line, Evidence) and lines[-1].source == line.source
    value, because, decided = None, "the module's default, which is not known here", None
    if given:
        value, decided = plain(given[-1].value), lines[-1]
        because = "the kernel's command line" if by_kernel else "modprobe"
    if module.install is not None:
        value, because = None, f"{module.install.source} runs a command"
    elif module.unread and not by_kernel:
        value, because = None, f"{module.unread[-1]} may decide"
    text = host.read(f"/sys/module/{owner}/parameters/{parameter}")
    now = plain(text.text) if isinstance(text, Evidence) else None
    losers = tuple(one for one in lines if one != decided)
    spoken_of = bool(given or module.unread)
    found = Setting(f"{owner}.{parameter}", value, because, decided, spoken_of, now, losers)
    warnings = [one for one in module.warnings if parameter in one]
    disks = host.names("/boot")
    if module.when is not When.BUILT_IN and isinstance(disks, tuple):
        warnings += [
            f"if /boot/{name} loads {owner}, its own copies of modprobe.d count: rebuild it after "
            "a change"
            for name in disks
            if name.startswith(("initrd", "initramfs")) and (release or "") in name
        ]
    return NextBoot((found,), None, {}, tuple(warnings), module.unread)
