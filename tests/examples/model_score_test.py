#!/usr/bin/env python3
"""Does the example model_score read what its header says, and say what is wrong? Run as: model_score_test.py PROGRAM."""

import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""


def stump(objective="reg:squarederror", features=2):
    """A model of XGBoost: feature 0 below 0.5 says 1, otherwise 2.5; missing goes left."""
    tree = {
        "id": 0,
        "left_children": [1, -1, -1],
        "right_children": [2, -1, -1],
        "split_indices": [0, 0, 0],
        "split_conditions": [0.5, 1, 2.5],
        "default_left": [1, 0, 0],
        "split_type": [0, 0, 0],
        "tree_param": {"num_nodes": "3", "num_feature": str(features), "size_leaf_vector": "1"},
    }
    return {
        "version": [2, 0, 3],
        "learner": {
            "feature_names": [],
            "objective": {"name": objective},
            "learner_model_param": {"num_feature": str(features), "num_class": "0", "base_score": "5E-1"},
            "gradient_booster": {
                "name": "gbtree",
                "model": {"gbtree_model_param": {"num_trees": "1"}, "tree_info": [0], "trees": [tree]},
            },
        },
    }


LIGHTGBM = """tree
version=v4
num_class=1
num_tree_per_iteration=1
max_feature_idx=1
objective=binary sigmoid:1
feature_names=a b

Tree=0
num_leaves=2
num_cat=0
split_feature=1
threshold=0.10000000000000001
decision_type=8
left_child=-1
right_child=-2
leaf_value=0.1 -2


end of trees
"""


class ModelScore(unittest.TestCase):
    def setUp(self):
        self.place = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.place.name)

    def tearDown(self):
        self.place.cleanup()

    def run_on(self, model, rows, *arguments):
        path = self.folder / ("model.txt" if isinstance(model, str) else "model.json")
        path.write_text(model if isinstance(model, str) else json.dumps(model), encoding="utf-8")
        (self.folder / "rows.csv").write_bytes(rows if isinstance(rows, bytes) else rows.encode())
        command = [PROGRAM, path, self.folder / "rows.csv", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def scores(self, model, rows, *arguments):
        ran = self.run_on(model, rows, *arguments)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        return ran.stdout.splitlines()

    def complaint(self, model, rows, *arguments):
        ran = self.run_on(model, rows, *arguments)
        self.assertEqual(ran.returncode, 1)
        self.assertTrue(ran.stderr.startswith("model_score: "), ran.stderr)
        return ran.stderr.replace(str(self.folder) + "/", "").removeprefix("model_score: ").strip()

    def test_prints_a_line_per_row(self):
        self.assertEqual(self.scores(stump(), "0.25,1\n0.5,1\n"), ["1.5", "3"])
        self.assertEqual(self.scores(stump(), ""), [])

    def test_takes_empty_cells_and_nan_for_missing(self):
        self.assertEqual(self.scores(stump(), ",1\n nan ,\nNaN,NAN\n, \n"), ["1.5"] * 4)

    def test_reads_infinities_signs_and_exponents(self):
        self.assertEqual(self.scores(stump(), "inf,0\n-inf,0\n+0.75,-1e5\n1e400,0\n-1E400,0\n"),
                         ["3", "1.5", "3", "3", "1.5"])

    def test_reads_quoted_cells_carriage_returns_and_a_byte_order_mark(self):
        self.assertEqual(self.scores(stump(), b'\xef\xbb\xbf"0.25","1"\r\n "0.75" ,"" \r\n'), ["1.5", "3"])

    def test_reads_a_last_line_without_end_and_empty_ones_behind(self):
        self.assertEqual(self.scores(stump(), "0.25,1\n0.75,1"), ["1.5", "3"])
        self.assertEqual(self.scores(stump(), "0.25,1\n0.75,1\n\n\r\n"), ["1.5", "3"])

    def test_an_empty_line_is_a_row_of_one_missing_cell(self):
        self.assertEqual(self.scores(stump(features=1), "1\n\n0\n"), ["3", "1.5", "1.5"])

    def test_reads_very_wide_rows_and_many(self):
        wide = stump(features=50_000)
        row = "0.75" + ",1" * 49_999 + "\n"
        self.assertEqual(self.scores(wide, row * 3), ["3"] * 3)
        self.assertEqual(self.scores(stump(), "0.25,1\n0.75,1\n" * 3_000), ["1.5", "3"] * 3_000)

    def test_applies_the_link_unless_margins_are_asked_for(self):
        def as_float(value):
            return struct.unpack("f", struct.pack("f", value))[0]

        model = stump("binary:logistic")
        self.assertEqual(self.scores(model, "0.25,1\n", "--margin"), ["1"])
        score = float(self.scores(model, "0.25,1\n")[0])
        self.assertAlmostEqual(score, as_float(1 / (1 + math.exp(-1))), places=6)

    def test_scores_lightgbm_in_double(self):
        self.assertEqual(self.scores(LIGHTGBM, "0,0.1\n0,0.10000000000000002\n", "--margin"), ["0.1", "-2"])
        score = self.scores(LIGHTGBM, "0,0.1\n")[0]
        self.assertAlmostEqual(float(score), 1 / (1 + math.exp(-0.1)), delta=1e-15)

    def test_gives_margins_of_objectives_it_does_not_know_and_says_so(self):
        ran = self.run_on(stump("my:own"), "0.25,1\n")
        self.assertEqual((ran.returncode, ran.stdout), (0, "1.5\n"))
        self.assertIn("objective my:own is not known", ran.stderr)

    def test_times_on_request(self):
        ran = self.run_on(stump(), "0.25,1\n0.75,1\n", "--time")
        self.assertEqual((ran.returncode, ran.stdout), (0, "1.5\n3\n"))
        self.assertRegex(ran.stderr, r"^batches of  1: [0-9.]+ us per row\nbatches of 64: [0-9.]+ us per row\n$")

    def test_names_the_line_of_a_bad_row(self):
        self.assertEqual(self.complaint(stump(), "1,2\n1\n"), "rows.csv:2: 1 cells, but the model has 2 inputs")
        self.assertEqual(self.complaint(stump(), "1,2,3\n"), "rows.csv:1: 3 cells, but the model has 2 inputs")
        self.assertEqual(self.complaint(stump(), "1,x\n"), "rows.csv:1: cell 2 is not a number: 'x'")
        self.assertEqual(self.complaint(stump(), '1,"2\n'), "rows.csv:1: a quoted cell does not end")
        self.assertEqual(self.complaint(stump(), "1,2\n\n1,2\n"), "rows.csv:2: 1 cells, but the model has 2 inputs")

    def test_says_what_is_wrong_with_a_model(self):
        broken = stump()
        broken["learner"]["gradient_booster"]["model"]["trees"][0]["left_children"][0] = 7
        self.assertEqual(self.complaint(broken, ""), "model.json: tree 0 node 0: has child 7 of 3 nodes")
        self.assertEqual(self.complaint(LIGHTGBM[:100], ""),
                         "model.txt: line 7: the text ends before its line 'end of trees'")

    def test_says_which_file_is_missing(self):
        ran = subprocess.run([PROGRAM, "no.json", "no.csv"], capture_output=True, text=True, check=False)
        self.assertEqual((ran.returncode, ran.stderr), (1, "model_score: no.json: no such file\n"))
        self.run_on(stump(), "")
        ran = subprocess.run([PROGRAM, self.folder / "model.json", "no.csv"], capture_output=True, text=True, check=False)
        self.assertEqual((ran.returncode, ran.stderr), (1, "model_score: no.csv: cannot be opened\n"))

    def test_wrong_use_ends_with_2(self):
        for arguments in ([], ["a"], ["a", "b", "c"], ["a", "b", "--what"]):
            ran = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
            self.assertEqual((ran.returncode, ran.stdout), (2, ""), arguments)
            self.assertTrue(ran.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
