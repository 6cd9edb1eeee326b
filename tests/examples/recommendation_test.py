#!/usr/bin/python3
"""Runs the recommendation example as a user does, and reads its report; then drives it wrongly.

    recommendation_test.py PROGRAM
"""

import re
import subprocess
import sys


def run(*arguments):
    """Returns the exit code and what was written to both streams."""
    done = subprocess.run(
        [sys.argv[1], *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False
    )
    print(done.stdout)
    return done.returncode, done.stdout


def figure(text, line):
    """Returns the first number of the line that begins so."""
    match = re.search(rf"^ *{line} *([0-9.]+)", text, re.MULTILINE)
    assert match, f"no line '{line}'"
    return float(match[1])


def main():
    for arguments in [["--clicks", "20000"], ["--clicks", "10000", "--seed", "5", "--exactly-once"]]:
        code, text = run(*arguments)
        assert code == 0
        assert figure(text, "recommendations") == figure(text, "clicks")
        assert figure(text, "sessions that ended") > 0.15 * figure(text, "clicks")
        assert figure(text, "recall") > 1.3 * figure(text, "by popularity") > 0

    for arguments, word in [(["--clicks", "0"], "--clicks"), (["--items", "3"], "--items")]:
        code, text = run(*arguments)
        assert code != 0 and word in text, arguments


if __name__ == "__main__":
    main()
