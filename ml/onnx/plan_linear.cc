// Linear models of ai.onnx.ml.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include <weir/ml/onnx/class_labels.h>
#include <weir/ml/onnx/dense.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/transform.h>

namespace weir::ml::onnx {
namespace {

// What becomes of sums: labels where there are classes, then a transform.
class LinearScores final : public Step {
 public:
  LinearScores(Transform transform, std::size_t count, std::vector<double> labels, std::size_t sums,
               std::size_t label, std::size_t scores)
      : transform_(transform),
        count_(count),
        labels_(std::move(labels)),
        sums_(sums),
        label_(label),
        scores_(scores) {}

  bool run(const Frame& frame) const override {
    const std::span<const double> sums = frame.slots.subspan(sums_, count_);
    if (!labels_.empty()) {
      const std::size_t best =
          count_ == 1 ? (sums[0] > 0.0 ? 1 : 0)
                      : static_cast<std::size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
      frame.slots[label_] = labels_[best];
    }
    const bool spreads = count_ == 1 && labels_.size() == 2;
    const std::span<double> scores = frame.slots.subspan(scores_, spreads ? 2 : count_);
    if (spreads && transform_ != Transform::kProbit) {
      spread_score(transform_,
                   transform_ == Transform::kNone || transform_ == Transform::kSoftmax ||
                       transform_ == Transform::kSoftmaxZero,
                   sums[0], scores.first<2>());
    } else {
      std::copy(sums.begin(), sums.end(), scores.begin());
      apply_transform(transform_, scores);
    }
    for (double& score : scores) score = as_float(score);
    return true;
  }

 private:
  const Transform transform_;
  const std::size_t count_;
  const std::vector<double> labels_;  // none: a regression
  const std::size_t sums_;
  const std::size_t label_;
  const std::size_t scores_;
};

absl::Status plan_linear_model(NodePlan& node, bool classifies) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  const Value& input = node.input(0);
  const std::vector<double> coefficients = node.numbers("coefficients");
  const std::vector<double> intercepts = node.numbers("intercepts");
  const auto transform = transform_from(node.text("post_transform", "NONE"));
  if (!transform) return node.refuse("its post_transform is unknown");
  if (coefficients.empty() || coefficients.size() % columns != 0) {
    return node.wrong(
        fmt::format("has {} coefficients for rows of {} columns", coefficients.size(), columns));
  }
  const std::size_t count = coefficients.size() / columns;
  if (count > node.limits().outputs) return node.wrong(fmt::format("has {} outputs", count));
  if (intercepts.size() != count && (classifies || !intercepts.empty())) {
    return node.wrong(fmt::format("has {} intercepts for {} outputs", intercepts.size(), count));
  }
  std::optional<ClassLabels> labels;
  if (classifies) {
    node.ignore("multi_class");  // ONNX Runtime makes no use of it
    labels = class_labels(node, "classlabels_ints", "classlabels_strings");
    if (!labels) return node.wrong("has no labels, or two kinds of them");
    if (labels->numbers.size() != (count == 1 ? 2 : count)) {
      return node.refuse(fmt::format("has {} labels for {} scores", labels->numbers.size(), count));
    }
    if (count == 1 && *transform != Transform::kNone && *transform != Transform::kLogistic) {
      return node.refuse("has a single score, and a transform for several");
    }
  } else if (node.integer("targets", 1) != static_cast<std::int64_t>(count)) {
    return node.wrong(fmt::format("has coefficients for {} targets", count));
  } else if (count == 1 && (*transform == Transform::kSoftmax || *transform == Transform::kSoftmaxZero ||
                            *transform == Transform::kLogistic)) {
    return node.refuse("has a single score, and a transform for several");
  }
  Dense dense{.inputs = columns, .outputs = count, .weights = {}, .bias = intercepts};
  dense.weights.resize(coefficients.size());
  for (std::size_t i = 0; i < columns; ++i) {
    for (std::size_t j = 0; j < count; ++j) dense.weights[i * count + j] = coefficients[j * columns + i];
  }
  const std::size_t sums = node.add_slots(count);
  auto layers = std::make_shared<const Layers>(layers_of(dense, 1, input.slot, sums));
  node.need_floats(layers->floats());
  node.add_step(layers_step(std::move(layers)));
  std::size_t label = 0;
  if (labels) label = add_label_output(node, *labels);
  const std::size_t scores = labels ? labels->numbers.size() : count;
  const std::size_t slot = node.add_output(Element::kFloat, {static_cast<std::int64_t>(scores)}).slot;
  node.add_step(std::make_unique<LinearScores>(
      *transform, count, labels ? labels->numbers : std::vector<double>(), sums, label, slot));
  return absl::OkStatus();
}

}  // namespace

bool plan_linear(NodePlan& node, absl::Status& status) {
  if (node.type() != "LinearClassifier" && node.type() != "LinearRegressor") return false;
  status = plan_linear_model(node, node.type() == "LinearClassifier");
  return true;
}

}  // namespace weir::ml::onnx
