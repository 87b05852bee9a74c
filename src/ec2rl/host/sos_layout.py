"""Where a sosreport keeps what, in the layouts of sos 3 and 4: the only names that are opened."""

from __future__ import annotations

import re
from enum import Enum
from functools import cache

from ec2rl import slices
from ec2rl.host import DF, DF_INODES

HOST = "host/"
"""Below that a toolbox's sosreport has what is the machine's own."""
TOPS = ("etc", "host", "lib", "proc", "run", "sos_commands", "sos_strings", "sys", "usr", "var")
"""The folders that matter; an archive without a folder around them begins with one of these."""


class Use(Enum):
    """What becomes of a member."""

    TEXT = "read whole"
    SETTINGS = "the text of sysctl -a"
    RELEASE = "the text of uname -a"
    LOG = "searched"
    DMESG = "searched as the kernel's own log"
    JOURNAL = "searched as the journal's text"
    REMAINS = "searched as what a dead kernel left"
    JOURNAL_FILE = "searched as the journal itself"
    STREAM = "read as it streams past, by the package of its subject"


_CONFIGURATION = (
    r"etc/(?:sysctl\.conf|modules|modprobe\.conf|os-release|machine-id|localtime)"
    r"|(?:etc|run|lib|usr/lib|usr/local/lib)/(?:sysctl|modprobe|modules-load)\.d/[^/]+"
    r"|(?:etc|run|lib|usr/lib)/udev/rules\.d/[^/]+"
    r"|usr/lib/os-release"
    r"|(?:run/cloud-init|var/lib/cloud/data)/(?:status|result)\.json"
    r"|etc/kubernetes/[^/]+(?:/[^/]+)?"
    r"|var/lib/(?:kubelet|kube-proxy)/[^/]+"
)
_KERNEL = (
    r"proc/(?:cmdline|cpuinfo|meminfo|modules|stat|uptime|version|mounts|loadavg)"
    r"|proc/(?:\d{1,10}/)?net/(?:dev|sockstat6?|stat/[^/]+)"
    r"|proc/sys/[^/]+(?:/[^/]+){1,5}"
    r"|sys/(?:class/net|module|bus/pci)/[^/]+(?:/[^/]+){1,5}"
)
_LOG = r"var/log/(?:messages|syslog|kern(?:el)?\.log)(?:[.-][^/]*)?|sos_strings/logs/[^/]+"
BOOTS_DMESG = "var/log/dmesg"
"""What init scripts, and Debian's dmesg.service, write at the end of a boot, and never again."""
_TAILED = r"sos_strings/logs/journalctl_[^/]+"
"""What of journalctl's output was kept where it was too long."""
_REMAINS = (
    r"(?:sys/fs/pstore|var/lib/systemd/pstore|var/crash)(?:/[^/]+){0,2}/(?:vmcore-)?dmesg[^/]*"
)
_JOURNAL_FILE = r"(?:var|run)/log/journal/[^/]+/[^/]+\.journal~?"
_COMMAND = r"ethtool_-S_[^/]+"
NETNS = "netns /run/netns/"
"""What the keys of looks into a namespace begin with."""
_NETNS = r"(?:namespaces/[^/]+/)?ip_netns_exec_(?P<netns>[^/]+?)_"


def use(path: str) -> tuple[Use, str] | None:
    """Tell what a member below the archive's top folder is for, and the key that it answers.

    None for what is not opened. Keys are those of `host.remember`; for logs, the path as found.
    """
    path = path.removeprefix(HOST)
    top, _, rest = path.partition("/")
    if top not in TOPS or not rest:
        return None
    if re.fullmatch(_TAILED, path):
        return Use.JOURNAL, path
    for form in slices.parts("saved_evidence").values():
        if f"/{path}".endswith(form.KERNELS) and top == "proc":
            return Use.STREAM, form.KEY
    if top == "sos_commands":
        return _use_of_command(rest.partition("/")[2], path)
    if re.fullmatch(_CONFIGURATION, path) or re.fullmatch(_KERNEL, path):
        return Use.TEXT, todays(f"/{path}")
    if re.fullmatch(_REMAINS, path):
        return Use.REMAINS, f"/{path}"
    if re.fullmatch(_JOURNAL_FILE, path):
        return Use.JOURNAL_FILE, f"/{path}"
    if path == BOOTS_DMESG:
        return Use.DMESG, path
    return (Use.LOG, f"/{path}") if re.fullmatch(_LOG, path) else None


def _use_of_command(name: str, path: str) -> tuple[Use, str] | None:
    if re.fullmatch(r"dmesg(?:_-T)?", name):
        return Use.DMESG, path
    sysctl = re.fullmatch(rf"(?:{_NETNS})?sysctl_-a", name)
    if sysctl is not None:
        return Use.SETTINGS, f"{NETNS}{sysctl['netns']}: sysctl -a" if sysctl["netns"] else path
    if found := re.fullmatch(r"df_-al(i?)(?:_-x_autofs)?", name):
        return Use.TEXT, DF_INODES if found[1] else DF
    if name == "systemctl_list-units_--failed":
        return Use.TEXT, "failed units /run/systemd/private"
    if name == "uname_-a":
        return Use.RELEASE, path
    if re.fullmatch(r"journalctl_(?!.*--(?:list|disk|header|verify)).+", name):
        return Use.JOURNAL, path
    texts, streams = _forms()
    found = re.fullmatch(rf"(?:{_NETNS})?(?P<command>{'|'.join((texts, *streams))})", name)
    if found is None:
        return None
    prefix = f"{NETNS}{found['netns']}: " if found["netns"] else ""
    for names, key in streams.items():
        if re.fullmatch(names, found["command"]):
            return Use.STREAM, f"{prefix}{key}"
    return Use.TEXT, prefix + " ".join(found["command"].split("_", 2))


@cache
def _forms() -> tuple[str, dict[str, str]]:
    """The names of commands whose text is an answer; those of others, with what they answer."""
    forms = slices.parts("saved_evidence").values()
    texts = "|".join((_COMMAND, *(form.TEXTS for form in forms)))
    return texts, {form.STREAMS: form.KEY for form in forms}


def todays(path: str) -> str:
    """Give a path by the name that kernels have for it today."""
    for form in slices.parts("saved_evidence").values():
        for old, new in form.OLD_NAMES.items():
            if path.startswith(old):
                return f"{new}{path[len(old) :]}"
    return path


SETTING = (
    r"(?:([a-z][\w-]{0,40}[./][\w./@:*-]{1,200}) = "
    r"|/proc/sys/([\w./@-]{1,200})(?: *= ?|: ?)"
    r"|((?:abi|crypto|debug|dev|fs|kernel|net|sunrpc|user|vm|xen)[./][\w./@-]{1,200})(?: *= ?|: )"
    r")(.*)"
)
"""A setting as sysctl(8) prints it; as `grep -H` shows its file; as others write it."""
SETTINGS = 20_000
"""Settings of one text that are kept."""


def settings(text: str, most: int) -> dict[str, str]:
    """Give the files below /proc/sys that `sysctl -a` printed, with what they hold.

    The first `most`.
    """
    found: dict[str, list[str]] = {}
    swap = str.maketrans("./", "/.")
    for line in text.split("\n"):
        one = re.fullmatch(SETTING, line)
        key = (one[1] or one[2] or one[3]) if one else ""
        if one and key and ".." not in key and "*" not in key:
            # What stands between the names is what stands first: sysctl(8).
            is_path = one[2] or re.match("[^./]*/", key)
            path = todays(f"/proc/sys/{key if is_path else key.translate(swap)}")
            # A setting of several lines comes once for each of them.
            if path in found or len(found) < most:
                found.setdefault(path, []).append(one[4])
    return {path: "\n".join(lines) + "\n" for path, lines in found.items()}
