"""The whole answer beside the kernel's: real readers, real keys of a namespace of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.facts.sysctl_conf import Reader
from ec2rl.next_boot.rules import Rules
from ec2rl.next_boot.settings import next_boot
from ec2rl.next_boot.values import plain
from support.layouts import RootedHost, lay, need_tools, run

R, W, P = "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.ip_local_port_range"
KEYS = (
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_wmem",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/ip_local_reserved_ports",
    "net/ipv4/tcp_fin_timeout",
    "net/ipv4/tcp_keepalive_time",
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/conf/default/rp_filter",
    "net/ipv4/conf/lo/rp_filter",
    "net/ipv6/conf/lo/disable_ipv6",
)
KERNEL = {
    "lists": f"{R}=4096\t131072   6291456\n{W} = 0x1000 010000 8192 9 9\n",
    "a remark behind": f"net.ipv4.tcp_fin_timeout=17 # seconds\n{P}=1024 65000 # wide\n",
    "refused": "net.ipv4.tcp_fin_timeout=17s\nnet.ipv4.tcp_keepalive_time=\n"
    f"{R}=four 5 6\n{P}=,1024\n",
    "octal": "net.ipv4.tcp_fin_timeout=017\nnet.ipv4.tcp_keepalive_time=0x100\n",
    "ports": "net.ipv4.ip_local_reserved_ports=8080,9000-9010\n",
    "two names": "net.ipv4.ip_forward=0\nnet.ipv4.conf.all.forwarding=1\n",
    "patterns": "net.ipv4.conf.*.rp_filter=2\n-net.ipv4.conf.all.rp_filter\n",
    "all of IPv6, then one": "net.ipv6.conf.all.disable_ipv6=1\nnet.ipv6.conf.lo.disable_ipv6=0\n",
}


@pytest.mark.kernel
@pytest.mark.parametrize("reader", Reader)
@pytest.mark.parametrize("title", KERNEL)
def test_the_kernel_has_what_we_compute(title: str, reader: Reader, tmp_path: Path) -> None:
    need_tools()
    lay(tmp_path, {})
    before = run(tmp_path, reader, plain=False, keys=KEYS)
    (tmp_path / "etc/sysctl.d/a.conf").write_text(KERNEL[title])
    theirs = run(tmp_path, reader, plain=False, keys=KEYS)
    host = RootedHost(tmp_path)
    found = next_boot(host, Rules(host, KEYS))
    ours, real = {}, {}
    for path in KEYS:
        setting = found.setting(Rules(host).setting(path) or "")
        assert setting is not None
        value = found.by_hand.get(setting.key, setting.value)
        value = setting.value if reader is Reader.SYSTEMD else value
        ours[path] = plain(before[path] if value is None else str(value))
        real[path] = plain(theirs[path])
    assert ours == real


@pytest.mark.kernel
def test_a_line_for_all_that_comes_later_is_not_taken_for_nothing(tmp_path: Path) -> None:
    need_tools()
    lines = "net.ipv6.conf.lo.disable_ipv6=0\nnet.ipv6.conf.all.disable_ipv6=1\n"
    lay(tmp_path, {"/etc/sysctl.d/a.conf": lines})
    key = "net/ipv6/conf/lo/disable_ipv6"
    assert run(tmp_path, Reader.SYSTEMD, plain=False, keys=(key,)) == {key: "1"}
    host = RootedHost(tmp_path)
    (setting,) = next_boot(host, Rules(host, (key,))).settings
    assert (setting.value, setting.because) == (
        None,
        "this line changes it where it is there by then",
    )
