#!/usr/bin/env python3
"""Makes a corpus of the Numenta Anomaly Benchmark into another one, to see what a detector takes for granted.

    nab_perturb.py --corpus DIR --into DIR --how means-of-3

The events stay where they were, so the labels do too; nab_score.py scores the result like any corpus.
"""

import argparse
import csv
import json
import pathlib
import random
import shutil
from datetime import datetime


def values(change):
    return lambda rows, windows, chance: ([(time, change(value)) for time, value in rows], windows)


def every(count):
    return lambda rows, windows, chance: (rows[::count], windows)


def means_of(count):
    def change(rows, windows, chance):
        groups = [rows[first:first + count] for first in range(0, len(rows), count)]
        return [(group[0][0], sum(value for _, value in group) / len(group)) for group in groups], windows

    return change


def stretched(factor):
    def change(rows, windows, chance):
        def at(time):
            return rows[0][0] + (time - rows[0][0]) * factor

        return [(at(time), value) for time, value in rows], [(at(start), at(end)) for start, end in windows]

    return change


def with_gaps(rows, windows, chance):
    kept, skipped = [], 0
    for row in rows:
        if skipped == 0 and chance.random() < 0.002:
            skipped = chance.randint(5, 60)
        if skipped > 0:
            skipped -= 1
        else:
            kept.append(row)
    return kept, windows


def uneven(rows, windows, chance):
    step = rows[1][0] - rows[0][0]
    return sorted((time + chance.uniform(0, 0.9) * step, value) for time, value in rows), windows


WAYS = {
    "upside-down": values(lambda value: -value),
    "a-million-higher": values(lambda value: value + 1e6),
    "a-million-times": values(lambda value: value * 1e6),
    "a-millionth": values(lambda value: value * 1e-6),
    "two-digits": values(lambda value: float(f"{value:.2g}")),
    "every-second": every(2),
    "means-of-2": means_of(2),
    "means-of-3": means_of(3),
    "means-of-6": means_of(6),
    "three-times-slower": stretched(3),
    "twelve-times-slower": stretched(12),
    "five-times-faster": stretched(0.2),
    "gaps": with_gaps,
    "uneven": uneven,
}


def perturbed(rows, windows, how, name):
    """Returns rows and windows; chance depends on the file's name alone. A window without rows is dropped."""
    rows, windows = WAYS[how](rows, windows, random.Random(name))
    return rows, [(start, end) for start, end in windows if any(start <= time <= end for time, _ in rows)]


def main():
    parser = argparse.ArgumentParser(description="Makes a corpus of the Numenta Anomaly Benchmark into another.")
    parser.add_argument("--corpus", required=True, type=pathlib.Path)
    parser.add_argument("--into", required=True, type=pathlib.Path)
    parser.add_argument("--how", required=True, choices=sorted(WAYS))
    options = parser.parse_args()
    labels = json.loads((options.corpus / "labels" / "combined_windows.json").read_text())
    for name in sorted(labels):
        source = options.corpus / "data" / name
        if not source.exists():
            continue
        with source.open(newline="") as file:
            rows = [(datetime.fromisoformat(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)]
        windows = [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in labels[name]]
        rows, windows = perturbed(rows, windows, options.how, name)
        target = options.into / "data" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("timestamp,value\n" + "".join(f"{time},{value!r}\n" for time, value in rows))
        labels[name] = [[str(start), str(end)] for start, end in windows]
    (options.into / "labels").mkdir(parents=True, exist_ok=True)
    (options.into / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    shutil.copytree(options.corpus / "config", options.into / "config", dirs_exist_ok=True)


if __name__ == "__main__":
    main()
