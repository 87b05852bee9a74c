"""A question that every kind of host can be asked, as a typed value.

A question knows how this machine is asked, what it is called in a recording, and how its answer is
written there.  The kinds of host know none of them: this machine asks, from a network namespace it
is asked inside, a cache keeps the answer, a recording gives back what was written, a volume has
nothing to say.  So a new question is a file in `queries/`, and changes no other.
"""

from __future__ import annotations

import os

from ec2rl.model import Evidence
from ec2rl.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Generic, TypeVar, Union

    from ec2rl.model import Unreadable

    T = TypeVar("T", covariant=True)
    Encoded = tuple[str, Mapping[str, Union[str, None]]]
else:
    T = None

    class Generic:
        """What `typing.Generic` is to the type checker."""

        def __class_getitem__(cls, _):
            return cls


class Query(Generic[T]):
    """A question whose answer is a `T`; a frozen record of what it is about."""

    @property
    def key(self) -> str:
        """Its name, for people and in recordings, as `ethtool -S eth0`."""
        raise NotImplementedError

    @property
    def kept(self) -> Query[Any]:
        """What is asked instead where the answer is to be kept: for an answer that is a stream."""
        return self

    def ask(self) -> T | Unreadable:
        """Ask this machine, in the network namespace of the calling thread."""
        raise NotImplementedError

    def encode(self, answer: Any) -> Encoded:
        """Write an answer down: a text, and notes that stand behind the key (None: no value)."""
        raise NotImplementedError

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> T:
        """Read what `encode` wrote, or a person. ValueError where it cannot be understood."""
        raise NotImplementedError


class JournalQuery(Query[T]):
    """A question that the files of a machine's journal answer, on a volume and on this machine."""

    def search(self, files: Sequence[tuple[str, int]]) -> T | Unreadable:
        """Look for the answer in files: names to show, and descriptors."""
        raise NotImplementedError

    def ask(self) -> T | Unreadable:
        from ec2rl.host.journal.search import in_journal_folders
        from ec2rl.host.live import JOURNALS

        return in_journal_folders(JOURNALS, self.search)


class RootQuery(Query[T]):
    """A question that is asked of the file system which a machine's root lies on."""

    def below(self, root: int) -> T | Unreadable:
        """Ask of the root that this descriptor is open at."""
        raise NotImplementedError

    def ask(self) -> T | Unreadable:
        root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            return self.below(root)
        finally:
            os.close(root)


class TextQuery(Query[Evidence]):
    """A question whose answer is a text."""

    def encode(self, answer: Evidence) -> Encoded:
        return encode_text(answer.text)

    def decode(self, source: str, text: str, notes: Mapping[str, str]) -> Evidence:
        return Evidence(source, decode_text(text, notes))


def encode_text(text: str) -> Encoded:
    """Write a text down without its last newline, or `exact` where it has none, or several."""
    plain = text.endswith("\n") and not text.endswith("\n\n") and text != "\n"
    return (text[:-1], {}) if plain else (text, {"exact": None})


def decode_text(text: str, notes: Mapping[str, str]) -> str:
    """Read what `encode_text` wrote."""
    return text if text.endswith("\n") or "exact" in notes else f"{text}\n"


@record(frozen=True)
class Answer:
    """An answer that is kept, with the question that knows how it is written down."""

    query: Query[Any]
    value: Any
