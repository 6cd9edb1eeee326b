#!/usr/bin/python3
"""Runs the maintenance example as a user does, and reads its report; then drives it wrongly.

    maintenance_test.py PROGRAM
"""

import pathlib
import re
import subprocess
import sys
import tempfile


def run(*arguments):
    """Returns the exit code and what was written to both streams."""
    done = subprocess.run(
        [sys.argv[1], *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False
    )
    print(done.stdout)
    return done.returncode, done.stdout


def figures(text, line):
    """Returns the numbers of the line that begins so."""
    match = re.search(rf"^ *{line} +(.*)$", text, re.MULTILINE)
    assert match, f"no line '{line}'"
    return [float(number) for number in re.findall(r"-?[0-9]+(?:\.[0-9]+)?", match[1])]


def main():
    for arguments in [["--units", "40"], ["--units", "20", "--seed", "5", "--exactly-once"]]:
        code, text = run(*arguments)
        assert code == 0
        assert figures(text, "forecasts")[0] == figures(text, "readings")[0]
        for line in ["all readings", "the last 50 of each unit"]:
            rmse, rmse_by_age, cost, cost_by_age = figures(text, line)[-4:]
            assert rmse < 15 and rmse < rmse_by_age / 1.5, line
            assert cost < 10 and cost < cost_by_age / 5, line
        warned, units, ahead, *_ = figures(text, "warned before failing")
        assert warned >= 0.95 * units and 5 < ahead < 40
        # The detectors, which know of no failure.
        noticed, units, ahead, *_ = figures(text, "unlike themselves")
        assert noticed >= 0.9 * units and 40 < ahead < 125
        early, healthy, *_ = figures(text, "alarms too early")
        assert healthy > 1000 and early < 0.01 * healthy

    for arguments, word in [
        (["--units", "0"], "--units"),
        (["--soon", "900"], "--soon"),
        (["--model", "/no/such/model"], "--model"),
    ]:
        code, text = run(*arguments)
        assert code != 0 and word in text, arguments
    with tempfile.TemporaryDirectory() as folder:
        other = pathlib.Path(__file__).with_name("other_features.json")
        code, text = run("--model", str(other), "--state-dir", folder)
        assert code == 1 and "was not trained on the features" in text


if __name__ == "__main__":
    main()
