#include "replay_scenarios.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <string>

#include <fmt/format.h>

#include <weir/ml/features/feature_view.h>
#include <weir/ml/lineage/traced.h>
#include <weir/ml/registry/model_table.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

#include "ml/registry/scale_model.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

constexpr Timestamp kStart = 1'000'000;
// Of record time between two records, and how far they may be out of order.
constexpr Timestamp kPace = 10;
constexpr std::int64_t kDisorder = 1'000;
// Models are published that long before the first record that may need them, and known that long after.
constexpr Duration kAhead{1'000};
constexpr int kFactors = 9;

double number_of(const std::string& value) {
  int number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return number % 1'000 / 8.0;
}

std::string last_digit(const std::string& value) { return value.substr(value.size() - 1); }

// One of each kind of window, each of which ends within the run; so keys are forgotten and come again.
auto view_logged_to(const std::string& topic) {
  using namespace ml::agg;
  return ml::features<std::string>("numbers", 1)
      .agg(statistics("number", number_of), {ml::sawtooth(400ms), ml::exact(300ms), ml::tumbling_window(1s)})
      .agg(quantiles("number", number_of, {0.5, 0.9}), {ml::sawtooth(400ms)})
      .agg(distinct_count("digit", last_digit), {ml::sawtooth(400ms), ml::session(60ms)})
      .agg(mean("number", number_of), {ml::last(3), ml::delayed(ml::sawtooth(400ms), 200ms)})
      .agg(decayed_sum("number", number_of, 300ms))
      .agg(time_since_last())
      .hops({50ms})
      .grace(500ms)
      .log_to(topic);
}

// One number of a row, each of whose bits depends on all of them.
std::array<float, 1> folded(const ml::Featured<std::string>& featured) {
  float sum = 0;
  float weight = 1;
  for (const float value : featured.row.values()) {
    sum += std::isnan(value) ? 1 / weight : value * weight;
    weight = weight * 0.8F;
  }
  return {sum};
}

std::string scored(const ml::Featured<std::string>& featured, std::span<const float> scores) {
  return fmt::format("{}={}", featured.value, scores[0]);
}

// With what does not depend on where the record lies.
std::string with_its_model(const std::string&, const std::string& value, const RecordInfo& info) {
  return fmt::format("{} {} {}", value, info.headers.last(ml::kModelVersionHeader)->value.value_or(""),
                     info.headers.last(ml::kModelBranchHeader)->value.value_or(""));
}

// What a window was made of is told by its headers; some are beyond the limit.
std::string no_numbers() { return ""; }
void add_number(const std::string& value, std::string& sum) { sum = std::to_string(sum.size()) + value; }
std::string key_of_window(const Windowed<std::string>& key, const ml::Traced<std::string>&) {
  return key.key;  // so that a partition is written by one task
}

// Writes to "log", "out" and "sums", with `end` behind their names.
absl::StatusOr<Topology> program(const std::string& end) {
  StreamBuilder builder;
  const ml::ModelTable models(builder, {.registry = "models",
                                        .artifacts = "artifacts",
                                        .persistent = false,
                                        .formats = ml::scale_formats(),
                                        .loading = ml::Loading::kInline});
  const auto scores =
      builder.stream<std::string, std::string>("in")
          .apply(view_logged_to("log" + end))
          .apply(ml::score({.models = models.use("m", {.load_timeout = 1h, .freshness = kAhead}),
                            .name = "score",
                            .max_batch = 7},
                           folded, scored))
          .map_values(with_its_model);
  scores.to("out" + end);
  scores.apply(ml::traced({.bytes_max = 600}))
      .group_by_key()
      .windowed_by(tumbling({.size = 500ms, .grace = 1s}))
      .aggregate({.store = "sums"}, ml::with_lineage(no_numbers, 600), ml::with_lineage(add_number, 600))
      .to_stream(key_of_window)
      .apply(ml::lineage())
      .to("sums" + end);
  return builder.build();
}

NewRecord number(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record;
  record.key = fmt::format("k{}", chance.below(static_cast<std::uint64_t>(plan.keys)));
  record.value = std::to_string(chance.below(1'000'000));
  record.timestamp = kStart + n * kPace + (chance.percent(30) ? chance.between(-kDisorder, kDisorder) : 0);
  return record;
}

// How many records come within kAhead at the most.
int records_ahead(const SimulationPlan& plan) {
  const auto late = static_cast<std::int64_t>(plan.records) * 15 / 100;  // within a second, at the end
  const std::int64_t early = plan.records - late;
  return static_cast<int>(
      std::max(early * kAhead.count() / std::max<std::int64_t>(plan.input_time.count(), 1),
               late * kAhead.count() / 1'000) +
      2);
}

// Now a new champion, now the one before the last again, now a challenger, and now and then one that nobody must use.
NewRecord published(SimulationChance& chance, const SimulationPlan& plan, int n) {
  const int which = static_cast<int>(chance.below(10));
  const std::string factor = std::to_string(chance.below(kFactors) + 1);
  ml::ModelManifest manifest =
      ml::scale_manifest("v" + factor, factor, kStart + (n + records_ahead(plan)) * kPace + kDisorder + 1,
                         which < 3 ? ml::ModelRole::kChallenger : ml::ModelRole::kChampion,
                         which < 3 ? 4'000 : ml::ModelManifest::kWhole);
  if (which == 9) manifest.golden = {{{1.0F}, {0.5F}}};
  NewRecord record;
  record.key = ml::registry_key("m", fmt::format("live{:06}", n));
  record.value = ml::text_of(manifest);
  record.timestamp = kStart;
  return record;
}

absl::Status publish_first_model(EmbeddedBroker& broker) {
  WEIR_RETURN_IF_ERROR(broker.create_topic("artifacts", 1, {{"cleanup.policy", "compact"}}));
  for (int i = 1; i <= kFactors; ++i) {
    const std::string factor = std::to_string(i);
    WEIR_RETURN_IF_ERROR(
        broker
            .append("artifacts", 0,
                    {.key = ml::chunk_key(*ml::sha256_hex(factor), 0), .value = factor, .timestamp = kStart})
            .status());
  }
  return broker
      .append("models", 0,
              {.key = ml::registry_key("m", "first"),
               .value = ml::text_of(ml::scale_manifest("v1", "1", 0)),
               .timestamp = kStart})
      .status();
}

}  // namespace

SimulatedScenario replayed_features() {
  return {.name = "features-replayed",
          .topology = [] { return program(""); },
          .inputs = {{"in", number, 9}, {"models", published, 1, /*partitions=*/1}},
          // What tells offsets is not compared: a foreign transaction moves them.
          .outputs = {{"out"}, {"log", OutputRule::kNotCompared}, {"sums"}},
          .limits = {.at_least_once = false, .beside = true},
          .prepare = publish_first_model,
          .replay = [] { return program("-again"); },
          .replayed = {{"log", "log-again"}, {"out", "out-again"}, {"sums", "sums-again"}}};
}

}  // namespace weir
