"""What a line of a script does to keys: written, loaded, run, read only, or nothing at all."""

from __future__ import annotations

import time

import pytest

from ec2rl.next_boot.effects import Load, NoShell, Run, Write, effects

KEY = "vm.swappiness"
PATH = "/proc/sys/vm/swappiness"
TEN = Write(KEY, True, "10")
TEN_AT = Write("vm/swappiness", True, "10")


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        (f"sysctl -w {KEY}=10", TEN),
        (f"sysctl {KEY}=10", TEN),
        (f"/sbin/sysctl -q -e -w {KEY}=10 >/dev/null 2>&1", TEN),
        (f"busybox sysctl -w {KEY}=10", TEN),
        (f"sudo -n sysctl --write {KEY}='10' || true", TEN),
        (f"[ -e {PATH} ] && sysctl -w {KEY}=10", TEN),
        (f"if test -w {PATH}; then sysctl -w {KEY}=10; fi", TEN),
        (f"sysctl -w {KEY}=10 # it was {KEY}=60", TEN),
        (f'sh -c "sysctl -w {KEY}=10"', TEN),
        (f"bash -lc 'exec sysctl -w {KEY}=10'", TEN),
        (f'su - root -c "sysctl -w {KEY}=10"', TEN),
        (f"eval sysctl -w {KEY}=10", TEN),
        (f"x=$(sysctl -w {KEY}=10)", TEN),
        (f"os.system('sysctl -w {KEY}=10')", TEN),
        (f"sysctl -w {KEY}=$N", Write(KEY, True, None)),
        (f"sysctl -w {KEY}=`nproc`", Write(KEY, True, None)),
        (f"sysctl -w {KEY}=${{N:-10}}", Write(KEY, True, None)),
        ('sysctl -w "$key=10"', Write("$key", False, None)),
        ('sysctl -w "$@"', Write("$@", False, None)),
        (f"echo 10 > {PATH}", TEN_AT),
        (f"echo 10 1> {PATH}", TEN_AT),
        (f"echo 10 >| {PATH}", TEN_AT),
        (f"printf 10 > {PATH}", TEN_AT),
        (f"printf '%s\\n' 10 > {PATH}", TEN_AT),
        (f"echo -n 10 | tee {PATH} > /dev/null", TEN_AT),
        (f"echo 10 | sudo tee -a {PATH}", TEN_AT),
        (f"sh -c 'echo 10 > {PATH}'", TEN_AT),
        (f"cat /opt/value > {PATH}", Write("vm/swappiness", True, None)),
        (f"dd if=/opt/value of={PATH}", Write("vm/swappiness", True, None)),
        (f"cp /opt/value {PATH}", Write("vm/swappiness", True, None)),
        ("echo 1 > /proc/sys/net/ipv4/conf/$IF/rp_filter",
         Write("net/ipv4/conf/$IF/rp_filter", False, "1")),
        ("sysctl -p", Load(("/etc/sysctl.conf",))),
        ("sysctl -qp /opt/a.conf", Load(("/opt/a.conf",))),
        ("sysctl -e -p /opt/a.conf /opt/b.conf", Load(("/opt/a.conf", "/opt/b.conf"))),
        ("sysctl -p/opt/a.conf", Load(("/opt/a.conf",))),
        ("sysctl --load=/opt/a.conf", Load(("/opt/a.conf",))),
        ("sysctl -f /opt/a.conf", Load(("/opt/a.conf",))),
        ("sysctl --system --pattern '^vm'", Load(())),
        ("/usr/local/sbin/tune --now", Run("/usr/local/sbin/tune")),
        ("bash -x /opt/tune.sh", Run("/opt/tune.sh")),
        (". /opt/tune.sh", Run("/opt/tune.sh")),
    ],
)  # fmt: skip
def test_a_line_does(line: str, effect: object) -> None:
    assert list(effects(line, {})) == [effect]


@pytest.mark.parametrize(
    "line",
    [
        f"sysctl -n {KEY}",
        f"sysctl {KEY}",
        f"old=$(sysctl -n {KEY})",
        "sysctl -a | grep swappiness",
        "sysctl --dry-run --system",
        "command -v sysctl",
        f"cat {PATH}",
        f"grep -q 10 {PATH} && echo fine",
        f"[ -e {PATH} ]",
        f"echo 'sysctl -w {KEY}=10' >> /etc/rc.local",
        f"# sysctl -w {KEY}=10",
        f"echo done # > {PATH}",
        f"read old < {PATH}",
    ],
)
def test_a_line_does_nothing(line: str) -> None:
    assert list(effects(line, {})) == []


def test_what_a_name_stands_for() -> None:
    line = f"sysctl -w {KEY}=${{N}} $OTHER"
    assert list(effects(line, {"N": "10", "OTHER": "vm.laptop_mode=1"})) == [
        TEN,
        Write("vm.laptop_mode", True, "1"),
    ]
    assert list(effects(f"sysctl -w {KEY}='$N'", {"N": "10"})) == [Write(KEY, True, "$N")]


@pytest.mark.parametrize(
    ("line", "effect"),
    [
        (f"-/sbin/sysctl -w {KEY}=10", TEN),
        (f"@/sbin/sysctl sysctl -w {KEY}=10", TEN),
        (f"+!!/sbin/sysctl -w {KEY}=10", TEN),
        (f"/bin/sh -c 'echo 10 > {PATH}'", TEN_AT),
        (f'/bin/sh -c "echo 10 | tee {PATH}"', TEN_AT),
        (f"/bin/echo 10 > {PATH}", NoShell(PATH)),
        (f"echo 10 | tee {PATH}", NoShell(PATH)),
        (f"/sbin/sysctl -w {KEY}=%i", Write(KEY, True, None)),
    ],
)
def test_the_command_of_a_unit(line: str, effect: object) -> None:
    assert effect in list(effects(line, {}, shell=False))


@pytest.mark.parametrize("piece", ["$(", "${", "`", '"', "'", "(", "sh -c '", "> ", "| ", "\\"])
def test_no_line_takes_long(piece: str) -> None:
    start = time.perf_counter()
    list(effects(piece * 5_000 + f"sysctl -w {KEY}=10" + ")" * 5_000, {}))
    assert time.perf_counter() - start < 5
