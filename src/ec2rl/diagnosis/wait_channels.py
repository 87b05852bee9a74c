"""Why a task blocks in the kernel, by the functions on its stack."""

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
    ("io_schedule", "bit_wait_io", "blk_", "blkdev_", "submit_bio", "wait_on_page", "folio_wait",
     "wait_on_buffer", "jbd2", "wait_transaction_locked", "xfs_buf", "xfs_log_force", "xlog",
     "rq_qos_wait", "wbt_wait", "nvme"),
    "a disk (EBS, or the instance's own)",
    "A disk: look at the volume's status and burst balance (CloudWatch: VolumeQueueLength, "
    "VolumeStalledIOCheck), and at the instance's EBS limits",
)  # fmt: skip
_LOCK = WaitChannel(
    ("mutex", "__mutex", "rt_mutex", "rwsem", "__down", "down_"),
    "another task's lock",
    "A lock: look at the task that holds it (cat /proc/PID/stack); mostly it waits for a disk or "
    "for NFS itself",
)
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
WAITS = (
    NFS,
    WaitChannel(
        ("cifs", "smb2"),
        "an SMB server",
        "SMB: is the server there, and its port 445 open (security group)?",
    ),
    WaitChannel(
        ("fuse",),
        "a FUSE program",
        "FUSE: look at the program that serves the mount; killing it ends the wait with an error",
    ),
    WaitChannel(
        ("ceph", "rbd_"),
        "a Ceph cluster",
        "Ceph: look at the cluster's health, and at the network to it",
    ),
    FROZEN,
    DISK,
    _LOCK,
)


def waits_for(trace: Trace) -> WaitChannel | None:
    """Find the first of these that is on the stack; None where none is."""
    return next(
        (wait for wait in WAITS if any(name.startswith(wait.prefixes) for name in trace.frames)),
        None,
    )
