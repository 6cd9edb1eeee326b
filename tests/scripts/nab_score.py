#!/usr/bin/env python3
"""Scores a detector on the Numenta Anomaly Benchmark, as the benchmark does.

    nab_score.py --corpus DIR --detector build/release/examples/nab_detect
    nab_score.py --corpus DIR --results DIR      what a detector printed, one file per file of the corpus

A corpus is a folder with data/<category>/<file>.csv, labels/combined_windows.json and config/profiles.json. Rows before the
end of the probation (15 % of a file, at most 750 rows) count for nothing. A row whose score reaches the threshold counts: in a
window, what a sigmoid gives for how early it is there, the best of the window; elsewhere, as a false alarm, by how far it is
behind the last window. A window without such a row costs. One threshold, the best, is chosen for the whole corpus and each
profile. 0 is what a detector gets that says nothing, 100 one that marks each window's first row alone.

Beside it: how the threshold that is best for the other categories does on each category.
"""

import argparse
import csv
import json
import math
import pathlib
import subprocess
import sys
from datetime import datetime

PROBATION_SHARE = 0.15
PROBATION_ROWS = 750


def sigmoid(position):
    """-1 .. 1 for a position relative to a window's end and width: -1 is its start, 0 its end."""
    return -1.0 if position > 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


def probation_rows(rows):
    return int(min(PROBATION_SHARE * rows, PROBATION_ROWS))


def time_of(text):
    return datetime.fromisoformat(text.strip())


class Series:
    """A file's rows, each with what it counts if it is marked: (window or None, value)."""

    def __init__(self, name, times, windows):
        self.name = name
        self.category = name.split("/")[0]
        self.windows = len(windows)
        ranges = []
        for start, end in windows:
            inside = [row for row, time in enumerate(times) if start <= time <= end]
            if not inside:
                raise ValueError(f"{name}: a window without rows, {start} .. {end}")
            ranges.append((inside[0], inside[-1]))
        self.worth = []
        best = sigmoid(-1.0)
        behind, window = None, 0
        for row in range(len(times)):
            while window < len(ranges) and row > ranges[window][1]:
                behind = ranges[window]
                window += 1
            if window < len(ranges) and row >= ranges[window][0]:
                left, right = ranges[window]
                position = -(right - row + 1) / (right - left + 1)
                self.worth.append((window, sigmoid(position) / best))
            elif behind is None:
                self.worth.append((None, -1.0))
            else:
                left, right = behind
                self.worth.append((None, sigmoid((row - right) / max(right - left, 1))))
        self.scored_from = probation_rows(len(times))


def events(series, scores):
    """All (score, series, window, worth) by falling score."""
    found = []
    for one in series:
        if len(scores[one.name]) != len(one.worth):
            raise ValueError(f"{one.name}: {len(scores[one.name])} scores for {len(one.worth)} rows")
        for row in range(one.scored_from, len(one.worth)):
            window, worth = one.worth[row]
            found.append((scores[one.name][row], one.name, window, worth))
    found.sort(key=lambda event: -event[0])
    return found


def scores_by_threshold(series, scores, profile):
    """Yields (threshold, score before it is normalised) from a threshold that marks nothing downwards."""
    total = -profile["fnWeight"] * sum(one.windows for one in series)
    yield math.inf, total
    best = {}
    found = events(series, scores)
    for index, (score, name, window, worth) in enumerate(found):
        if window is None:
            total += profile["fpWeight"] * worth
        else:
            value = profile["tpWeight"] * worth
            before = best.get((name, window))
            if before is None:
                total += profile["fnWeight"] + value
            elif value > before:
                total += value - before
            best[(name, window)] = value if before is None else max(before, value)
        if index + 1 == len(found) or found[index + 1][0] != score:
            yield score, total


def normalised(total, series, profile):
    windows = sum(one.windows for one in series)
    null = -profile["fnWeight"] * windows
    perfect = profile["tpWeight"] * windows
    return 100.0 * (total - null) / (perfect - null)


def best_threshold(series, scores, profile):
    """Returns (threshold, score before it is normalised)."""
    return max(scores_by_threshold(series, scores, profile), key=lambda pair: pair[1])


def total_at(series, scores, profile, threshold):
    total = None
    for reached, value in scores_by_threshold(series, scores, profile):
        if reached < threshold:
            break
        total = value
    return total


def read_corpus(corpus):
    labels = json.loads((corpus / "labels" / "combined_windows.json").read_text())
    series = []
    for name in sorted(labels):
        path = corpus / "data" / name
        if not path.exists():
            continue
        with path.open(newline="") as file:
            times = [time_of(row["timestamp"]) for row in csv.DictReader(file)]
        series.append(Series(name, times, [(time_of(start), time_of(end)) for start, end in labels[name]]))
    return series


def read_scores(lines):
    return [float(row["anomaly_score"]) for row in csv.DictReader(lines)]


def detect(detector, corpus, series):
    scores = {}
    for one in series:
        path = corpus / "data" / one.name
        done = subprocess.run([detector, str(path)], stdout=subprocess.PIPE, text=True, timeout=600, check=True)
        scores[one.name] = read_scores(done.stdout.splitlines())
    return scores


def report(series, scores, profiles):
    """Prints the report and returns the score of the standard profile."""
    windows = sum(one.windows for one in series)
    print(f"{len(series)} files, {windows} windows")
    for name, settings in profiles.items():
        profile = settings["CostMatrix"]
        threshold, total = best_threshold(series, scores, profile)
        print(f"{name}: {normalised(total, series, profile):.2f} at threshold {threshold:.6f}")
    profile = profiles["standard"]["CostMatrix"]
    threshold, total = best_threshold(series, scores, profile)
    crossed = 0.0
    for category in sorted({one.category for one in series}):
        inside = [one for one in series if one.category == category]
        others = [one for one in series if one.category != category]
        here = total_at(inside, scores, profile, threshold)
        elsewhere, _ = best_threshold(others, scores, profile) if others else (threshold, None)
        there = total_at(inside, scores, profile, elsewhere)
        crossed += there
        if sum(one.windows for one in inside) == 0:
            print(f"  {category}: no windows; false alarms cost {-here:.2f}, at the others' threshold {-there:.2f}")
        else:
            print(f"  {category}: {normalised(here, inside, profile):.2f}, "
                  f"at the others' threshold {normalised(there, inside, profile):.2f}")
    print(f"each category at the others' threshold: {normalised(crossed, series, profile):.2f}")
    return normalised(total, series, profile)


def main():
    parser = argparse.ArgumentParser(description="Scores a detector on the Numenta Anomaly Benchmark.")
    parser.add_argument("--corpus", required=True, type=pathlib.Path)
    parser.add_argument("--detector", help="program that prints timestamp,value,anomaly_score for a file")
    parser.add_argument("--results", type=pathlib.Path, help="folder of what a detector printed")
    parser.add_argument("--least", type=float, help="fail if the standard profile's score is below")
    options = parser.parse_args()
    if not (options.corpus / "labels" / "combined_windows.json").exists():
        print(f"skipped: there is no corpus in {options.corpus}")
        return 0
    if (options.detector is None) == (options.results is None):
        parser.error("give either --detector or --results")
    series = read_corpus(options.corpus)
    if not series:
        print(f"skipped: the corpus in {options.corpus} has no data")
        return 0
    if options.detector:
        scores = detect(options.detector, options.corpus, series)
    else:
        scores = {one.name: read_scores((options.results / one.name).open(newline="")) for one in series}
    profiles = json.loads((options.corpus / "config" / "profiles.json").read_text())
    score = report(series, scores, profiles)
    if options.least is not None and score < options.least:
        print(f"the standard profile's score is below {options.least}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
