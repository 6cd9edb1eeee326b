// The reader of XGBoost's JSON and UBJSON: a handler of parser events that knows which fields matter and keeps
// only those.
#include <weir/ml/xgboost_document.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <limits>
#include <system_error>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <weir/ml/ubjson.h>

namespace weir::ml {
namespace {

// Real models nest nine deep.
constexpr std::size_t kDeepestNesting = 64;

// Where in the document the reader stands: inside which object or array.
enum class Place : std::uint8_t {
  kFile,
  kTop,
  kLearner,
  kLearnerParameters,
  kObjective,
  kBooster,       // learner.gradient_booster
  kInnerBooster,  // its .gbtree, where the trees of a dart booster used to be
  kModel,
  kModelParameters,
  kTree,
  kTreeParameters,
  kTrees,    // array of trees
  kWholes,   // array of whole numbers that is kept
  kNumbers,  // array of floats that is kept
  kNames,    // array of strings that is kept
  kIgnored,  // anything, at any depth, that does not matter
};

enum class Shape : std::uint8_t { kObject, kTrees, kWholes, kNumbers, kNames, kText, kWhole };

std::string_view name_of(Shape shape) {
  switch (shape) {
    case Shape::kObject:
      return "an object";
    case Shape::kTrees:
      return "an array of objects";
    case Shape::kWholes:
      return "an array of whole numbers";
    case Shape::kNumbers:
      return "an array of numbers";
    case Shape::kNames:
      return "an array of strings";
    case Shape::kText:
      return "a string";
    case Shape::kWhole:
      return "a whole number";
  }
  return "something else";
}

// A field that matters: its key, where that key means it, and what it must look like. `inside` is the place
// an object opens.
struct Field {
  Place owner;
  std::string_view key;
  Shape shape;
  Place inside = Place::kIgnored;
};

constexpr std::array kFields = {
    Field{Place::kTop, "version", Shape::kWholes},
    Field{Place::kTop, "learner", Shape::kObject, Place::kLearner},
    Field{Place::kLearner, "feature_names", Shape::kNames},
    Field{Place::kLearner, "learner_model_param", Shape::kObject, Place::kLearnerParameters},
    Field{Place::kLearner, "objective", Shape::kObject, Place::kObjective},
    Field{Place::kLearner, "gradient_booster", Shape::kObject, Place::kBooster},
    Field{Place::kLearnerParameters, "num_feature", Shape::kText},
    Field{Place::kLearnerParameters, "num_class", Shape::kText},
    Field{Place::kLearnerParameters, "num_target", Shape::kText},
    Field{Place::kLearnerParameters, "base_score", Shape::kText},
    Field{Place::kLearnerParameters, "boost_from_average", Shape::kText},
    Field{Place::kObjective, "name", Shape::kText},
    Field{Place::kBooster, "name", Shape::kText},
    Field{Place::kBooster, "model", Shape::kObject, Place::kModel},
    Field{Place::kBooster, "gbtree", Shape::kObject, Place::kInnerBooster},
    Field{Place::kBooster, "weight_drop", Shape::kNumbers},
    Field{Place::kInnerBooster, "model", Shape::kObject, Place::kModel},
    Field{Place::kModel, "gbtree_model_param", Shape::kObject, Place::kModelParameters},
    Field{Place::kModel, "tree_info", Shape::kWholes},
    Field{Place::kModel, "trees", Shape::kTrees},
    Field{Place::kModel, "weight_drop", Shape::kNumbers},
    Field{Place::kModel, "weights", Shape::kNumbers},
    Field{Place::kModelParameters, "num_trees", Shape::kText},
    Field{Place::kTree, "id", Shape::kWhole},
    Field{Place::kTree, "left_children", Shape::kWholes},
    Field{Place::kTree, "right_children", Shape::kWholes},
    Field{Place::kTree, "split_indices", Shape::kWholes},
    Field{Place::kTree, "default_left", Shape::kWholes},
    Field{Place::kTree, "split_type", Shape::kWholes},
    Field{Place::kTree, "split_conditions", Shape::kNumbers},
    Field{Place::kTree, "base_weights", Shape::kNumbers},
    Field{Place::kTree, "leaf_weights", Shape::kNumbers},
    Field{Place::kTree, "categories_nodes", Shape::kWholes},
    Field{Place::kTree, "categories_segments", Shape::kWholes},
    Field{Place::kTree, "categories_sizes", Shape::kWholes},
    Field{Place::kTree, "categories", Shape::kWholes},
    Field{Place::kTree, "tree_param", Shape::kObject, Place::kTreeParameters},
    Field{Place::kTreeParameters, "num_nodes", Shape::kText},
    Field{Place::kTreeParameters, "size_leaf_vector", Shape::kText},
};
static_assert(kFields.size() <= 64, "Frame::seen has a bit per field");

const Field* find_field(Place owner, std::string_view key) {
  for (const Field& field : kFields) {
    if (field.owner == owner && field.key == key) return &field;
  }
  return nullptr;
}

// Receives the parser's events. Each returns false to stop the parse, after it has noted why.
class Reader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  // With `null_is_nan`, nulls among numbers are not refused.
  explicit Reader(const LoadLimits& limits, bool null_is_nan = false)
      : limits_(limits), null_is_nan_(null_is_nan) {
    frames_.push_back({Place::kFile, 0, nullptr});
  }

  absl::Status status() const { return status_; }
  XgboostDocument take() { return std::move(document_); }

  bool null() override {
    if (null_is_nan_ && frames_.back().place == Place::kNumbers) {
      return append_number(std::numeric_limits<float>::quiet_NaN());
    }
    return scalar_without_use("null");
  }

  // Old versions write default_left as true and false.
  bool boolean(bool value) override { return whole(value ? 1 : 0, "a boolean"); }

  bool number_integer(number_integer_t value) override {
    if (frames_.back().place == Place::kNumbers) return append_number(static_cast<float>(value));
    return whole(value < std::numeric_limits<std::int32_t>::min() ? XgboostTree::kNotANumber
                                                                  : static_cast<std::int32_t>(value),
                 "a number");
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (frames_.back().place == Place::kNumbers) return append_number(static_cast<float>(value));
    return whole(value > static_cast<number_unsigned_t>(std::numeric_limits<std::int32_t>::max())
                     ? XgboostTree::kNotANumber
                     : static_cast<std::int32_t>(value),
                 "a number");
  }

  // `text` is read again: going through double would round twice.
  bool number_float(number_float_t value, const string_t& text) override {
    if (frames_.back().place != Place::kNumbers) return scalar_without_use("a fraction");
    // The parser has put the decimal point of the process's locale into the text.
    std::string plain = text;
    for (char& c : plain) {
      const bool is_of_number = (c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e' || c == 'E';
      if (!is_of_number) c = '.';
    }
    float exact = 0.0f;
    const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), exact);
    if (error == std::errc::result_out_of_range) {
      exact = static_cast<float>(value);  // infinite, or next to nothing
    } else if (error != std::errc() || end != plain.data() + plain.size()) {
      return refuse(fmt::format("{} is not a number: {}", where(), plain));
    }
    return append_number(exact);
  }

  // A fraction that is no text.
  bool real(double value) {
    if (frames_.back().place != Place::kNumbers) return scalar_without_use("a fraction");
    return append_number(static_cast<float>(value));
  }

  bool string(string_t& value) override {
    Frame& frame = frames_.back();
    if (frame.place == Place::kNames) {
      if (names_->size() >= limits_.features)
        return exhaust(fmt::format("more than {} names", limits_.features));
      names_->push_back(std::move(value));
      return true;
    }
    if (frame.pending != nullptr && frame.pending->shape == Shape::kText) {
      text_target(*frame.pending) = std::move(value);
      frame.pending = nullptr;
      return true;
    }
    return scalar_without_use("a string");
  }

  bool binary(binary_t&) override { return refuse("binary values are not JSON"); }

  bool start_object(std::size_t) override {
    Frame& frame = frames_.back();
    switch (frame.place) {
      case Place::kFile:
        return open(Place::kTop);
      case Place::kTrees:
        if (document_.trees->size() >= limits_.trees)
          return exhaust(fmt::format("more than {} trees", limits_.trees));
        document_.trees->emplace_back();
        return open(Place::kTree);
      case Place::kWholes:
      case Place::kNumbers:
      case Place::kNames:
        return refuse(fmt::format("{} holds an object", where()));
      default:
        break;
    }
    const Field* field = std::exchange(frame.pending, nullptr);
    if (field == nullptr) return open(Place::kIgnored);
    if (field->shape != Shape::kObject) return mistyped(*field, "an object");
    if (field->inside == Place::kModel && std::exchange(has_model_, true))
      return refuse("there are two models");
    return open(field->inside);
  }

  bool key(string_t& name) override {
    Frame& frame = frames_.back();
    if (frame.place == Place::kIgnored) return true;
    frame.pending = find_field(frame.place, name);
    if (frame.pending == nullptr) return true;
    const std::uint64_t bit = std::uint64_t{1} << (frame.pending - kFields.data());
    if ((frame.seen & bit) != 0) return refuse(fmt::format("{} is there twice", where()));
    frame.seen |= bit;
    return true;
  }

  bool end_object() override { return close(); }

  bool start_array(std::size_t) override {
    Frame& frame = frames_.back();
    switch (frame.place) {
      case Place::kFile:
        return refuse("the document is an array, not an object");
      case Place::kTrees:
      case Place::kWholes:
      case Place::kNumbers:
      case Place::kNames:
        return refuse(fmt::format("{} holds an array", where()));
      default:
        break;
    }
    const Field* field = std::exchange(frame.pending, nullptr);
    if (field == nullptr) return open(Place::kIgnored);
    array_ = field;
    switch (field->shape) {
      case Shape::kTrees:
        document_.trees.emplace();
        return open(Place::kTrees);
      case Shape::kWholes:
        wholes_ = &whole_array(*field);
        return open(Place::kWholes);
      case Shape::kNumbers:
        if (field->key == "weight_drop") {
          if (document_.tree_weights) return refuse("weight_drop is there twice");
          numbers_ = &document_.tree_weights.emplace();
        } else if (field->key == "weights") {
          numbers_ = &document_.linear_weights.emplace();
        } else if (field->key == "base_weights") {
          numbers_ = &tree().base_weights;
        } else if (field->key == "leaf_weights") {
          numbers_ = &tree().leaf_weights;
        } else {
          numbers_ = &tree().split_conditions;
        }
        return open(Place::kNumbers);
      case Shape::kNames:
        names_ = &document_.feature_names;
        return open(Place::kNames);
      default:
        return mistyped(*field, "an array");
    }
  }

  bool end_array() override { return close(); }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    // The parser quotes what it was reading, which may be most of the file.
    return refuse(fmt::format("not JSON at byte {}: {:.200}", position, error.what()));
  }

 private:
  struct Frame {
    Place place;
    std::uint64_t seen;    // a bit for each known field that has been met
    const Field* pending;  // the known field whose key was read last, until its value comes
  };

  bool refuse(const std::string& what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(what);
    return false;
  }

  bool exhaust(const std::string& what) {
    if (status_.ok()) status_ = absl::ResourceExhaustedError(what);
    return false;
  }

  bool mistyped(const Field& field, std::string_view found) {
    return refuse(
        fmt::format("{}{} must be {}, not {}", tree_prefix(), field.key, name_of(field.shape), found));
  }

  bool open(Place place) {
    if (frames_.size() > kDeepestNesting)
      return exhaust(fmt::format("nested deeper than {}", kDeepestNesting));
    frames_.push_back({place, 0, nullptr});
    return true;
  }

  bool close() {
    frames_.pop_back();
    return true;
  }

  // A scalar in a place that either does not care or must not have it.
  bool scalar_without_use(std::string_view found) {
    Frame& frame = frames_.back();
    switch (frame.place) {
      case Place::kFile:
        return refuse(fmt::format("the document is {}, not an object", found));
      case Place::kTrees:
      case Place::kWholes:
      case Place::kNumbers:
      case Place::kNames:
        return refuse(fmt::format("{} holds {}", where(), found));
      default:
        break;
    }
    if (const Field* field = std::exchange(frame.pending, nullptr)) return mistyped(*field, found);
    return true;
  }

  bool whole(std::int32_t value, std::string_view found) {
    Frame& frame = frames_.back();
    if (frame.place == Place::kWholes) {
      if (wholes_->size() >= limits_.nodes) return exhaust(fmt::format("{} is too long", where()));
      wholes_->push_back(value);
      return true;
    }
    if (frame.pending != nullptr && frame.pending->shape == Shape::kWhole) {
      tree().id = value;
      frame.pending = nullptr;
      return true;
    }
    return scalar_without_use(found);
  }

  bool append_number(float value) {
    if (numbers_->size() >= limits_.nodes) return exhaust(fmt::format("{} is too long", where()));
    numbers_->push_back(value);
    return true;
  }

  XgboostTree& tree() { return document_.trees->back(); }

  std::optional<std::string>& text_target(const Field& field) {
    switch (field.owner) {
      case Place::kLearnerParameters:
        if (field.key == "num_feature") return document_.feature_count;
        if (field.key == "num_class") return document_.class_count;
        if (field.key == "num_target") return document_.target_count;
        if (field.key == "boost_from_average") return document_.boosts_from_average;
        return document_.base_score;
      case Place::kObjective:
        return document_.objective;
      case Place::kBooster:
        return document_.booster;
      case Place::kModelParameters:
        return document_.tree_count;
      default:
        return field.key == "num_nodes" ? tree().node_count : tree().leaf_vector_size;
    }
  }

  std::vector<std::int32_t>& whole_array(const Field& field) {
    if (field.key == "version") return document_.version;
    if (field.key == "tree_info") return document_.tree_outputs.emplace();
    if (field.key == "left_children") return tree().left_children;
    if (field.key == "right_children") return tree().right_children;
    if (field.key == "split_indices") return tree().split_indices;
    if (field.key == "default_left") return tree().default_left;
    if (field.key == "categories_nodes") return tree().categories_nodes;
    if (field.key == "categories_segments") return tree().categories_segments;
    if (field.key == "categories_sizes") return tree().categories_sizes;
    if (field.key == "categories") return tree().categories;
    return tree().split_type.emplace();
  }

  // Names the known field the reader is at, for messages.
  std::string where() const {
    const Frame& frame = frames_.back();
    if (frame.pending != nullptr) return tree_prefix() + std::string(frame.pending->key);
    if (frame.place == Place::kTrees) return "trees";
    return array_ == nullptr ? "the document" : tree_prefix() + std::string(array_->key);
  }

  std::string tree_prefix() const {
    for (const Frame& frame : frames_) {
      if (frame.place == Place::kTree) return fmt::format("tree {} ", document_.trees->size() - 1);
    }
    return "";
  }

  const LoadLimits& limits_;
  const bool null_is_nan_;
  XgboostDocument document_;
  absl::Status status_;
  std::vector<Frame> frames_;
  bool has_model_ = false;
  // Where the elements of the array being read go, and which field it is. Arrays that are kept do not nest.
  const Field* array_ = nullptr;
  std::vector<std::int32_t>* wholes_ = nullptr;
  std::vector<float>* numbers_ = nullptr;
  std::vector<std::string>* names_ = nullptr;
};

// XGBoost writes NaN and Infinity, which are not JSON, where a number does not matter: as the threshold of a split
// by category, for one. Returns the text with null in their places; nothing if there are none.
std::optional<std::string> without_names_of_numbers(std::string_view json) {
  if (json.find("NaN") == std::string_view::npos && json.find("Infinity") == std::string_view::npos) {
    return std::nullopt;
  }
  std::string result;
  result.reserve(json.size() + json.size() / 16);
  bool is_quoted = false;
  for (std::size_t at = 0; at < json.size();) {
    const std::string_view rest = json.substr(at);
    if (!is_quoted) {
      std::size_t length = 0;
      for (const std::string_view name : {"NaN", "Infinity", "-Infinity"}) {
        if (rest.starts_with(name)) length = name.size();
      }
      if (length > 0) {
        result += "null";
        at += length;
        continue;
      }
    } else if (rest[0] == '\\' && rest.size() > 1) {
      result += rest.substr(0, 2);
      at += 2;
      continue;
    }
    if (rest[0] == '"') is_quoted = !is_quoted;
    result += rest[0];
    ++at;
  }
  return result;
}

absl::Status check_size(std::string_view bytes, const LoadLimits& limits) {
  if (bytes.size() <= limits.bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("{} bytes, at most {} allowed", bytes.size(), limits.bytes));
}

}  // namespace

absl::StatusOr<XgboostDocument> read_xgboost_document(std::string_view json, const LoadLimits& limits) {
  if (absl::Status status = check_size(json, limits); !status.ok()) return status;
  const std::optional<std::string> plain = without_names_of_numbers(json);
  if (plain) json = *plain;
  Reader reader(limits, plain.has_value());
  const bool read = nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  if (!reader.status().ok()) return reader.status();
  if (!read) return absl::InvalidArgumentError("not JSON");
  return reader.take();
}

absl::StatusOr<XgboostDocument> read_xgboost_ubjson_document(std::string_view ubjson,
                                                             const LoadLimits& limits) {
  if (absl::Status status = check_size(ubjson, limits); !status.ok()) return status;
  Reader reader(limits);
  if (absl::Status status = UbjsonReader(ubjson, reader).read(); !status.ok()) return status;
  if (!reader.status().ok()) return reader.status();
  return reader.take();
}

}  // namespace weir::ml
