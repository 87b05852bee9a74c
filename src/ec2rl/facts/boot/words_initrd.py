"""The words of initrds: initramfs-tools 0.136 to 0.148, dracut 033 to 106, klibc, busybox."""

from __future__ import annotations

from ec2rl.facts.boot.wording import DRACUT, FROM_ANY, FROM_PID1, PID1, Role, Stage, Wording

_WARNING = rf"(?:{DRACUT})?(?:[Ww]arning|FATAL): "

WORDS = (
    # init/main.c, run_init_process(), since 5.1; initramfs-tools, init and scripts/functions.
    Wording("mark", "Run /init as init", r"Run /init as init process", Stage.INITRD, Role.BEGINS,
            by=FROM_ANY),
    Wording("mark", "Loading, please wait...", r"Loading, please wait\.\.\.", Stage.INITRD,
            Role.BEGINS),
    Wording("mark", "Begin: ", r"Begin: (?:Running|Loading|Mounting|Waiting) .*", Stage.INITRD,
            Role.BEGINS),
    Wording("mark", "dracut", DRACUT + r"\S.*", Stage.INITRD, Role.BEGINS, by=FROM_ANY),
    # initramfs-tools, scripts/local: local_device_setup(), local_mount_root().
    Wording("no root device", "ALERT! ",
            r"ALERT! +(?P<root>\S{1,200}) does not exist\. +Dropping to a shell!.*", Stage.INITRD,
            Role.STOP, "the root device {root} was not found"),
    Wording("no root device", "Gave up waiting for root",
            r"Gave up waiting for root (?:file system )?device\..*", Stage.INITRD, Role.STOP,
            "the root device was not found"),
    Wording("no root named", "No root device specified",
            r"No root device specified\. Boot arguments must include a root= parameter\.",
            Stage.INITRD, Role.STOP, "the kernel's command line has no root="),
    Wording("root file system", "as root file system", r"Failed to mount (?P<root>\S{1,200}) as "
            r"root file system\.?", Stage.INITRD, Role.STOP, "{root} could not be mounted as root"),
    # busybox, util-linux/mount.c; klibc, usr/kinit/... `mount: mounting DEV on /root failed: WHY`.
    Wording("root file system", " on /root failed:",
            r"mount: (?:mounting )?(?P<root>\S{1,200}) on /root failed: (?P<why>.{1,120})",
            Stage.INITRD, Role.CAUSE, "{root} could not be mounted as root: {why}"),
    # scripts/functions, checkfs().
    Wording("fsck", "requires a manual fsck",
            r"The (?P<name>\S{1,40}) filesystem on (?P<disk>\S{1,200}) requires a manual fsck",
            Stage.INITRD, Role.STOP, "the file system on {disk} needs a check by hand"),
    Wording("fsck", "fsck exited with status code", r"fsck exited with status code "
    r"(?P<code>[4-7]|12)",
            Stage.INITRD, Role.CAUSE, "fsck could not repair the root file system by itself"),
    # klibc 2.0, usr/utils/run-init.c; initramfs-tools, init.
    Wording("no init", "run-init: ",
            r"run-init: (?P<init>/\S{1,200}): (?P<why>(?:No such file or directory|Permission "
            r"denied"
            r"|Exec format error|Not a directory|Too many levels of symbolic links))",
            Stage.INITRD, Role.CAUSE, "{init} of the root file system cannot be started: {why}"),
    Wording("no init", "doesn't have requested",
            r"Target filesystem doesn't have requested (?P<init>\S{1,200}?)\.", Stage.INITRD,
            Role.CAUSE, "the root file system has no {init}"),
    Wording("no init", "No init found", r"No init found\. Try passing init= bootarg\.",
            Stage.INITRD, Role.STOP, "the root file system has no init"),
    Wording("initrd shell", "(initramfs)", r"\(initramfs\).*", Stage.INITRD, Role.STOP,
            "the initrd stopped in its shell"),
    Wording("initrd shell", "Spawning shell within the initramfs",
            r"Spawning shell within the initramfs.{0,40}", Stage.INITRD, Role.STOP,
            "the initrd stopped in its shell"),
    Wording("initrd shell", "Rebooting automatically due to panic=",
            r"Rebooting automatically due to panic= boot argument", Stage.INITRD, Role.STOP,
            "the initrd gave up, and restarted the machine"),
    # cryptsetup's scripts for initramfs-tools, functions: wait_for_source().
    Wording("no root device", "Waiting for encrypted source device",
            r"cryptsetup: Waiting for encrypted source device (?P<root>\S{1,200}?)\.\.\.",
            Stage.INITRD, Role.CAUSE, "the encrypted root device {root} was not found"),
    Wording("passphrase", "nlock disk", r"Please unlock disk (?P<disk>\S{1,200}):?.*", Stage.INITRD,
            Role.CAUSE, "the disk {disk} waits for its passphrase"),
    # lvm2 from 2.03.12 on, lib/device/device_id.c: with the kind of name and the name, or neither.
    Wording("devices file", "Devices file ",
            r"(?:dracut-initqueue\[\d{1,7}\]: )?Devices file "
            r"(?P<what>(?:\S{1,40} \S{1,200} )?PVID \S{1,64})(?: last seen on "
            r"(?P<disk>\S{1,80}))? not found\.", Stage.INITRD, Role.CAUSE,
            "LVM's system.devices (Devices file) names another disk than this one: {what}",
            FROM_ANY),
    Wording("volume group", "olume group ",
            r'(?:dracut-initqueue\[\d{1,7}\]: )?Volume group "(?P<name>[^"]{1,128})" not found.*',
            Stage.INITRD, Role.CAUSE, "LVM's volume group {name} was not found", FROM_ANY),
    # dracut 033 to 106, modules.d: 98dracut-systemd, base (dracut-lib.sh, init.sh).
    Wording("dracut waits", "dracut-initqueue",
            rf"{_WARNING}dracut-initqueue:? (?:timeout - starting timeout scripts|starting timeout "
            r"scripts|timeout, still waiting for following initqueue hooks:)", Stage.INITRD,
            Role.MORE, by=FROM_ANY),
    Wording("no root device", "does not exist",
            rf'(?:{_WARNING})"?(?P<root>/dev/[^"\s]{{1,200}})"? does not exist', Stage.INITRD,
            Role.CAUSE, "the root device {root} was not found", FROM_ANY),
    Wording("no root device", "No root device", rf'{_WARNING}No root device '
    rf'"(?P<root>[^"]{{1,200}})" '
            r"found", Stage.INITRD, Role.CAUSE, "the root device {root} was not found", FROM_ANY),
    Wording("initrd gave up", "Could not boot.", rf"{_WARNING}Could not boot\.", Stage.INITRD,
            Role.STOP, "dracut gave up", FROM_ANY),
    Wording("initrd gave up", "Boot has failed", rf"{_WARNING}Boot has failed\..*", Stage.INITRD,
            Role.STOP, "dracut gave up", FROM_ANY),
    Wording("selinux", "SELinux policy load failed",
            rf"{_WARNING}Initial SELinux policy load failed\..*", Stage.INITRD, Role.CAUSE,
            "Initial SELinux policy load failed, and the system insists on it (enforcing)",
            FROM_ANY),
    Wording("initrd gave up", "FATAL", rf"{DRACUT}FATAL: (?P<why>.{{1,200}})", Stage.INITRD,
            Role.STOP, "dracut gave up: {why}", FROM_ANY),
    Wording("initrd shell", "dracut:/", r"(?:switch_root|dracut):/\S{0,40}# ?.*", Stage.INITRD,
            Role.STOP, "the initrd stopped in its shell"),
    Wording("initrd shell", "Press Enter for emergency shell", r"Press Enter for emergency shell "
    r"or "
            r"wait .*", Stage.INITRD, Role.STOP, "the initrd stopped in its shell"),
    Wording("initrd shell", "Entering emergency mode", r"Entering emergency mode\. Exit the "
    r"shell to "
            r"continue\..*", Stage.INITRD, Role.STOP, "the initrd stopped in its shell"),
    Wording("initrd shell", "racut Emergency Shell", PID1 + r"(?:Start(?:ing|ed) )?(?:\S{1,60} - )?"
            r"[Dd]racut Emergency Shell.*", Stage.INITRD, Role.STOP,
            "the initrd stopped in its shell", FROM_PID1),
    Wording("initrd shell", "rdsosreport.txt", r'Generating "/run/initramfs/rdsosreport\.txt"',
            Stage.INITRD, Role.STOP, "the initrd stopped in its shell"),
    # src/shared/switch-root.c, src/systemctl; util-linux, sys-utils/switch_root.c.
    Wording("no system", "Failed to switch root",
            r"(?:systemctl\[\d{1,7}\]: |systemd\[1\]: )?Failed to switch root: (?P<why>.{1,300})",
            Stage.INITRD, Role.CAUSE, "what was mounted as root is no system: {why}", FROM_ANY),
    Wording("no system", "does not seem to be an OS tree",
            r".{0,80}?path '?(?P<path>\S{1,80}?)'? does not seem to be an OS tree.*", Stage.INITRD,
            Role.CAUSE, "what was mounted as root ({path}) is no system: it has no os-release",
            FROM_ANY),
    Wording("no init", "switch_root: ",
            r"switch_root: (?:can't execute|failed to execute) '?(?P<init>[^\s':]{1,200})'?:? "
            r"?(?P<why>.{0,120})",
            Stage.INITRD, Role.CAUSE, "{init} of the root file system cannot be started"),
)  # fmt: skip
