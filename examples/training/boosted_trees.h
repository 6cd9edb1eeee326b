// A small trainer of boosted trees, so that the examples' models can be made again without anything else. It knows
// what these need: numbers, some missing; two classes or a value; histograms of columns; trees that grow level by level. What it
// writes is XGBoost's JSON.
//
// The same table and options give the same bytes on every machine: sums have one order, and nothing depends on chance.
//
// After Friedman, "Greedy function approximation: a gradient boosting machine" (2001), and Chen and Guestrin, "XGBoost: a scalable
// tree boosting system" (2016): gain, leaf values with an l2 penalty, and a direction for what is missing.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace training {

struct Table {
  std::vector<std::string> columns;
  std::vector<float> values;  // row after row; NaN: missing
  std::vector<float> labels;  // one for each row

  [[nodiscard]] std::size_t rows() const { return labels.size(); }
  void add(std::span<const float> row, float label) {
    values.insert(values.end(), row.begin(), row.end());
    labels.push_back(label);
  }
};

enum class Objective {
  kLogistic,      // labels are 0 and 1, the model's output a probability
  kSquaredError,  // labels are values
};

struct BoostingOptions {
  Objective objective = Objective::kLogistic;
  int trees = 50;
  int depth = 5;
  double rate = 0.2;
  double penalty = 1;       // l2, of leaf values
  double hessian_min = 20;  // of a leaf; for values the number of its rows
  int bins = 64;            // of a column, about equally full; at most 255
};

// Requires columns, rows, and of each row as many values as there are columns.
[[nodiscard]] std::string train_boosted_trees(const Table& table, const BoostingOptions& options);

}  // namespace training
