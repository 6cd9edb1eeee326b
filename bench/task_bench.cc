// What does a record cost on its way through a task, from its buffer to the producer, without a broker?
//
// One partition, records of 16 bytes of 10 000 keys, put into the task's buffer in lumps of 20 000; only process_next is
// timed, for `count` also the commit of each lump. What is sent is thrown away:
//
//   stateless   map_values and a filter that keeps half, to a topic
//   count       group_by_key and count, in memory, each update to a topic
//
// Prints CPU nanoseconds per record: the least of the rounds, and their median. Sketch, for `stateless`: choosing the record and
// noting its position 20 ns, decoding it 30 ns with its strings, three calls from node to node, half an encoding: 100 to 150 ns.
// `count` adds a look-up in the overlay, an entry and a changelog record per key and commit: 300 to 500 ns.
//
// Usage: task_bench [rounds]
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <weir/weir.h>

#include "lone_task.h"

namespace {

constexpr int kLumps = 10;
constexpr std::int64_t kRecordsPerLump = 20'000;
constexpr std::uint64_t kKeys = 10'000;

void stateless(weir::StreamBuilder& builder) {
  builder.stream<std::string, std::int64_t>("in")
      .map_values([](std::int64_t value) { return value * 3 + 1; })
      .filter([](std::int64_t value) { return value % 2 == 0; })
      .to("out");
}

void count(weir::StreamBuilder& builder) {
  builder.stream<std::string, std::int64_t>("in")
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to("out");
}

// Returns nanoseconds per record.
double round(const std::function<void(weir::StreamBuilder&)>& describe, bool commits) {
  weir::bench::LoneTask task(describe);
  double spent = 0;
  for (std::int64_t number = 0, lump = 0; lump < kLumps; ++lump) {
    for (std::int64_t i = 0; i < kRecordsPerLump; ++i, ++number) {
      weir::Bytes value;
      weir::Serde<std::int64_t>::encode(number, value);
      const std::uint64_t key = static_cast<std::uint64_t>(number) * 2'654'435'761U % kKeys;
      task.add({.key = "key-" + std::to_string(key),
                .value = std::move(value),
                .timestamp = 1'000'000 + number / 10});
    }
    const double begun = weir::bench::cpu_nanoseconds();
    task.process_all();
    if (commits) task.commit();
    spent += weir::bench::cpu_nanoseconds() - begun;
  }
  task.expect_processed();
  return spent / static_cast<double>(kLumps * kRecordsPerLump);
}

void report(const char* name, const std::function<void(weir::StreamBuilder&)>& describe, bool commits,
            int rounds) {
  std::vector<double> seen;
  for (int i = 0; i < rounds; ++i) seen.push_back(round(describe, commits));
  std::sort(seen.begin(), seen.end());
  std::printf("%-10s %7.1f ns least  %7.1f ns median\n", name, seen.front(), seen[seen.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = std::max(1, argc > 1 ? std::atoi(argv[1]) : 9);  // NOLINT(cert-err34-c)
  try {
    report("stateless", stateless, false, rounds);
    report("count", count, true, rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "task_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
