"""The files of the project, and the way the checks of this folder speak.

A check is a program: `CHECK [ROOT]`, where ROOT is the project's root by default. It prints one line per finding, as
`path:line: what is wrong`, and fails if there was one.
"""

import pathlib
import subprocess
import sys

IGNORED = {".git", "build", ".kafka", ".cache", "__pycache__"}


def files_of(root):
    """Returns the project's files relative to root: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [pathlib.PurePosixPath(name.decode()) for name in listed.stdout.split(b"\0") if name]
        return sorted(name for name in names if (root / name).is_file())
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(pathlib.PurePosixPath(path) for path in found if not IGNORED.intersection(path.parts))


def lines_of(root, name):
    """Yields (number, line) of a text file; nothing for a file that is not text."""
    try:
        text = (root / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    yield from enumerate(text.splitlines(), start=1)


def run(check):
    """Runs check(root), which yields findings, as a program."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    findings = list(check(root))
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
