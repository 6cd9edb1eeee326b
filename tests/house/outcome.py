#!/usr/bin/env python3
"""What runs of ctest have left, for the summary of `./dev test`: `outcome.py FOLDER` reads the JUnit files in FOLDER.

It prints three numbers (passed, failed, skipped), and then a line for each test that failed and each reason of a skip.
A case that a program skipped counts as skipped, beside the program that passed.
"""

import pathlib
import re
import sys

TEST = re.compile(r'\s*<testcase name="(?P<name>[^"]*)".* status="(?P<status>[^"]*)"')
SKIPPED_CASE = re.compile(r"\[  SKIPPED \] .* ms\)")
REASON = re.compile(r"(?:\s*<system-out>)?(skipped: .*)")


def outcome(folder):
    counts = {"run": 0, "fail": 0, "skipped": 0}
    failed, reasons = [], set()
    for results in sorted(folder.glob("*.xml")):
        status = None
        # Line by line: a program's output may hold what no XML parser accepts.
        for line in results.read_text(encoding="utf-8", errors="replace").splitlines():
            if begins := TEST.match(line):
                status = begins["status"] if begins["status"] in counts else "skipped"
                counts[status] += 1
                if status == "fail":
                    failed.append(f"failed: {begins['name']} ({results.stem})")
            elif status == "run" and SKIPPED_CASE.search(line):
                counts["skipped"] += 1
            if said := REASON.fullmatch(line):
                reasons.add(said[1])
    return [f"{counts['run']} {counts['fail']} {counts['skipped']}", *failed, *sorted(reasons)]


if __name__ == "__main__":
    print(*outcome(pathlib.Path(sys.argv[1])), sep="\n")
