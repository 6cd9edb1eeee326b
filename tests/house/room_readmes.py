#!/usr/bin/env python3
"""Each room has a README.md of its own: what it owns, its main types, where to start reading."""

import tree

ROOMS = ["core", "state", "operators", "ml", "examples", "tests", "bench", "docs"]
# Rooms of their own where they exist.
FLOORS = ["core/kafka", "core/embedded", "core/testing", "core/server", "ml/anomaly", "ml/async", "ml/cleaning",
          "ml/features", "ml/feedback", "ml/inference", "ml/monitoring", "ml/online", "ml/registry", "ml/sketches"]


def check(root):
    files = {str(name) for name in tree.files_of(root)}
    for room in ROOMS + FLOORS:
        exists = any(name.startswith(room + "/") for name in files)
        if not exists and room in FLOORS:
            continue
        readme = f"{room}/README.md"
        if readme not in files:
            yield f"{readme}:1: the room {room}/ has no README.md"
        elif sum(1 for _, line in tree.lines_of(root, readme) if line.strip()) < 5:
            yield f"{readme}:1: too short to say what the room owns, its main types and where to start reading"


if __name__ == "__main__":
    tree.run(check)
