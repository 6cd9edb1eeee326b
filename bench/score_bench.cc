// How much faster do we score than the libraries that trained the model?
//
// XGBoost and LightGBM train models on generated rows (32 columns, one value in twenty missing); each then scores
// the same rows as we do, in one thread, one at a time and in batches of 64. The trainers are asked by their faster
// paths for dense rows: XGBoost by in-place prediction and by DMatrix, of which the faster counts; LightGBM by
// FastSingleRow and by PredictForMat. Printed is the best of several repeats, per row, and the ratio. Good, for
// single rows: 8 times faster than XGBoost at 100 trees of depth 6 and 5 times at 500 of depth 8, 3.5 times faster
// than LightGBM at 100 trees of 31 leaves; in batches twice as fast. Margins are compared on the way: equal bit for
// bit, of LightGBM within 1e-12. Without LightGBM (see lightgbm_peer.h) that part is skipped.
//
//   score_bench [repeats]
#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <xgboost/c_api.h>

#include <weir/ml/lightgbm_text.h>
#include <weir/ml/xgboost_json.h>

#include "lightgbm_peer.h"

namespace {

constexpr std::size_t kColumns = 32;
constexpr std::size_t kRows = 2048;

void check(int result) {
  if (result != 0) throw std::runtime_error(XGBGetLastError());
}

struct Rows {
  std::vector<float> values;
  std::vector<float> labels;
};

Rows generate(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> uniform;
  Rows rows;
  for (std::size_t row = 0; row < count; ++row) {
    float signal = 0.5f * normal(random);
    for (std::size_t column = 0; column < kColumns; ++column) {
      const float value = normal(random);
      if (column % 4 != 3) signal += std::sin(2.0f * value) * (column % 2 == 0 ? 1.0f : -0.6f);
      rows.values.push_back(uniform(random) < 0.05f ? std::numeric_limits<float>::quiet_NaN() : value);
    }
    rows.labels.push_back(signal > 0.5f ? 1.0f : 0.0f);
  }
  return rows;
}

class Peer {
 public:
  Peer(const Rows& rows, int trees, int depth) {
    DMatrixHandle matrix = nullptr;
    check(XGDMatrixCreateFromMat(rows.values.data(), rows.labels.size(), kColumns,
                                 std::numeric_limits<float>::quiet_NaN(), &matrix));
    check(XGDMatrixSetFloatInfo(matrix, "label", rows.labels.data(), rows.labels.size()));
    check(XGBoosterCreate(&matrix, 1, &booster_));
    set("objective", "binary:logistic");
    set("tree_method", "hist");
    set("nthread", "1");
    set("eta", "0.1");
    set("min_child_weight", "0");
    set("max_depth", std::to_string(depth));
    for (int round = 0; round < trees; ++round) check(XGBoosterUpdateOneIter(booster_, round, matrix));
    XGDMatrixFree(matrix);
    check(XGProxyDMatrixCreate(&proxy_));
  }
  ~Peer() {
    XGDMatrixFree(proxy_);
    XGBoosterFree(booster_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  std::string json() const {
    bst_ulong length = 0;
    const char* bytes = nullptr;
    check(XGBoosterSaveModelToBuffer(booster_, R"({"format": "json"})", &length, &bytes));
    return std::string(bytes, length);
  }

  // Scores rows in place, probabilities or margins.
  void predict(const float* values, std::size_t count, bool as_margin, float* scores) const {
    const std::string array =
        fmt::format(R"({{"data":[{},true],"shape":[{},{}],"typestr":"<f4","version":3}})",
                    reinterpret_cast<std::uintptr_t>(values), count, kColumns);
    const char* config = as_margin ? kMarginConfig : kValueConfig;
    const bst_ulong* shape = nullptr;
    bst_ulong dimensions = 0;
    const float* result = nullptr;
    check(XGBoosterPredictFromDense(booster_, array.c_str(), config, proxy_, &shape, &dimensions, &result));
    std::copy(result, result + count, scores);
  }

  // Scores rows through a DMatrix made of them.
  void predict_matrix(const float* values, std::size_t count, float* scores) const {
    DMatrixHandle matrix = nullptr;
    check(XGDMatrixCreateFromMat(values, count, kColumns, std::numeric_limits<float>::quiet_NaN(), &matrix));
    const bst_ulong* shape = nullptr;
    bst_ulong dimensions = 0;
    const float* result = nullptr;
    check(XGBoosterPredictFromDMatrix(booster_, matrix, kValueConfig, &shape, &dimensions, &result));
    std::copy(result, result + count, scores);
    XGDMatrixFree(matrix);
  }

 private:
  static constexpr const char* kValueConfig =
      R"({"type":0,"training":false,"iteration_begin":0,"iteration_end":0,)"
      R"("strict_shape":false,"missing":NaN,"cache_id":0})";
  static constexpr const char* kMarginConfig =
      R"({"type":1,"training":false,"iteration_begin":0,"iteration_end":0,)"
      R"("strict_shape":false,"missing":NaN,"cache_id":0})";

  void set(const char* name, const std::string& value) {
    check(XGBoosterSetParam(booster_, name, value.c_str()));
  }

  BoosterHandle booster_ = nullptr;
  DMatrixHandle proxy_ = nullptr;
};

// Returns the microseconds per row of the fastest of `repeats` passes over all rows in batches of `batch`.
template <class Score>
double best_of(int repeats, std::size_t batch, const Score& score) {
  double best = std::numeric_limits<double>::infinity();
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t first = 0; first < kRows; first += batch) score(first);
    const std::chrono::duration<double, std::micro> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count() / static_cast<double>(kRows));
  }
  return best;
}

void compare(int trees, int depth, int repeats) {
  const Rows training = generate(1, 20'000);
  const Rows rows = generate(2, kRows);
  const Peer peer(training, trees, depth);
  const std::string json = peer.json();
  const auto load = [&](weir::ml::Output output) {
    auto model = weir::ml::load_xgboost_json(json, {.output = output});
    if (!model.ok()) throw std::runtime_error(model.status().ToString());
    return *std::move(model);
  };
  const auto started = std::chrono::steady_clock::now();
  const std::unique_ptr<const weir::ml::Model> model = load(weir::ml::Output::kTransformed);
  const std::chrono::duration<double, std::milli> load_time = std::chrono::steady_clock::now() - started;

  std::vector<float> ours(kRows);
  std::vector<float> theirs(kRows);
  if (!load(weir::ml::Output::kMargin)->predict(weir::ml::RowBatch(rows.values, kColumns), ours).ok()) {
    throw std::runtime_error("margins could not be had");
  }
  peer.predict(rows.values.data(), kRows, true, theirs.data());
  for (std::size_t row = 0; row < kRows; ++row) {
    if (std::bit_cast<std::uint32_t>(ours[row]) != std::bit_cast<std::uint32_t>(theirs[row])) {
      throw std::runtime_error(fmt::format("row {}: margins differ: {} {}", row, ours[row], theirs[row]));
    }
  }

  fmt::print("{} trees, depth {}: {:.1f} MB of JSON, loaded in {:.0f} ms; margins of {} rows bit-equal\n",
             trees, depth, static_cast<double>(json.size()) / 1e6, load_time.count(), kRows);
  for (const std::size_t batch : {std::size_t{1}, std::size_t{64}}) {
    const double our_time = best_of(repeats, batch, [&](std::size_t first) {
      const std::span<const float> values =
          std::span(rows.values).subspan(first * kColumns, batch * kColumns);
      if (!model->predict(weir::ml::RowBatch(values, kColumns), std::span(ours).subspan(first, batch)).ok()) {
        std::abort();
      }
    });
    const double in_place = best_of(repeats, batch, [&](std::size_t first) {
      peer.predict(rows.values.data() + first * kColumns, batch, false, theirs.data() + first);
    });
    const double by_matrix = best_of(repeats, batch, [&](std::size_t first) {
      peer.predict_matrix(rows.values.data() + first * kColumns, batch, theirs.data() + first);
    });
    fmt::print("  batch {:2}: ours {:7.3f} us/row   XGBoost {:7.3f}, by DMatrix {:7.3f}   ratio {:5.1f}\n",
               batch, our_time, in_place, by_matrix, std::min(in_place, by_matrix) / our_time);
  }
}

void compare_lightgbm(int trees, int leaves, int repeats) {
  const Rows training = generate(1, 20'000);
  const Rows rows = generate(2, kRows);
  const LightgbmPeer peer(training.values, kColumns, training.labels, trees, leaves);
  const std::string text = peer.text();
  const auto load = [&](weir::ml::Output output) {
    auto model = weir::ml::load_lightgbm_text(text, {.output = output});
    if (!model.ok()) throw std::runtime_error(model.status().ToString());
    return *std::move(model);
  };
  const auto started = std::chrono::steady_clock::now();
  const std::unique_ptr<const weir::ml::Model> model = load(weir::ml::Output::kTransformed);
  const std::chrono::duration<double, std::milli> load_time = std::chrono::steady_clock::now() - started;

  const std::vector<double> exact(rows.values.begin(), rows.values.end());
  std::vector<double> ours(kRows);
  std::vector<double> theirs(kRows);
  if (!load(weir::ml::Output::kMargin)->predict(weir::ml::DoubleRowBatch(exact, kColumns), ours).ok()) {
    throw std::runtime_error("margins could not be had");
  }
  peer.margins(rows.values.data(), kRows, theirs.data());
  for (std::size_t row = 0; row < kRows; ++row) {
    if (!(std::abs(ours[row] - theirs[row]) <= 1e-12 * std::max(1.0, std::abs(theirs[row])))) {
      throw std::runtime_error(fmt::format("row {}: margins differ: {} {}", row, ours[row], theirs[row]));
    }
  }

  fmt::print("{} trees, {} leaves: {:.1f} MB of text, loaded in {:.0f} ms; margins of {} rows within 1e-12\n",
             trees, leaves, static_cast<double>(text.size()) / 1e6, load_time.count(), kRows);
  std::vector<float> scores(kRows);
  for (const std::size_t batch : {std::size_t{1}, std::size_t{64}}) {
    const double our_time = best_of(repeats, batch, [&](std::size_t first) {
      const auto values = std::span(rows.values).subspan(first * kColumns, batch * kColumns);
      if (!model->predict(weir::ml::RowBatch(values, kColumns), std::span(scores).subspan(first, batch))
               .ok()) {
        std::abort();
      }
    });
    const double in_double = best_of(repeats, batch, [&](std::size_t first) {
      const auto values = std::span(exact).subspan(first * kColumns, batch * kColumns);
      if (!model->predict(weir::ml::DoubleRowBatch(values, kColumns), std::span(ours).subspan(first, batch))
               .ok()) {
        std::abort();
      }
    });
    const double their_time = best_of(repeats, batch, [&](std::size_t first) {
      peer.predict(rows.values.data() + first * kColumns, batch, theirs.data() + first);
    });
    fmt::print("  batch {:2}: ours {:7.3f} us/row, of doubles {:7.3f}   LightGBM {:7.3f}   ratio {:5.1f}\n",
               batch, our_time, in_double, their_time, their_time / our_time);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 15;
  try {
    compare(100, 6, repeats);
    compare(500, 8, repeats);
    if (const std::string missing = LightgbmPeer::missing(); !missing.empty()) {
      fmt::print("LightGBM skipped: {}\n", missing);
      return 0;
    }
    compare_lightgbm(100, 31, repeats);
    compare_lightgbm(500, 127, repeats);
  } catch (const std::exception& error) {
    fmt::print(stderr, "score_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
