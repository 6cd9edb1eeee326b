// A keyed count under exactly-once that is not left in peace: three processes that are killed and stopped at random, and a
// broker that restarts, or is away for longer. Every word's counts must come out once each, in order, from 1 to the truth.
//
// WEIR_CHAOS_SECONDS says for how long (default 60), WEIR_CHAOS_SEED which disturbances, WEIR_AWAY_SECONDS how long the broker is
// away (default 15).
#include <array>
#include <cstdlib>
#include <set>

#include "processes.h"

namespace weir {
namespace {

constexpr std::size_t kProcesses = 3;
constexpr int kLinesPerRound = 100;

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* given = std::getenv(variable);
  return given == nullptr ? otherwise : std::stoull(given);
}

class ChaosTest : public ProcessesTest {
 protected:
  struct Slot {
    std::unique_ptr<Process> process;
    steady_clock::time_point stopped_until;  // it is stopped, or gone, until then
    bool stopped = false;
  };

  void begin(std::size_t index) {
    slots_[index].process = start_word_count(fmt::format("p{}-{}", index, ++starts_), "exactly_once",
                                             folder_ / fmt::format("p{}", index));
    slots_[index].stopped = false;
  }

  // Goes on with those whose time has come. Nobody may have ended by itself.
  void revive() {
    for (std::size_t i = 0; i < kProcesses; ++i) {
      Slot& slot = slots_[i];
      if (steady_clock::now() < slot.stopped_until) continue;
      if (slot.process == nullptr) {
        begin(i);
      } else if (slot.stopped) {
        slot.process->signal(SIGCONT);
        slot.stopped = false;
      } else {
        ASSERT_TRUE(slot.process->running()) << "process " << i << " ended by itself";
      }
    }
  }

  void disturb(std::mt19937_64& random) {
    Slot& slot = slots_[random() % kProcesses];
    if (steady_clock::now() < slot.stopped_until || slot.process == nullptr) return;
    if (random() % 2 == 0) {
      slot.process->end(SIGKILL);
      slot.process.reset();
      slot.stopped_until = steady_clock::now() + milliseconds(random() % 3000);
      ++kills_;
    } else {
      // Sometimes longer than its session and its transaction may last.
      slot.process->signal(SIGSTOP);
      slot.stopped = true;
      slot.stopped_until = steady_clock::now() + milliseconds(200 + random() % 14'000);
      ++stops_;
    }
  }

  void restart_broker(bool kill, std::uint64_t seconds_away = 0) {
    const std::string command =
        fmt::format("{} kafka restart {} --away {} > {} 2>&1", WEIR_DEV, kill ? "--kill" : "", seconds_away,
                    (folder_ / "restart.log").string());
    ASSERT_EQ(std::system(command.c_str()), 0) << text_of(folder_ / "restart.log");
    ++restarts_;
  }

  // What is wrong with the counts of each word, which should be 1, 2, 3, ... up to the truth.
  std::string faults() {
    std::map<std::string, std::int64_t> last;
    std::string faults;
    const absl::Status read = examples::read_topic(*transport_, name("counts"), [&](const RawRecord& record) {
      std::int64_t count = 0;
      EXPECT_TRUE(record.value && Serde<std::int64_t>::decode(*record.value, count).ok());
      std::int64_t& before = last[std::string(*record.key)];
      if (count != before + 1) faults += fmt::format("{}: {} after {}; ", *record.key, count, before);
      before = count;
    });
    if (!read.ok()) return std::string(read.message());
    if (last != truth_) faults += "not everything is counted";
    return faults;
  }

  std::array<Slot, kProcesses> slots_;
  int starts_ = 0;
  int kills_ = 0;
  int stops_ = 0;
  int restarts_ = 0;
};

TEST_F(ChaosTest, CountsEveryWordOnce) {
  const std::uint64_t seed = number_from("WEIR_CHAOS_SEED", std::random_device{}());
  const seconds duration(number_from("WEIR_CHAOS_SECONDS", 60));
  SCOPED_TRACE(fmt::format("WEIR_CHAOS_SEED={}", seed));
  std::mt19937_64 random(seed);
  make_topic(name("lines"), 6);
  make_topic(name("counts"), 6);
  for (std::size_t i = 0; i < kProcesses; ++i) begin(i);

  const auto began = steady_clock::now();
  auto next_restart = began + duration / 3;
  while (steady_clock::now() < began + duration) {
    write_lines(kLinesPerRound);
    revive();
    if (HasFatalFailure()) return;
    if (random() % 4 == 0) disturb(random);
    if (steady_clock::now() >= next_restart) {
      restart_broker(random() % 2 == 0);
      if (HasFatalFailure()) return;
      next_restart = steady_clock::now() + seconds(20 + random() % 40);
    }
    std::this_thread::sleep_for(milliseconds(100 + random() % 400));
  }

  const auto over = steady_clock::now();
  EXPECT_TRUE(eventually(
      [&] {
        revive();
        return HasFatalFailure() || faults().empty();
      },
      seconds(120)))
      << faults();
  const auto caught_up = std::chrono::duration<double>(steady_clock::now() - over).count();
  std::int64_t words = 0;
  for (const auto& [word, count] : truth_) words += count;
  fmt::print(
      "seed {}: {} s, {} kills, {} stops, {} restarts of the broker; {} words, caught up after {:.1f} s\n",
      seed, duration.count(), kills_, stops_, restarts_, words, caught_up);
  // Who is stopped or gone still would not hear of the end.
  for (Slot& slot : slots_) slot.stopped_until = {};
  revive();
  for (Slot& slot : slots_) EXPECT_EQ(slot.process->end(SIGTERM), 0);
  EXPECT_EQ(faults(), "");
}

TEST_F(ChaosTest, GoesOnWhenABrokerThatWasAwayComesBack) {
  make_topic(name("lines"), 6);
  make_topic(name("counts"), 6);
  for (std::size_t i = 0; i < kProcesses; ++i) begin(i);
  write_lines(2'000);
  ASSERT_TRUE(eventually([&] { return all_counted(); }));
  // Gone in the middle of work.
  write_lines(20'000);
  restart_broker(/*kill=*/true, number_from("WEIR_AWAY_SECONDS", 15));
  if (HasFatalFailure()) return;
  const auto back = steady_clock::now();
  for (Slot& slot : slots_) EXPECT_TRUE(slot.process->running());
  EXPECT_TRUE(eventually([&] { return faults().empty(); }, seconds(120))) << faults();
  fmt::print("caught up {:.1f} s after the broker came back\n",
             std::chrono::duration<double>(steady_clock::now() - back).count());
  write_lines(1'000);
  EXPECT_TRUE(eventually([&] { return faults().empty(); })) << faults();
  for (Slot& slot : slots_) EXPECT_EQ(slot.process->end(SIGTERM), 0);
}

}  // namespace
}  // namespace weir
