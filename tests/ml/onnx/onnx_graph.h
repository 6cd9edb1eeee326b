// Writes small ONNX models, as bytes: fields by their numbers, so that a test shows what is in the file.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace weir::ml::testing {

inline std::string varint(std::uint64_t number) {
  std::string bytes;
  for (; number > 127; number >>= 7) bytes += static_cast<char>((number & 127) | 128);
  return bytes + static_cast<char>(number);
}

inline std::string field(unsigned number, std::int64_t value) {
  return varint(number << 3) + varint(static_cast<std::uint64_t>(value));
}

inline std::string field(unsigned number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}

inline std::string packed(const std::vector<float>& numbers) {
  std::string bytes(numbers.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), numbers.data(), bytes.size());
  return bytes;
}

inline std::string packed(const std::vector<std::int64_t>& numbers) {
  std::string bytes;
  for (const std::int64_t number : numbers) bytes += varint(static_cast<std::uint64_t>(number));
  return bytes;
}

// Attributes.
inline std::string attribute(std::string_view name, std::int64_t value) {
  return field(5, field(1, name) + field(3, value) + field(20, std::int64_t{2}));
}
inline std::string attribute(std::string_view name, std::string_view value) {
  return field(5, field(1, name) + field(4, value) + field(20, std::int64_t{3}));
}
inline std::string attribute(std::string_view name, const std::vector<float>& values) {
  return field(5, field(1, name) + field(7, packed(values)) + field(20, std::int64_t{6}));
}
inline std::string attribute(std::string_view name, const std::vector<std::int64_t>& values) {
  return field(5, field(1, name) + field(8, packed(values)) + field(20, std::int64_t{7}));
}
inline std::string attribute(std::string_view name, const std::vector<std::string>& values) {
  std::string texts;
  for (const std::string& value : values) texts += field(9, value);
  return field(5, field(1, name) + texts + field(20, std::int64_t{8}));
}

// A graph within a node: `graph` is nodes and constants.
inline std::string body(std::string_view graph, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs) {
  std::string bytes(graph);
  for (const std::string& input : inputs) bytes += field(11, field(1, input));
  for (const std::string& output : outputs) bytes += field(12, field(1, output));
  return field(5, field(1, "body") + field(6, bytes) + field(20, std::int64_t{5}));
}

// A list as a tensor, whose bytes are those of its elements.
inline std::string tensor_attribute(std::string_view name, std::int64_t element, std::string_view raw) {
  const std::int64_t size = element == 2 ? 1 : 4;
  const std::string tensor =
      field(1, static_cast<std::int64_t>(raw.size()) / size) + field(2, element) + field(9, raw);
  return field(5, field(1, name) + field(5, tensor) + field(20, std::int64_t{4}));
}

// A node; `attributes` are those above, one after the other.
inline std::string node(std::string_view type, const std::vector<std::string>& inputs,
                        const std::vector<std::string>& outputs, std::string_view attributes = "",
                        std::string_view domain = "", std::string_view name = "n") {
  std::string bytes;
  for (const std::string& input : inputs) bytes += field(1, input);
  for (const std::string& output : outputs) bytes += field(2, output);
  return field(1, bytes + field(3, name) + field(4, type) + std::string(attributes) + field(7, domain));
}

inline std::string learned(std::string_view type, const std::vector<std::string>& inputs,
                           const std::vector<std::string>& outputs, std::string_view attributes) {
  return node(type, inputs, outputs, attributes, "ai.onnx.ml");
}

// A constant of floats, or of integers.
inline std::string constant(std::string_view name, const std::vector<std::int64_t>& shape,
                            const std::vector<float>& values) {
  return field(
      5, field(1, packed(shape)) + field(2, std::int64_t{1}) + field(4, packed(values)) + field(8, name));
}
inline std::string constant(std::string_view name, const std::vector<std::int64_t>& shape,
                            const std::vector<std::int64_t>& values) {
  return field(
      5, field(1, packed(shape)) + field(2, std::int64_t{7}) + field(7, packed(values)) + field(8, name));
}

// A model with the input X of so many columns of floats; `graph` is nodes and constants.
inline std::string model(std::string_view graph, std::int64_t columns,
                         const std::vector<std::string>& outputs, std::int64_t learned_version = 3) {
  const std::string shape = field(1, field(2, "N")) + field(1, field(1, columns));
  std::string body(graph);
  body += field(11, field(1, "X") + field(2, field(1, field(1, std::int64_t{1}) + field(2, shape))));
  for (const std::string& output : outputs) body += field(12, field(1, output));
  return field(1, std::int64_t{8}) + field(7, body) + field(8, field(2, std::int64_t{15})) +
         field(8, field(1, "ai.onnx.ml") + field(2, learned_version));
}

// A classifier of two texts, by a stump on each of two columns.
inline std::string stumps_model() {
  using Integers = std::vector<std::int64_t>;
  const std::string attributes =
      attribute("nodes_treeids", Integers{0, 0, 0, 1, 1, 1}) +
      attribute("nodes_nodeids", Integers{0, 1, 2, 0, 1, 2}) +
      attribute("nodes_featureids", Integers{0, 0, 0, 1, 0, 0}) +
      attribute("nodes_modes",
                std::vector<std::string>{"BRANCH_LEQ", "LEAF", "LEAF", "BRANCH_GT", "LEAF", "LEAF"}) +
      attribute("nodes_values", std::vector<float>{0.5f, 0, 0, -1.5f, 0, 0}) +
      attribute("nodes_truenodeids", Integers{1, 0, 0, 1, 0, 0}) +
      attribute("nodes_falsenodeids", Integers{2, 0, 0, 2, 0, 0}) +
      attribute("nodes_missing_value_tracks_true", Integers{1, 0, 0, 0, 0, 0}) +
      attribute("class_treeids", Integers{0, 0, 1, 1}) + attribute("class_nodeids", Integers{1, 2, 1, 2}) +
      attribute("class_ids", Integers{0, 0, 0, 0}) +
      attribute("class_weights", std::vector<float>{-2.0f, 1.0f, 4.0f, -8.0f}) +
      attribute("classlabels_strings", std::vector<std::string>{"bad", "good"}) +
      attribute("post_transform", "NONE");
  return model(learned("TreeEnsembleClassifier", {"X"}, {"label", "scores"}, attributes), 2,
               {"label", "scores"});
}

// How far a row is from three places, and what is known of the nearest two.
inline std::string neighbours_model() {
  using Integers = std::vector<std::int64_t>;
  const std::string distance =
      node("Identity", {"all"}, {"again"}) + node("Sub", {"all", "one"}, {"way"}) +
      node("ReduceSumSquare", {"way"}, {"far"}, attribute("axes", Integers{1}) + attribute("keepdims", 0));
  const std::string graph =
      constant("known", {3, 2}, std::vector<float>{0, 0, 3, 4, 1, 0}) +
      constant("answers", {3}, std::vector<float>{10, 20, 30}) + constant("two", {1}, Integers{2}) +
      constant("lists", {2}, Integers{-1, 2}) +
      node("Scan", {"X", "known"}, {"same", "ways"},
           attribute("num_scan_inputs", 1) + body(distance, {"all", "one"}, {"again", "far"})) +
      node("Transpose", {"ways"}, {"turned"}, attribute("perm", Integers{1, 0})) +
      node("TopK", {"turned", "two"}, {"near", "places"}, attribute("axis", 1) + attribute("largest", 0)) +
      learned("ArrayFeatureExtractor", {"answers", "places"}, {"list"}, "") +
      node("Reshape", {"list", "lists"}, {"found"});
  return model(graph, 2, {"turned", "found", "same"});
}

// A network of two layers.
inline std::string network_model() {
  const std::string graph =
      constant("W", {2, 3}, std::vector<float>{1, 2, 3, 4, 5, 6}) +
      constant("B", {3}, std::vector<float>{-1, 0, 1}) +
      constant("list", {1}, std::vector<std::int64_t>{-1}) + node("MatMul", {"X", "W"}, {"a"}, "", "", "n1") +
      node("Add", {"a", "B"}, {"b"}, "", "", "n2") + node("Relu", {"b"}, {"c"}, "", "", "n3") +
      node("ArgMax", {"c"}, {"d"}, attribute("axis", 1), "", "n4") +
      node("Reshape", {"d", "list"}, {"label"}, "", "", "n5");
  return model(graph, 2, {"c", "label"});
}

}  // namespace weir::ml::testing
