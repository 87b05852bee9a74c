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
        # Looking writes nothing; and on a full disk Python 3.9 to 3.13 leave half a file there, and
        # cannot start from it any more.
        sys.dont_write_bytecode = True
        if not __package__:
            # Run as a file, in isolation: nothing but the standard library and our own folder is
            # searched.
            sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
        from ec2rl.cli import main

        return main()
    except KeyboardInterrupt:
        return 130
    except BaseException:
        say(sys.exc_info()[1])
        return 70


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
