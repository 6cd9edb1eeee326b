#!/usr/bin/env python3
"""Has the trainers themselves make models and score rows, for trainer_parity_test.cc to compare with.

    trainers.py --into FOLDER [--seed N] --xgboost NAME=LIBRARY --lightgbm NAME=LIBRARY ...

A library that is not there is skipped, with a word, and the script ends with 77.

Talks to the C libraries, so that Python packages for arrays are not needed. For each case FOLDER/NAME gets

    CASE.json, CASE.ubj or CASE.txt   the model
    CASE.rows                         rows, comma-separated; an empty cell is a missing value
    CASE.scores, CASE.margins         what the trainer predicts of them: a line per row

in shortest round-trip digits. A FOLDER made by the same script from the same libraries and seed is left as it is.
"""

import argparse
import ctypes
import hashlib
import math
import pathlib
import random
import sys

NAN = float("nan")
# What ctest takes for a test that was skipped.
SKIPPED = 77


# ---------------------------------------------------------------------------------------------------------------- data
def draw_rows(rng, rows, columns, categories):
    """Features of several scales, a tenth missing; `categories` maps columns to how many categories they have."""
    table = []
    for _ in range(rows):
        row = []
        for column in range(columns):
            value = rng.gauss(0, 1)
            if column in categories:
                value = float(min(int(rng.expovariate(4.0 / categories[column])), categories[column] - 1))
            elif column % 3 == 1:
                value = float(round(value * 4))  # few distinct values, zero among them, so that ties meet thresholds
            elif column % 3 == 2:
                value = math.exp(2 * value)
            row.append(NAN if rng.random() < 0.1 else as_float(value))
        table.append(row)
    return table


def as_float(value):
    return ctypes.c_float(value).value


def signal_of(row, categories, rng):
    signal = 0.0
    for column, value in enumerate(row):
        sign = 1.0 if column % 2 == 0 else -0.7
        if math.isnan(value):
            signal += 0.4 * sign
        elif column in categories:
            signal += sign * math.sin(1.7 * value + column)
        else:
            signal += sign * math.tanh(value)
    return signal + 0.2 * rng.gauss(0, 1)


def label_of(kind, signal):
    if kind == "binary":
        return 1.0 if signal > 0.3 else 0.0
    if kind == "share":
        return 1.0 / (1.0 + math.exp(-signal))
    if kind == "count":
        return float(math.floor(math.exp(min(0.5 * signal, 3.0))))
    if kind == "grade":
        return float(min(max(int(signal + 2), 0), 4))
    if kind == "positive":
        return 0.1 + math.exp(min(0.5 * signal, 3.0))
    if kind == "class":
        return float(min(max(int((signal + 3) / 6 * 4), 0), 3))
    return 3.0 * signal


class Data:
    def __init__(self, seed, label="real", rows=500, columns=9, categories=None):
        rng = random.Random(seed)
        self.categories = categories or {}
        self.columns = columns
        self.rows = draw_rows(rng, rows, columns, self.categories)
        self.labels = [label_of(label, signal_of(row, self.categories, rng)) for row in self.rows]

    def odd(self, *more):
        """Rows with what training has not seen: unknown, negative and broken categories, zeros, and `more`."""
        rng = random.Random(len(self.rows))
        for row in self.rows[::3]:
            column = rng.randrange(self.columns)
            row[column] = rng.choice(
                [0.0, -0.0, 1e-36, -1e-30, 1e30, -1.0, -0.5, 2.75, 70.0, 33.0, 5e9, 16777216.0, *more]
            )
        return self

    def fractions(self):
        """Rows of numbers that no float holds."""
        self.rows = [[value + value * 1e-9 * math.sqrt(2) for value in row] for row in self.rows]
        return self


def flat(kind, rows):
    values = [value for row in rows for value in row]
    return (kind * len(values))(*values)


def write_table(path, values, width, is_float):
    def text(value):
        if math.isnan(value):
            return ""
        # The shortest digits that give a float again also give a double that rounds to it.
        return repr(value)

    with open(path, "w", encoding="ascii") as file:
        for first in range(0, len(values), width):
            file.write(",".join(text(value) for value in values[first : first + width]) + "\n")


# ------------------------------------------------------------------------------------------------------------- XGBoost
class Xgboost:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.XGBGetLastError.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        if getattr(self.library, name)(*arguments) != 0:
            raise RuntimeError(f"{name}: {self.library.XGBGetLastError().decode()}")

    def matrix(self, data, with_labels):
        handle = ctypes.c_void_p()
        values = flat(ctypes.c_float, data.rows)
        self.call("XGDMatrixCreateFromMat", values, ctypes.c_uint64(len(data.rows)), ctypes.c_uint64(data.columns),
                  ctypes.c_float(NAN), ctypes.byref(handle))
        if with_labels:
            labels = (ctypes.c_float * len(data.labels))(*data.labels)
            for name in with_labels:
                self.call("XGDMatrixSetFloatInfo", handle, name.encode(), labels, ctypes.c_uint64(len(labels)))
        if data.categories:
            types = [b"c" if column in data.categories else b"float" for column in range(data.columns)]
            self.call("XGDMatrixSetStrFeatureInfo", handle, b"feature_type",
                      (ctypes.c_char_p * len(types))(*types), ctypes.c_uint64(len(types)))
        return handle

    def train(self, data, parameters, rounds, custom=False, info=("label",)):
        matrix = self.matrix(data, info)
        if parameters["objective"].startswith("rank:"):
            groups = (ctypes.c_uint * 10)(*([len(data.rows) // 10] * 10))
            self.call("XGDMatrixSetUIntInfo", matrix, b"group", groups, ctypes.c_uint64(10))
        booster = ctypes.c_void_p()
        self.call("XGBoosterCreate", (ctypes.c_void_p * 1)(matrix), ctypes.c_uint64(1), ctypes.byref(booster))
        for name, value in {"nthread": 1, "verbosity": 0, "seed": 7, **parameters}.items():
            self.call("XGBoosterSetParam", booster, name.encode(), str(value).encode())
        for number in range(rounds):
            self.call("XGBoosterUpdateOneIter", booster, ctypes.c_int(number), matrix)
        # What is never trained learns here how many columns there are.
        length, text = ctypes.c_uint64(), ctypes.c_char_p()
        self.call("XGBoosterSaveJsonConfig", booster, ctypes.byref(length), ctypes.byref(text))
        self.library.XGDMatrixFree(matrix)
        return booster

    def save(self, booster, ending):
        length = ctypes.c_uint64()
        text = ctypes.POINTER(ctypes.c_char)()
        self.call("XGBoosterSaveModelToBuffer", booster, f'{{"format": "{ending}"}}'.encode(), ctypes.byref(length),
                  ctypes.byref(text))
        return ctypes.string_at(text, length.value)

    def predict(self, booster, data, margin):
        matrix = self.matrix(data, ())
        shape = ctypes.POINTER(ctypes.c_uint64)()
        dimensions = ctypes.c_uint64()
        scores = ctypes.POINTER(ctypes.c_float)()
        config = f'{{"type": {int(margin)}, "training": false, "iteration_begin": 0, "iteration_end": 0, "strict_shape": false}}'
        self.call("XGBoosterPredictFromDMatrix", booster, matrix, config.encode(), ctypes.byref(shape),
                  ctypes.byref(dimensions), ctypes.byref(scores))
        count = math.prod(shape[i] for i in range(dimensions.value))
        result = [scores[i] for i in range(count)]
        self.library.XGDMatrixFree(matrix)
        return result


CATEGORIES = {2: 4, 4: 40, 7: 300}

# name: label, parameters, and what else is unusual
XGBOOST_CASES = {
    "squarederror": ("real", {"objective": "reg:squarederror"}),
    "squaredlogerror": ("positive", {"objective": "reg:squaredlogerror"}),
    "pseudohuber": ("real", {"objective": "reg:pseudohubererror"}),
    "absoluteerror": ("real", {"objective": "reg:absoluteerror"}),
    "reg_logistic": ("share", {"objective": "reg:logistic"}),
    "logistic": ("binary", {"objective": "binary:logistic"}),
    "logistic_base": ("binary", {"objective": "binary:logistic", "base_score": 0.037}),
    "logitraw": ("binary", {"objective": "binary:logitraw"}),
    "hinge": ("binary", {"objective": "binary:hinge"}),
    "poisson": ("count", {"objective": "count:poisson"}),
    "gamma": ("positive", {"objective": "reg:gamma"}),
    "tweedie": ("positive", {"objective": "reg:tweedie"}),
    "cox": ("positive", {"objective": "survival:cox"}),
    "aft": ("positive", {"objective": "survival:aft"}, {"info": ("label_lower_bound", "label_upper_bound")}),
    "softprob": ("class", {"objective": "multi:softprob", "num_class": 4}),
    "softmax": ("class", {"objective": "multi:softmax", "num_class": 4}),
    "pairwise": ("grade", {"objective": "rank:pairwise"}),
    "ndcg": ("grade", {"objective": "rank:ndcg"}),
    "map": ("binary", {"objective": "rank:map"}),
    "dart": ("real", {"objective": "reg:squarederror", "booster": "dart", "rate_drop": 0.4}),
    "dart_of_classes": ("class", {"objective": "multi:softprob", "num_class": 4, "booster": "dart", "rate_drop": 0.3,
                                  "normalize_type": "forest"}),
    "linear": ("real", {"objective": "reg:squarederror", "booster": "gblinear", "updater": "coord_descent"}),
    "linear_logistic": ("binary", {"objective": "binary:logistic", "booster": "gblinear"}),
    "linear_of_classes": ("class", {"objective": "multi:softprob", "num_class": 4, "booster": "gblinear"}),
    "forest": ("binary", {"objective": "binary:logistic", "num_parallel_tree": 5, "subsample": 0.6}),
    "forest_of_classes": ("class", {"objective": "multi:softmax", "num_class": 4, "num_parallel_tree": 3,
                                    "subsample": 0.7}),
    "deep": ("real", {"objective": "reg:squarederror", "max_depth": 14, "min_child_weight": 0}),
    "leaf_wise": ("real", {"objective": "reg:squarederror", "tree_method": "hist", "grow_policy": "lossguide",
                           "max_leaves": 40, "max_depth": 0}),
    "pruned": ("real", {"objective": "reg:squarederror", "gamma": 40, "tree_method": "exact"}),
    "categories": ("real", {"objective": "reg:squarederror", "tree_method": "hist"}, {"categories": CATEGORIES}),
    "categories_one_hot": ("binary", {"objective": "binary:logistic", "tree_method": "hist", "max_cat_to_onehot": 500},
                           {"categories": CATEGORIES}),
    "untrained": ("positive", {"objective": "reg:gamma"}, {"rounds": 0}),
    "untrained_base": ("positive", {"objective": "reg:gamma", "base_score": 0.3}, {"rounds": 0}),
    "untrained_linear": ("binary", {"objective": "binary:logistic", "booster": "gblinear"}, {"rounds": 0}),
    "rate_of_nothing": ("count", {"objective": "count:poisson", "base_score": 0}),
    "categories_of_classes": ("class", {"objective": "multi:softprob", "num_class": 4, "tree_method": "approx"},
                              {"categories": CATEGORIES}),
}

# What only later versions have.
XGBOOST_LATER_CASES = {
    "quantile": ("real", {"objective": "reg:quantileerror", "quantile_alpha": 0.3, "tree_method": "hist"}),
    "quantiles": ("real", {"objective": "reg:quantileerror", "quantile_alpha": "[0.1, 0.5, 0.9]",
                           "tree_method": "hist"}),
    "vectors": ("real", {"objective": "reg:quantileerror", "quantile_alpha": "[0.1, 0.5, 0.9]", "tree_method": "hist",
                         "multi_strategy": "multi_output_tree"}),
    "vectors_of_classes": ("class", {"objective": "multi:softprob", "num_class": 4, "tree_method": "hist",
                                     "multi_strategy": "multi_output_tree"}),
}


def xgboost_cases(path, folder, seed):
    trainer = Xgboost(path)
    version = [ctypes.c_int() for _ in range(3)]
    trainer.library.XGBoostVersion(*[ctypes.byref(number) for number in version])
    cases = dict(XGBOOST_CASES)
    if version[0].value >= 2:
        cases.update(XGBOOST_LATER_CASES)
    for number, (name, (label, parameters, *more)) in enumerate(cases.items()):
        unusual = more[0] if more else {}
        categories = unusual.get("categories")
        data = Data(seed + 2 * number, label, categories=categories)
        unseen = Data(seed + 2 * number + 1, label, rows=200, categories=categories).odd()
        booster = trainer.train(data, {"max_depth": 5, **parameters}, unusual.get("rounds", 15),
                                info=unusual.get("info", ("label",)))
        ending = "json" if number % 2 == 0 else "ubj"
        (folder / f"{name}.{ending}").write_bytes(trainer.save(booster, ending))
        write_table(folder / f"{name}.rows", [value for row in unseen.rows for value in row], unseen.columns, True)
        for what, margin in (("margins", True), ("scores", False)):
            predicted = trainer.predict(booster, unseen, margin)
            write_table(folder / f"{name}.{what}", predicted, len(predicted) // len(unseen.rows), True)
        trainer.library.XGBoosterFree(booster)


# ------------------------------------------------------------------------------------------------------------ LightGBM
class Lightgbm:
    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        self.library.LGBM_GetLastError.restype = ctypes.c_char_p

    def call(self, name, *arguments):
        if getattr(self.library, name)(*arguments) != 0:
            raise RuntimeError(f"{name}: {self.library.LGBM_GetLastError().decode()}")

    def train(self, data, parameters, rounds):
        parameters = {"verbosity": -1, "num_threads": 1, "deterministic": "true", "force_col_wise": "true",
                      "min_data_in_leaf": 5, **parameters}
        if data.categories:
            parameters["categorical_feature"] = ",".join(str(column) for column in data.categories)
        custom = parameters.get("objective") == "custom"
        text = " ".join(f"{name}={value}" for name, value in parameters.items()).encode()
        dataset = ctypes.c_void_p()
        values = flat(ctypes.c_double, data.rows)
        self.call("LGBM_DatasetCreateFromMat", values, 1, ctypes.c_int32(len(data.rows)), ctypes.c_int32(data.columns),
                  1, text, None, ctypes.byref(dataset))
        labels = (ctypes.c_float * len(data.labels))(*data.labels)
        self.call("LGBM_DatasetSetField", dataset, b"label", labels, len(labels), 0)
        if parameters.get("objective") in ("lambdarank", "rank_xendcg"):
            groups = (ctypes.c_int32 * 10)(*([len(data.rows) // 10] * 10))
            self.call("LGBM_DatasetSetField", dataset, b"group", groups, 10, 2)
        booster = ctypes.c_void_p()
        self.call("LGBM_BoosterCreate", dataset, text, ctypes.byref(booster))
        finished = ctypes.c_int()
        for number in range(rounds):
            if custom:
                rng = random.Random(number)
                gradients = (ctypes.c_float * len(labels))(*[rng.gauss(-label, 1) for label in data.labels])
                hessians = (ctypes.c_float * len(labels))(*([1.0] * len(labels)))
                self.call("LGBM_BoosterUpdateOneIterCustom", booster, gradients, hessians, ctypes.byref(finished))
            else:
                self.call("LGBM_BoosterUpdateOneIter", booster, ctypes.byref(finished))
        return booster, dataset

    def save(self, booster):
        length = ctypes.c_int64()
        text = ctypes.create_string_buffer(1 << 24)
        self.call("LGBM_BoosterSaveModelToString", booster, 0, -1, 0, ctypes.c_int64(len(text)), ctypes.byref(length),
                  text)
        return text.raw[: length.value - 1]

    def predict(self, booster, data, margin):
        length = ctypes.c_int64()
        scores = (ctypes.c_double * (len(data.rows) * 16))()
        self.call("LGBM_BoosterPredictForMat", booster, flat(ctypes.c_double, data.rows), 1,
                  ctypes.c_int32(len(data.rows)), ctypes.c_int32(data.columns), 1, int(margin), 0, -1,
                  b"num_threads=1", ctypes.byref(length), scores)
        return list(scores[: length.value])


LIGHTGBM_CASES = {
    "regression": ("real", {"objective": "regression"}),
    "regression_sqrt": ("positive", {"objective": "regression", "reg_sqrt": "true"}),
    "regression_l1": ("real", {"objective": "regression_l1"}),
    "regression_l1_sqrt": ("positive", {"objective": "regression_l1", "reg_sqrt": "true"}),
    "huber": ("real", {"objective": "huber"}),
    "fair": ("real", {"objective": "fair"}),
    "quantile": ("real", {"objective": "quantile", "alpha": 0.3}),
    "quantile_sqrt": ("positive", {"objective": "quantile", "alpha": 0.3, "reg_sqrt": "true"}),
    "mape": ("positive", {"objective": "mape"}),
    "poisson": ("count", {"objective": "poisson"}),
    "gamma": ("positive", {"objective": "gamma"}),
    "tweedie": ("positive", {"objective": "tweedie"}),
    "binary": ("binary", {"objective": "binary"}),
    "binary_sigmoid": ("binary", {"objective": "binary", "sigmoid": 0.7}),
    "cross_entropy": ("share", {"objective": "cross_entropy"}),
    "cross_entropy_lambda": ("share", {"objective": "cross_entropy_lambda"}),
    "multiclass": ("class", {"objective": "multiclass", "num_class": 4}),
    "multiclassova": ("class", {"objective": "multiclassova", "num_class": 4, "sigmoid": 1.3}),
    "lambdarank": ("grade", {"objective": "lambdarank"}),
    "rank_xendcg": ("grade", {"objective": "rank_xendcg"}),
    "custom": ("real", {"objective": "custom"}),
    "zero_as_missing": ("real", {"objective": "regression", "zero_as_missing": "true"}),
    "no_missing": ("real", {"objective": "regression", "use_missing": "false"}),
    "dart": ("real", {"objective": "regression", "boosting": "dart", "drop_rate": 0.4}),
    "forest": ("real", {"objective": "regression", "boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}),
    "forest_binary": ("binary", {"objective": "binary", "boosting": "rf", "bagging_fraction": 0.6, "bagging_freq": 1}),
    "forest_of_classes": ("class", {"objective": "multiclass", "num_class": 4, "boosting": "rf",
                                    "bagging_fraction": 0.6, "bagging_freq": 1}),
    "goss": ("binary", {"objective": "binary", "boosting": "goss"}),
    "many_leaves": ("real", {"objective": "regression", "num_leaves": 127, "min_data_in_leaf": 1}),
    "stumps": ("real", {"objective": "regression", "num_leaves": 2}),
    "no_split": ("real", {"objective": "regression", "min_gain_to_split": 1e9}),
    "linear_trees": ("real", {"objective": "regression", "linear_tree": "true"}),
    "linear_trees_binary": ("binary", {"objective": "binary", "linear_tree": "true"}),
    "categories": ("real", {"objective": "regression", "min_data_per_group": 2, "cat_smooth": 1},
                   {"categories": CATEGORIES}),
    "categories_one_hot": ("binary", {"objective": "binary", "max_cat_to_onehot": 500, "min_data_per_group": 2},
                           {"categories": CATEGORIES}),
    "categories_of_classes": ("class", {"objective": "multiclass", "num_class": 4, "min_data_per_group": 2},
                              {"categories": CATEGORIES}),
    "categories_and_zeros": ("real", {"objective": "regression", "zero_as_missing": "true", "min_data_per_group": 2},
                             {"categories": CATEGORIES}),
}


def lightgbm_cases(path, folder, seed):
    trainer = Lightgbm(path)
    for number, (name, (label, parameters, *more)) in enumerate(LIGHTGBM_CASES.items()):
        categories = more[0]["categories"] if more else None
        data = Data(seed + 2 * number, label, categories=categories)
        unseen = Data(seed + 2 * number + 1, label, rows=200, categories=categories)
        if "linear" in name:
            unseen.fractions()
        unseen.odd(math.inf, -math.inf)
        booster, dataset = trainer.train(data, parameters, 15)
        (folder / f"{name}.txt").write_bytes(trainer.save(booster))
        write_table(folder / f"{name}.rows", [value for row in unseen.rows for value in row], unseen.columns, False)
        for what, margin in (("margins", True), ("scores", False)):
            predicted = trainer.predict(booster, unseen, margin)
            write_table(folder / f"{name}.{what}", predicted, len(predicted) // len(unseen.rows), False)
        trainer.library.LGBM_BoosterFree(booster)
        trainer.library.LGBM_DatasetFree(dataset)


# ---------------------------------------------------------------------------------------------------------------- main
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", required=True, type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=20240607)
    parser.add_argument("--xgboost", action="append", default=[], metavar="NAME=LIBRARY")
    parser.add_argument("--lightgbm", action="append", default=[], metavar="NAME=LIBRARY")
    arguments = parser.parse_args()

    print(f"seed {arguments.seed}")
    makers = [(xgboost_cases, each) for each in arguments.xgboost] + [
        (lightgbm_cases, each) for each in arguments.lightgbm
    ]
    status = 0
    for make, each in makers:
        name, library = each.split("=", 1)
        folder = arguments.into / name
        if not pathlib.Path(library).exists():
            print(f"skipped: {name} is not there to compare with (no {library}); ./dev test installs it")
            status = SKIPPED
            continue
        origin = hashlib.sha256(pathlib.Path(__file__).read_bytes())
        origin.update(pathlib.Path(library).read_bytes())
        origin.update(str(arguments.seed).encode())
        stamp = folder / "origin"
        if stamp.exists() and stamp.read_text() == origin.hexdigest():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        make(library, folder, arguments.seed)
        stamp.write_text(origin.hexdigest())
    return status


if __name__ == "__main__":
    sys.exit(main())
