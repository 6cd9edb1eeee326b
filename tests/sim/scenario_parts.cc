#include "scenario_parts.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include <weir/core/serde.h>

namespace weir {
namespace {

Timestamp time_of(SimulationChance& chance, const SimulationPlan& plan, int n, std::int64_t disorder) {
  const Timestamp gaps = plan.seed % 3 == 0 ? Timestamp{n} / 70 * 4'000 : 0;
  return kBegin + Timestamp{n} / 3 * 30 + gaps +
         (chance.percent(30) ? chance.between(-disorder, disorder) : 0);
}

std::map<Bytes, std::vector<BrokerRecord>> by_key(const std::vector<BrokerRecord>& records) {
  std::map<Bytes, std::vector<BrokerRecord>> keys;
  for (BrokerRecord record : records) {
    record.offset = kNoOffset;
    keys[record.key.value_or("")].push_back(std::move(record));
  }
  return keys;
}

std::string shown(const std::vector<BrokerRecord>& records) {
  std::string text = fmt::format("{} records", records.size());
  for (std::size_t i = records.size() > 5 ? records.size() - 5 : 0; i < records.size(); ++i) {
    const Bytes& value = *records[i].value;
    text += fmt::format(
        " {}@{}+{}", value.size() == 8 ? std::to_string(get_big_endian<std::int64_t>(value.data())) : value,
        records[i].timestamp, records[i].headers.size());
  }
  return text;
}

}  // namespace

std::string skewed_key(SimulationChance& chance, const SimulationPlan& plan) {
  const auto keys = static_cast<std::uint64_t>(plan.keys);
  return fmt::format("k{}", std::min(chance.below(keys), chance.below(keys)));
}

NewRecord numbered(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record;
  record.key = skewed_key(chance, plan);
  record.value = fmt::format("v{}", n);
  record.timestamp = time_of(chance, plan, n, 300);
  record.headers = {{"n", std::to_string(n)}};
  return record;
}

int number_of(const Bytes& value) {
  return static_cast<int>(std::strtol(value.c_str() + value.find('v') + 1, nullptr, 10));
}

NewRecord number_or_poison(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record = numbered(chance, plan, n);
  Bytes bytes;
  put_big_endian(std::int64_t{n}, bytes);
  if (chance.percent(3)) bytes.resize(3);
  record.value = bytes;
  return record;
}

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

NewRecord ordered_row(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record = row_or_deletion(chance, plan, n);
  record.timestamp = kBegin + n;
  return record;
}

NewRecord in_order(SimulationChance& chance, const SimulationPlan& plan, int n) {
  NewRecord record = numbered(chance, plan, n);
  record.timestamp = kBegin + Timestamp{n} * 7;
  return record;
}

std::string first_part(const std::string& value) { return value.substr(0, value.find(':')); }

Check as_plain(const Plain& plain) {
  return [plain](EmbeddedBroker& broker, const SimulationPlan& plan) {
    if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
    std::vector<BrokerRecord> expected;
    std::vector<BrokerRecord> actual;
    for (Partition partition = 0; partition < plan.partitions; ++partition) {
      for (BrokerRecord& record : plain(broker.read("in", partition))) expected.push_back(std::move(record));
      for (BrokerRecord& record : broker.read("out", partition)) actual.push_back(std::move(record));
    }
    const auto wanted = by_key(expected);
    auto found = by_key(actual);
    for (const auto& [key, records] : wanted) {
      if (found[key] != records) {
        return absl::InternalError(
            fmt::format("key={} expected {} found {}", key, shown(records), shown(found[key])));
      }
    }
    if (wanted.size() == found.size()) return absl::OkStatus();
    return absl::InternalError(fmt::format("{} keys instead of {}", found.size(), wanted.size()));
  };
}

Bytes number(std::int64_t value) {
  Bytes bytes;
  put_big_endian(value, bytes);
  return bytes;
}

LastRows rows_of(EmbeddedBroker& broker, const SimulationPlan& plan, const std::string& topic) {
  LastRows rows;
  for (Partition partition = 0; partition < plan.partitions; ++partition) {
    for (const BrokerRecord& record : broker.read(topic, partition)) {
      record.value ? void(rows[*record.key] = *record.value) : void(rows.erase(*record.key));
    }
  }
  return rows;
}

Check all_of(const Check& one, const Check& other) {
  return [one, other](EmbeddedBroker& broker, const SimulationPlan& plan) {
    absl::Status status = one(broker, plan);
    return status.ok() ? other(broker, plan) : status;
  };
}

absl::Status has_rows(EmbeddedBroker& broker, const SimulationPlan& plan, const LastRows& expected) {
  if (plan.guarantee == Guarantee::kAtLeastOnce) return absl::OkStatus();
  const auto shown_row = [](const LastRows& rows, const std::string& key) {
    const auto found = rows.find(key);
    if (found == rows.end()) return std::string("nothing");
    return found->second.size() == 8 ? std::to_string(get_big_endian<std::int64_t>(found->second.data()))
                                     : found->second;
  };
  const LastRows actual = rows_of(broker, plan, "out");
  for (const LastRows* rows : {&expected, &actual}) {
    for (const auto& [key, value] : *rows) {
      if (const std::string wanted = shown_row(expected, key); wanted != shown_row(actual, key))
        return absl::InternalError(
            fmt::format("key={} expected {} found {}", key, wanted, shown_row(actual, key)));
    }
  }
  return absl::OkStatus();
}

}  // namespace weir
