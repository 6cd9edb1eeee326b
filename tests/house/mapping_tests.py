#!/usr/bin/env python3
"""Each row of docs/from-kafka-streams.md names tests that exist, or says why the thing is absent.

The tests that tests/sim/field-bugs.md names exist as well; a row of it may have no test but a simulation.

A test is named as `FILE::TEST`, FILE below tests/: TEST is Suite.Name of a test in it or, in tests/oracle, a topology that
it registers.
"""

import re

import tree

MAPPING = "docs/from-kafka-streams.md"
FIELD_BUGS = "tests/sim/field-bugs.md"
NAMED = re.compile(r"`([\w/-]+\.cc)::([\w.-]+)`")


def exists(text, path, test):
    if path.startswith("tests/oracle/"):
        return f'{{"{test}"' in text
    suite, _, name = test.partition(".")
    return re.search(rf"TEST(_F|_P)?\(\s*{suite},\s*{name}\s*\)", text) is not None


def check(root):
    files = {str(name) for name in tree.files_of(root)}
    texts = {}
    for mapping in (MAPPING, FIELD_BUGS):
        if mapping not in files:
            continue
        for number, line in tree.lines_of(root, mapping):
            cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
            if not line.startswith("|") or line.startswith(("|---", "| Kafka Streams |")):
                continue
            named = NAMED.findall(line)
            if mapping == MAPPING and not named and not any(cell.startswith("absent: ") for cell in cells):
                yield f"{mapping}:{number}: the row names no test and does not say why the thing is absent"
            for file, test in named:
                path = f"tests/{file}"
                if path not in files:
                    yield f"{mapping}:{number}: there is no file {path}"
                    continue
                if path not in texts:
                    texts[path] = (root / path).read_text(encoding="utf-8")
                if not exists(texts[path], path, test):
                    yield f"{mapping}:{number}: there is no test {test} in {path}"


if __name__ == "__main__":
    tree.run(check)
