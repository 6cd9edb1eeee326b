#!/usr/bin/env python3
"""Fails if the learners do worse on the Elec2 table than docs/online-learning.md says.

    elec2_score.py PROGRAM elec.csv

The table is not ours to ship: 45,312 rows of period, two prices, two demands, transfer, and the class.
"""

import re
import subprocess
import sys

# A little below what is measured; the second is what the forest's authors' test reaches elsewhere on the same columns.
LEAST = {"passive-aggressive": 0.915, "adaptive random forest, 10 trees": 0.855, "best": 0.915}


def main():
    done = subprocess.run(sys.argv[1:], capture_output=True, text=True, timeout=300, check=True)
    print(done.stdout)
    found = {name.split(":")[0].strip(): float(value) for name, value in
             re.findall(r"^(.*?) +accuracy (\d\.\d+)", done.stdout, re.M)}
    wrong = [f"{name}: {found.get(name)} is below {least}" for name, least in LEAST.items()
             if found.get(name, 0) < least]
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
