"""Start ec2rl: this file must be understood by every Python there ever was, to say no politely."""

import os
import sys

if sys.version_info < (3, 9):  # noqa: UP036
    sys.stderr.write("ec2rl needs Python 3.9 or newer; this is " + sys.version.split()[0] + "\n")
    sys.exit(69)


def start():
    # type: () -> int
    """Give the exit status: Python's own for a fault is 1, and 1 says that something was found."""
    try:
        import gc

        # This program lives for a moment and makes few cycles: looking for them costs 5 % of a
        # start.
        gc.disable()
        here = os.path.dirname(os.path.abspath(__file__))
        sys.dont_write_bytecode = not may_leave_bytecode(sys.argv, here)
        if not __package__:
            # Run as a file, in isolation: nothing but the standard library and our own folder is
            # searched.
            sys.path.insert(0, os.path.dirname(here))
            from ec2rl import kept

            kept.use(here)
        from ec2rl.cli import main

        return main()
    except KeyboardInterrupt:
        return 130
    except BaseException:
        fault = sys.exc_info()[1]
        say(fault)
        lacking = isinstance(fault, ImportError) and not (fault.name or "").startswith("ec2rl")
        return 69 if lacking else 70


def may_leave_bytecode(words, folder):
    # type: (list[str], str) -> bool
    """Tell whether Python may keep its bytecode beside our files, for a start in half the time.

    Only a run that saves its results may: nothing else that looks writes anything.  And only where
    there is room: Python 3.9 to 3.13 keep half a file where the disk is full, and cannot start from
    it any more.
    """
    if words[1:2] != ["run"] or "--no-save" in words:
        return False
    try:
        from resource import RLIM_INFINITY, RLIMIT_FSIZE, getrlimit

        room = os.statvfs(folder)
        unlimited = getrlimit(RLIMIT_FSIZE)[0] == RLIM_INFINITY
        return unlimited and room.f_bavail * room.f_frsize > 64 << 20
    except (ImportError, OSError):
        return False


def say(fault):
    # type: (object) -> None
    """Tell a fault in one line, with little memory and no file to be opened."""
    try:
        words = "ec2rl: cannot work: %s: %s\n" % (type(fault).__name__, fault)  # noqa: UP031
        os.write(2, words.encode("ascii", "backslashreplace"))
    except BaseException:  # noqa: S110
        pass  # nobody listens, or there is not even memory for that


# All words are out by now (`terminal.py` does not buffer): nothing is left to be torn down.
os._exit(start())
