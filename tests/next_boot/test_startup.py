"""Who changes a key as a host starts: units, rc.local, cron, ifupdown, OpenRC, hooks, udev."""

from __future__ import annotations

import pytest

from ec2rl.host.recording import RecordedHost
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.next_boot.changers import everybody
from ec2rl.next_boot.files import Names, boot_files
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.setting import Changer, Idle
from ec2rl.next_boot.settings import next_boot

SET = "sysctl -w vm.swappiness=7"
UNITS = "/etc/systemd/system"
WANTED = {f"link {UNITS}/multi-user.target.wants/t.service": f"{UNITS}/t.service"}


def everything(looks: dict[str, str]) -> list[object]:
    host = RecordedHost(looks)
    return list(everybody(host, Rules(host, ["vm/swappiness"])))


def told(looks: dict[str, str]) -> list[tuple[str, object, str]]:
    found = [one for one in everything(looks) if isinstance(one, Changer)]
    return [(one.who, one.value, one.evidence.source) for one in found]


def unit(text: str, **more: str) -> list[tuple[str, object, str]]:
    looks = {**WANTED, f"{UNITS}/t.service": f"[Service]\n{text}"}
    return told({**looks, **{path.replace("__", "/"): body for path, body in more.items()}})


@pytest.mark.parametrize(
    "text",
    [
        f"ExecStart=/usr/sbin/{SET}",
        f"ExecStartPre=-/sbin/{SET}",
        f"ExecStartPost=+/sbin/{SET}",
        f"ExecStart=/bin/sh -c '{SET}'",
        'ExecStart=/bin/bash -c "echo 7 > /proc/sys/vm/swappiness"',
        "ExecStart=/bin/sh -c 'echo 7 | tee /proc/sys/vm/swappiness'",
        "Environment=N=7\nExecStart=/sbin/sysctl -w vm.swappiness=${N}",
        'Environment="A=1" "KEY=vm.swappiness=7"\nExecStart=/sbin/sysctl -w $KEY',
        f"ExecStart=/bin/true ; /sbin/{SET}",
        "ExecStart=/sbin/sysctl -w \\\n  vm.swappiness=7",
    ],
)
def test_the_commands_of_a_unit(text: str) -> None:
    (found,) = unit(text)
    assert found[:2] == ("t.service", "7")


@pytest.mark.parametrize(
    "text",
    [
        f"ExecStop=/sbin/{SET}",
        f"ExecStopPost=/sbin/{SET}",
        f"ExecReload=/sbin/{SET}",
        f"# ExecStart=/sbin/{SET}",
        f"ExecStart=/sbin/{SET}\nExecStart=\nExecStart=/bin/true",
        "ExecStart=/sbin/sysctl -n vm.swappiness",
        f"Description=/sbin/{SET}",
    ],
)
def test_what_a_unit_does_not_do_at_boot(text: str) -> None:
    assert unit(text) == []


def test_a_redirection_in_a_unit_without_a_shell_does_nothing() -> None:
    line = "ExecStart=/bin/echo 7 > /proc/sys/vm/swappiness"
    looks = {**WANTED, f"{UNITS}/t.service": line}
    place = Evidence(f"{UNITS}/t.service:1", line)
    assert everything(looks) == [Idle(place, "no shell reads this line: it writes nothing there")]


def test_a_file_of_variables() -> None:
    looks = {
        **WANTED,
        f"{UNITS}/t.service": "EnvironmentFile=-/etc/default/t\nExecStart=sysctl -w $WHAT",
        "/etc/default/t": '# the load\nWHAT="vm.swappiness=7"',
    }
    assert told(looks) == [("t.service", "7", f"{UNITS}/t.service:2")]
    del looks["/etc/default/t"]
    assert told(looks) == [("t.service", None, f"{UNITS}/t.service:2")]


@pytest.mark.parametrize(
    "path",
    [
        f"{UNITS}/t.service.d/a.conf",
        "/usr/lib/systemd/system/t.service.d/a.conf",
        f"{UNITS}/service.d/a.conf",
    ],
)
def test_a_drop_in_of_a_unit(path: str) -> None:
    looks = {**WANTED, f"{UNITS}/t.service": "ExecStart=/bin/true", path: f"ExecStartPost={SET}"}
    assert told(looks) == [("t.service", "7", f"{path}:1")]


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (f"link {UNITS}/timers.target.wants/t.timer", "OnBootSec=1min"),
        (f"link {UNITS}/timers.target.wants/other.timer", "Unit=t.service"),
        (f"link {UNITS}/sockets.target.wants/t.socket", "ListenStream=80"),
        (f"link {UNITS}/multi-user.target.wants/other.service", "Wants=x.target t.service"),
        (f"link {UNITS}/multi-user.target.wants/other.service", "Requires=t.service"),
    ],
)
def test_a_unit_that_another_starts(first: str, text: str) -> None:
    name = first.rpartition("/")[2]
    looks = {first: f"../{name}", f"{UNITS}/{name}": text, f"{UNITS}/t.service": f"ExecStart={SET}"}
    assert told(looks) == [("t.service", "7", f"{UNITS}/t.service:1")]


def test_a_unit_that_nobody_starts() -> None:
    looks = {f"{UNITS}/t.service": f"ExecStart={SET}"}
    assert told(looks) == []
    assert told({**looks, f"link {UNITS}/shutdown.target.wants/t.service": "../t.service"}) == []
    assert told({**looks, f"link {UNITS}/sleep.target.wants/t.service": "../t.service"}) == []


@pytest.mark.parametrize(
    "line",
    [
        'command: ["sh", "-c", "sysctl -w vm.swappiness=7"]',
        "- sysctl -w vm.swappiness=7",
        '- "sysctl -w vm.swappiness=7"',
        "runcmd: [sysctl, -w, vm.swappiness=7]",
    ],
)
def test_a_line_of_yaml(line: str) -> None:
    path = "/etc/kubernetes/manifests/t.yaml"
    assert told({path: f"spec:\n    {line}"}) == [("a static pod", "7", f"{path}:2")]


def test_a_service_that_applies_the_files_once_more() -> None:
    """What came too late the first time is there by then."""
    looks = {
        **HOST,
        **WANTED,
        f"{UNITS}/t.service": "ExecStart=/bin/systemctl restart systemd-sysctl.service",
        "/etc/sysctl.d/a.conf": "net.bridge.bridge-nf-call-iptables=1",
        "/lib/modules/6.1.0/modules.builtin": "kernel/fs/ext4/ext4.ko",
        "/lib/modules/6.1.0/modules.dep": "kernel/net/bridge/br_netfilter.ko:",
        "/proc/sys/kernel/osrelease": "6.1.0",
    }
    host = RecordedHost(looks)
    (setting,) = next_boot(host, Rules(host, ["net/bridge/bridge-nf-call-iptables"])).settings
    assert setting.lost
    assert [(one.who, one.value) for one in setting.changers] == [("t.service", "1")]


def test_a_value_that_the_kernel_refuses() -> None:
    looks = {"/proc/sys/vm/swappiness": "60", "/etc/rc.local": "sysctl -w vm.swappiness=1M"}
    why = "the kernel refuses it, the kernel takes no number from it (EINVAL)"
    line = Evidence("/etc/rc.local:1", "sysctl -w vm.swappiness=1M")
    assert everything(looks) == [Idle(line, why)]


def test_a_script_that_a_unit_runs_and_one_that_this_runs() -> None:
    looks = {
        **WANTED,
        f"{UNITS}/t.service": "ExecStart=/usr/local/bin/tune start",
        "/usr/local/bin/tune": "#!/bin/bash\n. /opt/tune.sh\n",
        "/opt/tune.sh": f"{SET}\n/usr/local/bin/tune\n",
    }
    assert told(looks) == [("t.service", "7", "/opt/tune.sh:1")]
    assert everything({**looks, "/opt/tune.sh": "!denied needs root"}) == [
        Unreadable("/opt/tune.sh", Why.DENIED, "needs root")
    ]
    assert told({**looks, "/usr/local/bin/tune": "\x7fELF sysctl -w vm.swappiness=1"}) == []


def test_a_script_that_goes_on_in_the_next_line_and_keeps_a_number() -> None:
    looks = {"/etc/rc.local": "N=7\nsysctl -w \\\n  vm.swappiness=$N\nN=8\nsysctl vm.swappiness=$N"}
    assert told(looks) == [
        ("rc.local", "7", "/etc/rc.local:2"),
        ("rc.local", None, "/etc/rc.local:5"),
    ]


def test_what_stands_behind_an_exit() -> None:
    text = f"#!/bin/sh\nif [ -e /x ]; then\n  exit 1\nfi\n{SET}\nexit 0\nsysctl -w vm.swappiness=8"
    place = Evidence("/etc/rc.local:7", "sysctl -w vm.swappiness=8")
    assert everything({"/etc/rc.local": text}) == [
        Changer(
            "rc.local",
            "vm.swappiness",
            "7",
            Evidence("/etc/rc.local:5", SET),
            "if this line is run",
        ),
        Idle(place, "never run, it stands behind `exit`"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\n(\nexit 0\n)\n",
        "#!/bin/sh\ncat <<EOF\nexit 0\nEOF\n",
        "#!/bin/sh\nstop() {\nexit 0\n}\n",
        "#!/bin/sh\n[ -e /x ] && exit 0\n",
        "runcmd:\n- exit 0\n",
    ],
)
def test_an_exit_that_does_not_end_the_script(text: str) -> None:
    assert [one[:2] for one in told({"/etc/rc.local": text + SET})] == [("rc.local", "7")]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("/etc/crontab", f"@reboot root {SET}"),
        ("/etc/cron.d/tune", f"@reboot   root   sleep 9; {SET} >/dev/null"),
        ("/etc/cron.d/tune", f"*/5 * * * * root {SET}"),
        ("/var/spool/cron/crontabs/root", f"@reboot {SET}"),
        ("/var/spool/cron/root", f"@reboot /sbin/{SET}"),
        ("/var/spool/cron/tabs/root", f"0 3 * * 1-5 {SET}%input"),
        ("/etc/crontabs/root", f"@reboot {SET}"),
    ],
)
def test_the_tables_of_cron(path: str, line: str) -> None:
    looks = {path: f"SHELL=/bin/sh\n# {line}\n{line}"}
    assert told(looks) == [("cron", "7", f"{path}:3")]


def test_when_cron_runs_it() -> None:
    looks = {
        "/etc/crontab": f"@reboot root {SET}\n5 4 * * * root {SET}",
        "/etc/cron.daily/t": f"#!/bin/sh\n{SET}",
    }
    notes = [one.note for one in everything(looks) if isinstance(one, Changer)]
    assert notes == [
        "when cron starts",
        "each time cron runs it: 5 4 * * *",
        "each time cron runs it (daily)",
    ]


IFACE = "auto eth0\niface eth0 inet dhcp\n"


@pytest.mark.parametrize("option", ["pre-up", "up", "post-up"])
def test_the_options_of_an_interface(option: str) -> None:
    looks = {"/etc/network/interfaces": f"{IFACE}\t{option} {SET} || true"}
    assert told(looks) == [("ifupdown", "7", "/etc/network/interfaces:3")]


@pytest.mark.parametrize("option", ["down", "post-down", "pre-down", "# up", "address"])
def test_the_options_that_are_no_commands_at_boot(option: str) -> None:
    assert told({"/etc/network/interfaces": f"{IFACE}\t{option} {SET}"}) == []


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("source /etc/network/interfaces.d/*", "/etc/network/interfaces.d/eth1.cfg"),
        ("source interfaces.d/*.cfg", "/etc/network/interfaces.d/eth1.cfg"),
        ("source-directory interfaces.d", "/etc/network/interfaces.d/eth1"),
        ("source /opt/net", "/opt/net"),
    ],
)
def test_files_that_interfaces_names(line: str, path: str) -> None:
    looks = {"/etc/network/interfaces": line, path: f"iface eth1 inet dhcp\n up {SET}"}
    assert told(looks) == [("ifupdown", "7", f"{path}:2")]


def test_files_that_interfaces_does_not_name() -> None:
    looks = {"/etc/network/interfaces.d/eth1.cfg": f"iface eth1 inet dhcp\n up {SET}"}
    assert told(looks) == []
    looks["/etc/network/interfaces"] = "source-directory interfaces.d"  # a dot in the name
    assert told(looks) == []


def test_interfaces_that_name_each_other_without_end() -> None:
    looks = {"/etc/network/interfaces": "source /etc/network/interfaces\nsource /etc/network/*"}
    assert everything(looks) == []


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/etc/network/if-up.d/tune", "ifupdown"),
        ("/etc/network/if-pre-up.d/tune", "ifupdown"),
        ("/etc/NetworkManager/dispatcher.d/90-tune", "NetworkManager"),
        ("/etc/networkd-dispatcher/routable.d/tune.sh", "networkd-dispatcher"),
        ("/etc/dhcp/dhclient-exit-hooks.d/tune", "dhclient"),
        ("/etc/local.d/tune.start", "OpenRC's local"),
        ("/etc/kubernetes/manifests/tune.yaml", "a static pod"),
        ("/etc/init.d/boot.local", "rc.local"),
        ("/etc/rc.d/rc.local", "rc.local"),
        ("/etc/sysconfig/modules/tune.modules", "rhel-loadmodules"),
    ],
)
def test_scripts_that_others_run(path: str, who: str) -> None:
    assert told({path: f"#!/bin/sh\n{SET}"}) == [(who, "7", f"{path}:2")]


@pytest.mark.parametrize(
    "path", ["/etc/network/if-up.d/tune.sh", "/etc/local.d/tune.stop", "/etc/local.d/tune"]
)
def test_scripts_that_nobody_runs(path: str) -> None:
    assert told({path: f"#!/bin/sh\n{SET}"}) == []


def test_the_scripts_of_init_where_no_systemd_is() -> None:
    looks = {
        "ls /etc/runlevels/default": "tune",
        "/etc/init.d/tune": f"start() {{\n  {SET}\n}}",
        "/etc/conf.d/tune": "N=1",
        "/etc/rc2.d/S05other": f"#!/bin/sh\n{SET}",
    }
    assert told(looks) == [
        ("tune", "7", "/etc/init.d/tune:2"),
        ("other", "7", "/etc/rc2.d/S05other:2"),
    ]
    assert told({**looks, "ls /usr/lib/systemd": "systemd-sysctl"}) == []


def test_what_udev_runs() -> None:
    rule = f'ACTION=="add", SUBSYSTEM=="net", RUN+="/sbin/{SET}"'
    looks = {"/etc/udev/rules.d/90-t.rules": rule}
    assert told(looks) == [("udev", "7", "/etc/udev/rules.d/90-t.rules:1")]


@pytest.mark.parametrize(
    ("line", "met"),
    [
        ("for key in vm.swappiness; do sysctl -w $key=1; done", True),
        ('echo 1 > "/proc/sys/vm/$1"', True),
        ("echo 1 > /proc/sys/net/ipv4/conf/$IFACE/rp_filter", False),
        ("echo 1 > /proc/sys/vm/${name}_ratio", False),
    ],
)
def test_a_key_that_is_not_told(line: str, met: bool) -> None:
    host = RecordedHost({"/etc/rc.local": line, "/proc/sys/vm/swappiness": "60"})
    (setting,) = next_boot(host, Rules(host, ["vm/swappiness"])).settings
    assert [(one.who, one.value) for one in setting.changers] == [("rc.local", None)] * met


HOST = {
    "ls /usr/lib/systemd": "systemd-sysctl",
    "/proc/cmdline": "",
    "/proc/sys/vm/swappiness": "60",
    "ls /proc/sys/kernel": "osrelease",
}


@pytest.mark.parametrize(
    ("looks", "why"),
    [
        ({}, ""),
        ({"/etc/rc.local": "sysctl -w vm.swappiness=10"}, ""),
        ({"/etc/rc.local": "sysctl -n vm.swappiness"}, ""),
        ({"/etc/rc.local": SET}, "rc.local sets it to 7"),
        ({"/etc/rc.local": "sysctl -w vm.swappiness=$N"}, "rc.local changes it"),
        ({"/etc/rc.local": "#!/bin/sh\nexit\n" + SET}, ""),
        ({"/etc/cron.d/t": f"@reboot root {SET}"}, "cron sets it to 7"),
        ({"/etc/network/interfaces": f"up {SET}"}, "ifupdown sets it to 7"),
        ({**WANTED, f"{UNITS}/t.service": f"ExecStart={SET}"}, "t.service sets it to 7"),
    ],
)
def test_what_a_fix_says(looks: dict[str, str], why: str) -> None:
    host = RecordedHost({**HOST, **looks})
    files = boot_files(host, {"vm.swappiness": "10"}, Names(("/etc/sysctl.d/99-zz.conf",)))
    assert files.lasting is (why == "")
    assert all(why in one for one in files.not_persistent)
