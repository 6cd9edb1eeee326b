#!/usr/bin/env python3
"""Does examples/nab_detect do what its comment says? Given: the program."""

import math
import subprocess
import sys
import tempfile
import unittest
from datetime import datetime, timedelta
from pathlib import Path

PROGRAM = sys.argv.pop(1)
SPIKE = 1500


def series():
    rows = []
    for row in range(2000):
        time = datetime(2020, 1, 1) + timedelta(minutes=5 * row)
        value = 10 + 3 * math.sin(row / 288 * 2 * math.pi) + 0.1 * (row * 7919 % 10)
        rows.append(f"{time},{value + (8 if row == SPIKE else 0):.4f}")
    return rows


def run(rows, header="timestamp,value"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "series.csv"
        path.write_text("\n".join([header, *rows, ""]))
        return subprocess.run([PROGRAM, str(path)], capture_output=True, text=True, timeout=120)


class NabDetect(unittest.TestCase):
    def test_scores_each_row_and_leaves_it_as_it_was(self):
        rows = series()
        first = run(rows)
        self.assertEqual(first.returncode, 0, first.stderr)
        lines = first.stdout.splitlines()
        self.assertEqual(lines[0], "timestamp,value,anomaly_score")
        self.assertEqual([line.rsplit(",", 1)[0] for line in lines[1:]], rows)
        scores = [float(line.rsplit(",", 1)[1]) for line in lines[1:]]
        self.assertEqual(scores.index(max(scores)), SPIKE)
        self.assertTrue(all(0 <= score < 1 for score in scores))
        self.assertEqual(run(rows).stdout, first.stdout)

    def test_looks_at_nothing_that_comes_later(self):
        rows = series()
        whole = run(rows).stdout.splitlines()
        self.assertEqual(run(rows[:1200]).stdout.splitlines(), whole[:1201])

    def test_a_row_that_cannot_be_read_is_named(self):
        rows = series()
        for bad in ("2020-01-01 00:00:00,abc", "yesterday,1", "2020-13-01 00:00:00,1", "no comma"):
            done = run([*rows[:3], bad])
            self.assertEqual(done.returncode, 1)
            self.assertIn("series.csv:5:", done.stderr)

    def test_a_missing_value_is_no_news_and_changes_nothing(self):
        rows = series()
        whole = run(rows).stdout.splitlines()
        missing = {300: "", 301: "nan", 700: "inf", 1499: "1e200", 1600: "-Infinity"}
        holed = []
        for row, text in enumerate(rows):
            if row in missing:
                holed.append(f"{text.split(',')[0]},{missing[row]}")
            holed.append(text)
        done = run(holed)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual([line.rsplit(",", 1)[0] for line in lines[1:]], holed)
        found = [line for line, text in zip(lines[1:], holed) if text in rows]
        self.assertEqual(found, whole[1:])
        self.assertEqual([line for line in lines[1:] if line not in found], [
            f"{text},0" for text in holed if text not in rows])

    def test_a_file_without_rows_has_no_scores(self):
        self.assertEqual(run([]).stdout, "timestamp,value,anomaly_score\n")


if __name__ == "__main__":
    unittest.main()
