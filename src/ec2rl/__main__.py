"""Start ec2rl: this file must be understood by every Python there ever was, to say no politely."""

import sys

if sys.version_info < (3, 9):  # noqa: UP036
    sys.stderr.write("ec2rl needs Python 3.9 or newer; this is " + sys.version.split()[0] + "\n")
    sys.exit(69)

if not __package__:
    import os

    # Run as a file, in isolation: nothing but the standard library and our own folder is searched.
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from ec2rl.cli import main

sys.exit(main())
