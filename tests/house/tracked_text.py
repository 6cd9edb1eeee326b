#!/usr/bin/env python3
"""What no file of the project may hold: a path of somebody's machine, a mark of unfinished work, a check that vanishes.

`assert` and NDEBUG are for nobody: WEIR_CHECK holds in every build, so that all builds behave alike.
"""

import re

import tree

# An absolute path into a home or a work folder; not one that only ends like that, as in "docs/home/".
MACHINE_PATH = re.compile(r"(?<![\w.$})/~-])/(?:work|home|root|Users)/[\w.]")
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
VANISHING_CHECK = re.compile(r"(?<!\w)assert\s*\(|\bNDEBUG\b|<cassert>|<assert\.h>")

ROOMS = ("core", "state", "operators", "ml")


def check(root):
    for name in tree.files_of(root):
        code = name.suffix in (".h", ".cc")
        for number, line in tree.lines_of(root, name):
            if path := MACHINE_PATH.search(line):
                yield f"{name}:{number}: a path of one machine: {line[path.start():].split()[0]}"
            if mark := UNFINISHED.search(line):
                yield f"{name}:{number}: unfinished: {mark[0]}"
            if code and name.parts[0] in ROOMS and VANISHING_CHECK.search(line):
                yield f"{name}:{number}: use WEIR_CHECK, which holds in every build: {line.strip()}"


if __name__ == "__main__":
    tree.run(check)
