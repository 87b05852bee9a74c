"""A scene that uses every kind of change, in an order that makes them depend on each other."""

from __future__ import annotations

import os

from ec2rl.remedies import (
    EditLines,
    Lines,
    Rebuild,
    Rename,
    SetLink,
    SetRights,
    SetSysctl,
    SetSysfs,
    WriteFile,
)
from faults import scene

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ec2rl.remedies import Change

SCHEDULER = "/sys/block/vda/queue/scheduler"
FSTAB = "/etc/fstab"
KEY = "/etc/ssh/key"
CONF, OFF = "/etc/dracut.conf.d/bad.conf", "/etc/dracut.conf.d/bad.conf.off"
LINK, OLD_LINK = "/etc/localtime", "/etc/default/target"
IMAGE = "/boot/initrd.img"
FSTAB_TEXT = "UUID=1 / xfs defaults 0 0\r\n\xff\n/dev/xvdf /data ext4 defaults 0 2"
FSTAB_AFTER = FSTAB_TEXT.replace("ext4 defaults", "ext4 nofail  ") + "\ntmpfs /t tmpfs"
OLD_IMAGE = b"070701 of old"
GONE, GONE_TEXT = "/etc/default/gone", "a\xff\r\n\nb"

# A program of a live machine knows nothing of a root elsewhere.
_BUILD = '{{ printf 070701; cat "{0}/etc/fstab" "{0}{1}"; }} > "{0}$0"'


class EveryKind(scene.Scene):
    """Each kind of change once or twice."""

    name = "every kind"

    def changes(self, root: str) -> Sequence[Change]:
        program = ("/bin/sh", "-c", _BUILD.format(root, OFF), "{out}")
        line = "/dev/xvdf /data ext4 {} 0 2"
        lines = Lines(3, (line.format("defaults"),), (line.format("nofail  "), "tmpfs /t tmpfs"))
        return (
            Rebuild(IMAGE, program, "initrd", 60),
            SetSysctl(scene.MAX, "524288", "262144"),
            SetSysfs(SCHEDULER, "none-at-all", "mq-deadline"),
            WriteFile(scene.FILE, scene.NEW_TEXT, scene.OLD_TEXT),
            WriteFile(scene.NEW, "nf_conntrack\n", None),
            WriteFile(GONE, None, GONE_TEXT.replace("\xff", "\\xff")),
            EditLines(FSTAB, (lines,)),
            SetRights(KEY, (0o600, 0, 0), (0o4644, 12, 34)),
            Rename(CONF, OFF),
            SetLink(LINK, "../usr/share/zoneinfo/UTC", None),
            SetLink(OLD_LINK, "multi-user.target", "rescue.target"),
        )

    def without_exchange(self) -> scene.Scene:
        return _NoImage()

    def build(self, root: str, proc: str) -> None:
        self.files(root)
        self.boot(proc, "first")

    def files(self, root: str) -> None:
        """Make the files, and those that only kinds of their own change."""
        scene.files(root)
        for folder in ("etc/ssh", "etc/dracut.conf.d", "etc/default", "boot"):
            os.makedirs(f"{root}/{folder}", exist_ok=True)
        for path, data in (
            (FSTAB, FSTAB_TEXT.encode("latin-1")),
            (KEY, b"secret\n"),
            (CONF, b"omit_drivers=nvme\n"),
            (IMAGE, OLD_IMAGE),
            (GONE, GONE_TEXT.encode("latin-1")),
        ):
            with open(root + path, "wb") as file:
                file.write(data)
        os.chown(root + KEY, 12, 34)
        os.chmod(root + KEY, 0o4644)
        for path in (FSTAB, GONE):
            os.setxattr(root + path, "trusted.ec2rl", b"\xff label")
        os.chown(root + GONE, 0, 34)
        os.chmod(root + GONE, 0o1640)
        os.symlink("rescue.target", root + OLD_LINK)

    def boot(self, proc: str, name: str) -> None:
        super().boot(proc, name)
        path = proc + SCHEDULER
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("mq-deadline\n")

    def picture(self, root: str, proc: str) -> scene.Picture:
        seen = images(root)
        for key in scene.BEFORE:
            with open(scene.setting(proc, key)) as text:
                seen[key] = text.read()
        with open(proc + SCHEDULER) as text:
            seen["scheduler"] = text.read()
        return seen

    def set_by_hand(self, proc: str) -> None:
        with open(proc + SCHEDULER, "w") as value:
            value.write("none-at-all\n")


class _NoImage(EveryKind):
    def changes(self, root: str) -> Sequence[Change]:
        return super().changes(root)[1:]


def images(root: str) -> scene.Picture:
    """See all that lies below /etc and /boot."""
    seen: scene.Picture = {}
    for top in ("etc", "boot"):
        for folder, folders, files in os.walk(f"{root}/{top}"):
            for name in (*folders, *files):
                path = f"{folder}/{name}"
                seen[path[len(root) :]] = _image(path)
    return seen


def _image(path: str) -> tuple[bytes, int, int, int, tuple[tuple[str, bytes], ...]] | str:
    status = os.lstat(path)
    if os.path.islink(path):
        return f"link to {os.readlink(path)}, {status.st_uid}"
    if os.path.isdir(path):
        return oct(status.st_mode)
    labels = tuple((n, os.getxattr(path, n)) for n in sorted(os.listxattr(path)))
    with open(path, "rb") as file:
        return file.read(), status.st_mode, status.st_uid, status.st_gid, labels


SCENES = {one.name.split()[0]: one for one in (scene.Scene(), EveryKind())}
