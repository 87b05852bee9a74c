"""The words of a kernel that does not get as far as its first program, or loses it.

Linux, 3.10 to 6.18 where no version is named: init/main.c, init/do_mounts.c, init/initramfs.c,
kernel/exit.c.
"""

from __future__ import annotations

from ec2rl.facts.boot.wording import FROM_ANY, FROM_KERNEL, Role, Stage, Wording

BEGINNING = "Linux version "

_DEVICE = r"unknown-block\((?P<major>\d{1,4}),(?P<minor>\d{1,7})\)"

WORDS = (
    Wording("initrd loaded", "RAMDISK: [mem", r"RAMDISK: \[mem .*", Stage.KERNEL, Role.MORE,
            by=FROM_ANY),
    Wording("initrd loaded", "npacking initramfs", r"Unpacking initramfs\.\.\.", Stage.KERNEL,
            Role.MORE, by=FROM_ANY),
    Wording("initrd loaded", "as initramfs", r"Trying to unpack rootfs image as initramfs\.\.\.",
            Stage.KERNEL, Role.MORE, by=FROM_ANY),
    Wording("initrd loaded", "Freeing initrd memory", r"Freeing initrd memory: .*", Stage.KERNEL,
            Role.MORE, by=FROM_ANY),
    Wording("disk", "nvme", r"(?P<disk>nvme\d{1,3}n\d{1,3}):(?: p\d.*)?", Stage.KERNEL, Role.MORE,
            by=FROM_ANY),
    Wording("disk", "da: ", r"(?P<disk>(?:xv|s|v)d[a-z]{1,2}):(?: "
    r"\S+\d.*)?", Stage.KERNEL, Role.MORE,
            by=FROM_ANY),
    Wording("controller", "nvme nvme", r"nvme (?P<disk>nvme\d{1,3}): .*", Stage.KERNEL, Role.MORE,
            by=FROM_ANY),
    Wording("xen", "DMI: Xen ", r"DMI: Xen .*", Stage.KERNEL, Role.MORE, by=FROM_ANY),
    Wording("initrd is cut", "Initramfs unpacking failed: ",
            r"Initramfs unpacking failed: (?P<why>.{1,120})", Stage.INITRD, Role.CAUSE,
            "the initrd is damaged or cut: {why}", FROM_KERNEL),
    # init/initramfs.c, populate_rootfs(): what is there is taken for the image of a RAM disk.
    Wording("initrd is cut", "rootfs image is not initramfs",
            r"rootfs image is not initramfs \((?P<why>.{1,120})\)(?:; looks like an initrd)?",
            Stage.INITRD, Role.CAUSE, "the initrd is damaged or cut: {why}", FROM_KERNEL),
    Wording("root device", "Cannot open root device",
            r'VFS: Cannot open root device "(?P<root>[^"]{1,200})" or ' + _DEVICE
            + r"(?:: error (?P<error>-?\d{1,4}))?.*", Stage.KERNEL, Role.CAUSE,
            "the kernel finds no root device {root}", FROM_KERNEL),
    Wording("root device", "Cannot open root device",
            r'VFS: Cannot open root device "(?P<root>[^"]{1,200})" or \S{1,80}: error -?\d{1,4}',
            Stage.KERNEL, Role.CAUSE, "the kernel finds no root device {root}", FROM_KERNEL),
    Wording("root file system", "No filesystem could mount root, tried:",
            r"No filesystem could mount root, tried: ?(?P<tried>.{0,200})", Stage.KERNEL,
            Role.CAUSE, "no file system of the kernel's can mount the root device", FROM_KERNEL),
    # mount_root_generic(): 6.12 names root= as well.
    Wording("root panic", "Unable to mount root fs",
            r'Kernel panic - not syncing: VFS: Unable to mount root fs (?:on|via) '
            r'(?:"(?P<root>[^"]{0,200})" or )?(?P<device>.{1,80})', Stage.KERNEL, Role.STOP,
            "the kernel cannot mount its root file system", FROM_KERNEL),
    Wording("no init", "Requested init ",
            r"(?:Kernel panic - not syncing: )?Requested init (?P<init>\S{1,200}) failed "
            r"\(error (?P<error>-?\d{1,4})\)\.?.*", Stage.SYSTEM, Role.CAUSE,
            "the kernel cannot start {init}, which init= names (error {error})", FROM_KERNEL),
    Wording("no init", "exists but couldn't execute it",
            r"Starting init: (?P<init>\S{1,200}) exists but couldn't execute it "
            r"\(error (?P<error>-?\d{1,4})\)", Stage.SYSTEM, Role.CAUSE,
            "{init} is there, and the kernel cannot execute it (error {error})", FROM_KERNEL),
    Wording("no init", "Failed to execute ",
            r"Failed to execute (?P<init>\S{1,200}) \(error (?P<error>-?\d{1,4})\)\.?.*",
            Stage.SYSTEM, Role.CAUSE, "the kernel cannot execute {init} (error {error})",
            FROM_KERNEL),
    Wording("init panic", "init found",
            r"Kernel panic - not syncing: No (?:working )?init found\..*", Stage.KERNEL, Role.STOP,
            "the root file system has no init that the kernel can start", FROM_KERNEL),
    Wording("init panic", "Requested init ",
            r"Kernel panic - not syncing: Requested init .*", Stage.KERNEL, Role.STOP,
            "the root file system has no init that the kernel can start", FROM_KERNEL),
    Wording("init died", "Attempted to kill init!",
            r"Kernel panic - not syncing: Attempted to kill init!(?: "
            r"exitcode=(?P<code>0x[0-9a-f]{8}))?",
            Stage.SYSTEM, Role.STOP, "the first program ended, and the kernel with it", FROM_ANY),
    # Whatever else a kernel dies of before it has started anything.
    Wording("panic", "Kernel panic - not syncing: ",
            r"Kernel panic - not syncing: (?P<why>.{1,200})", Stage.KERNEL, Role.STOP,
            "the kernel panicked: {why}", FROM_KERNEL),
    # kernel/panic.c; initramfs-tools, scripts/functions, panic().
    Wording("restarts", "Rebooting in ", r"Rebooting in (?P<seconds>\d{1,10}) seconds\.\.",
            Stage.KERNEL, Role.MORE, by=FROM_KERNEL),
    Wording("restarts", "Rebooting automatically due to panic=",
            r"Rebooting automatically due to panic= boot argument", Stage.INITRD, Role.MORE),
    # glibc, sysdeps/unix/sysv/linux/dl-sysdep.c and dl-hwcaps; elf/dl-load.c.
    Wording("kernel too old", "kernel too old", r"FATAL: kernel too "
    r"old.*", Stage.SYSTEM, Role.CAUSE,
            "the C library needs a newer kernel than the one that was started"),
    Wording("library", "CPU ISA level is lower than required",
            r".{0,200}CPU ISA level is lower than required.*", Stage.SYSTEM, Role.CAUSE,
            "the system's libraries need a newer processor than this instance has"),
    Wording("library", "error while loading shared libraries",
            r"(?P<what>\S{1,200}): error while loading shared libraries: (?P<library>\S{1,200}): "
            r".*",
            Stage.SYSTEM, Role.CAUSE, "{what} cannot start: its library {library} cannot be "
            "loaded"),
    # drivers/nvme/host/pci.c and core.c (4.14 to 6.18); block/blk-core.c names in its own words.
    Wording("disk silent", "nvme ", r"nvme (?P<disk>\S{1,20}): Device not ready; aborting .*",
            Stage.INITRD, Role.CAUSE, "the disk {disk} does not answer", FROM_KERNEL),
    Wording("disk silent", "nvme ",
            r"nvme (?P<disk>\S{1,20}): (?:Removing|Disabling device) after (?:probe|reset) "
            r"failure.*",
            Stage.INITRD, Role.CAUSE, "the disk {disk} does not answer", FROM_KERNEL),
    Wording("disk silent", "timeout, ", r"nvme (?P<disk>\S{1,20}): I/O (?:tag )?\d{1,7} .{0,120}"
            r"timeout, (?:aborting|reset controller|disable "
            r"controller).*", Stage.INITRD, Role.CAUSE,
            "the disk {disk} does not answer", FROM_KERNEL),
    # drivers/xen/xenbus/xenbus_probe_frontend.c; before 4.x "XENBUS: ".
    Wording("disk silent", "Timeout connecting to device",
            r"(?:XENBUS|xenbus_probe_frontend): Timeout connecting to devices?[!:]?.*",
            Stage.INITRD, Role.CAUSE, "a device of Xen's does not answer", FROM_KERNEL),
    # fs/ext4/super.c; fs/xfs/libxfs/xfs_sb.c; fs/fat/inode.c.
    Wording("newer file system", "unsupported optional features",
            r"EXT4-fs \((?P<disk>\S{1,40})\): [Cc]ouldn't mount (?:RDWR )?because of unsupported "
            r"optional features.*", Stage.SYSTEM, Role.CAUSE,
            "the file system of {disk} has features that are too new for this kernel", FROM_KERNEL),
    Wording("newer file system", "unknown incompatible features",
            r"XFS \((?P<disk>\S{1,40})\): Superblock has unknown (?:in|read-only )?compatible "
            r"features.*",
            Stage.SYSTEM, Role.CAUSE,
            "the file system of {disk} has features that are too new for this kernel", FROM_KERNEL),
    Wording("damaged", "EXT4-fs (",
            r"EXT4-fs \((?P<disk>\S{1,40})\): (?:VFS: Can't find ext4 filesystem"
            r"|(?:no|bad) journal (?:found|superblock.*)|group descriptors corrupted!?"
            r"|error loading journal|get root inode failed|bad geometry: .*)", Stage.SYSTEM,
            Role.CAUSE, "the file system of {disk} is damaged", FROM_KERNEL),
    Wording("damaged", "XFS (",
            r"XFS \((?P<disk>\S{1,40})\): (?:Failed to read root inode.*|log mount(?:/recovery)? "
            r"failed.*"
            r"|SB validate failed.*|Corruption detected\..*|SB sanity check failed.*)",
            Stage.SYSTEM, Role.CAUSE, "the file system of {disk} is damaged", FROM_KERNEL),
    Wording("character set", "IO charset ", r"FAT-fs \((?P<disk>\S{1,40})\): IO charset "
            r"(?P<charset>\S{1,40}) not found", Stage.SYSTEM, Role.CAUSE,
            "IO charset {charset} not found: this kernel's module nls_{charset} is missing",
            FROM_KERNEL),
    # Role.MORE: a mount that fails for it says so itself.  fs/fs_parser.c and fs_context.c, 5.1 to
    # 6.18; before it, and in file systems that parse by themselves, their own words.
    Wording("bad option", "mount option",
            r"(?P<disk>[\w -]{2,16}\(\S{1,40}?(?: \S{1,40})?\)): [Uu](?:nrecognized|nknown) mount "
            r"option .{1,200}", Stage.SYSTEM, Role.MORE, by=FROM_KERNEL),
    Wording("bad option", "nknown parameter ",
            r"(?P<disk>[\w-]{2,16}): Unknown parameter '.{1,100}'", Stage.SYSTEM, Role.MORE,
            by=FROM_KERNEL),
    Wording("bad option", "Bad value for ",
            r"(?P<disk>[\w-]{2,16}): Bad value for '.{1,100}'", Stage.SYSTEM, Role.MORE,
            by=FROM_KERNEL),
)  # fmt: skip
