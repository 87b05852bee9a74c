"""What to do about a boot that stopped: in half a sentence, and by hand."""

from __future__ import annotations

from ec2rl.diagnosis.panic_advice import panic_advice
from ec2rl.facts.boot.first_cause import Stopped
from ec2rl.facts.boot.story import Boot
from ec2rl.facts.boot.wording import Stage
from ec2rl.model import Statement, say
from ec2rl.record import record


@record(frozen=True)
class Advice:
    """`do` is for the summary, `by_hand` how; `{mounts}` and `{version}` stand for what they "
    "say."""

    do: str
    by_hand: str


_MOUNTS = "attach the volume to another instance and mount it at /mnt; then "
_INITRD = Advice(
    "rebuild the initrd, or start the kernel before this one",
    "{mounts}chroot /mnt update-initramfs -u -k {version}, or chroot /mnt dracut -f --kver "
    "{version} "
    "(bind-mount /dev, /proc and /sys first); see that /mnt/boot has room",
)
_FSTAB = Advice(
    "see whether it is there (then it came too late); else correct its line in /etc/fstab, or give "
    "it nofail",
    "{mounts}compare /mnt/etc/fstab with blkid: correct or remove the line, or give it the options "
    "nofail,x-systemd.device-timeout=10s. If the device is there, the line is right: it came too "
    "late (a race, or a slow attachment)",
)
_FSCK = Advice(
    "check that file system by hand, unmounted",
    "attach the volume to another instance, take a snapshot, and check its file system unmounted: "
    "fsck -f DEVICE (xfs_repair for XFS). Up to systemd 249 nofail does not help against that: the "
    "line in /etc/fstab needs 0 as its last field as well",
)
_ROOT = Advice(
    "compare root= with the volume's own UUID, and see whether the initrd has the disk's driver",
    "{mounts}compare root= (/mnt/boot/grub*/grub.cfg, /mnt/boot/loader/entries) and /mnt/etc/fstab "
    "with blkid; if they agree, the initrd lacks the disk's driver: rebuild it (update-initramfs "
    "-u "
    "-k {version}, dracut -f --kver {version})",
)
_INIT = Advice(
    "put its /sbin/init back",
    "{mounts}follow /mnt/sbin/init to the end (namei -l): what it leads to has to be there, and "
    "its "
    "interpreter and libraries too; else reinstall systemd and the C library",
)
_OLDER = Advice(
    "start the kernel before this one",
    "choose it in the boot menu, or {mounts}grub-set-default (grubby --set-default)",
)
_BY_KIND = {
    "oops": _OLDER,
    "initrd is cut": _INITRD,
    "no initrd": Advice(
        "make an initrd for this kernel, or start an older entry",
        "choose an older entry of the boot menu; or {mounts}see whether /mnt/boot has room and an "
        "initrd of {version}: chroot /mnt update-initramfs -c -k {version} and update-grub (dracut "
        "-f --kver {version} and grub2-mkconfig)",
    ),
    "root device": _ROOT,
    "no root device": _ROOT,
    "no root named": _ROOT,
    "volume group": _ROOT,
    "xen": Advice(
        "rebuild the initrd with xen-blkfront",
        "{mounts}chroot /mnt dracut -f --add-drivers xen-blkfront --kver {version} (xen-blkfront "
        "in "
        "/mnt/etc/initramfs-tools/modules, and update-initramfs -u -k {version}); or start the "
        "kernel before this one",
    ),
    "devices file": Advice(
        "take the old disk out of /etc/lvm/devices/system.devices",
        "{mounts}move /mnt/etc/lvm/devices/system.devices away (or vgimportdevices), and rebuild "
        "the "
        "initrd, which holds a copy of it: no driver is missing",
    ),
    "fsck": _FSCK,
    "damaged": _FSCK,
    "root file system": _FSCK,
    "device timeout": _FSTAB,
    "mount": _FSTAB,
    "unlock": _FSTAB,
    "remount": _FSTAB,
    "unknown type": Advice(
        "see why the kernel's module for it cannot be loaded",
        "{mounts}see whether module loading is closed (kernel.modules_disabled in "
        "/mnt/etc/sysctl.d: "
        "no line of modprobe.d is needed for that), the module is blocked (grep -r install "
        "/mnt/etc/modprobe.d), or /mnt/lib/modules/{version} lacks it",
    ),
    "character set": Advice(
        "install this kernel's whole modules, or start the kernel before it",
        "install the modules of this very kernel ({version}; Ubuntu: linux-modules-extra), or "
        "start "
        "the one before it; {mounts}see whether /mnt/lib/modules/{version} is whole. The line in "
        "/etc/fstab is right",
    ),
    "newer file system": Advice(
        "start a kernel that knows its features",
        "start the kernel that the file system was made with, or a newer one; run no older fsck",
    ),
    "no init": _INIT,
    "init panic": _INIT,
    "init died": _INIT,
    "library": _INIT,
    "no system": Advice(
        "see that root= names the system's own file system",
        "{mounts}see that it holds a system (/mnt/etc/os-release): else root= names another file "
        "system, or an upgrade ended half-way",
    ),
    "selinux": Advice(
        "start once with enforcing=0, and put the policy back",
        "add enforcing=0 (or selinux=0) to the kernel's command line once; reinstall the policy, "
        "and "
        "touch /.autorelabel",
    ),
    "default target": Advice(
        "put the default target back",
        "{mounts}ls -l /mnt/etc/systemd/system/default.target; then systemctl --root=/mnt unmask "
        "default.target; systemctl --root=/mnt set-default multi-user.target",
    ),
    "disk silent": Advice("stop the instance and start it", "that moves it to another host"),
    "passphrase": Advice(
        "give the passphrase on the serial console",
        "or give the disk a key file, or a network-bound key (clevis)",
    ),
}  # fmt: skip
_BY_STAGE = {
    Stage.FIRMWARE: Advice(
        "see its partition table and boot loader",
        "attach the volume to another instance: sfdisk -l; grub-install",
    ),
    Stage.LOADER: Advice(
        "install and configure GRUB anew",
        "{mounts}chroot /mnt grub-install DISK and update-grub (grub2-install, grub2-mkconfig)",
    ),
    Stage.KERNEL: _OLDER,
    Stage.INITRD: _INITRD,
}
_ELSE = Advice("read its journal", "{mounts}journalctl -D /mnt/var/log/journal -b -p err")


def advice(stopped: Stopped, boot: Boot) -> tuple[Statement, Statement]:
    """Give what to do about it: for the summary, and by hand."""
    found = _BY_KIND.get(stopped.kind) or _of_panic(stopped.kind)
    found = found or _BY_STAGE.get(stopped.stage, _ELSE)
    version = boot.version or "VERSION"
    words = f"What helps: {found.by_hand}"
    return say(found.do), say(words, mounts=_MOUNTS, version=version)


def _of_panic(kind: str) -> Advice | None:
    found = panic_advice(kind)
    return None if found is None else Advice(found.do, found.how)
