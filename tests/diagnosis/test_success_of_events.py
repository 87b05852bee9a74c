"""SUCCESS of the kernel-log modules only where something proves it, and they say what does."""

from __future__ import annotations

import pytest

from ec2rl.catalogue import load, names
from ec2rl.facts.kernel_log import read_kernel_log
from ec2rl.host.recording import RecordedHost
from ec2rl.model import Finding, Verdict, Why
from ec2rl.module import Options
from ec2rl.report.wording import details, summary

OTHERS = (
    *("bootentry", "bootstopped", "conntrackfull", "diskfull", "duplicatefslabels"),
    *("duplicatefsuuid", "duplicatepartuuid", "fstabfailures", "loginfiles", "neighbourfull"),
    *("notgrown", "openssh", "auditdhalts", "bootwaits", "cloudinitfailed", "lvmdevices"),
    *("nitrodrivers", "selinuxpermissive", "udevpersistentnet", "unitsfailed"),
)
MODULES = [name for name in names() if name not in OTHERS]
"""What the kernel's log alone tells of."""
WHOLE = "6,0,0,-;Linux version 6.18.44"
WRAPPED = "6,5000,80000000000,-;eth0: up"
DENIED = "!denied needs root"
WATCHES = {
    "/proc/sys/kernel/hung_task_timeout_secs": "120",
    "/proc/sys/kernel/hung_task_warnings": "-1",
    "/proc/sys/kernel/soft_watchdog": "1",
    "/proc/net/stat/arp_cache": "entries allocs\n00000002 00000009",
    "/proc/sys/net/ipv4/neigh/default/gc_thresh3": "1024",
}
PROOFS = {
    "kernelbug": {"/proc/sys/kernel/tainted": "0"},
    "kerneldereference": {"/proc/sys/kernel/tainted": "4097"},
    "kerneloops": {"/proc/sys/kernel/tainted": "0"},
    "softlockup": {
        f"/sys/kernel/{name}_count": "0" for name in ("softlockup", "hardlockup", "rcu_stall")
    },
    "oomkiller": {"/proc/vmstat": "nr_free_pages 1\noom_kill 0"},
    "hungtasks": {"/proc/sys/kernel/hung_task_detect_count": "0"},
    "xennetrocket": {"ls /sys/bus": "pci\nplatform"},
}
"""What says by itself that nothing happened since boot."""


def judged(name: str, looks: dict[str, str], missing: Why = Why.ABSENT) -> Finding:
    host = RecordedHost(
        {"clock": "now=2026-11-24T02:00:00Z uptime=86400", **looks}, missing=missing
    )
    module = load(name)
    log = read_kernel_log(host, module.phrases)
    finding: Finding = module.judge(module.read(host, log, Options()))
    return finding


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("ring", [WHOLE, WRAPPED, DENIED, "garbage", ""])
def test_a_whole_log_or_a_proof_and_nothing_else(name: str, ring: str) -> None:
    proof = PROOFS.get(name, {})
    garbled = dict.fromkeys(proof, "garbage")
    denied = dict.fromkeys(proof, DENIED)
    for looks, is_proof in (({}, False), (garbled, False), (denied, False), (proof, bool(proof))):
        finding = judged(name, {"/dev/kmsg": ring, **WATCHES, **looks})
        # That this kernel runs proves that it has not panicked.
        proven = ring == WHOLE or is_proof or name == "kernelpanic"
        assert finding.verdict is (Verdict.OK if proven else Verdict.UNKNOWN), finding
        rests = [line for line in details(finding) if line.startswith("Rests on: ")]
        assert bool(rests) == proven
        assert ("whole since boot" in "".join(rests)) == (ring == WHOLE)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("hungtasks", "/proc/sys/kernel/hung_task_timeout_secs"),
        ("hungtasks", "/proc/sys/kernel/hung_task_warnings"),
        ("softlockup", "/proc/sys/kernel/soft_watchdog"),
    ],
)
@pytest.mark.parametrize("told", ["0", DENIED, "garbage", "!absent"])
def test_a_kernel_that_does_not_look_is_not_known_to_be_well(
    name: str, setting: str, told: str
) -> None:
    finding = judged(name, {"/dev/kmsg": WHOLE, **WATCHES, setting: told})
    assert finding.verdict is Verdict.UNKNOWN
    assert "kernel." in summary(finding)
    assert judged(name, {"/dev/kmsg": WHOLE, **WATCHES}).verdict is Verdict.OK


@pytest.mark.parametrize("name", [name for name in MODULES if name != "kernelpanic"])
def test_settings_that_nobody_collected_are_not_held_against_a_log(name: str) -> None:
    text = "[    0.000000] Linux version 6.1.0\n[    1.000000] x"
    finding = judged(name, {"dmesg": text, "ls /proc": "!not-collected"}, Why.NOT_COLLECTED)
    assert finding.verdict is Verdict.OK
    assert "Rests on: dmesg, whole since boot" in details(finding)
