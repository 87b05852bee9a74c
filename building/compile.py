"""Compile the package: `python compile.py ROOT < names` writes each module's code to stdout.

Run by each Python for itself.  What is written is one value of `marshal`: the bytecode's mark, and
a dict from each module's name to whether it is a package and its code.
"""

import marshal
import sys
from os.path import join


def compiled(root, names):
    # type: (str, list[str]) -> bytes
    """Give the code of these files below a folder; of a file that is no Python, nothing."""
    found = {}
    for name in names:
        if not name.endswith(".py"):
            continue
        with open(join(root, name), "rb") as file:
            code = compile(file.read(), name, "exec", dont_inherit=True)
        module = name[: -len(".py")].replace("/", ".")
        package = module.endswith(".__init__")
        found[module[: -len(".__init__")] if package else module] = (package, marshal.dumps(code))
    mark = sys.modules["_frozen_importlib_external"].MAGIC_NUMBER[:2].hex()
    return marshal.dumps((mark, found))


if __name__ == "__main__":
    sys.stdout.buffer.write(compiled(sys.argv[1], sys.stdin.read().split("\n")))
