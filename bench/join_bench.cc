// What does a join of two streams cost per record, beside what it costs to take a record and to write a result?
//
// Two topics of one partition on the embedded broker, 10 records per millisecond in each, of 10 000 keys, with values of 100
// bytes; windows of 50 ms both ways and a grace of 1 s, so that one record in ten finds a partner and about 12 000 records
// per side are alive. The workloads are run whole, and the first, which only puts the topics together, is what is taken off:
//
//   merge   writes every tenth record
//   inner   writes pairs
//   left    writes pairs, and left records that never found one
//   outer   writes all of that for both sides
//
// Sketch, for `inner`: encoding the place of a row 10 ns, hashing it and putting it into the overlay 60 ns, copying 100 bytes
// with an allocation 40 ns, looking for partners in memory 150 ns, an entry for the changelog and the batch 300 to 500 ns. Less
// than 1 µs is good; more than 2 µs on disk is bad.
//
// Usage: join_bench [records per topic] [directory]
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include <weir/core/app.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/weir.h>

namespace {

using namespace std::chrono_literals;
using Texts = weir::KStream<std::string, std::string>;
using Describe = std::function<Texts(const Texts& left, const Texts& right)>;

constexpr std::uint64_t kRecordsPerMillisecond = 10;
constexpr std::uint64_t kKeys = 10'000;

void check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "join_bench: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void load(weir::EmbeddedBroker& broker, const std::string& topic, unsigned seed, std::uint64_t records) {
  check(broker.create_topic(topic));
  std::mt19937_64 chance(seed);
  for (std::uint64_t i = 0; i < records; ++i) {
    check(broker
              .append(topic, 0,
                      {.key = "key-" + std::to_string(chance() % kKeys),
                       .value = std::string(100, static_cast<char>('a' + i % 26)),
                       .timestamp = static_cast<weir::Timestamp>(1'000'000 + i / kRecordsPerMillisecond)})
              .status());
  }
}

// Returns the microseconds of CPU per record.
double run(const std::string& name, const Describe& describe, std::uint64_t records,
           const std::string& directory) {
  auto broker = std::make_shared<weir::EmbeddedBroker>();
  load(*broker, "left", 1, records);
  load(*broker, "right", 2, records);
  check(broker->create_topic("out"));

  weir::StreamBuilder builder;
  const Texts left = builder.stream<std::string, std::string>("left");
  describe(left, builder.stream<std::string, std::string>("right")).to("out");
  auto topology = builder.build();
  check(topology.status());
  const std::filesystem::path folder = std::filesystem::path(directory) / ("join-bench-" + name);
  std::filesystem::remove_all(folder);
  auto app = weir::App::create(*std::move(topology), {.application_id = name,
                                                      .transport = weir::make_embedded_transport(broker),
                                                      .state_directory = folder.string()});
  check(app.status());
  const double start = cpu_seconds();
  check((*app)->start());
  while ((*app)->metrics().records_processed < 2 * records) {
    if ((*app)->state() == weir::AppState::kError) check(absl::InternalError("the application failed"));
    std::this_thread::sleep_for(5ms);
  }
  check((*app)->close(60s));
  const double spent = (cpu_seconds() - start) * 1e6 / static_cast<double>(2 * records);
  std::filesystem::remove_all(folder);
  std::printf("%-14s %6.3f us/record, %lld results\n", name.c_str(), spent,
              static_cast<long long>(broker->end_offset("out", 0)));
  return spent;
}

std::string initials(const std::string& left, const std::string& right) {
  return left.substr(0, 16).append(right, 0, 16);
}
std::string initials_or_none(const std::string* left, const std::string* right) {
  return (left == nullptr ? std::string() : left->substr(0, 16)) +
         (right == nullptr ? std::string() : right->substr(0, 16));
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t records = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 500'000;
  const std::string directory = argc > 2 ? argv[2] : std::filesystem::temp_directory_path().string();
  const auto merge = [](const Texts& left, const Texts& right) {
    return left.merge(right).filter(
        [](const std::string& key, const std::string&) { return key.back() == '0'; });
  };
  const double floor = run("merge", merge, records, directory);
  for (const bool persistent : {false, true}) {
    const weir::StreamJoinOptions options{
        .store = "s", .within = 50ms, .grace = 1s, .persistent = persistent};
    const std::string where = persistent ? "-disk" : "-memory";
    const double inner = run(
        "inner" + where, [&](const Texts& l, const Texts& r) { return l.join(r, options, initials); },
        records, directory);
    const double left = run(
        "left" + where,
        [&](const Texts& l, const Texts& r) {
          return l.left_join(r, options, [](const std::string& mine, const std::string* theirs) {
            return initials_or_none(&mine, theirs);
          });
        },
        records, directory);
    const double outer = run(
        "outer" + where,
        [&](const Texts& l, const Texts& r) { return l.outer_join(r, options, initials_or_none); }, records,
        directory);
    std::printf("  without the floor: inner %.3f, left %.3f, outer %.3f us/record\n", inner - floor,
                left - floor, outer - floor);
  }
  return 0;
}
