"""Start ec2rl: this file must be understood by every Python there ever was, to say no politely."""

import os
import sys

if sys.version_info < (3, 9):  # noqa: UP036
    sys.stderr.write("ec2rl needs Python 3.9 or newer; this is " + sys.version.split()[0] + "\n")
    sys.exit(69)

import gc

# This program lives for a moment and makes few cycles: looking for them costs 5 % of a start.
gc.disable()

if not __package__:
    # Run as a file, in isolation: nothing but the standard library and our own folder is searched.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ec2rl.cli import main  # noqa: E402

# All words are out by now (`terminal.py` does not buffer): nothing is left to be torn down.
os._exit(main())
