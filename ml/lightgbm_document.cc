// The reader of LightGBM's text: lines of key=value, in a head and then tree after tree.
#include <weir/ml/lightgbm_document.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <absl/status/status.h>
#include <fmt/format.h>

namespace weir::ml {
namespace {

class LightgbmReader {
 public:
  LightgbmReader(std::string_view text, const LoadLimits& limits) : rest_(text), limits_(limits) {}

  absl::StatusOr<LightgbmDocument> read() {
    if (std::string_view line; !next_line(line) || line != "tree") {
      refuse("the first line is not 'tree': not a model of LightGBM");
    }
    while (status_.ok()) {
      std::string_view line;
      if (!next_line(line)) {
        refuse("the text ends before its line 'end of trees'");
      } else if (line == "end of trees") {
        return std::move(document_);
      } else if (!line.empty()) {
        take(line);
      }
    }
    return status_;
  }

 private:
  void refuse(std::string_view what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(fmt::format("line {}: {}", line_, what));
  }

  void exhaust(std::string_view what) {
    if (status_.ok()) status_ = absl::ResourceExhaustedError(fmt::format("line {}: {}", line_, what));
  }

  bool next_line(std::string_view& line) {
    if (rest_.empty()) return false;
    const std::size_t end = rest_.find('\n');
    line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    ++line_;
    return true;
  }

  void take(std::string_view line) {
    const std::size_t equals = line.find('=');
    const std::string_view key = line.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : line.substr(equals + 1);
    if (key == "Tree") return open_tree(value);
    if (!seen_.insert(key).second) {
      refuse(fmt::format("{:.40} is there twice", key));
      return;
    }
    if (document_.trees.empty()) {
      take_of_head(key, value);
    } else {
      take_of_tree(key, value, document_.trees.back());
    }
  }

  void open_tree(std::string_view number) {
    if (document_.trees.size() >= limits_.trees)
      return exhaust(fmt::format("more than {} trees", limits_.trees));
    std::size_t place = 0;
    if (!parse(number, place)) return;
    if (place != document_.trees.size()) {
      refuse(fmt::format("tree {} stands where tree {} belongs", place, document_.trees.size()));
      return;
    }
    seen_.clear();
    document_.trees.emplace_back();
  }

  void take_of_head(std::string_view key, std::string_view value) {
    if (key == "version") document_.version = std::string(value);
    if (key == "objective") document_.objective = std::string(value);
    if (key == "feature_names") document_.feature_names = std::string(value);
    if (key == "average_output") document_.averages = true;
    if (key == "num_class") parse(value, document_.class_count.emplace());
    if (key == "num_tree_per_iteration") parse(value, document_.trees_per_iteration.emplace());
    if (key == "max_feature_idx") parse(value, document_.largest_feature.emplace());
  }

  void take_of_tree(std::string_view key, std::string_view value, LightgbmTree& tree) {
    if (key == "num_leaves") parse(value, tree.leaf_count.emplace());
    if (key == "num_cat") parse(value, tree.category_set_count);
    if (key == "split_feature") parse_all(value, tree.split_features);
    if (key == "threshold") parse_all(value, tree.thresholds);
    if (key == "decision_type") parse_all(value, tree.decision_types);
    if (key == "left_child") parse_all(value, tree.left_children);
    if (key == "right_child") parse_all(value, tree.right_children);
    if (key == "leaf_value") parse_all(value, tree.leaf_values);
    if (key == "cat_boundaries") parse_all(value, tree.category_boundaries);
    if (key == "cat_threshold") parse_all(value, tree.category_words);
    if (key == "leaf_const") parse_all(value, tree.leaf_constants);
    if (key == "num_features") parse_all(value, tree.leaf_feature_counts);
    if (key == "leaf_features") parse_all(value, tree.leaf_features);
    if (key == "leaf_coeff") parse_all(value, tree.leaf_coefficients);
    if (key != "is_linear") return;
    std::size_t is_linear = 0;
    if (parse(value, is_linear) && is_linear > 1) refuse("is_linear is neither 0 nor 1");
    tree.is_linear = is_linear == 1;
  }

  template <class Number>
  bool parse(std::string_view text, Number& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size()) return true;
    refuse(fmt::format("'{:.40}' is not a number that fits", text));
    return false;
  }

  template <class Number>
  void parse_all(std::string_view text, std::vector<Number>& values) {
    while (true) {
      const std::size_t begin = text.find_first_not_of(' ');
      if (begin == std::string_view::npos) return;
      text.remove_prefix(begin);
      const std::size_t end = std::min(text.find(' '), text.size());
      if (values.size() >= limits_.nodes) return exhaust("an array is too long");
      if (!parse(text.substr(0, end), values.emplace_back())) return;
      text.remove_prefix(end);
    }
  }

  std::string_view rest_;
  const LoadLimits& limits_;
  std::size_t line_ = 0;
  LightgbmDocument document_;
  absl::Status status_;
  absl::flat_hash_set<std::string_view> seen_;  // keys of the head, or of the tree at hand
};

}  // namespace

absl::StatusOr<LightgbmDocument> read_lightgbm_document(std::string_view text, const LoadLimits& limits) {
  if (text.size() > limits.bytes) {
    return absl::ResourceExhaustedError(
        fmt::format("{} bytes, at most {} allowed", text.size(), limits.bytes));
  }
  return LightgbmReader(text, limits).read();
}

}  // namespace weir::ml
