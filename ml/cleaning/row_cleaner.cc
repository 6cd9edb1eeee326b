#include <weir/ml/cleaning/row_cleaner.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/sketches/sketch_hash.h>

namespace weir::ml {
namespace {

constexpr std::uint32_t kBucketsMax = 1 << 24;
constexpr std::uint32_t kPlanVersion = 1;

int choices_of(const Step& step) {
  return static_cast<int>(step.impute.has_value()) + static_cast<int>(step.normalise.has_value()) +
         static_cast<int>(step.clip.has_value()) + static_cast<int>(step.one_hot.has_value()) +
         static_cast<int>(step.label_encode.has_value()) + static_cast<int>(step.hash_feature.has_value());
}

bool encodes(const Step& step) { return step.one_hot || step.label_encode || step.hash_feature; }

absl::Status in_column(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("column '{}': {}", name, what));
}

// Returns what is wrong with a step, or "".
std::string fault_of(const Step& step) {
  if (choices_of(step) != 1)
    return "a step is exactly one of impute, normalise, clip, one_hot, label_encode and hash_feature";
  if (step.impute && !std::isfinite(step.impute->value)) return "impute: the value is not finite";
  if (step.normalise && !(std::isfinite(step.normalise->offset) && std::isfinite(step.normalise->scale))) {
    return "normalise: offset or scale is not finite";
  }
  if (step.clip && !(step.clip->low <= step.clip->high)) {
    return fmt::format("clip: low={} is not below high={}", step.clip->low, step.clip->high);
  }
  if (step.hash_feature && (step.hash_feature->buckets < 2 || step.hash_feature->buckets > kBucketsMax)) {
    return fmt::format("hash_feature: {} buckets, there may be 2 to {}", step.hash_feature->buckets,
                       kBucketsMax);
  }
  return "";
}

}  // namespace

absl::StatusOr<RowCleaner> RowCleaner::make(CleaningPlan plan) {
  if (plan.version != kPlanVersion) {
    return absl::InvalidArgumentError(
        fmt::format("the plan has version {}, this program knows {}", plan.version, kPlanVersion));
  }
  if (plan.columns.empty()) return absl::InvalidArgumentError("the plan has no columns");
  RowCleaner cleaner(std::move(plan));
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < cleaner.plan_.columns.size(); ++i) {
    const std::string& name = cleaner.plan_.columns[i].name;
    if (name.empty() || !names.insert(name).second) {
      return absl::InvalidArgumentError(
          fmt::format("column {} has no name, or that of another: '{}'", i, name));
    }
    if (absl::Status added = cleaner.add_column(i); !added.ok()) return added;
  }
  std::set<std::string_view> outputs;
  for (const std::string& output : cleaner.outputs_) {
    if (!outputs.insert(output).second) {
      return absl::InvalidArgumentError(fmt::format("two outputs are called '{}'", output));
    }
  }
  return cleaner;
}

absl::Status RowCleaner::add_column(std::size_t index) {
  const ColumnPlan& plan = plan_.columns[index];
  Column column{.plan = index};
  for (const Step& step : plan.steps) {
    if (const std::string fault = fault_of(step); !fault.empty()) return in_column(plan.name, fault);
    if (encodes(step) && plan.steps.size() > 1) return in_column(plan.name, "an encoder is its only step");
    column.is_text = encodes(step);
  }
  inputs_.push_back(plan.name);
  if (!column.is_text) {
    outputs_.push_back(plan.name);
    columns_.push_back(std::move(column));
    return absl::OkStatus();
  }
  const Step& step = plan.steps.front();
  Encoder& encoder = column.encoder;
  static const std::vector<std::string> kNoCategories;
  const auto& categories = step.one_hot        ? step.one_hot->categories
                           : step.label_encode ? step.label_encode->categories
                                               : kNoCategories;
  for (const std::string& category : categories) {
    const auto place = static_cast<std::uint32_t>(encoder.places.size() + 1);
    if (!encoder.places.emplace(category, place).second) {
      return in_column(plan.name, fmt::format("the category '{}' is there twice", category));
    }
  }
  encoder.spread = step.one_hot.has_value();
  encoder.width = encoder.spread ? categories.size() + 1 : 1;
  if (outputs_.size() + encoder.width > kOutputsMax) {
    return in_column(plan.name, fmt::format("there are more than {} outputs", kOutputsMax));
  }
  if (encoder.spread) {
    outputs_.push_back(plan.name + "=?");
    for (const std::string& category : categories) {
      outputs_.push_back(plan.name);
      outputs_.back().append("=").append(category);
    }
  } else {
    outputs_.push_back(plan.name);
  }
  columns_.push_back(std::move(column));
  return absl::OkStatus();
}

absl::StatusOr<RowCleaner> RowCleaner::parse(BytesView json) {
  CleaningPlan plan;
  if (absl::Status read = Serde<CleaningPlan>::decode(json, plan); !read.ok()) return read;
  return make(std::move(plan));
}

std::string RowCleaner::to_json() const {
  Bytes json;
  Serde<CleaningPlan>::encode(plan_, json);
  return json;
}

absl::Status RowCleaner::check_sizes(std::size_t given, std::size_t wanted) const {
  if (given == inputs_.size() && wanted == outputs_.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the plan makes {} values of {}, the row has {} and there is room for {}", outputs_.size(),
                  inputs_.size(), given, wanted));
}

absl::Status RowCleaner::clean(std::span<const Cell> row, std::span<float> out) const {
  if (absl::Status sizes = check_sizes(row.size(), out.size()); !sizes.ok()) return sizes;
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (absl::Status cleaned = clean_one(columns_[i], row[i], out); !cleaned.ok()) return cleaned;
  }
  return absl::OkStatus();
}

absl::Status RowCleaner::clean(std::span<const float> row, std::span<float> out) const {
  if (absl::Status sizes = check_sizes(row.size(), out.size()); !sizes.ok()) return sizes;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Cell cell = static_cast<double>(row[i]);
    if (absl::Status cleaned = clean_one(columns_[i], cell, out); !cleaned.ok()) return cleaned;
  }
  return absl::OkStatus();
}

// Writes what a cell becomes to the front of `out`, which is moved behind it.
absl::Status RowCleaner::clean_one(const Column& column, const Cell& cell, std::span<float>& out) const {
  const ColumnPlan& plan = plan_.columns[column.plan];
  const double* number = std::get_if<double>(&cell);
  const std::string_view* text = std::get_if<std::string_view>(&cell);
  if (!column.is_text) {
    if (text != nullptr)
      return in_column(plan.name, fmt::format("expected a number, got '{}'", text->substr(0, 64)));
    const double given = number == nullptr ? std::numeric_limits<double>::quiet_NaN() : *number;
    if (absl::Status cleaned = clean_number(plan, given, out.front()); !cleaned.ok()) return cleaned;
    out = out.subspan(1);
    return absl::OkStatus();
  }
  // A number stands for its shortest text: 3 for 3.0.
  fmt::memory_buffer digits;
  std::optional<std::string_view> given;
  if (text != nullptr) given = *text;
  if (number != nullptr && !std::isnan(*number)) {
    fmt::format_to(std::back_inserter(digits), "{}", *number == 0 ? 0.0 : *number);
    given = std::string_view(digits.data(), digits.size());
  }
  const Encoder& encoder = column.encoder;
  std::uint32_t place = 0;
  const Step& step = plan.steps.front();
  if (given && step.hash_feature) {
    const std::uint64_t hash =
        hash_of_integer(static_cast<std::int64_t>(hash_of_bytes(*given) ^ step.hash_feature->salt));
    place = static_cast<std::uint32_t>(1 + hash % (step.hash_feature->buckets - 1));
  } else if (given) {
    const auto found = encoder.places.find(*given);
    if (found != encoder.places.end()) place = found->second;
  }
  if (encoder.spread) {
    std::ranges::fill(out.first(encoder.width), 0.0F);
    out[place] = 1;
  } else {
    out.front() = static_cast<float>(place);
  }
  out = out.subspan(encoder.width);
  return absl::OkStatus();
}

absl::Status RowCleaner::clean_number(const ColumnPlan& plan, double number, float& out) const {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  if (std::isinf(number)) {
    if (plan.when_infinite == WhenInfinite::kRefuse) return in_column(plan.name, "the number is infinite");
    if (plan.when_infinite == WhenInfinite::kMissing) number = kMissing;
  }
  for (const Step& step : plan.steps) {
    if (std::isnan(number)) {
      if (step.impute) number = step.impute->value;
    } else if (step.normalise) {
      number = (number - step.normalise->offset) * step.normalise->scale;
    } else if (step.clip) {
      number = std::clamp(number, step.clip->low, step.clip->high);
    }
  }
  const bool too_large = std::isfinite(number) && std::abs(number) > std::numeric_limits<float>::max();
  if (too_large || std::isinf(number)) {
    if (plan.when_infinite == WhenInfinite::kRefuse)
      return in_column(plan.name, "the number is too large for a float");
    number = plan.when_infinite == WhenInfinite::kMissing
                 ? kMissing
                 : std::copysign(std::numeric_limits<double>::infinity(), number);
  }
  if (std::isnan(number) && plan.when_missing == WhenMissing::kRefuse) {
    return in_column(plan.name, "the number is missing");
  }
  out = static_cast<float>(number);
  return absl::OkStatus();
}

}  // namespace weir::ml
