#!/usr/bin/python3
"""Runs the fraud example as a user does, and reads its report.

    fraud_scoring_test.py PROGRAM [ARGUMENT...]
"""

import re
import subprocess
import sys


def figures(text, line):
    """Returns the numbers of the line that begins so."""
    match = re.search(rf"^ *{line} +(.*)$", text, re.MULTILINE)
    assert match, f"no line '{line}'"
    return [float(number) for number in re.findall(r"-?[0-9]+(?:\.[0-9]+)?", match[1])]


def main():
    run = subprocess.run(sys.argv[1:], check=True, stdout=subprocess.PIPE, text=True, timeout=240)
    text = run.stdout
    print(text)
    incoming = figures(text, "transactions in")[0]
    assert figures(text, "scored")[0] + figures(text, "dead letters")[0] == incoming

    recall, precision, _, _, model = figures(text, "before the drift")
    assert recall > 0.85 and precision > 0.85 and model == 1
    drifted, _, _, _, model = figures(text, "drifted, old model")
    assert drifted < recall - 0.15 and model == 1, "the drift hurts nobody"
    after, precision, _, _, model = figures(text, "after the swap")
    assert after > drifted + 0.03 and precision > 0.8 and model == 2, "the second model is no better"

    # The same, as it was known on the way.
    versions = re.findall(r"^ *model ([0-9]+), labels of days .* recall ([0-9.]+)", text, re.MULTILINE)
    assert {version for version, _ in versions} == {"1", "2"}, versions
    assert float(versions[0][1]) > 0.8
    drifts = re.findall(r"^ *([a-z_]+) drifts from day ([0-9]+) on", text, re.MULTILINE)
    days = {name: int(day) for name, day in drifts}
    assert 9 <= days["amount_to_usual"] <= 11 and 9 <= days["card_present"] <= 11, drifts


if __name__ == "__main__":
    main()
