"""What is told of a file without its text: a secret, which no recording may hold, or large."""

from __future__ import annotations

import os

from ec2rl.host.files import READ_LIMIT, open_regular, read_whole, unreadable
from ec2rl.host.query import RootQuery, decode_text, encode_text
from ec2rl.model import Evidence, Unreadable, Why
from ec2rl.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ec2rl.host.query import Encoded


class OpenFile(RootQuery[Evidence]):
    """A question about one regular file, which is open while it is told of."""

    path: str

    def tell(self, fd: int) -> str | Unreadable:
        """Tell of an open file what was asked. OSError."""
        raise NotImplementedError

    def ask(self) -> Evidence | Unreadable:
        fd = open_regular(self.path)
        return replace(fd, source=self.key) if isinstance(fd, Unreadable) else self._tell(fd)

    def below(self, root: int) -> Evidence | Unreadable:
        from ec2rl.host.chroot_fs import NotRegularError, OutsideError, Root

        try:
            machine = Root(f"/proc/self/fd/{root}")
            try:
                return self._tell(machine.open(self.path))
            finally:
                machine.close()
        except NotRegularError:
            return Unreadable(self.key, Why.FAILED, "not a regular file")
        except OutsideError:
            return Unreadable(self.key, Why.NOT_COLLECTED)
        except OSError as error:
            return unreadable(self.key, error)

    def _tell(self, fd: int) -> Evidence | Unreadable:
        try:
            told = self.tell(fd)
        except OSError as error:
            return unreadable(self.key, error)
        finally:
            os.close(fd)
        return told if isinstance(told, Unreadable) else Evidence(self.path, told)

    def encode(self, answer: Evidence) -> Encoded:
        return encode_text(answer.text)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Evidence:
        return Evidence(self.path, decode_text(text, notes))


class AboutFile(OpenFile):
    """A question about one regular file of at most 16 MiB; its answer is another text."""

    def told(self, data: bytes) -> str:
        """Tell of a file's bytes what was asked."""
        raise NotImplementedError

    def tell(self, fd: int) -> str | Unreadable:
        data = read_whole(fd)
        if len(data) > READ_LIMIT:
            return Unreadable(self.key, Why.PARTIAL, f"larger than {READ_LIMIT >> 20} MiB")
        return self.told(data)
