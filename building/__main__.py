"""Build a release: `./release --help` says how."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from building import sources
from building.bill import bill
from building.deb import deb
from building.one_file import one_file
from building.rpm import rpm
from building.wheel import wheel

_SUMS = "SHA256SUMS"
_NAME = "ec2rl"
"""The namespace of the signature, and who has signed."""

_HOW = """\
To check it, with the public key that you know to be the maintainers' in FILE.pub:

    (printf 'ec2rl '; cat FILE.pub) > allowed
    ssh-keygen -Y verify -f allowed -I ec2rl -n ec2rl -s SHA256SUMS.sig < SHA256SUMS &&
        sha256sum -c SHA256SUMS
"""


def main(words: Sequence[str]) -> int:
    """0 built; 1 the tree is not committed, or something could not be made; 2 a wrong option."""
    asked = _asked(words)
    if not asked.dirty and sources.git("status", "--porcelain", "--", "src", "ec2rl", "building"):
        print("release: the tree is not what was committed (--dirty builds it)", file=sys.stderr)
        return 1
    names, version, when = sources.shipped(), sources.version(), sources.commit_time()
    out = Path(asked.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    pythons = sources.pythons()

    def alone(folder: Path, names: list[str], _: str, when: int) -> Path:
        target = folder / "ec2rl"
        one_file(target, names, pythons, when)
        return target

    forms: dict[str, tuple[str, Callable[[Path, list[str], str, int], Path]]] = {
        "one-file": ("", alone),
        "wheel": ("", wheel),
        "deb": ("dpkg-deb", deb),
        "rpm": ("rpmbuild", rpm),
    }
    made = []
    for form in asked.form or forms:
        needs, make = forms[form]
        if needs and shutil.which(needs) is None:
            print(f"release: no {form}: there is no {needs} here", file=sys.stderr)
            if asked.form:
                return 1
            continue
        made.append(make(out, names, version, when))
        shutil.rmtree(out / form, ignore_errors=True)
        print(made[-1])
    described = out / f"ec2rl-{version}.cdx.json"
    described.write_text(bill(names, made, version, when))
    sums = out / _SUMS
    lines = (f"{_digest(path)}  {path.name}\n" for path in [*made, described])
    sums.write_text("".join(lines))
    print(f"{described}\n{sums}")
    if asked.key:
        _sign(sums, asked.key)
    return 0


def _asked(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="./release",
        description="Build what is released, the same bytes each time, from what is committed.",
        epilog=_HOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    forms = ["one-file", "wheel", "deb", "rpm", []]
    told = "what to build (all that this system has the programs for)"
    parser.add_argument("form", nargs="*", choices=forms, help=told)
    parser.add_argument("--out", default="dist", help="the folder to write into (dist)")
    parser.add_argument("--key", help="sign the checksums with this key of ssh")
    parser.add_argument("--dirty", action="store_true", help="build what is not committed, too")
    return parser.parse_args(words)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _sign(sums: Path, key: str) -> None:
    (sums.parent / f"{sums.name}.sig").unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", _NAME, sums], check=True)
    print(f"{sums}.sig\n\n{_HOW}", end="")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
