"""The whole answer beside the kernel's: real readers, real keys of a namespace of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from ec2rl.conntrack.boot.keys import setting_of
from ec2rl.conntrack.boot.settings import boot_settings
from ec2rl.facts.sysctl_conf import Reader
from support.layouts import NAMES, NETFILTER, RootedHost, lay, need_tools, run

N = "net.netfilter.nf_conntrack_"

KERNEL = {
    "numbers": f"{N}udp_timeout=0x10\n{N}udp_timeout_stream=010\n{N}tcp_timeout_close=5 # five\n",
    "refused texts leave the one before": f"{N}udp_timeout=7\n{N}udp_timeout=7s\n"
    f"{N}tcp_timeout_close=08\n{N}tcp_timeout_last_ack=+5\n{N}tcp_timeout_close_wait=\n",
    "too large": f"{N}tcp_timeout_established=99999999\n{N}udp_timeout=-5\n",
    "a refused line behind a good one": f"{N}tcp*=9\n{N}tcp_timeout_close=9x\n",
}


@pytest.mark.kernel
@pytest.mark.parametrize("reader", Reader)
@pytest.mark.parametrize("title", KERNEL)
def test_the_kernel_has_what_we_compute(title: str, reader: Reader, tmp_path: Path) -> None:
    need_tools()
    lay(
        tmp_path,
        {"/etc/sysctl.d/a.conf": KERNEL[title], "/etc/modules-load.d/a.conf": "nf_conntrack"},
    )
    theirs = {
        setting_of(key): int(text)
        for key, text in run(tmp_path, reader, plain=False).items()
        if key.removeprefix(NETFILTER) in NAMES[2:]
    }
    found = boot_settings(RootedHost(tmp_path))
    assert found.reader is Reader.SYSTEMD
    ours = {setting.key: setting.value for setting in found.settings}
    if reader is Reader.PROCPS:
        ours.update(found.by_hand)
    assert {key: ours[key or ""] for key in theirs} == theirs
