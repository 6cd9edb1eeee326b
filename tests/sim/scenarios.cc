#include "scenarios.h"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weir/core/serde.h>
#include <weir/state/byte_queryable.h>
#include <weir/weir.h>

#include "answer_scenarios.h"
#include "model_scenarios.h"
#include "replay_scenarios.h"
#include "scenario_parts.h"

namespace weir {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

std::vector<BrokerRecord> plainly_copied(const std::vector<BrokerRecord>& in) {
  std::vector<BrokerRecord> out = in;
  for (BrokerRecord& record : out) *record.value += "!";
  return out;
}

struct PlainRow {
  std::int64_t count = 0;
  Timestamp timestamp = kNoTimestamp;
};

std::vector<BrokerRecord> plainly_counted(const std::vector<BrokerRecord>& in) {
  std::vector<BrokerRecord> out;
  std::map<Bytes, PlainRow> rows;
  for (const BrokerRecord& record : in) {
    if (record.value->size() != sizeof(std::int64_t)) continue;
    PlainRow& row = rows[*record.key];
    row.timestamp = std::max(row.timestamp, record.timestamp);
    out.push_back({record.key, number(++row.count), row.timestamp, record.headers});
  }
  return out;
}

constexpr std::int64_t kSize = 500;
constexpr std::int64_t kGrace = 200;
constexpr std::int64_t kSliced = 400;  // of windows that overlap

// Of all windows of that size that begin at multiples of `advance`.
std::vector<BrokerRecord> plainly_counted_in(const std::vector<BrokerRecord>& in, std::int64_t size,
                                             std::int64_t advance) {
  std::vector<BrokerRecord> out;
  std::map<Bytes, PlainRow> rows;
  Timestamp now = kNoTimestamp;
  for (const BrokerRecord& record : in) {
    now = std::max(now, record.timestamp);
    for (Timestamp start = (record.timestamp - size) / advance * advance + advance; start <= record.timestamp;
         start += advance) {
      if (start + size + kGrace <= now) continue;
      const Bytes key = fmt::format("{}@{}", *record.key, start);
      PlainRow& row = rows[key];
      row.timestamp = std::max(row.timestamp, record.timestamp);
      out.push_back({key, number(++row.count), row.timestamp, record.headers});
    }
  }
  return out;
}

std::vector<BrokerRecord> plainly_counted_in_windows(const std::vector<BrokerRecord>& in) {
  return plainly_counted_in(in, kSize, kSize);
}

// Records without a time of their own have the largest before them in their partition.
bool has_no_time(const Bytes& value) { return number_of(value) % 7 == 3; }

Timestamp time_or_partition_time(const std::string&, const std::string& value, const SourceInfo& info) {
  return has_no_time(value) && info.partition_time >= 0 ? info.partition_time : info.timestamp;
}

std::vector<BrokerRecord> plainly_counted_with_partition_times(std::vector<BrokerRecord> in) {
  Timestamp latest = kNoTimestamp;
  for (BrokerRecord& record : in) {
    if (has_no_time(*record.value) && latest >= 0) record.timestamp = latest;
    latest = std::max(latest, record.timestamp);
  }
  return plainly_counted_in_windows(in);
}

std::vector<BrokerRecord> plainly_counted_in_slices(const std::vector<BrokerRecord>& in) {
  return plainly_counted_in(in, kSliced, 100);
}

// Each window that is over has been told of once, with all that was not too late for it: with the headers of the last record in
// it, or of whichever record closed it.
absl::Status has_closed_windows(EmbeddedBroker& broker, const SimulationPlan& plan, bool own_headers,
                                const Plain& counted, std::int64_t size) {
  std::map<Bytes, BrokerRecord> expected;
  std::map<Bytes, BrokerRecord> actual;
  const auto add = [&](std::map<Bytes, BrokerRecord>& windows, BrokerRecord record) {
    record.offset = kNoOffset;
    if (!own_headers) record.headers.clear();
    const Bytes key = *record.key;
    windows[key] = std::move(record);
  };
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    const std::vector<BrokerRecord> in = broker.read("in", partition);
    Timestamp now = kNoTimestamp;
    for (const BrokerRecord& record : in) now = std::max(now, record.timestamp);
    for (const BrokerRecord& record : counted(in)) {
      const Timestamp start = std::strtoll(record.key->c_str() + record.key->find('@') + 1, nullptr, 10);
      if (start + size + kGrace <= now) add(expected, record);
    }
    for (const BrokerRecord& record : broker.read("out", partition)) add(actual, record);
  }
  if (expected == actual) return absl::OkStatus();
  return absl::InternalError(
      fmt::format("{} windows are told of, not {}, or others", actual.size(), expected.size()));
}

absl::Status has_all_closed_windows(EmbeddedBroker& broker, const SimulationPlan& plan) {
  return has_closed_windows(broker, plan, /*own_headers=*/false, plainly_counted_in_windows, kSize);
}

absl::Status has_all_closed_slices(EmbeddedBroker& broker, const SimulationPlan& plan) {
  return has_closed_windows(broker, plan, /*own_headers=*/false, plainly_counted_in_slices, kSliced);
}

absl::Status has_all_suppressed_windows(EmbeddedBroker& broker, const SimulationPlan& plan) {
  return has_closed_windows(broker, plan, /*own_headers=*/true, plainly_counted_in_windows, kSize);
}

constexpr std::int64_t kApart = 150;

std::vector<BrokerRecord> plainly_distinct(const std::vector<BrokerRecord>& in) {
  std::vector<BrokerRecord> out;
  std::map<Bytes, std::vector<Timestamp>> passed;
  Timestamp now = kNoTimestamp;
  for (const BrokerRecord& record : in) {
    now = std::max(now, record.timestamp);
    std::vector<Timestamp>& times = passed[*record.key];
    if (record.timestamp < now - kGrace || std::any_of(times.begin(), times.end(), [&](Timestamp time) {
          return std::abs(time - record.timestamp) < kApart;
        }))
      continue;
    times.push_back(record.timestamp);
    out.push_back(record);
  }
  return out;
}

// Every pair of records of a key whose times are close.
absl::Status has_all_pairs(EmbeddedBroker& broker, const SimulationPlan& plan) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::vector<Bytes> expected;
    std::vector<Bytes> actual;
    const auto right = broker.read("right", partition);
    for (const BrokerRecord& one : broker.read("left", partition)) {
      for (const BrokerRecord& other : right) {
        if (one.key == other.key && std::abs(one.timestamp - other.timestamp) <= 100)
          expected.push_back(*one.value + "+" + *other.value);
      }
    }
    for (const BrokerRecord& record : broker.read("out", partition)) actual.push_back(*record.value);
    std::sort(expected.begin(), expected.end());
    std::sort(actual.begin(), actual.end());
    if (expected == actual) continue;
    return absl::InternalError(
        fmt::format("partition {} has {} pairs, not {}", partition, actual.size(), expected.size()));
  }
  return absl::OkStatus();
}

// What each key's values amount to is how often it came.
absl::Status has_all_counts(EmbeddedBroker& broker, const SimulationPlan& plan) {
  std::map<Bytes, std::int64_t> expected;
  std::map<Bytes, std::int64_t> actual;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read("in", partition)) ++expected[*record.key];
    for (const BrokerRecord& record : broker.read("out", partition))
      actual[*record.key] += get_big_endian<std::int64_t>(record.value->data());
  }
  for (const auto& [key, count] : expected) {
    if (actual[key] != count)
      return absl::InternalError(fmt::format("key={} came {} times, not {}", key, count, actual[key]));
  }
  return absl::OkStatus();
}

constexpr Timestamp kTelling = 250;

// Fails when a timer fires more often than its interval allows: in any time at most once more than it fits in.
class TimerWatch {
 public:
  void fired(Timestamp now) {
    if (!fires_.empty() && now < fires_.back()) fires_.clear();  // somebody set the clock back
    fires_.push_back(now);
    for (std::size_t i = 0; i + 1 < fires_.size(); ++i) {
      const auto times = static_cast<Timestamp>(fires_.size() - 1 - i);
      if (now - fires_[i] <= (times - 1) * kTelling)
        throw std::runtime_error(fmt::format("a timer fired {} times in {} ms", times + 1, now - fires_[i]));
    }
    if (fires_.size() > 8) fires_.erase(fires_.begin());
  }

 private:
  std::vector<Timestamp> fires_;
};

constexpr std::int64_t kTick = 100;

// Tells the stream time of its partition, which never goes back; with `ticks` another timer goes by the wall clock.
class StreamClock final : public Processor<std::string, std::string, std::string, std::int64_t> {
 public:
  explicit StreamClock(bool ticks) : ticks_(ticks) {}

  void open(Context& context) override {
    context_ = &context;
    if (ticks_)
      context.schedule(Duration{kTelling}, TimerClock::kWallClock,
                       [this](Timestamp now) { watch_.fired(now); });
    context.schedule(Duration{kTick}, TimerClock::kStreamTime, [this](Timestamp now) {
      // A key of the partition that is read, so that what is told stays in it.
      context_->forward(key_, now, now);
    });
  }
  void process(const Record<std::string, std::string>& record) override { key_ = record.key; }

 private:
  const bool ticks_;
  Context* context_ = nullptr;
  std::string key_;
  TimerWatch watch_;
};

// Tells of each time at which an interval was over, in order. A new owner may tell of the present one once more.
absl::Status tells_time(EmbeddedBroker& broker, const SimulationPlan& plan, const std::string& topic) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  const bool undisturbed = plan.faults.empty() && plan.instances == 1 && plan.workers == 1;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::vector<Timestamp> expected;
    std::set<Timestamp> times;
    Timestamp now = 0;
    for (const BrokerRecord& record : broker.read("in", partition)) {
      const Timestamp before = std::exchange(now, std::max(now, record.timestamp));
      times.insert(now);
      if (before == 0 || now / kTick > before / kTick) expected.push_back(now);
    }
    std::size_t next = 0;
    std::size_t told_of = 0;
    Timestamp last = 0;
    for (const BrokerRecord& record : broker.read(topic, partition)) {
      const auto told = get_big_endian<std::int64_t>(record.value.value_or(Bytes(8, '\0')).data());
      if (told < last || !times.contains(told)) {
        return absl::InternalError(
            fmt::format("partition={} offset={} tells {} after {}", partition, record.offset, told, last));
      }
      last = told;
      ++told_of;
      if (next < expected.size() && told == expected[next]) ++next;
    }
    if (next < expected.size())
      return absl::InternalError(fmt::format("partition={} never tells {}", partition, expected[next]));
    if (undisturbed && told_of != expected.size())
      return absl::InternalError(
          fmt::format("partition={} tells {} times, and {} were over", partition, told_of, expected.size()));
  }
  return absl::OkStatus();
}

Check tells_the_time(const std::string& topic) {
  return
      [topic](EmbeddedBroker& broker, const SimulationPlan& plan) { return tells_time(broker, plan, topic); };
}

// Has a program tell the time of its stream beside what it does.
void add_clock(const KStream<std::string, std::string>& stream, bool ticks = true) {
  stream.process({}, [ticks] { return std::make_unique<StreamClock>(ticks); }).to("clock");
}

void add_clock(SimulatedScenario& scenario) {
  scenario.outputs.push_back({"clock", OutputRule::kNotCompared});
  scenario.check = all_of(scenario.check, tells_the_time("clock"));
}

SimulatedScenario copy_and_clock() {
  SimulatedScenario scenario{
      .name = "copy",
      .topology =
          [] {
            StreamBuilder builder;
            const auto in = builder.stream<std::string, std::string>("in");
            in.map_values([](const std::string& value) { return value + "!"; }).to("out");
            add_clock(in, /*ticks=*/false);
            return builder.build();
          },
      .inputs = {{"in", numbered}},
      .outputs = {{.topic = "out", .rule = OutputRule::kSamePerKey, .whole = true}},
      .limits = {.on_disk = false},
      .check = as_plain(plainly_copied)};
  add_clock(scenario);
  return scenario;
}

SimulatedScenario copy(const std::string& name, bool growing) {
  return {.name = name,
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .map_values([](const std::string& value) { return value + "!"; })
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{.topic = "out",
                       .rule = growing ? OutputRule::kSameRecords : OutputRule::kSamePerKey,
                       .whole = true}},
          .limits = {.on_disk = false, .growing = growing},
          .check = growing ? nullptr : as_plain(plainly_copied)};
}

// Whoever has begun with a record does not leave out any after it, although there are no positions yet: what comes first is
// known only to who has taken it.
SimulatedScenario copy_from_latest() {
  using Begun = std::map<Partition, Offset>;
  const auto begun = std::make_shared<Begun>();  // shared with the program, in all its lives
  return {
      .name = "copy-from-latest",
      .topology =
          [begun] {
            StreamBuilder builder;
            builder.stream<std::string, std::string>("in", {.offset_reset = OffsetReset::kLatest})
                .map_values([begun](const std::string&, const std::string& value, const RecordInfo& info) {
                  const auto [first, is_new] = begun->try_emplace(info.origin.partition, info.origin.offset);
                  first->second = std::min(first->second, info.origin.offset);
                  return value;
                })
                .to("out");
            return builder.build();
          },
      .inputs = {{"in", numbered}},
      .outputs = {{"out", OutputRule::kNotCompared}},
      .limits = {.on_disk = false},
      .prepare =
          [begun](EmbeddedBroker&) {
            begun->clear();
            return absl::OkStatus();
          },
      .check =
          [begun](EmbeddedBroker& broker, const SimulationPlan& plan) {
            for (const auto& [partition, first] : *begun) {
              std::vector<Bytes> expected;
              std::vector<Bytes> actual;
              for (const BrokerRecord& record : broker.read("in", partition, first))
                expected.push_back(*record.value);
              for (const BrokerRecord& record : broker.read("out", partition))
                actual.push_back(*record.value);
              const bool right = plan.guarantee == Guarantee::kExactlyOnce
                                     ? expected == actual
                                     : std::set<Bytes>(expected.begin(), expected.end()) ==
                                           std::set<Bytes>(actual.begin(), actual.end());
              if (!right)
                return absl::InternalError(fmt::format(
                    "partition {} was read from {} on, where {} records are, and has {}, or others",
                    partition, first, expected.size(), actual.size()));
            }
            return absl::OkStatus();
          }};
}

// Numbers the records of each key, and cannot take some at present.
class Busy final : public Processor<std::string, std::string, std::string, std::string> {
 public:
  void open(Context& context) override {
    context_ = &context;
    counts_ = &context.store<KeyValueStore<std::string, std::int64_t>>("counts");
  }
  void process(const Record<std::string, std::string>& record) override {
    const auto* row = counts_->find(record.key);
    const std::int64_t count = (row == nullptr ? 0 : row->value) + 1;
    counts_->put(record.key, count, record.timestamp);
    const bool busy = context_->wall_time() % 8 < 5;
    if (number_of(record.value) % 29 == 7 && busy) throw Retriable("busy already");
    context_->forward(record.key, fmt::format("{}!{}", record.value, count));
    if (number_of(record.value) % 23 == 5 && busy) throw Retriable("busy");
  }

 private:
  Context* context_ = nullptr;
  KeyValueStore<std::string, std::int64_t>* counts_ = nullptr;
};

std::vector<BrokerRecord> plainly_numbered(const std::vector<BrokerRecord>& in) {
  std::vector<BrokerRecord> out = in;
  std::map<Bytes, std::int64_t> counts;
  for (BrokerRecord& record : out) *record.value += fmt::format("!{}", ++counts[*record.key]);
  return out;
}

// Records that are tried again; nothing of a failed attempt remains.
SimulatedScenario retried() {
  return {.name = "retried",
          .topology =
              [] {
                StreamBuilder builder;
                builder.key_value_store<std::string, std::int64_t>("counts");
                builder.stream<std::string, std::string>("in")
                    .process({.stores = {"counts"}}, [] { return std::make_unique<Busy>(); })
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{.topic = "out", .rule = OutputRule::kSamePerKey, .whole = true}},
          .limits = {.records_max = 400, .at_least_once = false},
          .configure =
              [](AppConfig& config) {
                config.retry = {.attempts = 1'000, .first_pause = 3ms, .longest_pause = 50ms};
              },
          .check = as_plain(plainly_numbered)};
}

constexpr std::size_t kTooLarge = 500;
constexpr char kStray[] = "s-";  // what goes to a topic that is not there

// Each record arrives once, or lies aside once. Which, depends on when a right was taken, but for those that never arrive.
absl::Status arrives_or_lies_aside(EmbeddedBroker& broker, const SimulationPlan& plan) {
  std::map<Bytes, int> left;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read("in", partition)) ++left[*record.value];
    std::map<Bytes, int> last;
    for (const BrokerRecord& record : broker.read("out", partition)) {
      --left[*record.value];
      int& before = last.try_emplace(*record.key, -1).first->second;
      if (record.value->size() > kTooLarge || record.value->starts_with(kStray) ||
          number_of(*record.value) <= before)
        return absl::InternalError(
            fmt::format("partition {} has {} behind number {}", partition, *record.value, before));
      before = number_of(*record.value);
    }
    for (const BrokerRecord& record : broker.read("aside", partition)) --left[*record.value];
  }
  for (const auto& [value, count] : left) {
    if (count != 0) return absl::InternalError(fmt::format("{} is missing {} times", value, count));
  }
  return absl::OkStatus();
}

// What a topic does not take goes aside: what is too large, what is for a topic that is not there, and what must not be written.
SimulatedScenario refused() {
  return {.name = "refused",
          .topology =
              [] {
                StreamBuilder builder;
                const auto in = builder.stream<std::string, std::string>("in");
                in.filter([](const std::string& value) { return !value.starts_with(kStray); }).to("out");
                in.filter([](const std::string& value) {
                    return value.starts_with(kStray);
                  }).to([](const std::string&, const std::string&) { return std::string("nowhere"); });
                return builder.build();
              },
          .inputs = {{"in",
                      [](SimulationChance& chance, const SimulationPlan& plan, int n) {
                        NewRecord record = numbered(chance, plan, n);
                        if (chance.percent(2)) *record.value += Bytes(1'000, '.');
                        if (chance.percent(2)) record.value->insert(0, kStray);
                        return record;
                      }}},
          .outputs = {{.topic = "out",
                       .rule = OutputRule::kNotCompared,
                       .config = {{"max.message.bytes", "500"}}},
                      {"aside", OutputRule::kNotCompared}},
          .limits = {.records_max = 600, .at_least_once = false, .on_disk = false},
          .configure =
              [](AppConfig& config) {
                config.dead_letter_topic = "aside";
                config.on_production_error = ErrorPolicy::kDeadLetter;
              },
          .check = arrives_or_lies_aside};
}

// What was processed before a topic was deleted is there once, what is in the new one as well, and each key in its order.
absl::Status has_what_was_there(EmbeddedBroker& broker, const SimulationPlan& plan) {
  std::map<Bytes, std::pair<int, int>> times;  // at least, at most
  for (const BrokerRecord& record : broker.read("in-deleted", 0))
    times[*record.value + "!"] = {record.headers.last("processed") != nullptr ? 1 : 0, 1};
  std::map<Bytes, int> last;
  std::map<Bytes, int> found;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read("in", partition)) times[*record.value + "!"] = {1, 1};
    for (const BrokerRecord& record : broker.read("out", partition)) {
      ++found[*record.value];
      int& before = last.try_emplace(*record.key, -1).first->second;
      if (number_of(*record.value) <= before)
        return absl::InternalError(
            fmt::format("key={} has {} behind number {}", *record.key, *record.value, before));
      before = number_of(*record.value);
    }
  }
  for (const auto& [value, count] : found) {
    if (!times.contains(value)) return absl::InternalError(value + " never came");
  }
  for (const auto& [value, allowed] : times) {
    if (found[value] < allowed.first || found[value] > allowed.second)
      return absl::InternalError(fmt::format("{} is there {} times", value, found[value]));
  }
  return absl::OkStatus();
}

SimulatedScenario copy_recreated() {
  SimulatedScenario scenario = copy("copy-recreated", /*growing=*/false);
  scenario.outputs = {{"out", OutputRule::kNotCompared}};
  scenario.limits.recreating = true;
  scenario.limits.at_least_once = false;
  scenario.check = has_what_was_there;
  return scenario;
}

// A dead letter has the headers of its record, and names the record. Each record that cannot be read has one.
absl::Status letters_say_from_where(EmbeddedBroker& broker, const SimulationPlan& plan) {
  std::map<std::pair<Partition, Offset>, int> letters;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& letter : broker.read("aside", partition)) {
      const auto says = [&](std::string_view name) {
        const Header* const header = letter.headers.last(name);
        return header == nullptr ? Bytes() : header->value.value_or("");
      };
      const Bytes offset = says("__streams.errors.offset");
      const auto from =
          static_cast<Partition>(std::strtol(says("__streams.errors.partition").c_str(), nullptr, 10));
      const std::vector<BrokerRecord> origin =
          broker.read("in", from, std::strtoll(offset.c_str(), nullptr, 10));
      if (!offset.empty() && says("__streams.errors.topic") == "in" && !origin.empty() &&
          std::to_string(origin.front().offset) == offset && origin.front().key == letter.key &&
          origin.front().value == letter.value && says("n") == origin.front().headers.last("n")->value) {
        ++letters[{from, origin.front().offset}];
        continue;
      }
      return absl::InternalError(fmt::format(
          "a letter of partition {} is from offset {} of partition {}, or is not", partition, offset, from));
    }
  }
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read("in", partition)) {
      const int wanted = record.value->size() == sizeof(std::int64_t) ? 0 : 1;
      const int found = letters[{partition, record.offset}];
      if (found == wanted || (found > wanted && wanted > 0 && plan.guarantee == Guarantee::kAtLeastOnce))
        continue;
      return absl::InternalError(fmt::format("{} letters of partition {} offset {}, which has {}", found,
                                             partition, record.offset, wanted));
    }
  }
  return absl::OkStatus();
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
      // Headers of dead letters tell offsets, which a foreign transaction moves.
      .outputs = {{.topic = "out", .whole = true}, {"aside", OutputRule::kSameRecords}},
      .limits = {.on_disk = false},
      .configure = [](AppConfig& config) { config.dead_letter_topic = "aside"; },
      .check = letters_say_from_where};
}

// The next version has one more step, which changes nothing.
absl::StatusOr<Topology> counting(const TableOptions& options, bool next) {
  StreamBuilder builder;
  KStream<std::string, std::int64_t> numbers =
      builder.stream<std::string, std::int64_t>("in", {.on_error = ErrorPolicy::kSkip});
  if (next) numbers = numbers.filter([](const std::int64_t& value) { return value >= 0; });
  numbers.group_by_key().count(options).to_stream().to("out");
  return builder.build();
}

// The last count of each key has all its records.
absl::Status has_the_counts(EmbeddedBroker& broker, const SimulationPlan& plan) {
  LastRows expected;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : plainly_counted(broker.read("in", partition)))
      expected[*record.key] = *record.value;
  }
  return has_rows(broker, plan, expected);
}

SimulatedScenario count(const std::string& name, const TableOptions& options, OutputRule rule) {
  const bool every = rule == OutputRule::kSameCounts;
  return {.name = name,
          .topology = [options] { return counting(options, false); },
          .inputs = {{"in", number_or_poison}},
          .outputs = {{.topic = "out", .rule = rule, .whole = every}},
          // At least once a count that runs ahead need not pass by the right one.
          .limits = {.at_least_once = every, .on_disk = options.persistent, .upgrading = true},
          .check = every ? as_plain(plainly_counted) : has_the_counts,
          .next_topology = [options] { return counting(options, true); }};
}

// Each key is counted by one task, in one partition: from 1 to as often as records refer to it.
absl::Status has_all_references(EmbeddedBroker& broker, const SimulationPlan& plan) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  std::map<Bytes, std::int64_t> expected;
  std::map<Bytes, std::int64_t> actual;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read("in", partition)) {
      if (record.value) ++expected[first_part(*record.value)];
    }
    for (const BrokerRecord& record : broker.read("out", partition)) {
      if (*record.value == number(++actual[*record.key])) continue;
      return absl::InternalError(fmt::format("key={} has {} as its {}th count", *record.key,
                                             get_big_endian<std::int64_t>(record.value->data()),
                                             actual[*record.key]));
    }
  }
  for (const auto& [key, count] : expected) {
    if (actual[key] != count)
      return absl::InternalError(
          fmt::format("key={} came {} times, and was counted {} times", key, count, actual[key]));
  }
  return absl::OkStatus();
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
          .outputs = {{"out", OutputRule::kSameCounts}},
          .check = has_all_references};
}

std::string window_name(const Windowed<std::string>& key, std::int64_t) {
  return fmt::format("{}@{}", key.key, key.window.start);
}

SimulatedScenario windows() {
  return {.name = "windows",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in", {.timestamp = time_or_partition_time})
                    .group_by_key()
                    .windowed_by(tumbling({.size = 500ms, .grace = 200ms}))
                    .count({.store = "windows"})
                    .to_stream(window_name)
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{.topic = "out", .rule = OutputRule::kSameCounts, .whole = true, .closes = true}},
          .check = as_plain(plainly_counted_with_partition_times)};
}

SimulatedScenario overlapping_windows() {
  return {.name = "slices",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .group_by_key()
                    .windowed_by(hopping({.size = 400ms, .advance = 100ms, .grace = 200ms}))
                    .count({.store = "slices"})
                    .to_stream(window_name)
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{.topic = "out", .rule = OutputRule::kSameCounts, .whole = true, .closes = true}},
          .check = as_plain(plainly_counted_in_slices)};
}

SimulatedScenario suppressed_windows() {
  return {.name = "suppressed",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .group_by_key()
                    .windowed_by(tumbling({.size = 500ms, .grace = 200ms}))
                    .count({.store = "windows"})
                    .suppress(until_window_closes({.store = "held"}))
                    .to_stream(window_name)
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{.topic = "out", .whole = true, .once = true}},
          .limits = {.at_least_once = false},
          .check = has_all_suppressed_windows};
}

// How many rows of a table refer to each key.
absl::Status has_all_groups(EmbeddedBroker& broker, const SimulationPlan& plan) {
  std::map<std::string, std::int64_t> groups;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read("in", partition)) {
      if (record.value) groups[first_part(*record.value)] = 0;
    }
  }
  for (const auto& [key, value] : rows_of(broker, plan, "in")) ++groups[first_part(value)];
  LastRows expected;
  for (const auto& [key, count] : groups) expected[key] = number(count);
  return has_rows(broker, plan, expected);
}

SimulatedScenario grouped_rows() {
  return {.name = "grouped-rows",
          .topology =
              [] {
                StreamBuilder builder;
                builder.table<std::string, std::string>("in", {.store = "rows"})
                    .group_by([](const std::string&, const std::string& value) {
                      return std::pair(first_part(value), value);
                    })
                    .count({.store = "groups"})
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in",
                      [](SimulationChance& chance, const SimulationPlan& plan, int n) {
                        NewRecord record = referring(chance, plan, n);
                        record.timestamp = kBegin + n;
                        return record;
                      }}},
          .outputs = {{"out", OutputRule::kSameLast}},
          .limits = {.at_least_once = false},
          .check = has_all_groups};
}

// What was deleted between two commits is told of as well, and a row that came and went is not there at last.
SimulatedScenario rows_on_commit() {
  return {.name = "rows-on-commit",
          .topology =
              [] {
                StreamBuilder builder;
                builder.table<std::string, std::string>("in", {.store = "rows", .emit = Emit::kOnCommit})
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", ordered_row}},
          .outputs = {{"out", OutputRule::kSameLast}},
          .limits = {.at_least_once = false},
          .check =
              [](EmbeddedBroker& broker, const SimulationPlan& plan) {
                return has_rows(broker, plan, rows_of(broker, plan, "in"));
              }};
}

SimulatedScenario sliding_windows() {
  return {.name = "sliding-windows",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .group_by_key()
                    .windowed_by(sliding({.difference = 200ms, .grace = 200ms}))
                    .count({.store = "windows"})
                    .to_stream(window_name)
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{.topic = "out", .whole = true}},
          .limits = {.at_least_once = false}};
}

SimulatedScenario distinct() {
  SimulatedScenario scenario{
      .name = "distinct",
      .topology =
          [] {
            StreamBuilder builder;
            const auto in = builder.stream<std::string, std::string>("in");
            add_clock(in);
            in.distinct({.store = "seen", .window = Duration{kApart}, .grace = Duration{kGrace}}).to("out");
            return builder.build();
          },
      .inputs = {{"in", numbered}},
      .outputs = {{.topic = "out", .whole = true}},
      .limits = {.at_least_once = false},
      .check = as_plain(plainly_distinct)};
  add_clock(scenario);
  return scenario;
}

SimulatedScenario counted_at_the_close(const std::string& name, const std::string& store,
                                       const TimeWindows& windows, decltype(SimulatedScenario::check) check) {
  return {.name = name,
          .topology =
              [store, windows] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .group_by_key()
                    .windowed_by(windows)
                    .count({.store = store, .emit = WindowEmit::kOnWindowClose})
                    .to_stream(window_name)
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{.topic = "out", .whole = true, .once = true}},
          .limits = {.at_least_once = false},
          .check = std::move(check)};
}

SimulatedScenario final_windows() {
  return counted_at_the_close("final-windows", "windows", tumbling({.size = 500ms, .grace = 200ms}),
                              has_all_closed_windows);
}

SimulatedScenario final_slices() {
  return counted_at_the_close("final-slices", "slices",
                              hopping({.size = Duration{kSliced}, .advance = 100ms, .grace = 200ms}),
                              has_all_closed_slices);
}

constexpr Timestamp kWithin = 20;
constexpr Timestamp kJoinGrace = 2'000;

// Every pair once, and alone at most once and only what has no partner. When that is told depends on what else waits, as in Kafka
// Streams; whether it is, the run without faults says.
absl::Status has_the_outer_pairs(EmbeddedBroker& broker, const SimulationPlan& plan) {
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::map<Bytes, int> found;
    for (const BrokerRecord& record : broker.read("out", partition)) ++found[*record.value];
    const auto left = broker.read("left", partition);
    const auto right = broker.read("right", partition);
    // Returns how often it is there, and forgets it.
    const auto take = [&](const Bytes& value) {
      const auto at = found.find(value);
      const int times = at == found.end() ? 0 : at->second;
      found.erase(value);
      return times;
    };
    for (const auto& [side, others] : {std::pair{&left, &right}, std::pair{&right, &left}}) {
      for (const BrokerRecord& one : *side) {
        bool alone = true;
        for (const BrokerRecord& other : *others) {
          if (one.key != other.key || std::abs(one.timestamp - other.timestamp) > kWithin) continue;
          alone = false;
          const Bytes pair = *one.value + "+" + *other.value;
          if (side == &left && take(pair) != 1) return absl::InternalError("not once: " + pair);
        }
        const Bytes lonely = side == &left ? *one.value + "+-" : "-+" + *one.value;
        if (alone && take(lonely) > 1) return absl::InternalError("more than once: " + lonely);
      }
    }
    if (!found.empty()) return absl::InternalError("never came so: " + found.begin()->first);
  }
  return absl::OkStatus();
}

// What finds no partner is told of as well, by a clock that both sides move.
SimulatedScenario outer_joined_streams() {
  return {.name = "outer-join-streams",
          .topology =
              [] {
                StreamBuilder builder;
                const auto left = builder.stream<std::string, std::string>("left");
                const auto right = builder.stream<std::string, std::string>("right");
                left.outer_join(
                        right, {.store = "pairs", .within = Duration{kWithin}, .grace = Duration{kJoinGrace}},
                        [](const std::string* one, const std::string* other) {
                          return (one == nullptr ? "-" : *one) + "+" + (other == nullptr ? "-" : *other);
                        })
                    .to("out");
                return builder.build();
              },
          .inputs = {{"left", in_order}, {"right", in_order}},
          .outputs = {{"out", OutputRule::kSameRecords}},
          .limits = {.at_least_once = false, .abreast = true},
          .configure = [](AppConfig& config) { config.max_task_idle = 2s; },
          .check = has_the_outer_pairs};
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
          .outputs = {{"out", OutputRule::kSameRecords}},
          .check = has_all_pairs};
}

absl::Status has_the_join(EmbeddedBroker& broker, const SimulationPlan& plan) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  LastRows expected;
  const LastRows right = rows_of(broker, plan, "right");
  for (const auto& [key, value] : rows_of(broker, plan, "left")) {
    if (const auto found = right.find(first_part(value)); found != right.end()) {
      expected[key] = value + "+" + found->second;
    }
  }
  return has_rows(broker, plan, expected);
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

// A key has what both sides have of it at last, if one of them has anything.
absl::Status has_the_outer_join(EmbeddedBroker& broker, const SimulationPlan& plan) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  const LastRows left = rows_of(broker, plan, "left");
  const LastRows right = rows_of(broker, plan, "right");
  LastRows expected;
  const auto value_in = [](const LastRows& rows, const std::string& key) {
    const auto found = rows.find(key);
    return found == rows.end() ? "-" : found->second;
  };
  for (const LastRows* rows : {&left, &right}) {
    for (const auto& [key, value] : *rows) expected[key] = value_in(left, key) + "+" + value_in(right, key);
  }
  return has_rows(broker, plan, expected);
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
          .outputs = {{"out", OutputRule::kSameLast}},
          .check = has_the_outer_join};
}

constexpr int kRowsBefore = 10;
std::string row_before(std::int64_t number) { return fmt::format("before-{}", number % kRowsBefore); }

// A key's values are its records', whatever the rows are at that moment. What is there before the program is always found.
SimulatedScenario global_rows() {
  return {.name = "global-rows",
          .topology =
              [] {
                StreamBuilder builder;
                const auto rows = builder.global_table<std::string, std::string>("rows", {.store = "rows"});
                builder.stream<std::string, std::int64_t>("in")
                    .left_join(
                        rows, [](const std::string&, const std::int64_t& value) { return row_before(value); },
                        [](const std::int64_t& value, const std::optional<std::string>& row) {
                          if (!row) throw std::runtime_error("there was a row " + row_before(value));
                          return value;
                        })
                    .left_join(
                        rows, [](const std::string& key, const std::int64_t&) { return key; },
                        [](const std::int64_t& value, const std::optional<std::string>&) { return value; })
                    .group_by_key()
                    .count({.store = "counts"})
                    .to_stream()
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in",
                      [](SimulationChance& chance, const SimulationPlan& plan, int n) {
                        NewRecord record = numbered(chance, plan, n);
                        record.value = number(n);
                        return record;
                      },
                      3},
                     {.topic = "rows", .make = row_or_deletion, .compacts = true}},
          .outputs = {{.topic = "out", .rule = OutputRule::kSameCounts, .whole = true}},
          .prepare =
              [](EmbeddedBroker& broker) {
                absl::Status done;
                for (int i = 0; i < kRowsBefore; ++i)
                  done.Update(broker
                                  .append("rows", kAnyPartition,
                                          {.key = row_before(i), .value = "x", .timestamp = kBegin})
                                  .status());
                return done;
              },
          .check = as_plain(plainly_counted)};
}

constexpr Timestamp kGap = 100;

struct PlainSession {
  Timestamp start = 0;
  Timestamp end = 0;
  std::int64_t count = 1;
};

// The sessions of a partition; those of earlier records stay as they were when they were over.
absl::Status has_all_sessions(EmbeddedBroker& broker, const SimulationPlan& plan) {
  LastRows expected;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    std::map<Bytes, std::vector<PlainSession>> keys;
    Timestamp now = kNoTimestamp;
    for (const BrokerRecord& record : broker.read("in", partition)) {
      const Timestamp forgotten = now - kGap - kGrace;  // what ended before
      now = std::max(now, record.timestamp);
      std::vector<PlainSession>& sessions = keys[*record.key];
      PlainSession merged{record.timestamp, record.timestamp};
      const auto touches = [&](const PlainSession& session) {
        return session.end >= forgotten && session.end >= record.timestamp - kGap &&
               session.start <= record.timestamp + kGap;
      };
      for (const PlainSession& session : sessions) {
        if (!touches(session)) continue;
        merged = {std::min(merged.start, session.start), std::max(merged.end, session.end),
                  merged.count + session.count};
      }
      if (merged.end < now - kGap - kGrace) continue;
      std::erase_if(sessions, touches);
      sessions.push_back(merged);
    }
    for (const auto& [key, sessions] : keys) {
      for (const PlainSession& session : sessions)
        expected[fmt::format("{}@{}-{}", key, session.start, session.end)] = number(session.count);
    }
  }
  return has_rows(broker, plan, expected);
}

SimulatedScenario sessions() {
  SimulatedScenario scenario{
      .name = "sessions",
      .topology =
          [] {
            StreamBuilder builder;
            const auto in = builder.stream<std::string, std::string>("in");
            add_clock(in);
            in.group_by_key()
                .windowed_by(session({.gap = 100ms, .grace = 200ms}))
                .count({.store = "sessions"})
                .to_stream([](const SessionWindowed<std::string>& key, const std::optional<std::int64_t>&) {
                  return fmt::format("{}@{}-{}", key.key, key.window.start, key.window.end);
                })
                .to("out");
            return builder.build();
          },
      .inputs = {{"in", numbered}},
      .outputs = {{.topic = "out", .whole = true}},
      .limits = {.at_least_once = false},
      .check = has_all_sessions};
  add_clock(scenario);
  return scenario;
}

// Collects what comes and tells it by the clock.
class Collector final : public Processor<std::string, std::string, std::string, std::int64_t> {
 public:
  void open(Context& context) override {
    context_ = &context;
    held_ = &context.store<KeyValueStore<std::string, std::int64_t>>("held");
    context.schedule(Duration{kTelling}, TimerClock::kWallClock, [this](Timestamp now) { tell(now); });
  }
  void process(const Record<std::string, std::string>& record) override {
    const auto* held = held_->find(record.key);
    held_->put(record.key, (held == nullptr ? 0 : held->value) + 1, record.timestamp);
  }

 private:
  void tell(Timestamp now) {
    watch_.fired(now);
    std::vector<std::pair<std::string, std::int64_t>> rows;
    for (const auto& [key, row] : held_->all()) rows.emplace_back(key, row.value);
    for (const auto& [key, held] : rows) {
      context_->forward(key, held, now);
      held_->erase(key, now);
    }
  }

  Context* context_ = nullptr;
  KeyValueStore<std::string, std::int64_t>* held_ = nullptr;
  TimerWatch watch_;
};

SimulatedScenario collector() {
  SimulatedScenario scenario{
      .name = "timer",
      .topology =
          [] {
            StreamBuilder builder;
            builder.key_value_store<std::string, std::int64_t>("held");
            const auto in = builder.stream<std::string, std::string>("in");
            add_clock(in);
            in.process({.stores = {"held"}}, [] { return std::make_unique<Collector>(); }).to("out");
            return builder.build();
          },
      .inputs = {{"in", numbered}},
      .outputs = {{"out", OutputRule::kSameSums}},
      // What was told and not yet committed is told again, what was held and told may be lost: with at least once nothing
      // can be said about the sum.
      .limits = {.at_least_once = false},
      .check = has_all_counts};
  add_clock(scenario);
  return scenario;
}

SimulatedScenario stream_clock() {
  return {.name = "stream-clock",
          .topology =
              [] {
                StreamBuilder builder;
                builder.stream<std::string, std::string>("in")
                    .process({}, [] { return std::make_unique<StreamClock>(/*ticks=*/false); })
                    .to("out");
                return builder.build();
              },
          .inputs = {{"in", numbered}},
          .outputs = {{"out", OutputRule::kNotCompared}},
          .limits = {.at_least_once = false, .on_disk = false},
          .check = tells_the_time("out")};
}

// LastRows of stores whose keys look as in their changelogs, but for a number behind those of windows.
bool read_rows(StateStore& store,
               const std::function<void(BytesView key, BytesView value, Timestamp timestamp)>& visit) {
  const std::string& kind = store.spec().kind;
  auto* const rows = dynamic_cast<ByteQueryable*>(&store);
  if (rows == nullptr || (kind != "key-value" && kind != "window" && kind != "session" && kind != "features"))
    return false;
  return rows
      ->for_each(std::nullopt, std::nullopt,
                 [&](BytesView key, BytesView value, Timestamp timestamp) {
                   Bytes logged(key);
                   if (kind == "window") logged.append(4, '\0');
                   visit(logged, value, timestamp);
                 })
      .ok();
}

}  // namespace

std::vector<SimulatedScenario> scenarios() {
  std::vector<SimulatedScenario> all{
      copy_and_clock(),
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
      final_slices(),
      stream_clock(),
      sessions(),
      global_rows(),
      distinct(),
      grouped_rows(),
      rows_on_commit(),
      sliding_windows(),
      count("count-versioned", {.store = "counts", .history = 1h}, OutputRule::kSameCounts),
      suppressed_windows(),
      overlapping_windows(),
      outer_joined_streams(),
      refused(),
      retried(),
      copy_from_latest(),
      copy("copy-growing", /*growing=*/true),
      copy_recreated(),
      models_as_of(),
      models_at_a_barrier(),
      replayed_features(),
      scores_from_elsewhere(),
      requests()};
  for (SimulatedScenario& scenario : all) scenario.read = read_rows;
  return all;
}

}  // namespace weir
