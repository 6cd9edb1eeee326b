// What does one update of an aggregate cost when its row is in memory, and what does a commit add?
//
// Sketch: a hit encodes and decodes nothing. Hash of a 10-byte key 4 ns, probe and comparison 5 ns, moving the row to the
// end of the dirty list 5 ns (three neighbours, in the second-level cache at 10 000 keys), the change itself 1 ns: 15 to
// 30 ns are good, more than 60 is bad. A commit costs per dirty row an encoding, an entry of the batch and an insertion
// into a memtable: about 1 µs on disk, about 0.3 µs in memory. A fetch makes an iterator: 1 to 3 µs on disk. A visit, as a
// join or a session does per record, uses the one that is there: a descent into the sorted part of what is uncommitted and a
// seek in what is committed, less than 1 µs each.
//
// Usage: store_bench [keys] [directory]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <weir/state/engine.h>
#include <weir/state/join_store.h>
#include <weir/state/key_value_store.h>
#include <weir/state/session_store.h>
#include <weir/state/window_store.h>

namespace {

using Clock = std::chrono::steady_clock;
using Counts = weir::KeyValueStore<std::string, std::int64_t>;
using Windows = weir::WindowStore<std::string, std::int64_t>;
using Sessions = weir::SessionStore<std::string, std::int64_t>;
using Waiting = weir::JoinStore<std::string, std::int64_t>;

class NullChangelog final : public weir::ChangelogWriter {
 public:
  void append(const weir::StoreSpec&, weir::BytesView key, weir::NullableBytes value,
              weir::Timestamp) override {
    bytes += key.size() + (value ? value->size() : 0);
  }
  std::size_t bytes = 0;
};

void check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

template <class F>
double nanoseconds_each(std::size_t count, F&& f) {
  const auto start = Clock::now();
  f();
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / static_cast<double>(count);
}

void run(bool persistent, std::size_t key_count, const std::string& directory) {
  std::filesystem::remove_all(directory);
  const auto engine = weir::state_engine();
  weir::TaskStoreOptions options;
  options.directory = directory;
  options.task = "bench";
  options.resources = *engine->make_resources({});
  const std::vector<weir::StoreSpec> specs{
      weir::key_value_store_spec<std::string, std::int64_t>("counts", {.persistent = persistent}),
      weir::window_store_spec<std::string, std::int64_t>("windows", std::chrono::minutes(10),
                                                         std::chrono::minutes(1), {.persistent = persistent}),
      weir::session_store_spec<std::string, std::int64_t>(
          "sessions", std::chrono::minutes(10), std::chrono::minutes(1), {.persistent = persistent}),
      weir::join_store_spec<std::string, std::int64_t>("waiting", std::chrono::minutes(10),
                                                       std::chrono::minutes(1), {.persistent = persistent})};
  auto opened = engine->open(options, specs);
  check(opened.status());
  weir::TaskStore& task = **opened;
  Counts& counts = dynamic_cast<Counts&>(*task.find("counts"));
  Windows& windows = dynamic_cast<Windows&>(*task.find("windows"));
  Sessions& sessions = dynamic_cast<Sessions&>(*task.find("sessions"));
  Waiting& waiting = dynamic_cast<Waiting&>(*task.find("waiting"));
  NullChangelog changelog;

  std::vector<std::string> keys;
  for (std::size_t i = 0; i < key_count; ++i) keys.push_back("key" + std::to_string(1'000'000 + i));
  std::mt19937 chance(1);
  std::vector<std::uint32_t> order(2'000'000);
  for (auto& at : order) at = static_cast<std::uint32_t>(chance() % key_count);

  const auto count_one = [&](const std::string& key, weir::Timestamp now) {
    counts.modify(
        key, now,
        [now](std::optional<Counts::Row>& row) {
          if (row) {
            ++row->value;
            row->timestamp = now;
          } else {
            row.emplace(Counts::Row{1, now});
          }
        },
        key);
  };
  const auto commit = [&] {
    check(task.encode(changelog));
    check(task.apply(task.meta()));
  };

  std::printf("%s, %zu keys\n", persistent ? "RocksDB" : "memory", key_count);
  std::printf("  first sight (miss, insert)  %8.1f ns\n", nanoseconds_each(keys.size(), [&] {
                for (const auto& key : keys) count_one(key, 1);
              }));
  std::printf("  commit, per dirty row       %8.1f ns\n", nanoseconds_each(keys.size(), commit));
  for (int round = 0; round < 3; ++round) {
    std::printf("  count on a hit              %8.1f ns\n", nanoseconds_each(order.size(), [&] {
                  for (const std::uint32_t at : order) count_one(keys[at], 2);
                }));
  }
  std::int64_t sum = 0;
  std::printf("  find on a hit               %8.1f ns\n", nanoseconds_each(order.size(), [&] {
                for (const std::uint32_t at : order) sum += counts.find(keys[at], keys[at])->value;
              }));
  std::printf("  put on a hit                %8.1f ns\n", nanoseconds_each(order.size(), [&] {
                for (const std::uint32_t at : order) counts.put(keys[at], 1, 3, keys[at]);
              }));
  std::printf("  commit, per dirty row       %8.1f ns\n", nanoseconds_each(keys.size(), commit));
  const std::size_t rounds = 200;
  const std::size_t each = 1000;
  std::printf("  count, commit every %zu    %8.1f ns\n", each, nanoseconds_each(rounds * each, [&] {
                for (std::size_t i = 0; i < rounds * each; ++i) {
                  count_one(keys[order[i]], 4);
                  if (i % each == each - 1) commit();
                }
              }));
  std::size_t walked = 0;
  std::printf("  walk over all, per row      %8.1f ns\n", nanoseconds_each(keys.size(), [&] {
                for (const auto& entry : counts.all()) walked += entry.key.size();
              }));
  const auto count_window = [&](const std::string& key) {
    windows.modify(
        key, 60'000, 60'000,
        [](std::optional<Windows::Row>& row) {
          if (!row) row.emplace();
          ++row->value;
        },
        key);
  };
  for (const auto& key : keys) count_window(key);
  std::printf("  count in a window, hit      %8.1f ns\n", nanoseconds_each(order.size(), [&] {
                for (const std::uint32_t at : order) count_window(keys[at]);
              }));
  const std::size_t fetches = 100'000;
  const auto fetch = [&] {
    for (std::size_t i = 0; i < fetches; ++i) {
      for (const auto& window : windows.fetch(keys[order[i]], 0, 120'000)) sum += window.row.value;
    }
  };
  std::printf("  fetch of one dirty window   %8.1f ns\n", nanoseconds_each(fetches, fetch));
  commit();
  std::printf("  fetch of one window         %8.1f ns\n", nanoseconds_each(fetches, fetch));
  std::printf("  visit of one window         %8.1f ns\n", nanoseconds_each(fetches, [&] {
                for (std::size_t i = 0; i < fetches; ++i) {
                  const std::string& key = keys[order[i]];
                  windows.visit(
                      key, 0, 120'000, [&](weir::Timestamp, const Windows::Row& row) { sum += row.value; },
                      key);
                }
              }));

  // A record a millisecond, a commit every thousand.
  const std::size_t records = 200'000;
  const auto per_record = [&](auto&& one) {
    return nanoseconds_each(records, [&] {
      for (std::size_t i = 0; i < records; ++i) {
        one(keys[order[i]], static_cast<weir::Timestamp>(i));
        if (i % each == each - 1) commit();
      }
    });
  };
  std::printf("  join: put, visit 10 s       %8.1f ns\n",
              per_record([&](const std::string& key, weir::Timestamp now) {
                sum += waiting.put(key, now, now, key) ? 1 : 0;
                waiting.visit(
                    key, std::max<weir::Timestamp>(0, now - 10'000), now,
                    [&](weir::Timestamp, std::int64_t value) { sum += value; }, key);
              }));
  std::printf("  session: merge, gap 1 s     %8.1f ns\n",
              per_record([&](const std::string& key, weir::Timestamp now) {
                weir::Timestamp begin = now;
                std::int64_t count = 1;
                sessions.visit_sessions(
                    key, std::max<weir::Timestamp>(0, now - 1'000), now + 1'000,
                    [&](weir::Timestamp start, weir::Timestamp end, const Sessions::Row& row) {
                      begin = std::min(begin, start);
                      count += row.value;
                      sessions.erase(key, start, end, now, key);
                    },
                    key);
                sum += sessions.put(key, begin, now, count, now, key) ? 1 : 0;
              }));
  std::printf("  (checksum %lld, %zu bytes walked, %zu bytes logged)\n", static_cast<long long>(sum), walked,
              changelog.bytes);
}

}  // namespace

int main(int count, char** arguments) {
  const std::size_t keys = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 10'000;
  const std::string directory =
      count > 2 ? arguments[2] : (std::filesystem::temp_directory_path() / "weir-store-bench").string();
  run(false, keys, directory);
  run(true, keys, directory);
  std::filesystem::remove_all(directory);
}
