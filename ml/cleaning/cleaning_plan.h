// How the columns of raw rows become the floats a model is asked with: the parameters that were fitted when it was trained,
// as a value that is read and written as JSON. It travels in the model's manifest (ModelManifest::cleaning), and a scoring
// operator that follows the registry applies the plan of whichever model it chose for a record.
//
//   const weir::ml::CleaningPlan plan{
//       .columns = {{.name = "amount",
//                    .steps = {weir::ml::impute(20), weir::ml::clip(0, 500), weir::ml::standardise(48.5, 31.2)}},
//                   {.name = "country", .steps = {weir::ml::one_hot({"DE", "FR"})}},
//                   {.name = "merchant", .steps = {weir::ml::hash_feature(1024)}}}};
//
//   {"version":1,"columns":[{"name":"amount","steps":[{"impute":{"value":20}},...
//
// Each column goes through its steps in order. A column of numbers becomes one output; one of texts has exactly one step, an
// encoder, and becomes one output or, with one_hot, one for each category and one for the unknown.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <weir/core/json_serde.h>

namespace weir::ml {

// A missing number becomes this one.
struct Impute {
  double value = 0;
  bool operator==(const Impute&) const = default;
};

// x becomes (x - offset) * scale.
struct Normalise {
  double offset = 0;
  double scale = 1;
  bool operator==(const Normalise&) const = default;
};

// x below `low` becomes low, above `high` high.
struct Clip {
  double low = 0;
  double high = 0;
  bool operator==(const Clip&) const = default;
};

// A text becomes zeros and a one. The first output is of texts that are no category, and of missing ones: "country=?"; the
// others, "country=DE", are in the order given.
struct OneHot {
  std::vector<std::string> categories;
  bool operator==(const OneHot&) const = default;
};

// A text becomes its category's place, from 1. A text that is no category, or is missing, becomes 0.
struct LabelEncode {
  std::vector<std::string> categories;
  bool operator==(const LabelEncode&) const = default;
};

// A text becomes a number from 1 to buckets - 1 by its hash; a missing one becomes 0. Features that shall not collide in the
// same way get another salt. The hash is part of what a model was trained on and never changes.
struct HashFeature {
  std::uint32_t buckets = 0;  // 2 to 2^24, above which floats are not exact
  std::uint64_t salt = 0;
  bool operator==(const HashFeature&) const = default;
};

// One of these. Made by the functions below.
struct Step {
  std::optional<Impute> impute;
  std::optional<Normalise> normalise;
  std::optional<Clip> clip;
  std::optional<OneHot> one_hot;
  std::optional<LabelEncode> label_encode;
  std::optional<HashFeature> hash_feature;
  bool operator==(const Step&) const = default;
};

[[nodiscard]] Step impute(double value);
// To mean 0 and deviation 1. A deviation of 0, of a column that never varied, is taken as 1.
[[nodiscard]] Step standardise(double mean, double deviation);
// To 0 for the least and 1 for the largest; likewise.
[[nodiscard]] Step scale_between(double least, double largest);
// To 0 for the median, by the distance of the quartiles; likewise.
[[nodiscard]] Step scale_robustly(double median, double quartile_distance);
[[nodiscard]] Step clip(double low, double high);
[[nodiscard]] Step one_hot(std::vector<std::string> categories);
[[nodiscard]] Step label_encode(std::vector<std::string> categories);
[[nodiscard]] Step hash_feature(std::uint32_t buckets, std::uint64_t salt = 0);

// What becomes of a number that is still missing after the steps.
enum class WhenMissing {
  kKeep,    // a NaN: models know what to do with it
  kRefuse,  // the row is refused
};

// What an infinity is, before the steps; also what becomes of a number that is too large for a float after them.
enum class WhenInfinite {
  kMissing,
  kRefuse,
  kKeep,
};

struct ColumnPlan {
  std::string name;
  std::vector<Step> steps = {};
  WhenMissing when_missing = WhenMissing::kKeep;
  WhenInfinite when_infinite = WhenInfinite::kMissing;
  bool operator==(const ColumnPlan&) const = default;
};

struct CleaningPlan {
  std::uint32_t version = 1;  // of this description; others are refused
  std::vector<ColumnPlan> columns;
  bool operator==(const CleaningPlan&) const = default;
};

}  // namespace weir::ml

namespace weir {

template <>
struct Serde<ml::Impute> : JsonSerde<ml::Impute> {
  static constexpr auto kFields = fields(field("value", &ml::Impute::value));
};

template <>
struct Serde<ml::Normalise> : JsonSerde<ml::Normalise> {
  static constexpr auto kFields =
      fields(field("offset", &ml::Normalise::offset), field("scale", &ml::Normalise::scale));
};

template <>
struct Serde<ml::Clip> : JsonSerde<ml::Clip> {
  static constexpr auto kFields = fields(field("low", &ml::Clip::low), field("high", &ml::Clip::high));
};

template <>
struct Serde<ml::OneHot> : JsonSerde<ml::OneHot> {
  static constexpr auto kFields = fields(field("categories", &ml::OneHot::categories));
};

template <>
struct Serde<ml::LabelEncode> : JsonSerde<ml::LabelEncode> {
  static constexpr auto kFields = fields(field("categories", &ml::LabelEncode::categories));
};

template <>
struct Serde<ml::HashFeature> : JsonSerde<ml::HashFeature> {
  static constexpr auto kFields = fields(field("buckets", &ml::HashFeature::buckets),  //
                                         field_or_default("salt", &ml::HashFeature::salt));
};

template <>
struct Serde<ml::Step> : JsonSerde<ml::Step> {
  static constexpr auto kFields = fields(field("impute", &ml::Step::impute),              //
                                         field("normalise", &ml::Step::normalise),        //
                                         field("clip", &ml::Step::clip),                  //
                                         field("one_hot", &ml::Step::one_hot),            //
                                         field("label_encode", &ml::Step::label_encode),  //
                                         field("hash_feature", &ml::Step::hash_feature));
};

template <>
struct Serde<ml::WhenMissing> : JsonEnumSerde<ml::WhenMissing> {
  static constexpr auto kNames =
      names({{ml::WhenMissing::kKeep, "keep"}, {ml::WhenMissing::kRefuse, "refuse"}});
};

template <>
struct Serde<ml::WhenInfinite> : JsonEnumSerde<ml::WhenInfinite> {
  static constexpr auto kNames = names({{ml::WhenInfinite::kMissing, "missing"},
                                        {ml::WhenInfinite::kRefuse, "refuse"},
                                        {ml::WhenInfinite::kKeep, "keep"}});
};

template <>
struct Serde<ml::ColumnPlan> : JsonSerde<ml::ColumnPlan> {
  static constexpr auto kFields = fields(field("name", &ml::ColumnPlan::name),                             //
                                         field_or_default("steps", &ml::ColumnPlan::steps),                //
                                         field_or_default("when_missing", &ml::ColumnPlan::when_missing),  //
                                         field_or_default("when_infinite", &ml::ColumnPlan::when_infinite));
};

template <>
struct Serde<ml::CleaningPlan> : JsonSerde<ml::CleaningPlan> {
  static constexpr auto kFields =
      fields(field("version", &ml::CleaningPlan::version), field("columns", &ml::CleaningPlan::columns));
};

}  // namespace weir
