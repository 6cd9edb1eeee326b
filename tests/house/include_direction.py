#!/usr/bin/env python3
"""Nothing looks the other way: core <- state <- operators <- ml, and a library is included by its own room alone.

The build enforces a part of it, since a room sees only the headers of what it links. This check also covers what one
room keeps to itself, and says which line is wrong.
"""

import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')

# A room and the rooms it may use, itself among them.
USES = {
    "core": ["core"],
    "state": ["core", "state"],
    "operators": ["core", "state", "operators"],
    "ml": ["core", "state", "operators", "ml"],
}

# What an include begins with, and the one place that may say so.
OWNERS = [
    ("librdkafka/", "core/kafka/"),
    ("rdkafka", "core/kafka/"),
    ("rocksdb/", "state/"),
    ("google/protobuf/", "core/protobuf_serde.h"),
    ("httplib.h", "core/server/"),
    ("prometheus/", "core/server/"),
    # The Kafka client keeps its insides to itself; connect.h is the way to it.
    ("weir/core/kafka/", "core/kafka/"),
    # Helpers for tests are for tests, and for the users' tests.
    ("weir/core/testing/", "core/testing/"),
]
SHOWN = {"weir/core/kafka/kafka_transport.h"}

# Examples use what users have. These they would not think of, or not get.
NOT_FOR_EXAMPLES = ("librdkafka/", "rdkafka", "rocksdb/", "weir/core/kafka/", "gtest/", "gmock/", "benchmark/", "../")


def problem_of_room(name, quote, included):
    room = name.parts[0]
    if quote == '"':
        return f'a room\'s includes are spelled <weir/...>, not "{included}"'
    other = re.match(r"weir/([^/]+)/", included)
    if other and other[1] not in USES[room]:
        return f"{room} may not look at {other[1]}: <{included}>"
    if included == "weir/weir.h":
        return f"<{included}> is for users; {room} includes the headers it needs"
    for beginning, owner in OWNERS:
        if included.startswith(beginning) and included not in SHOWN and not str(name).startswith(owner):
            return f"<{included}> belongs to {owner} alone"
    return None


def problem_of_example(quote, included):
    if included.startswith(NOT_FOR_EXAMPLES):
        return f"an example uses only what users have, not {included}"
    if quote == "<" and included.startswith("weir/") and ".." in included:
        return f"an example includes headers by their name: {included}"
    return None


def check(root):
    for name in tree.files_of(root):
        if name.suffix not in (".h", ".cc") or name.parts[0] not in [*USES, "examples"]:
            continue
        for number, line in tree.lines_of(root, name):
            include = INCLUDE.match(line)
            if not include:
                continue
            if name.parts[0] == "examples" or name.parts[:2] == ("ml", "cli"):
                problem = problem_of_example(*include.groups())
            else:
                problem = problem_of_room(name, *include.groups())
            if problem:
                yield f"{name}:{number}: {problem}"


if __name__ == "__main__":
    tree.run(check)
