// Plans the operators of an ONNX graph as the steps of a program. Internal to the room.
//
// Every value of a graph is a constant, or has one part for each row: one of its dimensions is the batch. A plan knows
// such a value by the shape of one row's part and by where the batch stands, so nothing it plans can depend on the batch.
// Where an operator would mix rows, it is refused.
//
// Operators of constants alone are run when the graph is planned, by the same steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/ml/load_limits.h>
#include <weir/ml/onnx/dense.h>
#include <weir/ml/onnx/program.h>
#include <weir/ml/onnx/tensor.h>

namespace weir::ml::onnx::wire {
class Attribute;
class Node;
}  // namespace weir::ml::onnx::wire

namespace weir::ml::onnx {

// Among the integers of a constant: how many rows there are. Only what moves integers may see it.
inline constexpr double kRows = std::numeric_limits<double>::quiet_NaN();

// How the numbers of all rows stand in a value.
enum class Order {
  kApart,  // the batch is a dimension of its own
  kList,  // the batch and the dimension after it are one to the graph; only what keeps all numbers in order may see it
  kStack,  // the batch and the dimension before it are one: all rows, again and again; only a Reshape may see it
  kSequence,  // no tensor but a sequence of several, side by side here; it can only be handed out
};

// A value as the plan knows it.
struct Value {
  Element element = Element::kFloat;
  Shape shape;                             // of a constant, or of one row's part: without the batch
  std::size_t slot = 0;                    // of what is not a constant
  std::shared_ptr<const Tensor> constant;  // null for what a step makes
  std::shared_ptr<const std::vector<std::string>> texts;  // of a kText: what the numbers stand for
  // Which dimension is the batch; none: no row matters, or the value is one of a loop's body, and has no rows to tell apart.
  std::optional<std::size_t> batch;
  Order order = Order::kApart;
  // What makes it, where that can still take over what is done next: nothing else uses the value.
  std::shared_ptr<Layers> layers;

  std::size_t count() const { return elements_of(shape); }
  std::size_t rank() const { return shape.size() + (batch ? 1 : 0); }

  // Returns the place in `shape` of a dimension, which may count from the end; nothing if it is the batch, or none.
  std::optional<std::size_t> dimension_of(std::int64_t axis) const;
  // Returns the place of a dimension among all; nothing if there is none.
  std::optional<std::size_t> axis_of(std::int64_t axis) const;
};

// Returns whether kRows is among the integers of a constant.
bool depends_on_rows(const Value& value);

// Makes a constant known as a value.
Value constant_value(Tensor tensor);

// What values of several shapes are when they are put together element by element, as ONNX (and NumPy) broadcast them.
struct Broadcast {
  Shape shape;
  std::optional<std::size_t> batch;
  // For each value, and each element of `shape`: which of the value's elements it is. Empty where it is the same one.
  std::vector<std::vector<std::uint32_t>> places;
};

// Returns nothing if the shapes do not fit, or rows would be mixed.
std::optional<Broadcast> broadcast(const std::vector<const Value*>& values);

// Plans one node: its inputs, its attributes, and what it adds to the program. Attributes that nobody asks for, and
// those of another type than they are asked for, are refused at the end, by finish().
class NodePlan {
 public:
  NodePlan(const wire::Node& node, std::int64_t version, std::vector<const Value*> inputs, Program& program,
           const LoadLimits& limits, bool is_folding = false);

  const std::string& type() const { return type_; }
  std::int64_t version() const { return version_; }  // of the operator set
  const LoadLimits& limits() const { return limits_; }

  std::size_t inputs() const { return inputs_.size(); }
  std::size_t wanted_outputs() const { return wanted_outputs_; }
  bool has_input(std::size_t index) const { return index < inputs_.size() && inputs_[index] != nullptr; }
  const Value& input(std::size_t index) const { return *inputs_[index]; }

  // Returns an input that is in slots, as it is, or because a step puts it there.
  Value placed(std::size_t index);

  // Refuse a node that has not `least` to `most` inputs, or whose input is none of rows, or rows that are not its first
  // dimension.
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

  // Reads a list of integers: an attribute, or since some version a constant input. Nothing if there is neither; an error
  // if it is something else.
  absl::StatusOr<std::optional<std::vector<std::int64_t>>> list(std::string_view attribute,
                                                                std::size_t index);

  // Makes a value with slots of its own the next output. It is empty where a row would need too many of them.
  Value& add_output(Element element, Shape shape, std::optional<std::size_t> batch = 0);
  // Makes a copy of `value` the next output, which needs no step.
  Value& add_alias(const Value& value);
  // How many rows the graph says that there are; 0 if any number.
  std::int64_t rows() const { return program_.rows; }
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
  const std::size_t wanted_outputs_;
  Program& program_;
  const LoadLimits& limits_;
  const bool is_folding_;  // all inputs are constants, and the steps are run at once
  std::unordered_map<std::string, const wire::Attribute*> attributes_;
  std::unordered_set<std::string> asked_;
  absl::Status fault_;
  std::vector<std::unique_ptr<const Step>> steps_;
  std::deque<Value> outputs_;
  std::unordered_map<std::size_t, std::size_t> slots_of_constants_;  // by input
};

// Plans the node by its operator. UNIMPLEMENTED, with the operator's name, for those of unknown meaning.
[[nodiscard]] absl::Status plan_node(std::string_view domain, NodePlan& node);

// What plan_node is made of: each plans its operators, and returns whether `node` is one of them.
bool plan_arithmetic(NodePlan& node, absl::Status& status);  // of numbers, element by element
bool plan_functions(NodePlan& node, absl::Status& status);   // of a number each
bool plan_matrices(NodePlan& node,
                   absl::Status& status);  // products of matrices, and what goes column by column
bool plan_einsum(NodePlan& node, absl::Status& status);      // sums of products along letters
bool plan_reductions(NodePlan& node, absl::Status& status);  // over some dimensions
bool plan_shapes(NodePlan& node, absl::Status& status);      // that move elements
bool plan_encoders(NodePlan& node, absl::Status& status);  // ai.onnx.ml: what is done to rows before a model
bool plan_linear(NodePlan& node, absl::Status& status);    // ai.onnx.ml: linear models
bool plan_svm(NodePlan& node, absl::Status& status);       // ai.onnx.ml: support vector machines
bool plan_trees(NodePlan& node, absl::Status& status);     // ai.onnx.ml: trees

}  // namespace weir::ml::onnx
