// The labels of a classifier's classes. Internal to the room.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/ml/onnx/plan.h>

namespace weir::ml::onnx {

struct ClassLabels {
  std::vector<double> numbers;  // a text's number is its place in the list
  std::shared_ptr<const std::vector<std::string>> texts;
};

// Returns the labels that these attributes hold; nothing if both or none do, or one is beyond 2^53.
std::optional<ClassLabels> class_labels(NodePlan& node, std::string_view integers, std::string_view texts);

// Makes the label of a row the next output; returns its slot.
std::size_t add_label_output(NodePlan& node, const ClassLabels& labels);

}  // namespace weir::ml::onnx
