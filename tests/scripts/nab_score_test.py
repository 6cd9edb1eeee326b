#!/usr/bin/env python3
"""Does nab_score.py count as the benchmark does? Small cases by hand."""

import math
import unittest
from datetime import datetime, timedelta

import nab_perturb
import nab_score

STANDARD = {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.11, "tnWeight": 1.0}
START = datetime(2020, 1, 1)


def times(count):
    return [START + timedelta(minutes=5 * row) for row in range(count)]


def series(count, *windows, name="some/file.csv"):
    return nab_score.Series(name, times(count), [(times(count)[left], times(count)[right]) for left, right in windows])


def score(one, marked, rows):
    scores = {one.name: [1.0 if row in marked else 0.0 for row in range(rows)]}
    return nab_score.total_at([one], scores, STANDARD, 0.5)


class Sigmoid(unittest.TestCase):
    def test_falls_from_a_windows_start_over_its_end(self):
        self.assertAlmostEqual(nab_score.sigmoid(-1.0), 0.98661, places=5)
        self.assertEqual(nab_score.sigmoid(0.0), 0.0)
        self.assertAlmostEqual(nab_score.sigmoid(1.0), -0.98661, places=5)
        self.assertEqual(nab_score.sigmoid(3.1), -1.0)


class Score(unittest.TestCase):
    def test_nothing_marked_misses_every_window(self):
        one = series(100, (50, 59), (80, 89))
        self.assertEqual(score(one, [], 100), -2.0)

    def test_the_first_row_of_a_window_is_worth_all(self):
        one = series(100, (50, 59))
        self.assertAlmostEqual(score(one, [50], 100), 1.0)

    def test_later_rows_are_worth_less_and_only_the_best_counts(self):
        one = series(100, (50, 59))
        expected = nab_score.sigmoid(-5 / 10) / nab_score.sigmoid(-1.0)
        self.assertAlmostEqual(score(one, [55], 100), expected)
        self.assertAlmostEqual(score(one, [55, 56, 59], 100), expected)

    def test_false_alarms_cost_by_their_distance_behind_a_window(self):
        one = series(200, (50, 59))
        self.assertAlmostEqual(score(one, [40], 200), -1.0 - 0.11)
        self.assertAlmostEqual(score(one, [62], 200), -1.0 + 0.11 * nab_score.sigmoid(3 / 9))
        self.assertAlmostEqual(score(one, [150, 151], 200), -1.0 - 2 * 0.11)

    def test_the_probation_counts_for_nothing(self):
        one = series(100, (50, 59))
        self.assertEqual(score(one, list(range(15)), 100), -1.0)
        self.assertAlmostEqual(score(one, [15], 100), -1.11)
        self.assertEqual(nab_score.probation_rows(10_000), 750)


class Threshold(unittest.TestCase):
    def test_the_best_for_all_files_is_chosen(self):
        first = series(100, (50, 59), name="a/1.csv")
        second = series(100, (50, 59), name="b/2.csv")
        scores = {"a/1.csv": [0.0] * 100, "b/2.csv": [0.0] * 100}
        scores["a/1.csv"][50] = 0.9
        scores["b/2.csv"][50] = 0.6
        for row in range(60, 100):  # more false alarms than the second window is worth
            scores["a/1.csv"][row] = 0.5
        threshold, total = nab_score.best_threshold([first, second], scores, STANDARD)
        self.assertEqual(threshold, 0.6)
        self.assertAlmostEqual(total, 2.0)
        self.assertAlmostEqual(nab_score.normalised(total, [first, second], STANDARD), 100.0)

    def test_saying_nothing_is_a_threshold_too(self):
        one = series(2000, (1900, 1909))
        scores = {one.name: [1.0] * 2000}
        threshold, total = nab_score.best_threshold([one], scores, STANDARD)
        self.assertEqual((threshold, total), (math.inf, -1.0))
        self.assertEqual(nab_score.normalised(total, [one], STANDARD), 0.0)

    def test_rows_of_one_score_are_marked_together(self):
        one = series(100, (50, 59))
        scores = {one.name: [0.7 if row in (40, 50) else 0.0 for row in range(100)]}
        threshold, total = nab_score.best_threshold([one], scores, STANDARD)
        self.assertEqual(threshold, 0.7)
        self.assertAlmostEqual(total, 1.0 - 0.11)

    def test_scores_must_fit_the_rows(self):
        one = series(100, (50, 59))
        with self.assertRaises(ValueError):
            nab_score.best_threshold([one], {one.name: [0.0] * 99}, STANDARD)


class Perturbed(unittest.TestCase):
    def test_events_stay_where_they_were(self):
        rows = [(time, 10.0 + (row % 7)) for row, time in enumerate(times(600))]
        rows[300] = (rows[300][0], 99.0)
        windows = [(rows[290][0], rows[320][0])]
        for how in nab_perturb.WAYS:
            with self.subTest(how):
                changed, moved = nab_perturb.perturbed(rows, windows, how, "some/file.csv")
                self.assertEqual((changed, moved), nab_perturb.perturbed(rows, windows, how, "some/file.csv"))
                self.assertEqual(sorted(changed), changed)
                middle = sorted(value for _, value in changed)[len(changed) // 2]
                odd = max(changed, key=lambda row: abs(row[1] - middle))
                self.assertEqual(len(moved), 1)
                self.assertTrue(moved[0][0] <= odd[0] <= moved[0][1])


if __name__ == "__main__":
    unittest.main()
