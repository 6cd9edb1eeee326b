// One workload of weir on a loaded topic, for comparisons with other implementations of the same workload.
//
//   weir_peer WORKLOAD INPUT_TOPIC BOOTSTRAP RECORDS [alos|eos] [WORKERS]
//
//   stateless      keep values whose first byte is even, shorten them to 32 bytes, write them to a topic of their own
//   count          group by key, count; emission on commit, every 30 s; 64-bit counts out
//   count-nocache  the same, every update emitted
//   window         count in tumbling windows of 10 s with a grace of 5 s
//   hop            count in hopping windows of 60 s by 5 s with a grace of 5 s
//   hop-commit     the same; emission on commit, every 30 s
//   hop-close      the same; emission on window close
//   hop-slices, hop-commit-slices, hop-close-slices   these three in windows that share slices
//   session        count in sessions with a gap of 1 s and a grace of 1 s
//   repartition    the first 4 bytes of the value become the key; group by key, count
//   join           pair the records of two topics that are at most 50 ms apart, with a grace of 1 s; 16 bytes of each value out
//   table-join     two tables, joined by key: both values' first 16 bytes out
//   fk-join        the same, joined where the first 4 bytes of the left value are the right key
//
// Reads the topic from its beginning under a fresh application id, stops when RECORDS records are processed and committed, and
// ends with a line of figures. Workloads with two inputs also read INPUT_TOPIC-right, and RECORDS counts both. The CPU time is
// that of the whole process, user and system, start-up included.
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include <weir/core/app.h>
#include <weir/core/connect.h>
#include <weir/weir.h>

namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

struct Run {
  std::string workload;
  std::string input;
  std::string output;
  std::string bootstrap;
  std::uint64_t records = 0;
  bool exactly_once = false;
  int workers = 1;
};

struct Workload {
  std::function<void(weir::StreamBuilder&, const Run&)> describe;
  // Whether records also travel through topics of the application's own, so that more of them are processed than RECORDS.
  bool has_internal_topics = false;
};

void stateless(weir::StreamBuilder& builder, const Run& run) {
  builder.stream<std::string_view, std::string_view>(run.input)
      .filter([](std::string_view value) { return !value.empty() && value[0] % 2 == 0; })
      .map_values([](std::string_view value) { return value.substr(0, 32); })
      .to(run.output);
}

void count(weir::StreamBuilder& builder, const Run& run, weir::Emit emit) {
  builder.stream<std::string, std::string_view>(run.input)
      .group_by_key()
      .count({.store = "counts", .emit = emit})
      .to_stream()
      .to(run.output);
}

template <class Windows>
void window(weir::StreamBuilder& builder, const Run& run, const Windows& windows) {
  builder.stream<std::string, std::string_view>(run.input)
      .group_by_key()
      .windowed_by(windows)
      .count({.store = "counts"})
      .to_stream()
      .to(run.output);
}

void hop(weir::StreamBuilder& builder, const Run& run, weir::WindowEmit emit, bool slices) {
  const auto windows = builder.stream<std::string, std::string_view>(run.input).group_by_key().windowed_by(
      weir::hopping({.size = 60s, .advance = 5s, .grace = 5s}));
  const weir::WindowOptions options{.store = "counts", .emit = emit};
  (slices ? windows.slices().count(options) : windows.count(options)).to_stream().to(run.output);
}
Workload hop_workload(weir::WindowEmit emit, bool slices) {
  return {[=](weir::StreamBuilder& builder, const Run& run) { hop(builder, run, emit, slices); }};
}

void repartition(weir::StreamBuilder& builder, const Run& run) {
  builder.stream<std::string_view, std::string_view>(run.input)
      .select_key([](std::string_view value) { return std::string(value.substr(0, 4)); })
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to(run.output);
}

void join(weir::StreamBuilder& builder, const Run& run) {
  builder.stream<std::string, std::string>(run.input)
      .join(builder.stream<std::string, std::string>(run.input + "-right"),
            {.store = "pairs", .within = 50ms, .grace = 1s},
            [](const std::string& left, const std::string& right) {
              return left.substr(0, 16).append(right, 0, 16);
            })
      .to(run.output);
}

std::string joined(const std::string& left, const std::string& right) {
  return left.substr(0, 16) + right.substr(0, 16);
}

using Table = weir::KTable<std::string, std::string>;

Table left_table(weir::StreamBuilder& builder, const Run& run) {
  return builder.table<std::string, std::string>(run.input, {.store = "left"});
}
Table right_table(weir::StreamBuilder& builder, const Run& run) {
  return builder.table<std::string, std::string>(run.input + "-right", {.store = "right"});
}

void table_join(weir::StreamBuilder& builder, const Run& run) {
  left_table(builder, run).join(right_table(builder, run), joined).to_stream().to(run.output);
}

void foreign_key_join(weir::StreamBuilder& builder, const Run& run) {
  left_table(builder, run)
      .join(
          {.name = "joined"}, right_table(builder, run),
          [](const std::string& value) { return value.substr(0, 4); }, joined)
      .to_stream()
      .to(run.output);
}

const std::map<std::string, Workload> kWorkloads = {
    {"stateless", {stateless}},
    {"count",
     {[](weir::StreamBuilder& builder, const Run& run) { count(builder, run, weir::Emit::kOnCommit); }}},
    {"count-nocache",
     {[](weir::StreamBuilder& builder, const Run& run) { count(builder, run, weir::Emit::kEveryUpdate); }}},
    {"window", {[](weir::StreamBuilder& builder, const Run& run) {
       window(builder, run, weir::tumbling({.size = 10s, .grace = 5s}));
     }}},
    {"hop", hop_workload(weir::WindowEmit::kEveryUpdate, /*slices=*/false)},
    {"hop-slices", hop_workload(weir::WindowEmit::kEveryUpdate, /*slices=*/true)},
    {"hop-commit", hop_workload(weir::WindowEmit::kOnCommit, /*slices=*/false)},
    {"hop-commit-slices", hop_workload(weir::WindowEmit::kOnCommit, /*slices=*/true)},
    {"hop-close", hop_workload(weir::WindowEmit::kOnWindowClose, /*slices=*/false)},
    {"hop-close-slices", hop_workload(weir::WindowEmit::kOnWindowClose, /*slices=*/true)},
    {"join", {join}},
    {"repartition", {repartition, /*has_internal_topics=*/true}},
    {"session", {[](weir::StreamBuilder& builder, const Run& run) {
       window(builder, run, weir::session({.gap = 1s, .grace = 1s}));
     }}},
    {"table-join", {table_join}},
    {"fk-join", {foreign_key_join, /*has_internal_topics=*/true}},
};

// Waits until the application has processed all, or failed. Returns the seconds of waiting that no work was done in.
double await_end(const weir::App& app, const Run& run) {
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  while (app.metrics().records_processed < run.records && app.state() != weir::AppState::kError) pause();
  if (!kWorkloads.at(run.workload).has_internal_topics) return 0;
  // How many records the internal topics carry is not known beforehand: wait until no more come.
  constexpr auto kQuiet = 1s;
  std::uint64_t seen = 0;
  auto last_progress = std::chrono::steady_clock::now();
  while (app.state() != weir::AppState::kError) {
    const auto now = std::chrono::steady_clock::now();
    if (const std::uint64_t processed = app.metrics().records_processed; processed != seen) {
      seen = processed;
      last_progress = now;
    }
    if (now - last_progress >= kQuiet) break;
    pause();
  }
  return std::chrono::duration<double>(kQuiet).count();
}

template <class T>
absl::StatusOr<T> await(weir::Admin& admin, weir::Pending<T> pending) {
  while (!pending.ready()) {
    admin.poll();
    if (!pending.ready()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return pending.take();
}

// Makes the output topic, with as many partitions as the input has.
absl::Status make_output(weir::Transport& transport, const Run& run) {
  auto admin = transport.make_admin();
  if (!admin.ok()) return admin.status();
  const auto described = await(**admin, (*admin)->describe_topics({run.input}));
  if (!described.ok()) return described.status();
  if (described->front().partitions == 0) return absl::NotFoundError("there is no topic " + run.input);
  return await(**admin,
               (*admin)->create_topics({{.name = run.output, .partitions = described->front().partitions}}))
      .status();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

absl::Status measure(const Run& run) {
  const auto start = std::chrono::steady_clock::now();
  auto transport = weir::connect(run.bootstrap);
  if (!transport.ok()) return transport.status();
  if (absl::Status made = make_output(**transport, run); !made.ok()) return made;

  weir::StreamBuilder builder;
  kWorkloads.at(run.workload).describe(builder, run);
  auto topology = builder.build();
  if (!topology.ok()) return topology.status();

  const std::string id = fmt::format("weir-peer-{}-{}", run.workload, ::getpid());
  const std::filesystem::path state = std::filesystem::temp_directory_path() / id;
  auto app = weir::App::create(
      *std::move(topology),
      {.application_id = id,
       .transport = *transport,
       .workers = run.workers,
       .guarantee = run.exactly_once ? weir::Guarantee::kExactlyOnce : weir::Guarantee::kAtLeastOnce,
       .state_directory = state.string()});
  if (!app.ok()) return app.status();
  if (absl::Status started = (*app)->start(); !started.ok()) return started;
  const double idle = await_end(**app, run);
  // Closing commits what is processed.
  absl::Status closed = (*app)->close(60s);
  const std::uint64_t committed = (*app)->metrics().records_committed;
  app->reset();
  std::error_code ignored;  // a leftover folder does not spoil the figures
  std::filesystem::remove_all(state, ignored);
  if (!closed.ok()) return closed;
  if (committed < run.records) {
    return absl::InternalError(fmt::format("only {} of {} records were committed", committed, run.records));
  }

  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() - idle;
  const auto records = static_cast<double>(run.records);
  fmt::print("weir {} eos={} threads={} n={} wall={:.2f}s rate={:.0f}/s cpu_us_per_rec={:.3f}\n",
             run.workload, run.exactly_once, run.workers, run.records, wall, records / wall,
             cpu_seconds() * 1e6 / records);
  return absl::OkStatus();
}

int usage(const std::string& fault) {
  fmt::print(stderr,
             "weir_peer: {}\nusage: weir_peer WORKLOAD INPUT_TOPIC BOOTSTRAP RECORDS [alos|eos] "
             "[WORKERS]\nworkloads:",
             fault);
  for (const auto& [name, build] : kWorkloads) fmt::print(stderr, " {}", name);
  fmt::print(stderr, "\n");
  return 2;
}

template <class T>
bool parse(std::string_view text, T& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5 || argc > 7) return usage("expected four to six arguments");
  Run run;
  run.workload = argv[1];
  run.input = argv[2];
  run.bootstrap = argv[3];
  if (!kWorkloads.contains(run.workload))
    return usage(fmt::format("there is no workload '{}'", run.workload));
  if (!parse(argv[4], run.records)) return usage(fmt::format("'{}' is no number of records", argv[4]));
  if (argc > 5) {
    const std::string guarantee = argv[5];
    if (guarantee != "alos" && guarantee != "eos")
      return usage(fmt::format("'{}' is neither alos nor eos", guarantee));
    run.exactly_once = guarantee == "eos";
  }
  if (argc > 6 && !parse(argv[6], run.workers))
    return usage(fmt::format("'{}' is no number of workers", argv[6]));
  run.output = run.input + "-weir-" + run.workload;
  const absl::Status status = measure(run);
  if (status.ok()) return 0;
  fmt::print(stderr, "weir_peer: {}\n", std::string(status.message()));
  return 1;
}
