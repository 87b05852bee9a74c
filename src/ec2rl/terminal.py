"""Where words go: results to standard output, talk to standard error."""

from __future__ import annotations

import os
import sys


class Terminal:
    """The two streams of a command; `colour` is whether results may be coloured."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.colour = False
        self._talks = _is_terminal(2) and environment.get("TERM", "dumb") != "dumb"
        self._progress = False
        self.closed = False
        self.lost = False
        """Whether results could not be printed, for another reason than that the reader left."""
        self.aside = False
        """Whether what is said in words is no result: the answer is one document (`answer`)."""
        self.said: list[str] = []
        """What was told of that is no result, for a document that says why nothing was done."""

    def choose_colour(self, when: str) -> None:
        """Colour `always`, `never`, or (`auto`) where a person reads; see no-color.org."""
        plain = "NO_COLOR" in self.environment or self.environment.get("TERM", "dumb") == "dumb"
        self.colour = when == "always" or (when == "auto" and _is_terminal(1) and not plain)

    @property
    def width(self) -> int | None:
        """Columns of the terminal that results are shown on, as COLUMNS says or it tells itself.

        None where they go elsewhere.
        """
        if not _is_terminal(1):
            return None
        said = self.environment.get("COLUMNS", "")
        if said.isascii() and said.isdecimal() and 0 < len(said) < 5 and int(said):
            return int(said)
        try:
            return os.get_terminal_size(1).columns or 80
        except OSError:
            return 80

    def out(self, text: str) -> None:
        """Print results, whatever the locale can show; a reader who has left is no fault."""
        if self.aside:
            self._tell(text.rstrip("\n"))
        else:
            self.answer(text)

    def answer(self, text: str) -> None:
        """Print what is a result whatever else is said aside."""
        self._clear()
        if self.closed:
            return
        try:
            _write(1, text, getattr(sys.stdout, "encoding", None))
        except BrokenPipeError:
            self.closed = True
        except OSError as error:
            self.closed = self.lost = True
            self.say(f"results not shown: {os.strerror(error.errno or 0)}")

    def say(self, text: str) -> None:
        """Tell the user something that is no result."""
        self.said.append(text)
        self._tell(text)

    def _tell(self, text: str) -> None:
        from ec2rl.report.escape import printable

        self._clear()
        try:
            _write(2, f"ec2rl: {printable(text)}\n", getattr(sys.stderr, "encoding", None))
        except OSError:
            self._talks = False  # nobody listens

    @property
    def asks(self) -> bool:
        """Whether there is a person to ask."""
        return _is_terminal(0)

    @property
    def shows(self) -> bool:
        """Whether results could be printed until now, and their reader is still there."""
        import select

        ready = select.poll()
        ready.register(1, 0)
        return not self.closed and not ready.poll(0)

    @property
    def size(self) -> tuple[int, int] | None:
        """Columns and rows of the terminal, where a person reads at one and answers there."""
        if not (self.asks and _is_terminal(1)):
            return None
        try:
            columns, rows = os.get_terminal_size(1)
        except OSError:
            return None
        return columns or 80, rows or 24

    def ask(self, question: str) -> str | None:
        """Put a question to the person at the terminal; None where the terminal has gone.

        What was typed before the question was there is no answer to it.
        """
        import termios

        self._clear()
        try:
            termios.tcflush(0, termios.TCIFLUSH)
            _write(2, question, getattr(sys.stderr, "encoding", None))
            return os.read(0, 256).decode("ascii", "replace")
        except (OSError, termios.error):
            return None

    def progress(self, text: str) -> None:
        """Show, on a terminal only, what is being waited for; the next words replace it."""
        if self._talks:
            self._clear()
            try:
                columns = os.get_terminal_size(2).columns or 80
                _write(2, text[: columns - 1], "ascii")
                self._progress = True
            except OSError:
                self._talks = False  # the terminal has hung up

    def _clear(self) -> None:
        if self._progress:
            self._progress = False
            try:
                _write(2, "\r\x1b[K", "ascii")
            except OSError:
                self._talks = False


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


def _write(fd: int, text: str, encoding: str | None) -> None:
    data = memoryview(text.encode(encoding or "ascii", "backslashreplace"))
    while data:
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            import select

            ready = select.poll()
            ready.register(fd, select.POLLOUT)
            ready.poll()
