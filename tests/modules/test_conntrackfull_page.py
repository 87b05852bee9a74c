"""conntrackfull's page says what is read, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

from ec2rl.catalogue import load, page
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.caching import CachingHost
from ec2rl.host.recording import RecordedHost, sections
from ec2rl.module import Options

SAID = {
    r"/dev/kmsg": "`/dev/kmsg`",
    r"search (dmesg|journalctl|document)( --boot( -1)?| 2)?": "dmesg and journalctl's output",
    r"journal": "The systemd journal of all boots",
    r"search /var/log/(messages|syslog|kern\.log).*|ls /var/log": "`/var/log/messages`, "
    "`/var/log/syslog`, `/var/log/kern.log` and their rotations",
    r"ls /proc|link /proc/\w+/ns/(net|pid)|inode /proc/\w+(/task/\d+)?/net/stat": "that a process",
    r"ls /proc/\d+/task|link /proc/\d+/task/\d+/ns/net": "a thread",
    r"/proc/self/mountinfo|inode /proc/thread-self/ns/net": "a mount",
    r"ls /run/netns|inode /run/netns/\w+": "`/run/netns`",
    r"ls /run/docker/netns": "`/run/docker/netns`",
    r"/proc/((\d+|thread-self)/(task/\d+/)?)?net/stat/nf_conntrack":
        "`/proc/net/stat/nf_conntrack`",
    r"conntrack -S|/proc/sys/net/netfilter/nf_conntrack_count": "the same numbers by netlink",
    r"/proc/\d+/(task/\d+/)?(cgroup|comm)": "the cgroup and the name of a process in it",
    r"/proc/sys/net/(netfilter/)?nf_conntrack_max": "`net.netfilter.nf_conntrack_max`",
    r"/proc/sys/net/netfilter/nf_conntrack_buckets|ls /proc/sys/net|ls /sys/module":
        "`nf_conntrack_buckets`",
    r"/proc/sys/kernel/(osrelease|random/boot_id)|clock": "the kernel's release",
    r"/proc/meminfo": "the machine's memory",
    r"ethtool -S \w+|ls /sys/(class/net|bus/pci/.*)": "`conntrack_allowance_exceeded` and "
    "`conntrack_allowance_available`",
    r"ls /var/lib/ec2rl/changes|/var/lib/ec2rl/changes/.*": "(`ec2rl history`)",
    r"not understood: conntrack -L|conntrack -C": "of these in a form that is not known",
    r"search console|broken lines": "a console's text",
    r"files of settings": "the files that they were saved in",
    r"conntrack -L": "4,000 of its entries",
    r"/proc/sys/net/netfilter/nf_conntrack_\w+_timeout\w*": "its timeouts",
}  # fmt: skip


def looks() -> set[str]:
    """Everything that is looked at in all cases; from which namespace and when is left out."""
    module = load("conntrackfull")
    seen: set[str] = set()
    for case in sorted((Path(__file__).parent / "conntrackfull").glob("*.case")):
        told = sections(case.read_text(encoding="utf-8"))[1]
        host = CachingHost(RecordedHost(told))
        module.read(host, read_kernel_log(host, module.phrases), Options())
        seen |= {re.sub(r"^(later: )?(netns .+?: )?", "", key) for key in host.memory}
    return seen


def test_the_page_says_what_is_read() -> None:
    words = re.sub(r"\s+", " ", page("conntrackfull"))
    part = words.partition("## What is read")[2].partition("## How it is judged")[0]
    assert [said for said in SAID.values() if said not in part] == []
    seen = looks()
    unsaid = {key for key in seen if not any(re.fullmatch(one, key) for one in SAID)}
    assert unsaid == set()
    idle = [one for one in SAID if not any(re.fullmatch(one, key) for key in seen)]
    assert idle == []
