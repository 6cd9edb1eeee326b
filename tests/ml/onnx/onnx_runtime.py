#!/usr/bin/env python3
"""Has ONNX Runtime score rows with generated models, for onnx_parity_test.cc to compare with.

    onnx_runtime.py --into FOLDER --wheel FOLDER --wheel FOLDER [--seed N]

The wheels are those of onnxruntime and numpy, unpacked; without them the script says so, makes nothing and ends with 77. FOLDER gets
for each case CASE.onnx, CASE.rows (comma-separated, an empty cell is a missing value) and CASE.scores: all outputs, a
line per row. At the end FOLDER/origin says what made them.
"""

import argparse
import pathlib
import random
import struct
import sys

NAN = float("nan")
# What ctest takes for a test that was skipped.
SKIPPED = 77


# ------------------------------------------------------------------------------------------------------ the file format
def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def field(number, value):
    """A protobuf field: an integer, a text, or the bytes of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, shape, values, element=1):
    kinds = {1: "f", 2: "B", 7: "q", 11: "d"}
    out = b"".join(field(1, size) for size in shape) + field(2, element) + field(8, name)
    if element == 8:
        return out + b"".join(field(6, value) for value in values)
    return out + field(9, struct.pack(f"<{len(values)}{kinds[element]}", *values))


class Graph(bytes):
    """A graph within a node."""


def body(nodes, inputs, outputs):
    """`inputs` and `outputs` are names of floats; their shapes are left open."""
    values = [field(1, name) + field(2, field(1, field(1, 1))) for name in [*inputs, *outputs]]
    graph = b"".join(field(1, each) for each in nodes) + field(2, "body")
    graph += b"".join(field(11, value) for value in values[: len(inputs)])
    return Graph(graph + b"".join(field(12, value) for value in values[len(inputs) :]))


def attribute(name, value):
    out = field(1, name)
    if isinstance(value, Graph):
        return out + field(6, value) + field(20, 5)
    if isinstance(value, bytes):  # a tensor
        return out + field(5, value) + field(20, 4)
    if isinstance(value, float):
        return out + varint(2 << 3 | 5) + struct.pack("<f", value) + field(20, 1)
    if isinstance(value, int):
        return out + field(3, value) + field(20, 2)
    if isinstance(value, str):
        return out + field(4, value) + field(20, 3)
    if isinstance(value[0], float):
        return out + field(7, struct.pack(f"<{len(value)}f", *value)) + field(20, 6)
    if isinstance(value[0], int):
        return out + field(8, b"".join(varint(each) for each in value)) + field(20, 7)
    return out + b"".join(field(9, each) for each in value) + field(20, 8)


def node(kind, inputs, outputs, domain="", **attributes):
    out = b"".join(field(1, name) for name in inputs) + b"".join(field(2, name) for name in outputs)
    out += field(3, outputs[0] + "_node") + field(4, kind)
    out += b"".join(field(5, attribute(name, value)) for name, value in attributes.items())
    return out + (field(7, domain) if domain else b"")


def learned(kind, inputs, outputs, **attributes):
    return node(kind, inputs, outputs, "ai.onnx.ml", **attributes)


def variable(name, columns, element):
    shape = field(1, field(2, "N"))
    if columns:
        shape += field(1, field(1, columns))
    return field(1, name) + field(2, field(1, field(1, element) + field(2, shape)))


def model(nodes, columns, outputs, constants=(), element=1, learned_version=3, version=15):
    """A model of one input X; `outputs` are (name, columns or 0, element)."""
    graph = b"".join(field(1, each) for each in nodes) + field(2, "g")
    graph += b"".join(field(5, each) for each in constants)
    graph += field(11, variable("X", columns, element))
    graph += b"".join(field(12, variable(*output)) for output in outputs)
    versions = field(8, field(2, version)) + field(8, field(1, "ai.onnx.ml") + field(2, learned_version))
    return field(1, 8) + field(7, graph) + versions


# ------------------------------------------------------------------------------------------------------------- models
COLUMNS = 6
LABEL = ("label", 0, 7)


def rows_of(rng, count=300):
    rows = []
    for _ in range(count):
        row = [rng.gauss(0, 1) for _ in range(COLUMNS)]
        row[1] = float(round(row[1] * 2))
        row[2] *= 10.0
        rows.append([struct.unpack("<f", struct.pack("<f", value))[0] for value in row])
    return rows


def with_missing(rng, rows):
    return [[NAN if rng.random() < 0.15 else value for value in row] for row in rows]


def random_trees(rng, trees, depth, modes, votes, missing=True):
    """Attributes of an ensemble; votes(tree) gives a leaf's (target, weight) pairs."""
    names = ["treeids", "nodeids", "featureids", "modes", "values", "truenodeids", "falsenodeids"]
    lists = {f"nodes_{name}": [] for name in names + ["missing_value_tracks_true"]}
    voted = {"treeids": [], "nodeids": [], "ids": [], "weights": []}

    def add(tree, level, number):
        leaf = level == depth or (level > 0 and rng.random() < 0.2)
        mode = "LEAF" if leaf else rng.choice(modes)
        column = rng.randrange(COLUMNS)
        whole = column == 1 or mode in ("BRANCH_EQ", "BRANCH_NEQ")
        value = float(rng.randrange(-2, 3)) if whole else rng.gauss(0, 10.0 if column == 2 else 1.0)
        yes, no = 2 * number + 1, 2 * number + 2
        line = [tree, number, 0 if leaf else column, mode, 0.0 if leaf else value]
        line += [0, 0] if leaf else [yes, no]
        for name, item in zip(names, line):
            lists[f"nodes_{name}"].append(item)
        lists["nodes_missing_value_tracks_true"].append(int(missing and rng.random() < 0.5))
        if not leaf:
            add(tree, level + 1, yes)
            add(tree, level + 1, no)
            return
        for target, weight in votes(tree):
            for name, item in zip(voted, [tree, number, target, weight]):
                voted[name].append(item)

    for tree in range(trees):
        add(tree, 0, 0)
    return lists, voted


ORDER = ["BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT"]


def trees_model(rng, kind, votes, modes=("BRANCH_LEQ",), targets=1, trees=12, depth=5, labels=None, element=1, **more):
    lists, voted = random_trees(rng, trees, depth, list(modes), votes)
    if kind == "TreeEnsembleRegressor":
        lists.update({f"target_{name}": items for name, items in voted.items()}, n_targets=targets)
        outputs, declared = ["scores"], [("scores", targets, 1)]
    else:
        lists.update({f"class_{name}": items for name, items in voted.items()})
        lists.update(classlabels_int64s=labels)
        outputs, declared = ["label", "scores"], [LABEL, ("scores", len(labels), 1)]
    return model([learned(kind, ["X"], outputs, **lists, **more)], COLUMNS, declared, element=element)


def later_trees(rng, modes, targets=1, trees=12, depth=4, element=1, aggregate=1, transform=0):
    """A TreeEnsemble of version 5."""
    nodes, leaves, roots, members = [], [], [], {}

    def add(level):
        place = len(nodes)
        nodes.append(None)
        mode = rng.choice(modes)
        column = 1 if mode > 3 else rng.randrange(COLUMNS)
        value = float(rng.randrange(-3, 4)) if column == 1 else rng.gauss(0, 10.0 if column == 2 else 1.0)
        if mode == 6:
            members[place] = [float(item) for item in rng.sample(range(-5, 6), rng.randrange(1, 5))]
            value = 0.0
        children = []
        for _ in range(2):
            if level + 1 >= depth or rng.random() < 0.25:
                leaves.append((rng.randrange(targets), rng.gauss(0, 0.5)))
                children += [1, len(leaves) - 1]
            else:
                children += [0, add(level + 1)]
        nodes[place] = [column, mode, value, *children, rng.randrange(2)]
        return place

    for _ in range(trees):
        roots.append(add(0))
    columns, kinds, values, yes_leaf, yes, no_leaf, no, missing = (list(items) for items in zip(*nodes))
    sets = [item for place in sorted(members) for item in [*members[place], NAN]]
    attributes = dict(
        tree_roots=roots,
        nodes_featureids=columns,
        nodes_modes=tensor("", [len(kinds)], kinds, 2),
        nodes_splits=tensor("", [len(values)], values, element),
        nodes_truenodeids=yes,
        nodes_trueleafs=yes_leaf,
        nodes_falsenodeids=no,
        nodes_falseleafs=no_leaf,
        nodes_missing_value_tracks_true=missing,
        leaf_targetids=[target for target, _ in leaves],
        leaf_weights=tensor("", [len(leaves)], [weight for _, weight in leaves], element),
        n_targets=targets,
        aggregate_function=aggregate,
        post_transform=transform,
    )
    if sets:
        attributes["membership_values"] = tensor("", [len(sets)], sets, element)
    ensemble = learned("TreeEnsemble", ["X"], ["scores"], **attributes)
    return model([ensemble], COLUMNS, [("scores", targets, element)], (), element, 5, 21)


def support_cases(rng, rows, holes):
    """Support vector machines: every kernel, with and without vectors and probabilities."""

    def numbers(count, spread):
        return [rng.gauss(0, spread) for _ in range(count)]

    def parameters(kernel, degree):
        return dict(kernel_type=kernel, kernel_params=[0.02 if kernel != "RBF" else 0.01, 0.3, float(degree)])

    kernels = [("LINEAR", 3), ("RBF", 3), ("SIGMOID", 3), ("POLY", 2), ("POLY", 3), ("POLY", 4), ("POLY", 7)]
    for kernel, degree in [*kernels, ("POLY", 1.5)]:
        vectors = rng.randrange(20, 41)
        attributes = dict(
            support_vectors=numbers(vectors * COLUMNS, 1.0),
            coefficients=numbers(vectors, 0.2),
            rho=[0.25],
            n_supports=vectors,
            **parameters(kernel, degree),
        )
        for one_class in (0, 1):
            content = [learned("SVMRegressor", ["X"], ["scores"], one_class=one_class, **attributes)]
            name = f"support-{kernel.lower()}-{degree}-{'class' if one_class else 'regression'}"
            yield name, model(content, COLUMNS, [("scores", 1, 1)]), rows
    weights = dict(coefficients=numbers(COLUMNS, 1.0), rho=[-0.5], n_supports=0)
    content = [learned("SVMRegressor", ["X"], ["scores"], **weights, **parameters("LINEAR", 0))]
    yield "support-weights", model(content, COLUMNS, [("scores", 1, 1)]), rows

    for classes in (2, 3, 5):
        pairs = classes * (classes - 1) // 2
        for kernel, degree in kernels:
            for probable in (False, True):
                vectors_of = [rng.randrange(3, 12) for _ in range(classes)]
                attributes = dict(
                    vectors_per_class=vectors_of,
                    support_vectors=numbers(sum(vectors_of) * COLUMNS, 1.0),
                    coefficients=numbers(sum(vectors_of) * (classes - 1), 0.3),
                    rho=numbers(pairs, 0.1),
                    classlabels_ints=list(range(7, 7 + classes)),
                    **parameters(kernel, degree),
                )
                if probable:
                    attributes.update(prob_a=numbers(pairs, 1.0), prob_b=numbers(pairs, 0.3))
                scores = classes if probable or classes == 2 else pairs
                content = [learned("SVMClassifier", ["X"], ["label", "scores"], **attributes)]
                name = f"support-{kernel.lower()}-{degree}-{classes}{'-probable' if probable else ''}"
                data = holes if kernel == "RBF" and not probable else rows
                yield name, model(content, COLUMNS, [LABEL, ("scores", scores, 1)]), data
        for transform in ("NONE", "LOGISTIC", "SOFTMAX"):
            attributes = dict(
                coefficients=numbers(classes * COLUMNS, 0.5),
                rho=[0.2],
                classlabels_ints=list(range(7, 7 + classes)),
                post_transform=transform,
                **parameters("LINEAR", 0),
            )
            content = [learned("SVMClassifier", ["X"], ["label", "scores"], **attributes)]
            yield f"support-weights-{classes}-{transform.lower()}", model(content, COLUMNS, [LABEL, ("scores", classes, 1)]), rows


def neighbour_cases(rng, rows):
    """Rows looked up by their neighbours, as converters write it: a loop over all that are known, then the nearest."""
    known = 30
    constants = [
        tensor("known", [known, COLUMNS], [rng.gauss(0, 2) for _ in range(known * COLUMNS)]),
        tensor("answers", [known], [float(rng.randrange(5)) for _ in range(known)]),
        tensor("four", [1], [4], 7),
        tensor("lists", [2], [-1, 4], 7),
        tensor("axis", [1], [1], 7),
        tensor("sizes", [COLUMNS], [abs(rng.gauss(0, 1)) for _ in range(COLUMNS)]),
        tensor("table", [9], [rng.gauss(0, 1) for _ in range(9)]),
        tensor("limit", [], [4.0]),
        tensor("columns", [2], [-1, COLUMNS], 7),
    ]
    distance = [
        node("Identity", ["all"], ["all_again"]),
        node("Sub", ["all", "one"], ["way"]),
        node("Mul", ["way", "sizes"], ["scaled"]),
        node("ReduceSumSquare", ["scaled"], ["distance"], axes=[1], keepdims=0),
    ]
    nodes = [
        node("Scan", ["X", "known"], ["X_again", "distances"], num_scan_inputs=1,
             body=body(distance, ["all", "one"], ["all_again", "distance"])),
        node("Transpose", ["distances"], ["turned"], perm=[1, 0]),
        node("Sqrt", ["turned"], ["ways"]),
        node("TopK", ["ways", "four"], ["nearest", "places"], axis=1, largest=0),
        learned("ArrayFeatureExtractor", ["answers", "places"], ["list"]),
        node("Reshape", ["list", "lists"], ["found"]),
        node("ReduceMean", ["found"], ["mean"], axes=[1], keepdims=1),
    ]  # fmt: skip
    yield "neighbours", model(nodes, COLUMNS, [("mean", 1, 1), ("nearest", 4, 1), ("ways", known, 1)], constants), rows

    # What is carried from round to round.
    decay = [
        node("Mul", ["sum", "sizes"], ["less"]),
        node("Add", ["less", "one"], ["sum_now"]),
        node("Max", ["most", "sum_now"], ["most_now"]),
        node("Identity", ["sum_now"], ["seen"]),
    ]
    nodes = [
        node("Scan", ["X", "X", "known"], ["sum_end", "most_end", "all_seen"], num_scan_inputs=1,
             body=body(decay, ["sum", "most", "one"], ["sum_now", "most_now", "seen"])),
        node("Transpose", ["all_seen"], ["turned"], perm=[1, 0, 2]),
        node("Flatten", ["turned"], ["flat"]),
    ]  # fmt: skip
    outputs = [("sum_end", COLUMNS, 1), ("flat", known * COLUMNS, 1), ("most_end", COLUMNS, 1)]
    yield "carried", model(nodes, COLUMNS, outputs, constants), rows

    # All rows' numbers in a list, and back.
    nodes = [
        node("Flatten", ["X"], ["all"], axis=0),
        node("Abs", ["all"], ["sized"]),
        node("Min", ["sized", "limit"], ["cut"]),
        node("Mul", ["cut", "limit"], ["more"]),
        node("Cast", ["cut"], ["whole"], to=7),
        node("Gather", ["table", "whole"], ["picked"]),
        node("Less", ["picked", "cut"], ["is_less"]),
        node("Where", ["is_less", "picked", "more"], ["chosen"]),
        node("Reshape", ["chosen", "columns"], ["scores"]),
    ]
    yield "lists", model(nodes, COLUMNS, [("scores", COLUMNS, 1)], constants), rows


def operator_cases(rng, rows, holes):
    """Operators of ai.onnx, many to a graph."""
    floats = [rng.gauss(0, 0.7) for _ in range(COLUMNS)]
    constants = [
        tensor("K", [COLUMNS], floats),
        tensor("positive", [1, COLUMNS], [abs(number) + 0.1 for number in floats]),
        tensor("spread", [COLUMNS], [abs(number) + 0.1 for number in floats]),
        tensor("zero", [], [0.0]),
        tensor("low", [], [-0.5]),
        tensor("high", [], [0.75]),
        tensor("power", [], [3.0]),
        tensor("first", [1], [1], 7),
        tensor("lists", [3], [-1, 2, 3], 7),
        tensor("flat", [2], [0, -1], 7),
        tensor("start", [1], [-1], 7),
        tensor("stop", [1], [-100], 7),
        tensor("step", [1], [-2], 7),
        tensor("parts", [2], [2, 4], 7),
        tensor("three", [1], [3], 7),
        tensor("W", [2, COLUMNS], [rng.gauss(0, 1) for _ in range(2 * COLUMNS)]),
        tensor("open", [1], [-1], 7),
        tensor("begin", [], [0], 7),
        tensor("axis", [1], [0], 7),
        tensor("tiles", [2], [1, 2], 7),
    ]
    wide, one = COLUMNS, 1

    def graph(nodes, outputs, version=15):
        return model(nodes, COLUMNS, outputs, constants, 1, 3, version)

    functions = {
        "LeakyRelu": dict(alpha=0.2), "Elu": dict(alpha=0.7), "Selu": {}, "Celu": {}, "Softplus": {}, "Softsign": {},
        "HardSigmoid": {}, "HardSwish": {}, "ThresholdedRelu": dict(alpha=0.5), "Erf": {}, "Sign": {}, "Floor": {},
        "Ceil": {}, "Round": {}, "Reciprocal": {}, "Sin": {}, "Cos": {}, "Atan": {}, "Shrink": dict(lambd=0.3, bias=0.1),
        "LogSoftmax": dict(axis=-1), "Hardmax": dict(axis=-1), "LpNormalization": dict(p=2, axis=-1),
    }  # fmt: skip
    nodes = [node(kind, ["X"], [kind.lower()], **more) for kind, more in functions.items()]
    nodes += [
        node("Abs", ["X"], ["size"]),
        node("Log", ["size"], ["log"]),
        node("Pow", ["size", "positive"], ["pow"]),
        node("Pow", ["X", "power"], ["cube"]),
        node("Clip", ["X", "low", "high"], ["clip"]),
        node("Clip", ["X", "", "high"], ["below"]),
        node("PRelu", ["X", "K"], ["prelu"]),
        node("Mod", ["X", "positive"], ["rest"], fmod=1),
        node("Min", ["X", "K"], ["least"]),
        node("Max", ["X", "least", "zero"], ["most"]),
        node("Sum", ["X", "least", "most"], ["total"]),
        node("Mean", ["X", "least", "most"], ["mean"]),
    ]
    names = [kind.lower() for kind in functions]
    names += ["log", "pow", "cube", "clip", "below", "prelu", "rest", "least", "most", "total", "mean"]
    yield "functions", graph(nodes, [(name, wide, 1) for name in names]), rows

    truths = ["Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"]
    nodes = [node(kind, ["X", "K"], [kind + "_"]) for kind in truths]
    nodes += [
        node("And", ["Less_", "Greater_"], ["And_"]),
        node("Or", ["Less_", "Equal_"], ["Or_"]),
        node("Xor", ["Less_", "Or_"], ["Xor_"]),
        node("Not", ["Less_"], ["Not_"]),
        node("IsNaN", ["X"], ["IsNaN_"]),
        node("Where", ["Less_", "X", "zero"], ["where"]),
    ]
    truths += ["And", "Or", "Xor", "Not", "IsNaN"]
    nodes += [node("Cast", [kind + "_"], [kind.lower()], to=1) for kind in truths]
    yield "truths", graph(nodes, [(kind.lower(), wide, 1) for kind in truths] + [("where", wide, 1)]), holes

    kinds = ["Max", "Min", "Mean", "L1", "L2", "Prod", "SumSquare", "LogSumExp"]
    nodes = [node("Reduce" + kind, ["X"], [kind.lower()], axes=[1], keepdims=1) for kind in kinds]
    nodes += [
        node("ReduceSum", ["X", "first"], ["sum"], keepdims=1),
        node("ArgMin", ["X"], ["least"], axis=1),
        node("TopK", ["X", "three"], ["top", "where"], axis=1),
        node("CumSum", ["X", "first"], ["running"]),
    ]
    outputs = [(kind.lower(), one, 1) for kind in kinds] + [("sum", one, 1), ("least", one, 7), ("top", 3, 1), ("where", 3, 7)]
    yield "reductions", graph(nodes, [*outputs, ("running", wide, 1)]), rows

    nodes = [
        node("Slice", ["X", "start", "stop", "first", "step"], ["slice"]),
        node("Split", ["X", "parts"], ["two", "four"], axis=1),
        node("Reshape", ["X", "lists"], ["cube"]),
        node("Transpose", ["cube"], ["turned"], perm=[0, 2, 1]),
        node("Reshape", ["turned", "flat"], ["reordered"]),
        node("ReduceSum", ["turned", "first"], ["sums"], keepdims=0),
        node("Unsqueeze", ["X", "first"], ["deeper"]),
        node("Flatten", ["deeper"], ["flattened"]),
        node("Squeeze", ["deeper", "first"], ["squeezed"]),
        node("Add", ["flattened", "squeezed"], ["doubled"]),
        node("Shape", ["X"], ["shape"]),
        node("ConstantOfShape", ["shape"], ["ones"], value=tensor("", [1], [1.0])),
        node("Concat", ["X", "ones"], ["longer"], axis=1),
        node("Expand", ["zero", "shape"], ["zeros"]),
        node("Add", ["X", "zeros"], ["same"]),
        node("Gather", ["shape", "begin"], ["count"], axis=0),
        node("Unsqueeze", ["count", "axis"], ["counted"]),
        node("Concat", ["counted", "open"], ["target"], axis=0),
        node("Reshape", ["deeper", "target"], ["again"]),
        node("Transpose", ["X"], ["columns"]),
        node("MatMul", ["W", "columns"], ["product"]),
        node("Transpose", ["product"], ["back"]),
        node("ArgMax", ["X"], ["best"], axis=1),
        node("GatherElements", ["X", "best"], ["picked"], axis=1),
        node("Tile", ["two", "tiles"], ["tiled"]),
        node("Sqrt", ["positive"], ["folded"]),
        node("Mul", ["X", "folded"], ["scaled"]),
        node("Dropout", ["X"], ["kept"]),
        node("ReduceSumSquare", ["X"], ["square"], axes=[1], keepdims=1),
        node("Gemm", ["X", "W", "square"], ["distance"], transB=1, alpha=-2.0),
    ]
    outputs = [("slice", 3, 1), ("four", 4, 1), ("reordered", wide, 1), ("sums", 2, 1), ("doubled", wide, 1)]
    outputs += [("longer", 2 * wide, 1), ("same", wide, 1), ("again", wide, 1), ("back", 2, 1), ("picked", one, 1)]
    outputs += [("tiled", 4, 1), ("scaled", wide, 1), ("kept", wide, 1), ("distance", 2, 1)]
    yield "shapes", graph(nodes, outputs), rows

    nodes = [
        node("Celu", ["X"], ["celu"], alpha=0.8),
        node("ReduceSum", ["X", "first"], ["sum"], keepdims=1),
        node("ReduceSumSquare", ["X"], ["most"], axes=[1], keepdims=1),
        node("Concat", ["sum", "most"], ["stack"], axis=0),
        node("Reshape", ["stack", "rows"], ["two"]),
        node("Transpose", ["two"], ["apart"]),
        node("ArgMax", ["X"], ["best"], axis=1),
        learned("ArrayFeatureExtractor", ["W", "best"], ["columns"]),
        node("Transpose", ["columns"], ["picked"]),
        node("TopK", ["X", "three"], ["top", "where"], axis=1),
        learned("ArrayFeatureExtractor", ["W", "where"], ["list"]),
        node("Reshape", ["list", "cubes"], ["cube"]),
        node("Transpose", ["cube"], ["turned"], perm=[1, 2, 0]),
        node("Einsum", ["X", "W"], ["product"], equation="bi,ji->bj"),
        node("Einsum", ["turned", "product"], ["both"], equation="bij,bj->bi"),
        node("Flatten", ["X"], ["all"], axis=0),
        node("IsNaN", ["all"], ["none"]),
        node("Where", ["none", "high", "all"], ["filled"]),
        node("Reshape", ["filled", "wide"], ["again"]),
    ]
    constants += [
        tensor("rows", [2], [2, -1], 7),
        tensor("cubes", [3], [2, -1, 3], 7),
        tensor("wide", [2], [-1, COLUMNS], 7),
    ]
    outputs = [("celu", wide, 1), ("apart", 2, 1), ("picked", 2, 1), ("product", 2, 1), ("both", 3, 1), ("again", wide, 1)]
    yield "stacks", graph(nodes, outputs), holes

    nodes = [
        node("BatchNormalization", ["X", "K", "K", "K", "spread"], ["batch"], epsilon=1e-4),
        node("LayerNormalization", ["X", "K", "K"], ["layer"], axis=-1),
    ]
    yield "normalizations", graph(nodes, [("batch", wide, 1), ("layer", wide, 1)], 17), rows
    nodes = [
        node("Gelu", ["X"], ["gelu"]),
        node("Gelu", ["X"], ["quick"], approximate="tanh"),
        node("Mish", ["X"], ["mish"]),
    ]
    yield "gelu", graph(nodes, [("gelu", wide, 1), ("quick", wide, 1), ("mish", wide, 1)], 20), rows


def cases(seed):
    """Yields name, model and rows."""
    rng = random.Random(seed)
    rows = rows_of(rng)
    holes = with_missing(rng, rows)

    def one(_):
        return [(0, rng.gauss(0, 0.5))]

    def share(_):
        return [(0, rng.random() / 12)]

    def boosted(tree):
        return [(tree % 3, rng.gauss(0, 0.5))]

    def forest(_):
        first = rng.random()
        return [(0, first / 12), (1, rng.random() * (1 - first) / 12), (2, rng.random() / 24)]

    regressor, classifier = "TreeEnsembleRegressor", "TreeEnsembleClassifier"
    for aggregate in ("SUM", "AVERAGE", "MIN", "MAX"):
        yield f"trees-{aggregate.lower()}", trees_model(rng, regressor, one, aggregate_function=aggregate, base_values=[0.5]), holes
    yield "trees-modes", trees_model(rng, regressor, one, ORDER), holes
    yield "trees-equal", trees_model(rng, regressor, one, [*ORDER, "BRANCH_EQ", "BRANCH_NEQ"]), holes
    yield "trees-targets", trees_model(rng, regressor, forest, ORDER, targets=3, base_values=[0.1, 0.2, 0.3]), holes

    def some(tree):
        return [(tree % 2, rng.gauss(0, 0.5))] if rng.random() < 0.3 else []

    yield "trees-base-of-voted", trees_model(rng, regressor, some, targets=3, base_values=[0.1, 0.2, 0.3]), holes
    yield "trees-single-logistic", trees_model(rng, regressor, one, post_transform="LOGISTIC", base_values=[0.5]), holes
    yield "trees-boosted-targets", trees_model(rng, regressor, boosted, targets=3, post_transform="SOFTMAX"), holes
    yield "trees-many", trees_model(rng, regressor, one, trees=100, depth=7), holes
    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        name = transform.lower().replace("_", "-")
        yield f"classes-sums-{name}", trees_model(rng, classifier, one, labels=[3, 8], post_transform=transform), holes
        yield f"classes-shares-{name}", trees_model(rng, classifier, share, labels=[3, 8], post_transform=transform), holes
        yield f"classes-boosted-{name}", trees_model(rng, classifier, boosted, labels=[4, 5, 6], post_transform=transform), holes
        yield f"classes-forest-{name}", trees_model(rng, classifier, forest, labels=[4, 5, 6], post_transform=transform), holes
    yield "classes-base", trees_model(rng, classifier, one, labels=[0, 1], post_transform="LOGISTIC", base_values=[0.3]), holes

    def both(_):
        first = rng.random()
        return [(0, first / 12), (1, (1 - first) / 12)]

    def second(_):
        return [(1, rng.gauss(0, 0.5))]

    yield "classes-both", trees_model(rng, classifier, both, labels=[3, 8]), holes
    yield "classes-second", trees_model(rng, classifier, second, labels=[3, 8]), holes
    yield "trees-double", trees_model(rng, regressor, one, ORDER, element=11), holes
    yield "classes-double", trees_model(rng, classifier, boosted, labels=[4, 5, 6], element=11), holes

    every = [0, 1, 2, 3, 4, 5, 6]
    yield "trees-5", later_trees(rng, [0]), holes
    yield "trees-5-order", later_trees(rng, [0, 1, 2, 3]), holes
    yield "trees-5-modes", later_trees(rng, every), holes
    yield "trees-5-members", later_trees(rng, [6], depth=2), rows
    yield "trees-5-double", later_trees(rng, every, element=11), holes
    yield "trees-5-targets", later_trees(rng, every, targets=3, trees=30), holes
    for transform in range(4):
        yield f"trees-5-transform-{transform}", later_trees(rng, [0], targets=3, trees=30, transform=transform), holes
    for aggregate in range(4):
        yield f"trees-5-aggregate-{aggregate}", later_trees(rng, [0], aggregate=aggregate), holes
    yield from operator_cases(rng, rows, holes)
    yield from support_cases(random.Random(seed + 1), rows, holes)
    yield from neighbour_cases(random.Random(seed + 2), rows)

    def numbers(count):
        return [rng.gauss(0, 0.5) for _ in range(count)]

    for transform in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO"):
        for classes in (1, 2, 4):
            if classes == 1 and transform.startswith("SOFTMAX"):
                continue
            attributes = dict(
                coefficients=numbers(classes * COLUMNS),
                intercepts=numbers(classes),
                post_transform=transform,
                classlabels_ints=list(range(5, 5 + max(2, classes))),
            )
            yield f"linear-{classes}-{transform.lower()}", model(
                [learned("LinearClassifier", ["X"], ["label", "scores"], **attributes)],
                COLUMNS,
                [LABEL, ("scores", max(2, classes), 1)],
            ), rows
    for targets in (1, 3):
        attributes = dict(coefficients=numbers(targets * COLUMNS), intercepts=numbers(targets), targets=targets)
        yield f"linear-targets-{targets}", model(
            [
                learned("Imputer", ["X"], ["I"], imputed_value_floats=numbers(COLUMNS), replaced_value_float=NAN),
                learned("Scaler", ["I"], ["S"], offset=numbers(COLUMNS), scale=numbers(COLUMNS)),
                learned("LinearRegressor", ["S"], ["scores"], **attributes),
            ],
            COLUMNS,
            [("scores", targets, 1)],
        ), holes
    for norm in ("MAX", "L1", "L2"):
        yield f"normalizer-{norm.lower()}", model(
            [learned("Normalizer", ["X"], ["scores"], norm=norm)], COLUMNS, [("scores", COLUMNS, 1)]
        ), rows
    yield "binarizer", model(
        [learned("Binarizer", ["X"], ["scores"], threshold=0.25)], COLUMNS, [("scores", COLUMNS, 1)]
    ), rows

    for activation in ("Relu", "Sigmoid", "Tanh"):
        for element, name in ((1, "float"), (11, "double")):
            constants = [
                tensor("W1", [COLUMNS, 20], numbers(COLUMNS * 20), element),
                tensor("B1", [20], numbers(20), element),
                tensor("W2", [5, 20], numbers(100), element),
                tensor("B2", [1, 5], numbers(5), element),
                tensor("classes", [5], [10, 20, 30, 40, 50], 7),
                tensor("list", [1], [-1], 7),
            ]
            nodes = [
                node("MatMul", ["X", "W1"], ["a"]),
                node("Add", ["a", "B1"], ["b"]),
                node(activation, ["b"], ["c"]),
                node("Gemm", ["c", "W2", "B2"], ["d"], transB=1, alpha=0.5, beta=2.0),
                node("Softmax", ["d"], ["scores"], axis=1),
                node("ArgMax", ["d"], ["e"], axis=1),
                learned("ArrayFeatureExtractor", ["classes", "e"], ["f"]),
                node("Reshape", ["f", "list"], ["label"]),
            ]
            outputs = [LABEL, ("scores", 5, element)]
            yield f"network-{activation.lower()}-{name}", model(nodes, COLUMNS, outputs, constants, element), rows

    constants = [
        tensor("first", [2], [0, 1], 7),
        tensor("rest", [4], [2, 3, 4, 5], 7),
        tensor("table", [5, 2], numbers(10)),
        tensor("two", [], [2.0]),
        tensor("row", [1, 4], [0.5, 2.0, -1.0, 4.0]),
        tensor("flat", [2], [-1, 10], 7),
        tensor("shape", [2], [0, -1], 7),
        tensor("second", [1], [1], 7),
    ]
    nodes = [
        learned("ArrayFeatureExtractor", ["X", "second"], ["category"]),
        node("Gather", ["X", "rest"], ["numbers"], axis=1),
        node("Sub", ["numbers", "row"], ["less"]),
        node("Mul", ["less", "two"], ["twice"]),
        node("Div", ["twice", "row"], ["part"]),
        node("Cast", ["category"], ["whole"], to=7),
        learned(
            "LabelEncoder", ["whole"], ["index"], keys_int64s=[-2, -1, 0, 1, 2], values_int64s=[4, 3, 2, 1, 0], default_int64=1
        ),
        node("Gather", ["table", "index"], ["embedded"]),
        node("Reshape", ["embedded", "shape"], ["vector"]),
        learned("OneHotEncoder", ["whole"], ["hot"], cats_int64s=[-2, -1, 0, 1], zeros=1),
        node("Reshape", ["hot", "shape"], ["hotter"]),
        node("Concat", ["part", "vector", "hotter"], ["scores"], axis=1),
        node("Abs", ["part"], ["size"]),
        node("Sqrt", ["size"], ["root"]),
        node("Neg", ["root"], ["below"]),
        node("Exp", ["below"], ["decay"]),
        node("Identity", ["decay"], ["same"]),
        learned("FeatureVectorizer", ["part", "vector"], ["both"], inputdimensions=[4, 2]),
    ]
    outputs = [("scores", 10, 1), ("same", 4, 1), ("both", 6, 1), ("index", 1, 7)]
    yield "encoders", model(nodes, COLUMNS, outputs, constants), rows


# ------------------------------------------------------------------------------------------------------------- scores
def text_of(value):
    return "" if value != value else repr(float(value))


def write_table(path, rows):
    path.write_text("".join(",".join(text_of(value) for value in row) + "\n" for row in rows), encoding="ascii")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--into", required=True, type=pathlib.Path)
    parser.add_argument("--wheel", action="append", default=[], type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    options.into.mkdir(parents=True, exist_ok=True)
    for old in options.into.iterdir():
        old.unlink()
    sys.path[:0] = [str(wheel) for wheel in options.wheel]
    try:
        import numpy
        import onnxruntime
    except ImportError as error:
        print(f"skipped: ONNX Runtime is not there to compare with ({error}); ./dev test installs it")
        return SKIPPED
    onnxruntime.set_default_logger_severity(3)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    count = 0
    for name, content, rows in cases(options.seed):
        session = onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
        kind = numpy.float64 if "double" in session.get_inputs()[0].type else numpy.float32
        outputs = session.run(None, {"X": numpy.array(rows, kind)})
        columns = [output.reshape(len(rows), -1).astype(numpy.float64) for output in outputs]
        (options.into / f"{name}.onnx").write_bytes(content)
        write_table(options.into / f"{name}.rows", rows)
        write_table(options.into / f"{name}.scores", numpy.concatenate(columns, 1).tolist())
        count += 1
    (options.into / "origin").write_text(f"onnxruntime {onnxruntime.__version__}, seed {options.seed}\n")
    print(f"{count} models scored by onnxruntime {onnxruntime.__version__}, seed {options.seed}")
    return 0


sys.exit(main())
