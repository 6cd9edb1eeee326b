#!/usr/bin/python3
"""Trains the fraud example's model again, from transactions that the example itself invents.

    ./dev build && examples/fraud_scoring/train_model.py

Needs Debian's python3-xgboost. The rows come from `fraud_scoring --features-to`, so training and scoring compute features with
the same code. Training, validation and the demo use different seeds.
"""

import argparse
import pathlib
import subprocess
import tempfile

import numpy
import xgboost

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def rows(program, seed, count, folder):
    """Returns the feature names, the rows and the labels of `count` transactions."""
    path = pathlib.Path(folder) / f"rows-{seed}.csv"
    subprocess.run([program, "--features-to", path, "--seed", str(seed), "--transactions", str(count)], check=True)
    with open(path, encoding="ascii") as file:
        names = file.readline().strip().split(",")
    table = numpy.genfromtxt(path, delimiter=",", skip_header=1, dtype=numpy.float32)
    return names[:-1], table[:, :-1], table[:, -1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "build/release/examples/fraud_scoring")
    parser.add_argument("--output", default=HERE / "model.json")
    parser.add_argument("--transactions", type=int, default=400_000)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        names, features, labels = rows(options.program, 1001, options.transactions, folder)
        _, other_features, other_labels = rows(options.program, 1002, options.transactions // 4, folder)

    parameters = {
        "objective": "binary:logistic",
        "eval_metric": ["logloss", "aucpr"],
        "max_depth": 5,
        "eta": 0.2,
        "subsample": 0.8,
        "min_child_weight": 20,
        "tree_method": "hist",
        "seed": 1,
        "nthread": 2,
    }
    booster = xgboost.train(
        parameters,
        xgboost.DMatrix(features, labels, feature_names=names),
        num_boost_round=60,
        evals=[(xgboost.DMatrix(other_features, other_labels, feature_names=names), "validation")],
        verbose_eval=20,
    )
    booster.save_model(options.output)
    print(f"wrote {options.output}: {pathlib.Path(options.output).stat().st_size} bytes")


if __name__ == "__main__":
    main()
