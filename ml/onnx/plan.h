// Plans the operators of an ONNX graph as the steps of a program. Internal to the room.
//
// Every value of a graph is a constant, or has one part for each row: its first dimension is the batch. A plan knows
// such a value by the shape of one row's part alone, so nothing it plans can depend on the batch. Where an operator
// would mix rows, it is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/onnx/program.h>
#include <weir/ml/onnx/tensor.h>

namespace weir::ml::onnx::wire {
class Attribute;
class Node;
}  // namespace weir::ml::onnx::wire

namespace weir::ml::onnx {

// A value as the plan knows it.
struct Value {
  Element element = Element::kFloat;
  Shape shape;                                            // of a constant, or of one row's part
  std::size_t slot = 0;                                   // of a row's part
  std::shared_ptr<const Tensor> constant;                 // null for a row's part
  std::shared_ptr<const std::vector<std::string>> texts;  // of a kText: what the numbers stand for
  bool batch_is_last = false;                             // the batch is the last dimension, behind a one

  std::size_t count() const { return elements_of(shape); }
  std::size_t rank() const { return shape.size() + (constant ? 0 : 1); }
};

// Plans one node: its inputs, its attributes, and what it adds to the program. Attributes that nobody asks for, and
// those of another type than they are asked for, are refused at the end, by finish().
class NodePlan {
 public:
  NodePlan(const wire::Node& node, std::int64_t version, std::vector<const Value*> inputs, Program& program,
           const LoadLimits& limits);

  const std::string& type() const { return type_; }
  std::int64_t version() const { return version_; }  // of the operator set
  const LoadLimits& limits() const { return limits_; }

  std::size_t inputs() const { return inputs_.size(); }
  bool has_input(std::size_t index) const { return index < inputs_.size() && inputs_[index] != nullptr; }
  const Value& input(std::size_t index) const { return *inputs_[index]; }

  // Refuse a node that has not `least` to `most` inputs, or whose input is none of rows.
  absl::Status expect_inputs(std::size_t least, std::size_t most) const;
  absl::Status expect_rows(std::size_t index) const;
  // The same for numbers with a single dimension besides the batch; what it returns is its length, in `columns`.
  absl::Status expect_columns(std::size_t index, std::size_t& columns) const;

  bool has(std::string_view name) const;
  float number(std::string_view name, float otherwise);
  std::int64_t integer(std::string_view name, std::int64_t otherwise);
  std::string text(std::string_view name, std::string_view otherwise);
  std::vector<double> numbers(std::string_view name);
  std::vector<std::int64_t> integers(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  // An empty tensor if there is none.
  Tensor tensor(std::string_view name);
  void ignore(std::string_view name) { asked_.insert(std::string(name)); }

  // Returns the status of a node that cannot be planned.
  absl::Status refuse(std::string_view why) const;
  absl::Status wrong(std::string_view why) const;

  // Makes a value of rows, with slots of its own, the next output. It is empty where a row would need too many of them.
  Value& add_output(Element element, Shape shape);
  // Makes a copy of `value` the next output, which needs no step.
  Value& add_alias(const Value& value);
  void add_step(std::unique_ptr<const Step> step) { steps_.push_back(std::move(step)); }
  // Returns the first of `count` slots for a step's own use.
  std::size_t add_slots(std::size_t count);
  void need_floats(std::size_t count);

  // Adds the steps to the program; refuses instead if something was amiss.
  absl::Status finish();
  std::deque<Value>& outputs() { return outputs_; }

 private:
  const wire::Attribute* find(std::string_view name, int kind);

  const std::string type_;
  const std::string name_;
  const std::int64_t version_;
  const std::vector<const Value*> inputs_;
  Program& program_;
  const LoadLimits& limits_;
  std::unordered_map<std::string, const wire::Attribute*> attributes_;
  std::unordered_set<std::string> asked_;
  absl::Status fault_;
  std::vector<std::unique_ptr<const Step>> steps_;
  std::deque<Value> outputs_;
};

// Plans the node by its operator. UNIMPLEMENTED, with the operator's name, for those of unknown meaning.
[[nodiscard]] absl::Status plan_node(std::string_view domain, NodePlan& node);

// What plan_node is made of: each plans its operators, and returns whether `node` is one of them.
bool plan_arithmetic(NodePlan& node,
                     absl::Status& status);                // of numbers, element by element, and by matrices
bool plan_shapes(NodePlan& node, absl::Status& status);    // that move elements
bool plan_encoders(NodePlan& node, absl::Status& status);  // ai.onnx.ml: what is done to rows before a model
bool plan_linear(NodePlan& node, absl::Status& status);    // ai.onnx.ml: linear models
bool plan_trees(NodePlan& node, absl::Status& status);     // ai.onnx.ml: trees

}  // namespace weir::ml::onnx
