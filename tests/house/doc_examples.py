#!/usr/bin/env python3
"""Each example of a page that says where its examples are run is there as the page has it.

A page says so with "compiled and run as" and the names of tests, `tests/FILE_test.cc`, up to the end of the paragraph. An
example is a block of cpp; white space and comments do not count, and its includes may stand anywhere in the test.
"""

import re

import tree

SAYS = re.compile(r"compiled and run as(?P<tests>.*?)(?:\n\s*\n|\Z)", re.DOTALL)
TEST = re.compile(r"`(tests/[\w/.-]+\.cc)`")
BLOCK = re.compile(r"^```cpp\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
INCLUDE = re.compile(r"^\s*(#include.*)$", re.MULTILINE)
# A text that has slashes is no comment.
COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*')


def squeezed(code):
    without_comments = COMMENT.sub(lambda match: match.group(1) or "", code)
    return re.sub(r"\s+", "", without_comments)


def pieces(code):
    yield from (squeezed(include) for include in INCLUDE.findall(code))
    yield squeezed(INCLUDE.sub("", code))


def check(root):
    files = {str(name) for name in tree.files_of(root)}
    for page in sorted(name for name in files if re.fullmatch(r"docs/[\w-]+\.md", name)):
        text = (root / page).read_text(encoding="utf-8")
        says = SAYS.search(text)
        if says is None:
            continue
        line_of = lambda position: text.count("\n", 0, position) + 1
        tests = TEST.findall(says.group("tests"))
        missing = [test for test in tests if test not in files]
        for test in missing:
            yield f"{page}:{line_of(says.start())}: there is no file {test}"
        if not tests:
            yield f"{page}:{line_of(says.start())}: no test is named"
        sources = [squeezed((root / test).read_text(encoding="utf-8")) for test in tests if test not in missing]
        for block in BLOCK.finditer(text):
            code = block.group("code")
            if not any(all(piece in source for piece in pieces(code)) for source in sources):
                yield f"{page}:{line_of(block.start())}: the example is not in {' or '.join(tests) or 'a test'}"


if __name__ == "__main__":
    tree.run(check)
