"""Who changes connection-tracking settings after the sysctl files were applied.

Only what is found on the host is told, with the file and line where it was found.
"""

from __future__ import annotations

from collections.abc import Iterator

from ec2rl.conntrack.boot.keys import Changer, setting_of
from ec2rl.conntrack.boot.kube_proxy import kube_proxy
from ec2rl.facts import conf_files
from ec2rl.facts.sysctl_conf import Assignment, Reader, kernel_int, normalize, parse
from ec2rl.host import Host
from ec2rl.model import Evidence, Unreadable, Why

ENABLED = (
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/basic.target.wants",
    "/etc/systemd/system/sysinit.target.wants",
    "/etc/systemd/system/network-pre.target.wants",
)
LOADERS = (
    "firewalld",
    "iptables",
    "ip6tables",
    "nftables",
    "ufw",
    "docker",
    "containerd",
    "kubelet",
)
"""Services whose rules load nf_conntrack, later than the sysctl files are read."""


def enabled(host: Host, service: str) -> Evidence | None:
    """The link that makes systemd start a service at boot."""
    for folder in ENABLED:
        target = host.link(f"{folder}/{service}.service")
        if isinstance(target, str):
            return Evidence(f"{folder}/{service}.service", f"-> {target}")
    return None


def loaders(host: Host) -> tuple[Evidence, ...]:
    """The services enabled at boot that bring nf_conntrack into the kernel."""
    found = (enabled(host, service) for service in LOADERS)
    return tuple(link for link in found if link is not None)


def changers(host: Host, loadable: bool) -> tuple[tuple[Changer, ...], tuple[Unreadable, ...]]:
    """Everybody found who changes a setting after boot, and what could not be read of them.

    `loadable`: the module is not built in, so that unloading it resets what was set.
    """
    unread: list[Unreadable] = []
    found: list[Changer] = []
    for changer in (
        *kube_proxy(host),
        *_tuned(host),
        *_ufw(host),
        *(_unloaders(host) if loadable else ()),
        *_scripts(host),
    ):
        if isinstance(changer, Unreadable):
            unread.append(changer)
        else:
            found.append(changer)
    return tuple(found), tuple(unread)


def _text(host: Host, path: str) -> Evidence | Unreadable:
    """A file; one that is not there is an empty one."""
    return conf_files.read(host, path) or Evidence(path, "")


def _shell_values(text: Evidence | Unreadable) -> dict[str, tuple[str, Evidence]]:
    """NAME=value lines, each with the line where it stands; the last one counts."""
    found: dict[str, tuple[str, Evidence]] = {}
    if isinstance(text, Evidence):
        for number, line in enumerate(text.text.split("\n"), 1):
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith("#"):
                place = Evidence(f"{text.source}:{number}", line.strip())
                found[name.strip()] = (value.strip().strip("\"'"), place)
    return found


def _assigned(who: str, text: Evidence, note: str) -> Iterator[Changer]:
    """Sysctl lines in a file of another owner; later lines for a setting replace earlier ones."""
    last: dict[str, Changer] = {}
    for item in parse(text.source, text.text, Reader.PROCPS):
        if isinstance(item, Assignment) and item.value is not None:
            setting = setting_of(item.key)
            if setting is not None:
                value = kernel_int(item.value)
                last[setting] = Changer(who, setting, value, item.evidence(), note)
    yield from last.values()


def _ufw(host: Host) -> Iterator[Changer | Unreadable]:
    conf = _text(host, "/etc/ufw/ufw.conf")
    if isinstance(conf, Unreadable):
        yield conf
    if _shell_values(conf).get("ENABLED", ("no",))[0].lower() != "yes":
        return
    chosen = _shell_values(_text(host, "/etc/default/ufw")).get("IPT_SYSCTL")
    sysctl = _text(host, chosen[0] if chosen else "/etc/ufw/sysctl.conf")
    if isinstance(sysctl, Unreadable):
        yield sysctl
    else:
        yield from _assigned("ufw", sysctl, "applied when ufw starts")


TUNED = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")
MAX_PROFILES = 16


def _tuned(host: Host) -> Iterator[Changer | Unreadable]:
    active = _text(host, "/etc/tuned/active_profile")
    if isinstance(active, Unreadable):
        yield active
        return
    main = _shell_values(_text(host, "/etc/tuned/tuned-main.conf"))
    reapply = main.get("reapply_sysctl", ("1",))[0].lower() in ("1", "true", "yes")
    note = (
        "then the sysctl files again (reapply_sysctl)" if reapply else "applied when tuned starts"
    )
    wanted = active.text.split()[:MAX_PROFILES]
    seen: set[str] = set()
    while wanted and len(seen) < MAX_PROFILES:
        name = wanted.pop(0)
        if name in seen or "/" in name:
            continue
        seen.add(name)
        for folder in TUNED:
            profile = conf_files.read(host, f"{folder}/{name}/tuned.conf")
            if isinstance(profile, Unreadable):
                yield profile
            if profile is not None:
                break
        if isinstance(profile, Evidence):
            wanted += _shell_values(profile).get("include", ("",))[0].replace(",", " ").split()
            yield from _assigned(f"tuned profile {name}", _sysctl_section(profile), note)


def _sysctl_section(profile: Evidence) -> Evidence:
    """The [sysctl] section of an ini file; the other lines are emptied, so that numbers stay."""
    inside, lines = False, []
    for line in profile.text.split("\n"):
        if line.startswith("["):
            inside = line.strip() == "[sysctl]"
        lines.append(line if inside and not line.startswith("[") else "")
    return Evidence(profile.source, "\n".join(lines))


def _unloaders(host: Host) -> Iterator[Changer | Unreadable]:
    """Firewalls that unload the module when they stop: all settings are lost then."""
    for who, service, path, name in (
        ("firewalld", "firewalld", "/etc/firewalld/firewalld.conf", "CleanupModulesOnExit"),
        (
            "iptables-services",
            "iptables",
            "/etc/sysconfig/iptables-config",
            "IPTABLES_MODULES_UNLOAD",
        ),
    ):
        if enabled(host, service) is None:
            continue
        text = _text(host, path)
        if isinstance(text, Unreadable):
            yield text
        values = _shell_values(text)
        value, place = values.get(name, ("no", Evidence(path, "")))
        if value.lower() in ("yes", "true"):
            again = values.get("IPTABLES_SYSCTL_LOAD_LIST", ("", place))[0]
            note = "unloads the module when it stops or restarts: its defaults come back"
            if again:
                note += f"; then it applies the sysctl lines that match {again}"
            yield Changer(who, "", None, place, note)


SCRIPTS = (
    ("rc.local", ("/etc/rc.local", "/etc/rc.d/rc.local")),
    (
        "cloud-init",
        (
            "/etc/cloud/cloud.cfg",
            "/var/lib/cloud/instance/cloud-config.txt",
            "/var/lib/cloud/instance/user-data.txt",
        ),
    ),
)
SCRIPT_FOLDERS = (
    ("cloud-init", "/etc/cloud/cloud.cfg.d", ".cfg"),
    ("cloud-init", "/var/lib/cloud/scripts/per-boot", ""),
    ("cloud-init", "/var/lib/cloud/scripts/per-instance", ""),
    ("cloud-init", "/var/lib/cloud/instance/scripts", ""),
)


def _scripts(host: Host) -> Iterator[Changer | Unreadable]:
    """Lines of start-up scripts that speak of a setting; whether they run is not computed."""
    for who, paths in SCRIPTS:
        for path in paths:
            yield from _mentions(who, _text(host, path))
    for who, folder, suffix in SCRIPT_FOLDERS:
        for item in conf_files.merged(host, (folder,), suffix):
            yield from _mentions(who, item)


def _mentions(who: str, text: Evidence | Unreadable) -> Iterator[Changer | Unreadable]:
    if isinstance(text, Unreadable):
        # FAILED is a folder or a device of that name: no script.
        if text.why is not Why.FAILED:
            yield text
        return
    for number, line in enumerate(text.text.split("\n"), 1):
        line = line.strip()
        if "_conntrack_" not in line or line.startswith("#"):
            continue
        for setting, value in _settings_in(line):
            place = Evidence(f"{text.source}:{number}", line[:200])
            yield Changer(who, setting, value, place, "if this line is run")


def _settings_in(line: str) -> Iterator[tuple[str, int | None]]:
    """The settings that a line of shell or YAML names, with the number given to each, if plain."""
    for mark in "\"',[]()|;:":
        line = line.replace(mark, " ")
    words = line.replace("=", " = ").replace("/proc/sys/", "").split()
    for at, word in enumerate(words):
        setting = setting_of(normalize(word))
        if setting is not None:
            after = words[at + 1 : at + 3]
            value = kernel_int(after[1]) if len(after) == 2 and after[0] == "=" else None
            if at and words[at - 1] in (">", ">>") and "echo" in words:
                value = kernel_int(words[at - 2])
            yield setting, value
