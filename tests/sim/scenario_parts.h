// What the scenarios have in common: records to feed, and how to compare what comes out with what a plain program makes of what
// came in.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <weir/core/testing/simulation.h>

namespace weir {

inline constexpr Timestamp kBegin = 1'000'000;

// Few keys have most of the records.
[[nodiscard]] std::string skewed_key(SimulationChance& chance, const SimulationPlan& plan);

// "v<n>" with a header that says so. In order on the whole, with ties, and here and there early or late by up to 300 ms; with some
// seeds now and then a long time passes.
[[nodiscard]] NewRecord numbered(SimulationChance& chance, const SimulationPlan& plan, int n);
[[nodiscard]] int number_of(const Bytes& value);

// A number; some cannot be read.
[[nodiscard]] NewRecord number_or_poison(SimulationChance& chance, const SimulationPlan& plan, int n);

// A value is another key, and who it is from: "<key>:<n>". Some are null.
[[nodiscard]] NewRecord referring(SimulationChance& chance, const SimulationPlan& plan, int n);
[[nodiscard]] std::string first_part(const std::string& value);

[[nodiscard]] NewRecord row_or_deletion(SimulationChance& chance, const SimulationPlan& plan, int n);

// Table joins drop what is older than the row they have; these are in order.
[[nodiscard]] NewRecord ordered_row(SimulationChance& chance, const SimulationPlan& plan, int n);

// As numbered, strictly in order.
[[nodiscard]] NewRecord in_order(SimulationChance& chance, const SimulationPlan& plan, int n);

// 64 bits, big-endian.
[[nodiscard]] Bytes number(std::int64_t value);

using Check = std::function<absl::Status(EmbeddedBroker& broker, const SimulationPlan& plan)>;

// What comes out of a partition must be what a plain program makes of what came into it: with exactly-once to the byte.
using Plain = std::function<std::vector<BrokerRecord>(const std::vector<BrokerRecord>& in)>;
// From "in" to "out". Keys that are made anew may lie in any partition, as long as it is one.
[[nodiscard]] Check as_plain(const Plain& plain);
// Both.
[[nodiscard]] Check all_of(const Check& one, const Check& other);

// What a topic has at last.
using LastRows = std::map<std::string, std::string>;
[[nodiscard]] LastRows rows_of(EmbeddedBroker& broker, const SimulationPlan& plan, const std::string& topic);
// With exactly-once, that the rows of "out" are those.
[[nodiscard]] absl::Status has_rows(EmbeddedBroker& broker, const SimulationPlan& plan,
                                    const LastRows& expected);

}  // namespace weir
