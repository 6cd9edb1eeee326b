// Operators of ai.onnx.ml that prepare rows, and those that hand their results on.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <weir/ml/onnx/moves.h>
#include <weir/ml/onnx/plan.h>
#include <weir/ml/onnx/transform.h>

namespace weir::ml::onnx {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

// (x - offset) * scale, in float.
class Scale final : public Step {
 public:
  Scale(std::vector<double> offsets, std::vector<double> scales, std::size_t input, std::size_t output)
      : offsets_(std::move(offsets)), scales_(std::move(scales)), input_(input), output_(output) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < offsets_.size(); ++i) {
      frame.slots[output_ + i] =
          as_float(as_float(as_float(frame.slots[input_ + i]) - offsets_[i]) * scales_[i]);
    }
    return true;
  }

 private:
  const std::vector<double> offsets_;
  const std::vector<double> scales_;
  const std::size_t input_;
  const std::size_t output_;
};

enum class Norm { kMax, kL1, kL2 };

// Divides by the norm of the row, unless that is zero. In L2, the sign of a number is put back after the root.
class Normalize final : public Step {
 public:
  Normalize(Norm norm, std::size_t input, std::size_t output, std::size_t count)
      : norm_(norm), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    const std::span<const double> row = frame.slots.subspan(input_, count_);
    const std::span<double> result = frame.slots.subspan(output_, count_);
    double norm = norm_ == Norm::kMax ? std::numeric_limits<double>::lowest() : 0.0;
    for (const double number : row) {
      if (norm_ == Norm::kMax) norm = std::max(norm, number);
      if (norm_ == Norm::kL1) norm += std::abs(number);
      if (norm_ == Norm::kL2) norm += number * number;
    }
    for (std::size_t i = 0; i < count_; ++i) {
      if (as_float(norm) == 0.0) {
        result[i] = as_float(row[i]);
      } else if (norm_ == Norm::kL2) {
        result[i] = as_float(std::copysign(std::sqrt(row[i] * row[i] / norm), row[i]));
      } else {
        result[i] = as_float(row[i] / norm);
      }
    }
    return true;
  }

 private:
  const Norm norm_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

// Puts other numbers in the place of one.
class Impute final : public Step {
 public:
  Impute(double replaced, std::vector<double> imputed, std::size_t input, std::size_t output)
      : replaced_(replaced), imputed_(std::move(imputed)), input_(input), output_(output) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < imputed_.size(); ++i) {
      const double number = frame.slots[input_ + i];
      const bool is_it = number == replaced_ || (std::isnan(number) && std::isnan(replaced_));
      frame.slots[output_ + i] = is_it ? imputed_[i] : number;
    }
    return true;
  }

 private:
  const double replaced_;
  const std::vector<double> imputed_;
  const std::size_t input_;
  const std::size_t output_;
};

class Binarize final : public Step {
 public:
  Binarize(double threshold, std::size_t input, std::size_t output, std::size_t count)
      : threshold_(threshold), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < count_; ++i) {
      frame.slots[output_ + i] = frame.slots[input_ + i] > threshold_ ? 1.0 : 0.0;
    }
    return true;
  }

 private:
  const double threshold_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

// Numbers by number; a NaN has an entry of its own.
class Mapping {
 public:
  // The last of several entries for a key counts.
  void add(double key, double value) {
    if (std::isnan(key)) {
      of_nan_ = value;
    } else {
      entries_[key] = value;
    }
  }

  // NaN if there is none.
  double find(double key) const {
    if (std::isnan(key)) return of_nan_;
    const auto found = entries_.find(key);
    return found == entries_.end() ? kNothing : found->second;
  }

 private:
  absl::flat_hash_map<double, double> entries_;
  double of_nan_ = kNothing;
};

// Writes a one in the place of the category, and zeros in the others.
class OneHot final : public Step {
 public:
  OneHot(Mapping places, std::size_t categories, bool whole, bool zeros, std::size_t input,
         std::size_t output, std::size_t count)
      : places_(std::move(places)),
        categories_(categories),
        whole_(whole),
        zeros_(zeros),
        input_(input),
        output_(output),
        count_(count) {}

  bool run(const Frame& frame) const override {
    std::fill_n(frame.slots.begin() + static_cast<std::ptrdiff_t>(output_), count_ * categories_, 0.0);
    for (std::size_t i = 0; i < count_; ++i) {
      const double number = frame.slots[input_ + i];
      const double place = places_.find(whole_ ? std::trunc(number) : number);
      if (!std::isnan(place)) {
        frame.slots[output_ + i * categories_ + static_cast<std::size_t>(place)] = 1.0;
      } else if (!zeros_) {
        return false;
      }
    }
    return true;
  }

 private:
  const Mapping places_;
  const std::size_t categories_;
  const bool whole_;  // fractions are cut off
  const bool zeros_;  // what a category that is not there gets
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

class Relabel final : public Step {
 public:
  Relabel(Mapping mapping, double otherwise, std::size_t input, std::size_t output, std::size_t count)
      : mapping_(std::move(mapping)), otherwise_(otherwise), input_(input), output_(output), count_(count) {}

  bool run(const Frame& frame) const override {
    for (std::size_t i = 0; i < count_; ++i) {
      const double value = mapping_.find(frame.slots[input_ + i]);
      frame.slots[output_ + i] = std::isnan(value) ? otherwise_ : value;
    }
    return true;
  }

 private:
  const Mapping mapping_;
  const double otherwise_;
  const std::size_t input_;
  const std::size_t output_;
  const std::size_t count_;
};

// Returns `count` numbers: those, or the single one over and over; none if there is another number of them.
std::vector<double> spread(std::vector<double> numbers, std::size_t count) {
  if (numbers.size() == 1) return std::vector<double>(count, numbers.front());
  if (numbers.size() != count) numbers.clear();
  return numbers;
}

absl::Status plan_scaler(NodePlan& node, std::size_t columns) {
  std::vector<double> offsets = spread(node.numbers("offset"), columns);
  std::vector<double> scales = spread(node.numbers("scale"), columns);
  if (offsets.empty() || scales.empty()) return node.wrong("has not one offset and scale per column");
  const Value& output = node.add_output(Element::kFloat, node.input(0).shape);
  node.add_step(
      std::make_unique<Scale>(std::move(offsets), std::move(scales), node.input(0).slot, output.slot));
  return absl::OkStatus();
}

absl::Status plan_normalizer(NodePlan& node, std::size_t columns) {
  const std::string norm = node.text("norm", "MAX");
  if (norm != "MAX" && norm != "L1" && norm != "L2") return node.refuse("its norm is unknown");
  const Value& output = node.add_output(Element::kFloat, node.input(0).shape);
  node.add_step(std::make_unique<Normalize>(norm == "MAX"  ? Norm::kMax
                                            : norm == "L1" ? Norm::kL1
                                                           : Norm::kL2,
                                            node.input(0).slot, output.slot, columns));
  return absl::OkStatus();
}

absl::Status plan_imputer(NodePlan& node, std::size_t columns) {
  const Value& input = node.input(0);
  const bool whole = input.element == Element::kInteger;
  std::vector<double> imputed;
  double replaced = 0.0;
  if (whole) {
    const std::vector<std::int64_t> numbers = node.integers("imputed_value_int64s");
    imputed.assign(numbers.begin(), numbers.end());
    replaced = static_cast<double>(node.integer("replaced_value_int64", 0));
  } else {
    imputed = node.numbers("imputed_value_floats");
    replaced = static_cast<double>(node.number("replaced_value_float", 0.0f));
  }
  // Converters write both kinds; the input says which one counts.
  node.ignore("imputed_value_int64s");
  node.ignore("replaced_value_int64");
  node.ignore("imputed_value_floats");
  node.ignore("replaced_value_float");
  imputed = spread(std::move(imputed), columns);
  if (imputed.empty()) return node.wrong("has not one number to impute per column");
  const Value& output = node.add_output(input.element, input.shape);
  node.add_step(std::make_unique<Impute>(replaced, std::move(imputed), input.slot, output.slot));
  return absl::OkStatus();
}

absl::Status plan_binarizer(NodePlan& node, std::size_t columns) {
  const auto threshold = static_cast<double>(node.number("threshold", 0.0f));
  const Value& output = node.add_output(node.input(0).element, node.input(0).shape);
  node.add_step(std::make_unique<Binarize>(threshold, node.input(0).slot, output.slot, columns));
  return absl::OkStatus();
}

absl::Status plan_one_hot(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  if (absl::Status status = node.expect_rows(0); !status.ok()) return status;
  const Value& input = node.input(0);
  const std::vector<std::int64_t> integers = node.integers("cats_int64s");
  const std::vector<std::string> texts = node.texts("cats_strings");
  const bool zeros = node.integer("zeros", 1) != 0;
  if (integers.empty() == texts.empty()) return node.wrong("has no categories, or two kinds of them");
  if (texts.empty() == (input.element == Element::kText))
    return node.refuse("its categories are of another kind");
  const std::size_t count = texts.empty() ? integers.size() : texts.size();
  if (count > node.limits().features) return node.refuse("has too many categories");
  Mapping places;
  for (std::size_t i = 0; i < integers.size(); ++i)
    places.add(static_cast<double>(integers[i]), static_cast<double>(i));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    for (std::size_t j = 0; j < input.texts->size(); ++j) {
      if ((*input.texts)[j] == texts[i]) places.add(static_cast<double>(j), static_cast<double>(i));
    }
  }
  Shape shape = input.shape;
  shape.push_back(static_cast<std::int64_t>(count));
  const std::size_t each = input.count();
  const Value& output = node.add_output(Element::kFloat, shape);
  node.add_step(std::make_unique<OneHot>(std::move(places), count, texts.empty(), zeros, input.slot,
                                         output.slot, each));
  return absl::OkStatus();
}

// One side of a LabelEncoder: numbers, or texts.
struct Labels {
  Element element = Element::kFloat;
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::size_t size() const { return element == Element::kText ? texts.size() : numbers.size(); }
};

std::optional<Labels> labels_of(NodePlan& node, const std::string& side) {
  Labels labels;
  if (node.has(side + "_int64s")) {
    labels.element = Element::kInteger;
    for (const std::int64_t number : node.integers(side + "_int64s"))
      labels.numbers.push_back(static_cast<double>(number));
  } else if (node.has(side + "_floats")) {
    labels.numbers = node.numbers(side + "_floats");
  } else if (node.has(side + "_strings")) {
    labels.element = Element::kText;
    labels.texts = node.texts(side + "_strings");
  } else if (node.has(side + "_tensor") && node.version() >= 4) {
    Tensor tensor = node.tensor(side + "_tensor");
    labels.element = tensor.element;
    labels.texts = std::move(tensor.texts);
    if (labels.element != Element::kText) labels.numbers = std::move(tensor.numbers);
  } else {
    return std::nullopt;
  }
  return labels;
}

// The list of texts that LabelEncoder of version 1 and CategoryMapper number: from texts to numbers, or the other way, by
// what comes in.
void read_numbered(NodePlan& node, bool from_texts, std::optional<Labels>& keys,
                   std::optional<Labels>& values) {
  const bool maps = node.type() == "CategoryMapper";
  Labels texts;
  texts.element = Element::kText;
  texts.texts = node.texts(maps ? "cats_strings" : "classes_strings");
  Labels numbers;
  numbers.element = Element::kInteger;
  for (const std::int64_t number : node.integers("cats_int64s"))
    numbers.numbers.push_back(static_cast<double>(number));
  for (std::size_t i = 0; !maps && i < texts.size(); ++i) numbers.numbers.push_back(static_cast<double>(i));
  if (texts.size() == 0) return;
  keys = from_texts ? texts : numbers;
  values = from_texts ? numbers : texts;
}

absl::Status plan_label_encoder(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  const Value& input = node.input(0);
  if (!input.batch) return node.refuse("its input is a constant");
  std::optional<Labels> keys;
  std::optional<Labels> values;
  if (node.version() < 2 || node.type() == "CategoryMapper") {
    read_numbered(node, input.element == Element::kText, keys, values);
  } else {
    keys = labels_of(node, "keys");
    values = labels_of(node, "values");
  }
  if (!keys || !values) return node.wrong("has no keys, or no values");
  if (keys->size() != values->size()) return node.wrong("has as many keys as values, or should have");
  if (keys->element != input.element) return node.refuse("its keys are of another kind than its input");
  // What a key that is not there gets.
  double otherwise = 0.0;
  std::string other_text = "_Unused";
  if (values->element == Element::kInteger)
    otherwise = static_cast<double>(node.integer("default_int64", -1));
  if (values->element == Element::kFloat)
    otherwise = static_cast<double>(node.number("default_float", -0.0f));
  if (values->element == Element::kText) other_text = node.text("default_string", "_Unused");
  if (node.has("default_tensor")) {
    const Tensor tensor = node.tensor("default_tensor");
    if (tensor.element != values->element || tensor.numbers.size() != 1)
      return node.wrong("its default is no such value");
    otherwise = tensor.numbers.front();
    if (!tensor.texts.empty()) other_text = tensor.texts.front();
  } else if (values->element == Element::kDouble) {
    return node.refuse("has doubles and no default");
  }
  node.ignore("default_int64");
  node.ignore("default_float");
  node.ignore("default_string");
  Mapping mapping;
  std::vector<std::string> texts = values->texts;
  if (values->element == Element::kText) {
    otherwise = static_cast<double>(texts.size());
    texts.push_back(other_text);
  }
  for (std::size_t i = 0; i < values->size(); ++i) {
    const double value = values->element == Element::kText ? static_cast<double>(i) : values->numbers[i];
    if (std::isnan(value)) return node.refuse("a value is no number");
    if (keys->element != Element::kText) {
      // Before version 4 a NaN was like no other.
      if (!std::isnan(keys->numbers[i]) || node.version() >= 4) mapping.add(keys->numbers[i], value);
      continue;
    }
    for (std::size_t j = 0; j < input.texts->size(); ++j) {
      if ((*input.texts)[j] == keys->texts[i]) mapping.add(static_cast<double>(j), value);
    }
  }
  Value& output = node.add_output(values->element, input.shape, input.batch);
  if (values->element == Element::kText)
    output.texts = std::make_shared<const std::vector<std::string>>(std::move(texts));
  node.add_step(
      std::make_unique<Relabel>(std::move(mapping), otherwise, input.slot, output.slot, output.count()));
  return absl::OkStatus();
}

absl::Status plan_vectorizer(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, std::size_t{1} << 20); !status.ok()) return status;
  const std::vector<std::int64_t> lengths = node.integers("inputdimensions");
  if (lengths.size() != node.inputs()) return node.wrong("has not one dimension per input");
  std::vector<std::size_t> from;
  std::optional<std::size_t> zero;  // the slot of one
  for (std::size_t i = 0; i < node.inputs(); ++i) {
    if (!node.has_input(i)) return node.wrong(fmt::format("lacks input {}", i));
    std::size_t columns = 0;
    if (absl::Status status = node.expect_columns(i, columns); !status.ok()) return status;
    if (lengths[i] < 1 || lengths[i] > static_cast<std::int64_t>(node.limits().features))
      return node.refuse("has a dimension of none, or too many");
    if (node.input(i).element != Element::kFloat) return node.refuse("an input is not of floats");
    const auto length = static_cast<std::size_t>(lengths[i]);
    if (from.size() + length > node.limits().features) return node.refuse("makes too many columns");
    if (length > columns && !zero) {
      zero = node.add_slots(1);
      node.add_step(fill_step({0.0}, *zero));
    }
    // What is too long is cut, and what is too short filled with zeros.
    for (std::size_t j = 0; j < length; ++j) from.push_back(j < columns ? node.input(i).slot + j : *zero);
  }
  const Value& output = node.add_output(Element::kFloat, {static_cast<std::int64_t>(from.size())});
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

// Rows pick from the last dimension of a constant; what all of them pick stands side by side.
absl::Status plan_extract_by_rows(NodePlan& node, const Value& data, const Value& indices) {
  const std::size_t count = indices.count();
  if (data.shape.empty() || data.count() == 0 || count == 0) return node.refuse("its input is empty");
  if (count > 1 && indices.batch != 0) return node.refuse("mixes rows");
  const auto length = static_cast<std::size_t>(data.shape.back());
  const std::size_t lists = data.count() / length;
  Shape shape = data.shape;
  shape.pop_back();
  if (shape.empty()) shape.push_back(1);
  const std::size_t batch = shape.size();
  if (count > 1) shape.push_back(static_cast<std::int64_t>(count));
  // A table with a row for each index.
  std::vector<double> table(data.count());
  for (std::size_t list = 0; list < lists; ++list) {
    for (std::size_t i = 0; i < length; ++i)
      table[i * lists + list] = data.constant->numbers[list * length + i];
  }
  Value& output = node.add_output(data.element, std::move(shape), batch);
  if (output.count() != lists * count) return node.refuse("a row needs too many numbers");
  output.texts = data.texts;
  if (count > 1) output.order = Order::kList;
  const bool is_turned = lists > 1 && count > 1;
  const std::size_t found = is_turned ? node.add_slots(lists * count) : output.slot;
  node.add_step(lookup_step(std::move(table), lists, false, indices.slot, count, found));
  if (!is_turned) return absl::OkStatus();
  std::vector<std::size_t> from;
  for (std::size_t list = 0; list < lists; ++list) {
    for (std::size_t i = 0; i < count; ++i) from.push_back(found + i * lists + list);
  }
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

absl::Status plan_extractor(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(2, 2); !status.ok()) return status;
  const Value& data = node.input(0);
  const Value& indices = node.input(1);
  if (indices.element != Element::kInteger) return node.wrong("its indices are no integers");
  if (data.constant && indices.batch) return plan_extract_by_rows(node, data, indices);
  if (!data.batch || !indices.constant) return node.refuse("wants a constant, and a value of rows");
  if (data.shape.empty() || *data.batch == data.shape.size() || data.count() == 0)
    return node.refuse("mixes rows");
  const auto length = static_cast<std::size_t>(data.shape.back());
  std::vector<std::size_t> from;
  for (std::size_t first = 0; first < data.count(); first += length) {
    for (const double number : indices.constant->numbers) {
      if (!(number >= 0.0 && number < static_cast<double>(length)))
        return node.wrong("an index is out of range");
      from.push_back(data.slot + first + static_cast<std::size_t>(number));
    }
  }
  Shape shape = data.shape;
  shape.back() = static_cast<std::int64_t>(indices.count());
  Value& output = node.add_output(data.element, shape, data.batch);
  output.texts = data.texts;
  node.add_step(copy_step(std::move(from), output.slot));
  return absl::OkStatus();
}

// A list of maps, from labels to scores, is the scores in the order of the labels.
absl::Status plan_zip_map(NodePlan& node) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  const std::size_t labels =
      node.integers("classlabels_int64s").size() + node.texts("classlabels_strings").size();
  if (labels != columns) return node.wrong("has not one label per column");
  node.add_alias(node.input(0));
  return absl::OkStatus();
}

absl::Status plan_of_rows(NodePlan& node, absl::Status (*plan)(NodePlan&, std::size_t)) {
  if (absl::Status status = node.expect_inputs(1, 1); !status.ok()) return status;
  std::size_t columns = 0;
  if (absl::Status status = node.expect_columns(0, columns); !status.ok()) return status;
  return plan(node, columns);
}

}  // namespace

bool plan_encoders(NodePlan& node, absl::Status& status) {
  const std::string& type = node.type();
  if (type == "Scaler") {
    status = plan_of_rows(node, plan_scaler);
  } else if (type == "Normalizer") {
    status = plan_of_rows(node, plan_normalizer);
  } else if (type == "Imputer") {
    status = plan_of_rows(node, plan_imputer);
  } else if (type == "Binarizer") {
    status = plan_of_rows(node, plan_binarizer);
  } else if (type == "OneHotEncoder") {
    status = plan_one_hot(node);
  } else if (type == "LabelEncoder" || type == "CategoryMapper") {
    status = plan_label_encoder(node);
  } else if (type == "FeatureVectorizer") {
    status = plan_vectorizer(node);
  } else if (type == "ArrayFeatureExtractor") {
    status = plan_extractor(node);
  } else if (type == "ZipMap") {
    status = plan_zip_map(node);
  } else {
    return false;
  }
  return true;
}

}  // namespace weir::ml::onnx
