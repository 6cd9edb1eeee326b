#!/usr/bin/env python3
"""Does examples/prequential do what its comment says? Given: the program."""

import random
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = sys.argv.pop(1)


def run(text, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text(text)
        return subprocess.run([PROGRAM, str(path), *arguments], capture_output=True, text=True, timeout=120)


def table(names=("0", "1"), rows=3000):
    chance = random.Random(1)
    lines = ["a,b,c,class"]
    for _ in range(rows):
        values = [chance.random() for _ in range(3)]
        label = names[int(values[0] + 0.5 * values[1] > 0.8)]
        cells = ["" if chance.random() < 0.01 else f"{value:.4f}" for value in values]
        lines.append(",".join([*cells, label]))
    return "\n".join(lines) + "\n"


def accuracies(output):
    return {name.strip(): float(value) for name, value in re.findall(r"^(.*?) +accuracy (\d\.\d+)", output, re.M)}


class Prequential(unittest.TestCase):
    def test_learners_learn_and_the_best_is_named(self):
        done = run(table())
        self.assertEqual(done.returncode, 0, done.stderr)
        found = accuracies(done.stdout)
        for name, accuracy in found.items():
            if name.startswith("no change"):
                self.assertAlmostEqual(accuracy, 0.5, delta=0.1)
            elif not name.startswith("best"):
                self.assertGreater(accuracy, 0.8, name)
        best = re.search(r"^best: .*: accuracy (\d\.\d+)", done.stdout, re.M)
        others = [value for name, value in found.items() if not name.startswith(("best", "no change"))]
        self.assertEqual(float(best[1]), max(others))

    def test_costs_are_told_on_request(self):
        done = run(table(rows=500), "--time")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertGreaterEqual(len(re.findall(r"\d us per row$", done.stdout, re.M)), 7)
        self.assertNotIn("us per row", run(table(rows=500)).stdout)

    def test_classes_may_be_words(self):
        self.assertEqual(run(table(("DOWN", "UP"))).returncode, 0)

    def test_what_cannot_be_read_is_named(self):
        for bad, why in (("1,2,3,maybe", "two classes"), ("1,x,3,0", "no number"), ("1,2,0", "4 cells")):
            done = run(table(rows=10) + bad + "\n")
            self.assertEqual(done.returncode, 1)
            self.assertIn("table.csv:12:", done.stderr)
            self.assertIn(why, done.stderr)
        self.assertEqual(run("").returncode, 1)
        self.assertEqual(run("a,class\n").returncode, 1)


if __name__ == "__main__":
    unittest.main()
