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
#include <ctime>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <weir/core/clock.h>
#include <weir/core/task.h>
#include <weir/core/testing/owned_record.h>
#include <weir/weir.h>

namespace {

constexpr int kLumps = 10;
constexpr std::int64_t kRecordsPerLump = 20'000;
constexpr std::uint64_t kKeys = 10'000;

void check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "task_bench: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

double cpu_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// Throws everything away.
class Sink final : public weir::Producer {
 public:
  [[nodiscard]] weir::TopicId topic(const std::string& name) override {
    return topics_.emplace(name, static_cast<weir::TopicId>(topics_.size())).first->second;
  }
  void send(const weir::OutgoingRecord& /*record*/) override { ++sent_; }
  [[nodiscard]] bool has_room() const override { return true; }
  void poll() override {}
  void flush() override {}
  [[nodiscard]] std::size_t in_flight() const override { return 0; }
  [[nodiscard]] absl::Status failure() const override { return absl::OkStatus(); }
  void clear_failure() override {}
  [[nodiscard]] weir::Offset last_acknowledged(weir::TopicId, weir::Partition) const override {
    return static_cast<weir::Offset>(sent_);
  }
  weir::Pending<> init_transactions() override { return done(); }
  [[nodiscard]] absl::Status begin_transaction() override { return absl::OkStatus(); }
  weir::Pending<> send_offsets(std::vector<weir::PartitionOffset>, const weir::GroupMetadata&) override {
    return done();
  }
  weir::Pending<> commit_transaction() override { return done(); }
  weir::Pending<> abort_transaction() override { return done(); }

  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  static weir::Pending<> done() { return weir::Pending<>::completed(weir::Done{}); }

  std::map<std::string, weir::TopicId> topics_;
  std::uint64_t sent_ = 0;
};

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
  weir::StreamBuilder builder;
  describe(builder);
  auto built = builder.build();
  check(built.status());
  weir::Topology topology = *std::move(built);

  Sink sink;
  const std::map<std::string, weir::Partition> partitions{{"in", 1}, {"out", 1}};
  weir::TaskEnvironment environment;
  environment.application_id = "bench";
  environment.clock = &weir::system_clock();
  environment.producer = &sink;
  environment.partitions = &partitions;
  std::unique_ptr<weir::TaskStore> store;
  if (!topology.stores.empty()) {
    for (weir::StoreSpec& spec : topology.stores) spec.persistent = false;
    auto opened = topology.engine->open({}, topology.stores);
    check(opened.status());
    store = *std::move(opened);
  }
  std::vector<weir::NodeIndex> nodes(topology.nodes.size());
  for (weir::NodeIndex i = 0; i < nodes.size(); ++i) nodes[i] = i;
  weir::Task task({0, 0}, topology, nodes, environment, std::move(store));
  const weir::TopicPartition where{"in", 0};
  std::vector<weir::Task::Input> inputs;
  inputs.push_back({where, nullptr, 0});
  check(task.open(std::move(inputs)));

  double spent = 0;
  for (std::int64_t number = 0, lump = 0; lump < kLumps; ++lump) {
    for (std::int64_t i = 0; i < kRecordsPerLump; ++i, ++number) {
      weir::Bytes value;
      weir::Serde<std::int64_t>::encode(number, value);
      task.add(where, weir::to_raw({.key = "key-" + std::to_string(static_cast<std::uint64_t>(number) *
                                                                   2'654'435'761U % kKeys),
                                    .value = std::move(value),
                                    .timestamp = 1'000'000 + number / 10,
                                    .offset = number}));
    }
    const double begun = cpu_nanoseconds();
    for (;;) {
      const auto processed = task.process_next();
      check(processed.status());
      if (!*processed) break;
    }
    if (commits) {
      check(task.prepare_commit());
      check(task.apply());
    }
    spent += cpu_nanoseconds() - begun;
  }
  if (task.counters().processed != static_cast<std::uint64_t>(kLumps * kRecordsPerLump) || sink.sent() == 0)
    check(absl::InternalError("not every record was processed"));
  task.close();
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
  report("stateless", stateless, false, rounds);
  report("count", count, true, rounds);
  return 0;
}
