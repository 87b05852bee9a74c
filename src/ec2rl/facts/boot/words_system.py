"""The words of systemd (219 to 257) as PID 1, of its console and of what it starts early.

src/core/unit.c and job.c (job_done_message_format), src/core/main.c, src/core/manager.c,
src/core/transaction.c, src/fsck/fsck.c, units/emergency.service.in, src/sulogin-shell; util-linux
for mount and sulogin.
"""

from __future__ import annotations

from ec2rl.facts.boot.wording import (
    FROM_ANY,
    FROM_KERNEL,
    FROM_PID1,
    FROM_STATUS,
    PID1,
    Role,
    Stage,
    Wording,
)

NEEDED = (
    r".*(?:local-fs\.target|Local File Systems|initrd-root-(?:fs|device)\.target|Initrd Root "
    r"(?:File System|Device)|sysroot\.mount|/sysroot).*"
)
"""What systemd gives up when a mount that is not `nofail` fails, in an initrd that of the root."""

SYSTEM = "systemd"
"""systemd begins: an initrd's says so in the same words, and then where it runs."""

WORDS = (
    Wording(SYSTEM, "running in system mode",
            PID1 + r"systemd \S{1,60}(?: \(.{1,60}\))? running in system mode.*", Stage.SYSTEM,
            Role.BEGINS, by=FROM_ANY),
    # "initial RAM disk" up to 249.
    Wording("mark", "Running in init", PID1 + r"Running in init(?:rd|ial RAM disk)\.", Stage.INITRD,
            Role.BEGINS, by=FROM_ANY),
    Wording("mark", "(Initramfs)!", r"Welcome to .{1,200} \(Initramfs\)!", Stage.INITRD,
            Role.BEGINS, by=FROM_ANY),
    Wording("mark", "Welcome to ", r"Welcome to "
    r"(?!GRUB|emergency|rescue)(?!.*\(Initramfs\)!).{1,200}!", Stage.SYSTEM,
            Role.BEGINS),
    # The unit's name stands there since 246, its description alone before.
    Wording("reached", "Reached target ",
            PID1 + r"Reached target (?:(?:multi-user|graphical)\.target\b.*"
            r"|Multi-User(?: System)?\b.*|Graphical Interface\b.*)", Stage.REACHED, Role.BEGINS,
            by=FROM_PID1),
    # util-linux, term-utils/agetty.c.
    Wording("reached", " login:", r"(?!.*Last login:)[\w.-]{1,64} login:(?: .*)?", Stage.REACHED,
            Role.BEGINS),
    # cloudinit/cmd/main.py, main_modules(), the module final_message.
    Wording("reached", "finished at ",
            r"(?:\[.{1,40}\] )?(?:cloud-init\[\d{1,7}\]: )?Cloud-init v\. .{1,80} finished at .*",
            Stage.REACHED, Role.BEGINS, by=FROM_ANY),
    Wording("shutdown", "target ", PID1 + r"(?:Stopped target |Reached target "
    r"(?:.{0,40}(?:shutdown|"
            r"reboot|poweroff|halt|final)\.target|Shutdown|System (?:Reboot|Power Off)|"
            r"Unmount All Filesystems)).*", Stage.SYSTEM, Role.MORE, by=FROM_PID1),
    Wording("failed", "Failed to start ", PID1 + r"Failed to start (?P<unit>.{1,200})",
            Stage.SYSTEM, Role.MORE, by=FROM_STATUS),
    # fsck.c, fsck_exit_status and start_target(): up to 249 it starts emergency.target itself.
    Wording("fsck", "UNEXPECTED INCONSISTENCY",
            r"(?:systemd-fsck\[\d{1,7}\]: )?(?:(?P<disk>[^\s:]{1,200}): )?UNEXPECTED "
            r"INCONSISTENCY; RUN "
            r"fsck MANUALLY\.", Stage.SYSTEM, Role.CAUSE,
            "fsck could not repair {disk} by itself (UNEXPECTED INCONSISTENCY)", FROM_ANY),
    Wording("fsck", "fsck failed with ",
            r"(?:systemd-fsck\[\d{1,7}\]: )?fsck failed with (?:exit status|error code) "
            r"(?P<code>\d{1,3})\.?", Stage.SYSTEM, Role.CAUSE,
            "fsck could not repair a file system by itself (exit status {code})", FROM_ANY),
    Wording("fsck", "File System Check on ",
            PID1 + r"Failed to start (?:\S{1,200} - )?File System Check on (?P<disk>\S{1,200}?)\.?",
            Stage.SYSTEM, Role.CAUSE, "the check of the file system on {disk} failed", FROM_PID1),
    Wording("fsck", "systemd-fsck", r"Failed to start (?P<unit>systemd-fsck\S{0,200})(?: - .*)?",
            Stage.SYSTEM, Role.CAUSE, "the check of a file system failed ({unit})", FROM_STATUS),
    Wording("device timeout", "Timed out waiting for device",
            PID1 + r"Timed out waiting for device "
            r"(?P<device>.{1,200}?)\.?", Stage.SYSTEM, Role.CAUSE,
            "the device {device} did not appear in time", FROM_PID1),
    Wording("mount", "Failed to mount ",
            PID1 + r"Failed to mount (?!.{0,40}file system: )(?P<mount>.{1,200}?)\.?", Stage.SYSTEM,
            Role.CAUSE,            "{mount} could not be mounted", FROM_PID1),
    Wording("unlock", "ryptography Setup for",
            PID1 + r"Failed to start .{0,200}Cryptography Setup for (?P<name>.{1,100}?)\.?",
            Stage.SYSTEM, Role.CAUSE, "the encrypted volume {name} could not be opened", FROM_PID1),
    Wording("remount", "ount Root and Kernel File Systems",
            PID1 + r"Failed to start .{0,80}ount Root and Kernel File Systems\.?", Stage.SYSTEM,
            Role.CAUSE, "the root file system could not be mounted with the options of /etc/fstab",
            FROM_PID1),
    Wording("dependency", "Dependency failed for ",
            PID1 + r"Dependency failed for (?P<unit>.{1,200})", Stage.SYSTEM, Role.MORE,
            by=FROM_PID1),
    # src/core/unit.c, unit_status_log_starting_stopping(); job.c, job_timer().
    Wording("named", "Expecting device ",
            PID1 + r"Expecting device (?P<unit>\S{1,250}\.device)(?: - (?P<path>/dev/\S{1,200}?))?"
            r"\.\.\.", Stage.SYSTEM, Role.MORE, by=FROM_PID1),
    Wording("named", "/start timed out",
            PID1 + r"(?P<unit>\S{1,250}\.device): Job \S{1,260}/start timed out\.", Stage.SYSTEM,
            Role.MORE, by=FROM_PID1),
    # util-linux, sys-utils/mount.c; libmount/src/context.c.
    Wording("mount reason", "mount: ",
            r"mount\[\d{1,7}\]: mount: (?P<mount>/[^:]{0,200}): (?P<why>.{1,200})", Stage.SYSTEM,
            Role.MORE, "{mount} could not be mounted: {why}", FROM_ANY),
    # Those of util-linux 2.23 and older name no mount point.
    Wording("mount reason", "mount: ",
            r"mount\[\d{1,7}\]: mount: (?P<why>(?:unknown filesystem type|wrong fs type|"
            r"special device|mount point|can't find|failed to setup loop device).{1,200})",
            Stage.SYSTEM, Role.MORE, by=FROM_ANY),
    # fstab-generator.c; src/shared/generator.c (219 to 257).
    Wording("generator", "systemd-fstab-generator",
            r"systemd-fstab-generator\[\d{1,7}\]: (?P<why>.{1,300})", Stage.SYSTEM, Role.MORE,
            by=FROM_ANY),
    Wording("default target", "is masked", PID1 + r".{0,80}?(?P<unit>default\.target) is masked.*",
            Stage.SYSTEM, Role.CAUSE, "{unit} is masked", FROM_PID1),
    Wording("default target", "default target",
            PID1 + r"Failed to (?:load|isolate|start) default target: (?P<why>.{1,200})",
            Stage.SYSTEM, Role.CAUSE, "systemd cannot start the default target: {why}", FROM_ANY),
    Wording("default target", "default.target",
            PID1 + r"(?:Failed to load|Cannot add dependency job for unit) default\.target.*?"
            r"(?:: |, )(?P<why>.{1,200})", Stage.SYSTEM, Role.CAUSE,
            "systemd cannot load default.target: {why}", FROM_ANY),
    Wording("selinux", "Failed to load SELinux policy", PID1 + r"Failed to load SELinux policy.*",
            Stage.SYSTEM, Role.CAUSE, "systemd cannot load the SELinux policy", FROM_ANY),
    Wording("pid1", "Failed to ",
            r"(?:systemd\[1\]: |\[!{4,6}\] )Failed to (?P<what>(?:mount (?:API|early|\S{1,60} "
            r"(?:at|on|\(type))|allocate manager|spawn executor|fully start up daemon|create "
            r"\S{1,60} control group|"
            r"initialize|start up manager|set up|fork off).{0,200})", Stage.SYSTEM, Role.CAUSE,
            "systemd failed to {what}", FROM_ANY),
    Wording("frozen", "reezing", PID1 + r".{0,200}?[Ff]reezing(?: execution)?\.", Stage.SYSTEM,
            Role.STOP, "systemd gave up and stands still (Freezing execution)", FROM_ANY),
    Wording("emergency", "emergency mode", r"(?:You are in|Welcome to) emergency mode[.!].*",
            Stage.SYSTEM, Role.STOP, "systemd stopped in emergency mode"),
    Wording("emergency", "mergency", PID1 + r"(?:Started .{0,60}Emergency Shell\.?|Reached target "
            r".{0,60}Emergency Mode\.?)", Stage.SYSTEM, Role.STOP,
            "systemd stopped in emergency mode", FROM_PID1),
    # util-linux, login-utils/sulogin.c.
    Wording("emergency", "for maintenance", r"(?:Give root password|Press Enter) for maintenance.*",
            Stage.SYSTEM, Role.STOP, "systemd stopped in its shell for maintenance"),
    Wording("rescue", "rescue mode", r"(?:You are in|Welcome to) rescue mode[.!].*", Stage.SYSTEM,
            Role.STOP, "systemd stopped in rescue mode"),
    Wording("rescue", "escue", PID1 + r"(?:Started .{0,60}Rescue Shell\.?|Reached target "
            r".{0,60}Rescue Mode\.?)", Stage.SYSTEM, Role.STOP, "systemd stopped in rescue mode",
            FROM_PID1),
    Wording("locked root", "the root account is locked",
            r"Cannot open access to console, the root account is locked\..*", Stage.SYSTEM,
            Role.MORE),
    Wording("waits", "A start job is running for ",
            r".{0,12}A start job is running for (?P<unit>.{1,200}?) \((?P<time>[^()]{1,40}) / "
            r"(?P<limit>[^()]{1,40})\).*", Stage.SYSTEM, Role.MORE, by=(*FROM_ANY, *FROM_STATUS)),
    # Several jobs at once, src/core/manager.c, manager_print_jobs_in_progress(), from 250 or so on.
    Wording("waits", " running (",
            r".{0,24}?Job (?P<unit>\S{1,200}?)(?:/start|\.\.\.\w{0,5}) running "
            r"\((?P<time>[^()]{1,40}) / (?P<limit>[^()]{1,40})\).*", Stage.SYSTEM, Role.MORE,
            by=(*FROM_ANY, *FROM_STATUS)),
    Wording("daemon halt", "audit daemon is now halting",
            r".{0,80}The audit daemon is now halting the system.*", Stage.SYSTEM, Role.CAUSE,
            "auditd halts the system: its disk is full", FROM_ANY),
    Wording("autofs", "Failed to find module", PID1 + r"Failed to find module "
    r"'(?P<module>\S{1,60})'",
            Stage.SYSTEM, Role.MORE, by=FROM_KERNEL),
)  # fmt: skip
