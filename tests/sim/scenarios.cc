#include "scenarios.h"

#include <initializer_list>
#include <map>
#include <memory>
#include <string>

#include <fmt/format.h>

#include <weir/core/serde.h>
#include <weir/weir.h>

#include "model_scenarios.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

constexpr Timestamp kBegin = 1'000'000;

// Few keys have most of the records.
std::string skewed_key(SimulationChance& chance, const SimulationPlan& plan) {
  const auto keys = static_cast<std::uint64_t>(plan.keys);
  return fmt::format("k{}", std::min(chance.below(keys), chance.below(keys)));
}

// In order on the whole, with ties, and here and there early or late by up to `disorder`.
Timestamp time_of(SimulationChance& chance, int n, std::int64_t disorder) {
  return kBegin + Timestamp{n} / 3 * 30 + (chance.percent(30) ? chance.between(-disorder, disorder) : 0);
}

NewRecord numbered(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record;
  record.key = skewed_key(chance, plan);
  record.value = fmt::format("v{}", n);
  record.timestamp = time_of(chance, n, 300);
  return record;
}

// Some cannot be read.
NewRecord number_or_poison(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record = numbered(chance, plan, n);
  Bytes bytes;
  put_big_endian(std::int64_t{n}, bytes);
  if (chance.percent(3)) bytes.resize(3);
  record.value = bytes;
  return record;
}

// A value is another key, and who it is from.
NewRecord referring(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record = numbered(chance, plan, n);
  record.value = fmt::format("{}:{}", skewed_key(chance, plan), n);
  if (chance.percent(10)) record.value.reset();
  return record;
}

NewRecord row_or_deletion(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record = numbered(chance, plan, n);
  if (chance.percent(20)) record.value.reset();
  return record;
}

// Table joins drop what is older than the row they have; these are in order.
NewRecord ordered_row(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record = row_or_deletion(chance, plan, n);
  record.timestamp = kBegin + n;
  return record;
}

std::string first_part(const std::string& value) { return value.substr(0, value.find(':')); }

SimulatedScenario copy() {
  return {.name = "copy",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .map_values([](const std::string& value) { return value + "!"; })
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{"out", OutputRule::kSamePerKey}},
          .limits = {.on_disk = false}};
}

SimulatedScenario dead_letters() {
  return {
      .name = "dead-letters",
      .topology =
          [] {
            StreamBuilder builder;
            builder.stream<std::string, std::int64_t>("in", {.on_error = ErrorPolicy::kDeadLetter}).to("out");
            return builder.build();
          },
      .inputs = {{"in", number_or_poison}},
      .outputs = {{"out", OutputRule::kSamePerKey}, {"aside", OutputRule::kSameRecords}},
      .limits = {.on_disk = false},
      .configure = [](AppConfig& config) { config.dead_letter_topic = "aside"; }};
}

SimulatedScenario count(const std::string& name, const TableOptions& options, OutputRule rule) {
  return {.name = name,
          .topology =
              [options] {
                StreamBuilder builder;
                builder.stream<std::string, std::int64_t>("in", {.on_error = ErrorPolicy::kSkip})
                    .group_by_key()
                    .count(options)
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", number_or_poison}},
          .outputs = {{"out", rule}},
          // At least once a count that runs ahead need not pass by the right one.
          .limits = {.at_least_once = rule == OutputRule::kSameCounts, .on_disk = options.persistent}};
}

SimulatedScenario repartitioned_count() {
  return {.name = "repartition",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::optional<std::string>>("in")
                    .filter([](const std::optional<std::string>& value) { return value.has_value(); })
                    .map_values([](const std::optional<std::string>& value) { return *value; })
                    .group_by({.name = "by-reference"}, first_part)
                    .count({.store = "counts"})
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", referring}},
          .outputs = {{"out", OutputRule::kSameCounts}}};
}

std::string window_name(const Windowed<std::string>& key, std::int64_t) {
  return fmt::format("{}@{}", key.key, key.window.start);
}

SimulatedScenario windows() {
  return {.name = "windows",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .group_by_key()
                    .windowed_by(tumbling({.size = 500ms, .grace = 200ms}))
                    .count({.store = "windows"})
                    .to_stream(window_name)
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{"out", OutputRule::kSameCounts}}};
}

SimulatedScenario final_windows() {
  return {.name = "final-windows",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .group_by_key()
                    .windowed_by(tumbling({.size = 500ms, .grace = 200ms}))
                    .count({.store = "windows", .emit = WindowEmit::kOnWindowClose})
                    .to_stream(window_name)
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{"out", OutputRule::kSamePerKey}},
          .limits = {.at_least_once = false}};
}

SimulatedScenario joined_streams() {
  return {.name = "join-streams",
          .topology =
              [] {
                StreamBuilder builder;
                const auto left = builder.stream<std::string, std::string>("left");
                const auto right = builder.stream<std::string, std::string>("right");
                left.join(right, {.store = "pairs", .within = 100ms, .grace = 1h},
                          [](const std::string& one, const std::string& other) { return one + "+" + other; })
                    .to("out");
                return builder.build();
              },
          .inputs = {{"left", numbered}, {"right", numbered}},
          .outputs = {{"out", OutputRule::kSameRecords}}};
}

SimulatedScenario joined_tables() {
  return {.name = "join-tables",
          .topology =
              [] {
                StreamBuilder builder;
                const auto left = builder.table<std::string, std::string>("left", {.store = "left-rows"});
                const auto right = builder.table<std::string, std::string>("right", {.store = "right-rows"});
                left.outer_join(
                        {.store = "joined"}, right,
                        [](const std::optional<std::string>& one, const std::optional<std::string>& other) {
                          return one.value_or("-") + "+" + other.value_or("-");
                        })
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"left", ordered_row}, {"right", ordered_row}},
          .outputs = {{"out", OutputRule::kSameLast}}};
}

using Rows = std::map<std::string, std::string>;

// What a topic has at last.
Rows rows_of(EmbeddedBroker& broker, const SimulationPlan& plan, const std::string& topic) {
  Rows rows;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read(topic, partition)) {
      record.value ? void(rows[*record.key] = *record.value) : void(rows.erase(*record.key));
    }
  }
  return rows;
}

absl::Status has_the_join(EmbeddedBroker& broker, const SimulationPlan& plan) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  Rows expected;
  const Rows right = rows_of(broker, plan, "right");
  for (const auto& [key, value] : rows_of(broker, plan, "left")) {
    if (const auto found = right.find(first_part(value)); found != right.end()) {
      expected[key] = value + "+" + found->second;
    }
  }
  const Rows actual = rows_of(broker, plan, "out");
  for (const Rows* rows : std::initializer_list<const Rows*>{&expected, &actual}) {
    for (const auto& [key, value] : *rows) {
      const auto found = actual.find(key);
      const auto wanted = expected.find(key);
      if (found != actual.end() && wanted != expected.end() && found->second == wanted->second) continue;
      return absl::InternalError(fmt::format("key={} expected {} found {}", key,
                                             wanted == expected.end() ? "nothing" : wanted->second,
                                             found == actual.end() ? "nothing" : found->second));
    }
  }
  return absl::OkStatus();
}

SimulatedScenario foreign_keys() {
  return {.name = "foreign-keys",
          .topology =
              [] {
                StreamBuilder builder;
                const auto left = builder.table<std::string, std::string>("left", {.store = "left-rows"});
                const auto right = builder.table<std::string, std::string>("right", {.store = "right-rows"});
                left.join({.name = "joined"}, right, first_part,
                          [](const std::string& one, const std::string& other) { return one + "+" + other; })
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"left",
                      [](SimulationChance& chance, const SimulationPlan& plan, int n) {
                        NewRecord record = referring(chance, plan, n);
                        record.timestamp = kBegin + n;
                        return record;
                      },
                      3},
                     {"right", ordered_row}},
          .outputs = {{"out", OutputRule::kSameLast}},
          .check = has_the_join};
}

// A key's values are its records', whatever the rows are at that moment.
SimulatedScenario global_rows() {
  return {.name = "global-rows",
          .topology =
              [] {
                StreamBuilder builder;
                const auto rows = builder.global_table<std::string, std::string>("rows", {.store = "rows"});
                builder.stream<std::string, std::string>("in")
                    .left_join(
                        rows, [](const std::string& key, const std::string&) { return key; },
                        [](const std::string& value, const std::optional<std::string>&) { return value; })
                    .group_by_key()
                    .count({.store = "counts"})
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered, 3}, {"rows", row_or_deletion}},
          .outputs = {{"out", OutputRule::kSameCounts}}};
}

SimulatedScenario sessions() {
  return {
      .name = "sessions",
      .topology =
          [] {
            StreamBuilder builder;
            builder.stream<std::string, std::string>("in")
                .group_by_key()
                .windowed_by(session({.gap = 100ms, .grace = 200ms}))
                .count({.store = "sessions"})
                .to_stream([](const SessionWindowed<std::string>& key, const std::optional<std::int64_t>&) {
                  return fmt::format("{}@{}-{}", key.key, key.window.start, key.window.end);
                })
                .to("out");
            return builder.build();
          },
      .inputs = {{"in", numbered}},
      .outputs = {{"out", OutputRule::kSamePerKey}},
      .limits = {.at_least_once = false}};
}

// Collects what comes and tells it by the clock.
class Collector final : public Processor<std::string, std::string, std::string, std::int64_t> {
 public:
  void open(Context& context) override {
    context_ = &context;
    held_ = &context.store<KeyValueStore<std::string, std::int64_t>>("held");
    context.schedule(250ms, TimerClock::kWallClock, [this](Timestamp now) { tell(now); });
  }
  void process(const Record<std::string, std::string>& record) override {
    const auto* held = held_->find(record.key);
    held_->put(record.key, (held == nullptr ? 0 : held->value) + 1, record.timestamp);
  }

 private:
  void tell(Timestamp now) {
    std::vector<std::pair<std::string, std::int64_t>> rows;
    for (const auto& [key, row] : held_->all()) rows.emplace_back(key, row.value);
    for (const auto& [key, held] : rows) {
      context_->forward(key, held, now);
      held_->erase(key, now);
    }
  }

  Context* context_ = nullptr;
  KeyValueStore<std::string, std::int64_t>* held_ = nullptr;
};

SimulatedScenario collector() {
  return {
      .name = "timer",
      .topology =
          [] {
            StreamBuilder builder;
            builder.key_value_store<std::string, std::int64_t>("held");
            builder.stream<std::string, std::string>("in")
                .process({.stores = {"held"}}, [] { return std::make_unique<Collector>(); })
                .to("out");
            return builder.build();
          },
      .inputs = {{"in", numbered}},
      .outputs = {{"out", OutputRule::kSameSums}},
      // What was told and not yet committed is told again, what was held and told may be lost: with at least once nothing
      // can be said about the sum.
      .limits = {.at_least_once = false}};
}

// Tells the stream time of its partition, which never goes back.
class StreamClock final : public Processor<std::string, std::string, std::string, std::int64_t> {
 public:
  void open(Context& context) override {
    context_ = &context;
    context.schedule(100ms, TimerClock::kStreamTime, [this](Timestamp now) {
      // A key of the partition that is read, so that what is told stays in it.
      context_->forward(key_, now, now);
    });
  }
  void process(const Record<std::string, std::string>& record) override { key_ = record.key; }

 private:
  Context* context_ = nullptr;
  std::string key_;
};

absl::Status never_goes_back(EmbeddedBroker& broker, const SimulationPlan& plan) {
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::int64_t last = 0;
    for (const BrokerRecord& record : broker.read("out", partition)) {
      const auto now = get_big_endian<std::int64_t>(record.value.value_or(Bytes(8, '\0')).data());
      if (now < last) {
        return absl::InternalError(
            fmt::format("the stream time went back: partition={} offset={} from={} to={}", partition,
                        record.offset, last, now));
      }
      last = now;
    }
  }
  return absl::OkStatus();
}

SimulatedScenario stream_clock() {
  return {.name = "stream-clock",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .process({}, [] { return std::make_unique<StreamClock>(); })
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{"out", OutputRule::kNotCompared}},
          .limits = {.at_least_once = false, .on_disk = false},
          .check = never_goes_back};
}

}  // namespace

std::vector<SimulatedScenario> scenarios() {
  return {copy(),
          count("count", {.store = "counts"}, OutputRule::kSameCounts),
          repartitioned_count(),
          windows(),
          count("count-in-memory", {.store = "counts", .persistent = false}, OutputRule::kSameCounts),
          joined_streams(),
          collector(),
          joined_tables(),
          dead_letters(),
          foreign_keys(),
          count("count-on-commit", {.store = "counts", .emit = Emit::kOnCommit}, OutputRule::kSameLast),
          final_windows(),
          stream_clock(),
          sessions(),
          global_rows(),
          models_as_of(),
          models_at_a_barrier()};
}

}  // namespace weir
