#!/usr/bin/env python3
"""Each operation of ml/features/operations.h is compared with its definition in tests/ml/features/reference_cases.h."""

import re

import tree

OPERATIONS = "ml/features/operations.h"
CASES = "tests/ml/features/reference_cases.h"
DECLARED = re.compile(r"\[\[nodiscard\]\] (?:inline )?(?:auto|Operation<[^()]*>) (\w+)\(")
# Of which the others are made.
PARTS = {"category_counts", "of_pauses", "picked", "picked_by", "summary_of"}


def check(root):
    if not (root / OPERATIONS).is_file():
        return
    operations, inside = {}, False
    for number, line in tree.lines_of(root, OPERATIONS):
        inside = (inside or line.startswith("namespace agg {")) and not line.startswith("}  // namespace agg")
        if inside and (declared := DECLARED.match(line)):
            operations.setdefault(declared[1], number)
    if not operations:
        yield f"{OPERATIONS}:1: there are no operations in namespace agg"
    cases = ""
    if (root / CASES).is_file():
        cases = "\n".join(line.split("//")[0] for _, line in tree.lines_of(root, CASES))
    for name, number in operations.items():
        if name not in PARTS and not re.search(rf"\bCase\{{\s*{name}\(", cases):
            yield f"{OPERATIONS}:{number}: {name} is not compared with its definition in {CASES}"
    for name in sorted(PARTS - set(operations)):
        yield f"{OPERATIONS}:1: there is no {name}, which the check excepts"


if __name__ == "__main__":
    tree.run(check)
