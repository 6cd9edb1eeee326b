// Support vector machines of ai.onnx.ml.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include <fmt/format.h>

#include <weir/ml/onnx/class_labels.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/svm.h>
#include <weir/ml/onnx/transform.h>

namespace weir::ml::onnx {
namespace {

std::vector<float> floats_from(const std::vector<double>& numbers) {
  std::vector<float> floats;
  for (const double number : numbers) floats.push_back(static_cast<float>(number));
  return floats;
}

// Reads the row into the floats of the frame; returns what is left of them.
std::span<float> read_row(const Frame& frame, std::size_t slot, std::size_t columns) {
  for (std::size_t i = 0; i < columns; ++i) frame.floats[i] = static_cast<float>(frame.slots[slot + i]);
  return frame.floats.subspan(columns);
}

// Platt's sigmoid of a score.
float probability_of(float score, float slope, float offset) {
  const float argument = score * slope + offset;
  const float share = 1.0f / (1.0f + std::exp(-std::abs(argument)));
  return 1.0f - (argument < 0.0f ? 1.0f - share : share);
}

// What a classifier of pairs is made of. Pairs are (0, 1), (0, 2), ..., (1, 2), ...
struct Pairs {
  std::vector<std::size_t> first_of;  // by class: its first vector; then how many there are
  std::vector<float>
      coefficients;            // a row over all vectors for each class but one: against that one, or the next
  std::vector<float> offsets;  // by pair, and so on
  std::vector<float> slopes;   // none: there are no probabilities
  std::vector<float> shifts;
  std::vector<double> labels;

  std::size_t classes() const { return labels.size(); }
  std::size_t count() const { return classes() * (classes() - 1) / 2; }
  bool has_probabilities() const { return !slopes.empty(); }
};

class PairClassifier final : public Step {
 public:
  PairClassifier(SupportVectors vectors, Pairs pairs, Transform transform, std::size_t input,
                 std::size_t label, std::size_t scores)
      : vectors_(std::move(vectors)),
        pairs_(std::move(pairs)),
        transform_(transform),
        input_(input),
        label_(label),
        scores_(scores) {}

  static std::size_t floats(const SupportVectors& vectors, const Pairs& pairs) {
    const std::size_t classes = pairs.classes();
    return vectors.columns() + vectors.padded() + pairs.count() + 2 * classes + 2 * classes * classes;
  }

  bool run(const Frame& frame) const override {
    const std::span<float> floats = read_row(frame, input_, vectors_.columns());
    const std::span<float> values = floats.first(vectors_.padded());
    vectors_.compare(frame.floats.data(), values.data());
    const std::span<float> scores = floats.subspan(values.size(), pairs_.count());
    const std::span<float> rest = floats.subspan(values.size() + scores.size());
    frame.slots[label_] = pairs_.labels[vote(values, scores, rest.first(pairs_.classes()))];
    if (pairs_.has_probabilities()) {
      write_probabilities(frame, scores, rest);
    } else if (pairs_.classes() == 2) {
      const std::span<double, 2> both = frame.slots.subspan(scores_).first<2>();
      const auto score = static_cast<double>(scores[0]);
      both[0] = transform_ == Transform::kNone ? -score : as_float(1.0 - score);
      both[1] = score;
    } else {
      write(frame, scores);
    }
    return true;
  }

 private:
  // Scores each pair, and returns the class that wins most of its pairs, the first of them.
  std::size_t vote(std::span<const float> values, std::span<float> scores, std::span<float> votes) const {
    const std::size_t classes = pairs_.classes();
    std::ranges::fill(votes, 0.0f);
    std::size_t pair = 0;
    for (std::size_t i = 0; i + 1 < classes; ++i) {
      for (std::size_t j = i + 1; j < classes; ++j, ++pair) {
        double sum = 0.0;
        add(i, j - 1, values, sum);
        add(j, i, values, sum);
        sum += static_cast<double>(pairs_.offsets[pair]);
        scores[pair] = static_cast<float>(sum);
        votes[sum > 0.0 ? i : j] += 1.0f;
      }
    }
    return static_cast<std::size_t>(std::ranges::max_element(votes) - votes.begin());
  }

  // Adds the vectors of a class, weighted by a row of the coefficients. Products are rounded to floats.
  void add(std::size_t of, std::size_t row, std::span<const float> values, double& sum) const {
    const float* const coefficients = pairs_.coefficients.data() + row * vectors_.count();
    for (std::size_t i = pairs_.first_of[of]; i < pairs_.first_of[of + 1]; ++i) {
      const float product = coefficients[i] * values[i];
      sum += static_cast<double>(product);
    }
  }

  void write_probabilities(const Frame& frame, std::span<const float> scores, std::span<float> floats) const {
    constexpr float kLeast = 1.0e-7f;
    const std::size_t classes = pairs_.classes();
    const std::span<float> wins = floats.first(classes * classes);
    std::size_t pair = 0;
    for (std::size_t i = 0; i + 1 < classes; ++i) {
      for (std::size_t j = i + 1; j < classes; ++j, ++pair) {
        const float share = probability_of(scores[pair], pairs_.slopes[pair], pairs_.shifts[pair]);
        const float win = std::min(std::max(share, kLeast), 1.0f - kLeast);
        wins[i * classes + j] = win;
        wins[j * classes + i] = 1.0f - win;
      }
    }
    const std::span<float> probabilities = floats.subspan(wins.size(), classes);
    couple(wins, probabilities, floats.subspan(wins.size() + classes));
    write(frame, probabilities);
  }

  void write(const Frame& frame, std::span<const float> scores) const {
    const std::span<double> written = frame.slots.subspan(scores_, scores.size());
    std::ranges::copy(scores, written.begin());
    apply_transform(transform_, written);
    for (double& score : written) score = as_float(score);
  }

  const SupportVectors vectors_;
  const Pairs pairs_;
  const Transform transform_;
  const std::size_t input_;
  const std::size_t label_;
  const std::size_t scores_;
};

// A classifier without vectors: each class has a weight for each column, and all the same offset.
class LinearClasses final : public Step {
 public:
  LinearClasses(FloatMatrix weights, float offset, std::vector<double> labels, bool prefers_positive,
                Transform transform, std::size_t input, std::size_t label, std::size_t scores)
      : weights_(std::move(weights)),
        offset_(offset),
        labels_(std::move(labels)),
        prefers_positive_(prefers_positive),
        transform_(transform),
        input_(input),
        label_(label),
        scores_(scores) {}

  bool run(const Frame& frame) const override {
    const std::span<float> sums = read_row(frame, input_, weights_.inputs()).first(weights_.padded());
    weights_.multiply(frame.floats.data(), sums.data());
    const std::span<double> scores = frame.slots.subspan(scores_, labels_.size());
    for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = static_cast<double>(sums[i] + offset_);
    const auto best = std::ranges::max_element(scores);
    const auto place = static_cast<std::size_t>(best - scores.begin());
    // Of two classes, the second one is what the larger score of either speaks for.
    frame.slots[label_] = labels_[prefers_positive_ && *best > 0.0 ? 1 : place];
    apply_transform(transform_, scores);
    for (double& score : scores) score = as_float(score);
    return true;
  }

 private:
  const FloatMatrix weights_;
  const float offset_;
  const std::vector<double> labels_;
  const bool prefers_positive_;
  const Transform transform_;
  const std::size_t input_;
  const std::size_t label_;
  const std::size_t scores_;
};

// The weighted sum over all vectors, or over all columns.
class SvmRegression final : public Step {
 public:
  SvmRegression(std::optional<SupportVectors> vectors, FloatMatrix weights, float offset, bool is_sign,
                std::size_t input, std::size_t output)
      : vectors_(std::move(vectors)),
        weights_(std::move(weights)),
        offset_(offset),
        is_sign_(is_sign),
        input_(input),
        output_(output) {}

  static std::size_t floats(const std::optional<SupportVectors>& vectors, const FloatMatrix& weights) {
    return weights.inputs() + weights.padded() + (vectors ? vectors->columns() + vectors->padded() : 0);
  }

  bool run(const Frame& frame) const override {
    const float* row = frame.floats.data();
    std::span<float> rest = read_row(frame, input_, vectors_ ? vectors_->columns() : weights_.inputs());
    if (vectors_) {
      vectors_->compare(row, rest.data());
      row = rest.data();
      rest = rest.subspan(vectors_->padded());
    }
    weights_.multiply(row, rest.data());
    const float sum = rest[0] + offset_;
    frame.slots[output_] = is_sign_ ? (sum > 0.0f ? 1.0 : -1.0) : static_cast<double>(sum);
    return true;
  }

 private:
  const std::optional<SupportVectors> vectors_;
  const FloatMatrix weights_;
  const float offset_;
  const bool is_sign_;
  const std::size_t input_;
  const std::size_t output_;
};

absl::StatusOr<Kernel> kernel_of(NodePlan& node) {
  const std::optional<Kernel::Kind> kind = kernel_from(node.text("kernel_type", "LINEAR"));
  if (!kind) return node.refuse("its kernel_type is unknown");
  const std::vector<double> parameters = node.numbers("kernel_params");
  if (parameters.empty() && *kind == Kernel::Kind::kLinear) return Kernel{};
  if (parameters.size() != 3) return node.wrong(fmt::format("has {} kernel_params", parameters.size()));
  return Kernel{*kind, static_cast<float>(parameters[0]), static_cast<float>(parameters[1]),
                static_cast<float>(parameters[2])};
}

absl::Status plan_linear_classes(NodePlan& node, std::size_t columns, const std::vector<double>& coefficients,
                                 const ClassLabels& labels, Transform transform) {
  const std::size_t classes = labels.numbers.size();
  const std::vector<double> offsets = node.numbers("rho");
  const bool has_probabilities = !node.numbers("prob_a").empty();
  node.ignore("prob_b");
  node.ignore("support_vectors");
  node.ignore("kernel_type");
  node.ignore("kernel_params");
  if (coefficients.size() != classes * columns || offsets.empty()) {
    return node.wrong(fmt::format("has {} coefficients and {} offsets for {} classes of {} columns",
                                  coefficients.size(), offsets.size(), classes, columns));
  }
  const bool all_positive = std::ranges::all_of(coefficients, [](double each) { return each >= 0.0; });
  if (classes == 2 && all_positive && !has_probabilities)
    return node.refuse("has two classes and no weight below zero");
  std::vector<double> weights(coefficients.size());
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t j = 0; j < columns; ++j) weights[j * classes + i] = coefficients[i * columns + j];
  }
  FloatMatrix matrix(weights, columns, classes);
  node.need_floats(columns + matrix.padded());
  const std::size_t label = add_label_output(node, labels);
  const std::size_t scores = node.add_output(Element::kFloat, {static_cast<std::int64_t>(classes)}).slot;
  node.add_step(std::make_unique<LinearClasses>(std::move(matrix), static_cast<float>(offsets[0]),
                                                labels.numbers, classes == 2 && !has_probabilities, transform,
                                                node.input(0).slot, label, scores));
  return absl::OkStatus();
}

absl::Status plan_pairs(NodePlan& node, std::size_t columns, const std::vector<std::int64_t>& vectors_of,
                        const std::vector<double>& coefficients, const ClassLabels& labels,
                        Transform transform) {
  Pairs pairs;
  pairs.labels = labels.numbers;
  const std::size_t classes = pairs.classes();
  const std::vector<double> vectors = node.numbers("support_vectors");
  const std::size_t most = vectors.size() / columns;
  pairs.first_of.push_back(0);
  for (const std::int64_t count : vectors_of) {
    if (count < 0 || static_cast<std::uint64_t>(count) > most)
      return node.wrong("has classes with more vectors than there are");
    pairs.first_of.push_back(pairs.first_of.back() + static_cast<std::size_t>(count));
  }
  const std::size_t count = pairs.first_of.back();
  if (vectors_of.size() != classes || count == 0 || vectors.size() != count * columns) {
    return node.wrong(fmt::format("has {} numbers for {} vectors of {} classes and {} columns",
                                  vectors.size(), count, vectors_of.size(), columns));
  }
  const absl::StatusOr<Kernel> kernel = kernel_of(node);
  if (!kernel.ok()) return kernel.status();
  pairs.coefficients = floats_from(coefficients);
  pairs.offsets = floats_from(node.numbers("rho"));
  pairs.slopes = floats_from(node.numbers("prob_a"));
  pairs.shifts = floats_from(node.numbers("prob_b"));
  if (pairs.coefficients.size() != (classes - 1) * count || pairs.offsets.size() < pairs.count() ||
      pairs.slopes.size() != pairs.shifts.size() ||
      (pairs.has_probabilities() && pairs.slopes.size() < pairs.count())) {
    return node.wrong(fmt::format("has {} coefficients, {} offsets and {} slopes for {} pairs of classes",
                                  pairs.coefficients.size(), pairs.offsets.size(), pairs.slopes.size(),
                                  pairs.count()));
  }
  if (classes == 2 && !pairs.has_probabilities() && transform == Transform::kProbit) {
    return node.refuse("has a single score, and PROBIT leaves the other one open");
  }
  SupportVectors support(*kernel, vectors, columns);
  node.need_floats(PairClassifier::floats(support, pairs));
  const std::size_t label = add_label_output(node, labels);
  const std::size_t width = pairs.has_probabilities() || classes == 2 ? classes : pairs.count();
  const std::size_t scores = node.add_output(Element::kFloat, {static_cast<std::int64_t>(width)}).slot;
  node.add_step(std::make_unique<PairClassifier>(std::move(support), std::move(pairs), transform,
                                                 node.input(0).slot, label, scores));
  return absl::OkStatus();
}

absl::Status plan_classifier(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  const std::optional<ClassLabels> labels = class_labels(node, "classlabels_ints", "classlabels_strings");
  if (!labels) return node.wrong("has no labels, or two kinds of them");
  const std::size_t classes = labels->numbers.size();
  if (classes < 2) return node.refuse("has a single class");
  if (classes > node.limits().outputs) return node.wrong(fmt::format("has {} classes", classes));
  const auto transform = transform_from(node.text("post_transform", "NONE"));
  if (!transform) return node.refuse("its post_transform is unknown");
  const std::vector<std::int64_t> vectors_of = node.integers("vectors_per_class");
  const std::vector<double> coefficients = node.numbers("coefficients");
  const bool has_vectors = std::ranges::any_of(vectors_of, [](std::int64_t count) { return count != 0; });
  return has_vectors ? plan_pairs(node, columns, vectors_of, coefficients, *labels, *transform)
                     : plan_linear_classes(node, columns, coefficients, *labels, *transform);
}

absl::Status plan_regressor(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  if (node.input(0).element != Element::kFloat) return node.refuse("takes floats only");
  if (node.text("post_transform", "NONE") != "NONE") return node.refuse("its post_transform is unknown");
  const std::int64_t count = node.integer("n_supports", 0);
  const std::vector<double> vectors = node.numbers("support_vectors");
  const std::vector<double> coefficients = node.numbers("coefficients");
  const std::vector<double> offsets = node.numbers("rho");
  const bool is_sign = node.integer("one_class", 0) != 0;
  const absl::StatusOr<Kernel> kernel = kernel_of(node);
  if (!kernel.ok()) return kernel.status();
  const bool has_vectors = count > 0;
  if (coefficients.size() != (has_vectors ? static_cast<std::uint64_t>(count) : columns) || offsets.empty() ||
      (has_vectors && vectors.size() != coefficients.size() * columns)) {
    return node.wrong(fmt::format("has {} coefficients and {} offsets for {} vectors of {} columns",
                                  coefficients.size(), offsets.size(), count, columns));
  }
  std::optional<SupportVectors> support;
  if (has_vectors) support.emplace(*kernel, vectors, columns);
  FloatMatrix weights(coefficients, coefficients.size(), 1);
  node.need_floats(SvmRegression::floats(support, weights));
  const std::size_t output = node.add_output(Element::kFloat, {1}).slot;
  node.add_step(std::make_unique<SvmRegression>(std::move(support), std::move(weights),
                                                static_cast<float>(offsets[0]), is_sign, node.input(0).slot,
                                                output));
  return absl::OkStatus();
}

}  // namespace

bool plan_svm(NodePlan& node, absl::Status& status) {
  if (node.type() != "SVMClassifier" && node.type() != "SVMRegressor") return false;
  status = node.type() == "SVMClassifier" ? plan_classifier(node) : plan_regressor(node);
  return true;
}

}  // namespace weir::ml::onnx
