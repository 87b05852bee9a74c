"""Why a task blocks in the kernel, by the functions on its stack.

The innermost function that says what is waited for decides: a task that gives a FUSE mount back and
waits for RCU on the way waits for RCU.  Some functions say only that there is a wait, for a page or
for a task that holds a file system: what they are called by says for what.  The names are those of
4.4, 4.14, 5.10, 6.1, 6.12 and 6.18.
"""

from __future__ import annotations

from ec2rl.facts.trace import Trace
from ec2rl.record import record


@record(frozen=True)
class WaitChannel:
    """Why a task blocks: beginnings of the names of functions, what they wait for, what helps."""

    prefixes: tuple[str, ...]
    label: str
    advice: str


DISK = WaitChannel(
    ("blk_", "__blk_", "blkdev_issue", "submit_bio", "__submit_bio", "jbd2", "__jbd2",
     "wait_transaction_locked", "xfs_buf", "xfs_log_force", "xlog", "__xfs_log", "xfs_log",
     "rq_qos_wait", "wbt_wait", "nvme", "sync_buffer", "__wait_on_buffer", "btrfs_wait",
     "wait_current_trans", "dio_", "blockdev_direct", "iomap_dio", "__iomap_dio", "mpage_",
     "md_", "raid", "dm_"),
    "a disk (EBS, or the instance's own)",
    "A disk: look at the volume's status and burst balance (CloudWatch: VolumeQueueLength, "
    "VolumeStalledIOCheck), and at the instance's EBS limits",
)  # fmt: skip
LOCK = WaitChannel(
    ("mutex", "__mutex", "ww_mutex", "rt_mutex", "__rt_mutex", "rwsem", "__rwsem", "__down", "down",
     "call_rwsem", "rwbase", "__rwbase", "__lock_sock", "lock_sock"),
    "another task's lock",
    "A lock: look at the task that holds it (cat /proc/PID/stack); mostly it waits for a disk or "
    "for NFS itself",
)  # fmt: skip
NFS = WaitChannel(
    ("nfs_", "nfs3_", "nfs4", "rpc_", "__rpc_"),
    "an NFS server",
    "NFS: is the server there, and its port 2049 open (security group, mount target of EFS)?",
)
FROZEN = WaitChannel(
    ("sb_start_", "__sb_start_", "mnt_want_write"),
    "a frozen file system (fsfreeze, a snapshot)",
    "A frozen file system: whoever froze it must thaw it: fsfreeze --unfreeze MOUNTPOINT",
)
RCU = WaitChannel(
    ("synchronize_rcu", "_synchronize_rcu", "synchronize_sched", "_synchronize_sched",
     "synchronize_srcu", "__synchronize_srcu", "synchronize_net", "rcu_", "_rcu_", "__wait_rcu_gp",
     "wait_rcu_gp", "exp_funnel", "srcu_"),
    "RCU (for every CPU to let go of old data)",
    "RCU: a CPU or a task holds it up: look for stalls in this log (softlockup "
    "tells of them), and at steal time",
)  # fmt: skip
WAITS = (
    NFS,
    WaitChannel(
        ("cifs", "smb2", "SMB2", "smb_"),
        "an SMB server",
        "SMB: is the server there, and its port 445 open (security group)?",
    ),
    WaitChannel(
        ("fuse", "request_wait_answer", "__fuse"),
        "a FUSE program",
        "FUSE: look at the program that serves the mount; killing it ends the wait with an error",
    ),
    WaitChannel(
        ("ceph", "rbd_", "__ceph"),
        "a Ceph cluster",
        "Ceph: look at the cluster's health, and at the network to it",
    ),
    WaitChannel(
        ("ptlrpc", "ldlm_", "osc_", "cl_sync_io", "cl_lock", "lov_io"),
        "a Lustre server",
        "Lustre: look at the file system's status (FSx), and at the network to it",
    ),
    WaitChannel(
        ("autofs",),
        "an automount daemon",
        "autofs: look at the daemon (systemctl status autofs), and at the server that it mounts",
    ),
    FROZEN,
    RCU,
    WaitChannel(
        ("flush_work", "__flush_work", "__cancel_work", "drain_workqueue", "flush_delayed",
         "flush_scheduled"),
        "a kernel thread's work",
        "A kernel thread's work: look at what the kworkers do (echo w > /proc/sysrq-trigger tells)",
    ),
    DISK,
    LOCK,
)  # fmt: skip

_PERCPU = ("percpu_rwsem", "percpu_down", "__percpu_down", "_percpu_down")
_WAYS = (
    (("io_schedule", "bit_wait", "wait_on_page", "wait_on_bit", "folio_wait", "__lock_page",
      "__folio_lock", "wait_for_completion_io", "balance_dirty", "__filemap_fdatawait",
      "__wait_on_", "out_of_line_wait", "bit_lock", "congestion_wait"), DISK),
    (_PERCPU, LOCK),
)  # fmt: skip
"""Waits of many kinds of task, and for what those wait that nothing tells more of."""


def waits_for(trace: Trace) -> WaitChannel | None:
    """Find the innermost that says what is waited for; None where none does."""
    default = None
    for place, name in enumerate(trace.frames):
        wait = next((wait for wait in WAITS if name.startswith(wait.prefixes)), None)
        # Up to 5.5 a per-CPU lock, such as that of a frozen file system, waits for one of these.
        behind = trace.frames[place + 1 : place + 4]
        is_inside = wait is LOCK and any(one.startswith(_PERCPU) for one in behind)
        if wait is not None and not is_inside:
            return wait
        usual = (usual for prefixes, usual in _WAYS if name.startswith(prefixes))
        default = default or next(usual, None)
    return default
