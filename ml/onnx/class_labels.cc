// The labels of classes.
#include <weir/ml/onnx/class_labels.h>

#include <utility>

namespace weir::ml::onnx {

std::optional<ClassLabels> class_labels(NodePlan& node, std::string_view integers, std::string_view texts) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;
  ClassLabels labels;
  for (const std::int64_t number : node.integers(integers)) {
    if (number > kMost || number < -kMost) return std::nullopt;
    labels.numbers.push_back(static_cast<double>(number));
  }
  std::vector<std::string> words = node.texts(texts);
  if (labels.numbers.empty() == words.empty()) return std::nullopt;
  if (words.empty()) return labels;
  for (std::size_t i = 0; i < words.size(); ++i) labels.numbers.push_back(static_cast<double>(i));
  labels.texts = std::make_shared<const std::vector<std::string>>(std::move(words));
  return labels;
}

std::size_t add_label_output(NodePlan& node, const ClassLabels& labels) {
  Value& value = node.add_output(labels.texts ? Element::kText : Element::kInteger, {});
  value.texts = labels.texts;
  return value.slot;
}

}  // namespace weir::ml::onnx
