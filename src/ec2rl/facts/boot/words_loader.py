"""The words of firmware and of GRUB (2.02 to 2.12), and of what comes behind them.

GRUB prints an error as `error: WORDS.` (grub-core/kern/err.c, grub_print_error()); builds of the
RHEL family name the place in the source before the words.
"""

from __future__ import annotations

from ec2rl.facts.boot.wording import Role, Stage, Wording

_ERROR = r"(?:.{0,60}?)error: (?:\S{1,90}\.c:\d{1,5}: ?)?"

# The kind, words that are always there, the pattern behind `error: `, and what it means.
_ERRORS = (
    # grub-core/commands/search.c; kern/disk.c; kern/dl.c; kern/fs.c; kern/partition.c; kern/mm.c.
    ("device", "no such device: ", r"no such device: (?P<what>\S{1,80}?)\.?",
     "GRUB finds no file system {what}"),
    ("file", "' not found", r"file `(?P<what>[^']{1,200})' not found\.?",
     "GRUB finds no file {what}"),
    ("device", "' not found", r"disk `(?P<what>[^']{1,200})' not found\.?",
     "GRUB finds no disk {what}"),
    ("modules", "' not found", r"symbol `(?P<what>[^']{1,80})' not found\.?",
     "GRUB's core and its modules in /boot are of two versions: the symbol {what} is missing"),
    ("filesystem", "unknown filesystem", r"unknown filesystem\.?",
     "GRUB cannot read the file system of /boot: it is damaged, or has features that are too new"),
    ("device", "no such partition", r"no such partition\.?",
     "GRUB finds no partition of that number"),
    ("filesystem", "invalid GPT signature", r"invalid GPT signature\.?",
     "the disk's partition table (GPT) is damaged"),
    ("memory", "out of memory", r"out of memory\.?", "GRUB ran out of memory"),
    # loader/i386/linux.c and loader/linux.c; kern/file.c; kern/efi/sb.c.
    ("file", "invalid magic number", r"invalid magic number\.?", "the kernel's file is damaged"),
    ("file", "premature end of file", r"premature end of file (?P<what>.{1,200}?)\.?",
     "the file {what} is cut"),
    ("filesystem", "outside of ", r"attempt to read or write outside of "
     r"(?:disk|partition) `?(?P<what>[^'.]{1,80})'?\.?",
     "the disk {what} is smaller than what is written on it"),
    ("signature", "has invalid signature", r"(?P<what>\S{1,200}) has invalid signature\.?",
     "Secure Boot refuses the signature of {what}"),
    ("signature", "bad shim signature", r"bad shim signature\.?",
     "Secure Boot refuses the kernel's signature"),
    ("filesystem", "failure reading sector", r"failure reading sector (?P<what>.{1,80}?)\.?",
     "GRUB cannot read sector {what}"),
)  # fmt: skip

_MARKS = (
    # SeaBIOS src/post.c; EDK2 MdeModulePkg BdsDxe; iPXE.
    ("SeaBIOS (version", Stage.FIRMWARE),
    ("BdsDxe: ", Stage.FIRMWARE),
    ("iPXE (http", Stage.FIRMWARE),
    # grub-core/normal/main.c, menu.c; boot/i386/pc/boot.S; util/grub.d/10_linux.in.
    ("GNU GRUB ", Stage.LOADER),
    ("GRUB loading", Stage.LOADER),
    ("Welcome to GRUB!", Stage.LOADER),
    ("Booting `", Stage.LOADER),
    ("Loading Linux ", Stage.LOADER),
    ("Loading initial ramdisk ", Stage.LOADER),
    ("GRUB_FORCE_PARTUUID set", Stage.LOADER),
    ("Probing EDD (edd=off to disable)", Stage.LOADER),
)

INITRDLESS = "GRUB_FORCE_PARTUUID set, attempting initrdless boot"
"""Ubuntu's cloud images try the kernel without its initrd first (grub.d/10_linux, 20.04 on)."""

WORDS = (
    *(
        Wording("mark", literal, rf".{{0,20}}?{_escaped}.*", stage, Role.BEGINS)
        for literal, stage in _MARKS
        for _escaped in (literal.replace("(", r"\(").replace(")", r"\)"),)
    ),
    *(
        Wording(f"loader {kind}", literal, f"{_ERROR}{words}", Stage.LOADER, Role.CAUSE, said)
        for kind, literal, words, said in _ERRORS
    ),
    # SeaBIOS src/boot.c; EDK2 BdsDxe: nothing that can be booted.
    Wording("no boot device", "No bootable device", r".{0,80}?No bootable device\.?",
            Stage.FIRMWARE, Role.STOP, "the firmware finds no disk that it can boot"),
    Wording("no boot device", "No bootable option or device was found",
            r".{0,80}?No bootable option or device was found\.?",
            Stage.FIRMWARE, Role.STOP, "the firmware finds no disk that it can boot"),
    Wording("no boot device", "BdsDxe: failed to load Boot",
            r".{0,80}?BdsDxe: failed to load Boot.{0,80}: Not Found", Stage.FIRMWARE, Role.CAUSE,
            "the firmware finds no disk that it can boot"),
    Wording("no boot device", "Shell> ", r"Shell> .*", Stage.FIRMWARE, Role.STOP,
            "the firmware finds no disk that it can boot, and stopped in its shell"),
    # grub-core/loader: an entry without its kernel goes back to the menu, and waits there.
    Wording("loader entry", "you need to load the kernel first",
            rf"{_ERROR}you need to load the kernel first\.?", Stage.LOADER, Role.STOP,
            "GRUB's entry loads no kernel"),
    # grub-core/kern/rescue_reader.c, normal/main.c.
    Wording("loader shell", "grub rescue>", r".{0,20}?grub rescue>.*", Stage.LOADER, Role.STOP,
            "GRUB stopped in its rescue shell"),
    Wording("loader shell", "Entering rescue mode", r".{0,80}?Entering rescue mode\.\.\.",
            Stage.LOADER, Role.STOP, "GRUB stopped in its rescue shell"),
    Wording("loader shell", "grub>", r"grub>.*", Stage.LOADER, Role.STOP,
            "GRUB stopped in its shell: it found no menu"),
    Wording("loader shell", "Minimal BASH-like line editing",
            r".{0,20}?Minimal BASH-like line editing.*", Stage.LOADER, Role.STOP,
            "GRUB stopped in its shell: it found no menu"),
    # grub 0.97 on the hosts of Xen PV.
    Wording("loader shell", "grubdom>", r"grubdom>.*", Stage.LOADER, Role.STOP,
            "the boot loader of Xen PV stopped in its shell: it found no menu"),
    Wording("loader key", "Press any key to continue", r"Press any key to continue\.\.\..*",
            Stage.LOADER, Role.MORE),
)  # fmt: skip
