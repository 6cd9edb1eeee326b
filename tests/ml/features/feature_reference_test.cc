// Are features what they are by definition, for every operation over every kind of window? Records come out of order, late, in
// ties, without values and with values that are no numbers; rows must also be the same, bit for bit, when nothing is remembered
// from record to record and when the state goes through bytes in between.
#include <weir/ml/features/feature_computer.h>

#include <array>
#include <random>

#include <gtest/gtest.h>

#include <weir/operators/weir.h>

#include "ml/features/reference.h"
#include "ml/features/reference_cases.h"
#include "support/random_cases.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

constexpr Timestamp kStart = 1'700'000'000'000;
const std::array<std::string, 4> kCategories = {"a", "b", "cc", "ddd"};

const std::vector<FeatureWindow>& windows() {
  static const std::vector<FeatureWindow> kAll = {1h,
                                                  17min,
                                                  36h,
                                                  exact(1h),
                                                  exact(100s),
                                                  delayed(2h, 30min),
                                                  delayed(exact(1h), 10min),
                                                  lifetime(),
                                                  tumbling_window(2h),
                                                  last(5),
                                                  last(40),
                                                  session(20min)};
  return kAll;
}

struct Expected {
  WindowReference window;
  Answer answer;
  bool by_order = false;
  double seconds = 0;
  double tolerance = 0;
};

struct AllFeatures {
  FeatureView<Sample, double> view;
  std::vector<Expected> expected;
};

// Takes cases for a view of them over some windows.
struct CaseTaker {
  AllFeatures& to;
  const std::vector<FeatureWindow>& over;

  template <class Op>
  void operator()(const Case<Op>& one) const {
    to.view = std::move(to.view).agg(one.operation, over);
    for (const FeatureWindow& window : over) {
      const Duration hop = window.length < 12h ? Duration(5min) : Duration(1h);
      const bool lasts = window.kind != WindowKind::kLast && window.kind != WindowKind::kSession;
      for (const Answer& answer : one.answers) {
        to.expected.push_back({{window, hop.count()},
                               answer,
                               one.by_order && !lasts,
                               lasts ? static_cast<double>(window.length.count()) / 1000 : 0,
                               one.tolerance});
      }
    }
  }
};

AllFeatures all_features(bool include_current, Duration grace, std::size_t first_window) {
  AllFeatures all{features<Sample, double>("all", 1).include_current(include_current).grace(grace), {}};
  const std::vector<FeatureWindow> over = {windows()[first_window % windows().size()],
                                           windows()[(first_window + 1) % windows().size()]};
  for_each_exact_case(CaseTaker{all, over});
  for_each_sketch_case(CaseTaker{all, over});
  return all;
}

// `many`: of numbers and categories there are more than sketches keep, and records come in quicker succession.
std::vector<Sample> any_samples(std::mt19937_64& random, std::size_t count, bool many) {
  std::vector<Sample> samples;
  Timestamp time = kStart + static_cast<Timestamp>(random() % 100'000'000);
  const double base = random() % 2 == 0 ? 1000 : 0;
  for (std::size_t i = 0; i < count; ++i) {
    switch (random() % (many ? 200 : 12)) {
      case 0:
        time += static_cast<Timestamp>(random() % 20'000'000);
        break;  // hours
      case 1:
        time += static_cast<Timestamp>(random() % 2'000'000);
        break;
      default:
        time += static_cast<Timestamp>(random() % (many ? 20'000 : 120'000));
        break;
    }
    Sample sample;
    sample.key = "k";
    sample.time = time;
    if (random() % 4 == 0)
      sample.time -= static_cast<Timestamp>(random() % 1'500'000);                 // out of order, some late
    if (random() % 4 == 0 && !samples.empty()) sample.time = samples.back().time;  // a tie
    if (random() % 6 != 0) sample.number = base + static_cast<double>(random() % 64) / 4 - 8;
    if (many && sample.number) *sample.number *= std::exp2(static_cast<double>(random() % 20'000) / 1'000);
    if (random() % 30 == 0) sample.number = std::numeric_limits<double>::infinity();
    if (random() % 30 == 0) sample.number = kNoValue;
    if (random() % 8 != 0) sample.other = static_cast<double>(random() % 3);
    if (random() % 8 != 0) {
      sample.category = many ? std::to_string(random() % (1 + random() % 3'000))
                             : kCategories[random() % kCategories.size()];
    }
    sample.zone = static_cast<int>(random() % 6) - 2;
    sample.flag = random() % 3 == 0;
    sample.vector = {static_cast<double>(random() % 10), -static_cast<double>(random() % 7)};
    if (random() % 10 == 0) sample.vector[random() % 2] = kNoValue;
    if (random() % 10 == 0) sample.vector.resize(random() % 4);
    samples.push_back(sample);
  }
  return samples;
}

// Through bytes, as a restart would have it.
std::unique_ptr<KeyState> copy_through_bytes(const FeaturePlan& plan, const KeyState& state,
                                             Workspace& workspace, const std::set<KeyState::TileId>& stored) {
  auto copy = std::make_unique<KeyState>(plan);
  for (const KeyState::TileId& id : stored) {
    Bytes bytes;
    if (!state.encode_tile(id, bytes)) continue;
    StateReader reader(bytes);
    std::vector<int> cells(plan.levels()[id.first].cells.size());
    std::vector<int> columns(plan.levels()[id.first].columns.size());
    for (std::size_t i = 0; i < cells.size(); ++i) cells[i] = static_cast<int>(i);
    for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = static_cast<int>(i);
    EXPECT_TRUE(copy->decode_tile(id, reader, cells, columns, workspace));
  }
  copy->see(state.seen());
  return copy;
}

void expect_within(const Bounds& bounds, double value, double tolerance, const std::string& what) {
  if (std::isnan(bounds.low) && std::isnan(value)) return;
  const double size = std::max({std::abs(bounds.low), std::abs(bounds.high), std::abs(value), 1e-3});
  EXPECT_TRUE(value >= bounds.low - tolerance * size && value <= bounds.high + tolerance * size)
      << what << ": expected " << bounds.low << " to " << bounds.high << ", is " << value;
}

// Whether all records of a late record's window are still there: nothing was forgotten that another window of the same tiles may ask
// for.
bool is_known(const FeaturePlan& plan, const WindowReference& window, Timestamp time, Timestamp seen) {
  const WindowKind kind = window.window.kind;
  if (kind == WindowKind::kLifetime || kind == WindowKind::kLast) return true;
  const std::optional<Timestamp> begin = window.begin(time);
  const FeaturePlan::Axis axis =
      kind == WindowKind::kExact ? FeaturePlan::Axis::kExact : FeaturePlan::Axis::kTime;
  const std::int64_t hop = kind == WindowKind::kTumbling ? window.window.length.count() : window.hop;
  return begin &&
         std::any_of(plan.levels().begin(), plan.levels().end(), [&](const FeaturePlan::Level& level) {
           return level.axis == axis && level.hop == hop && *begin >= seen - level.keep;
         });
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) ? !std::isnan(b[i])
                         : std::bit_cast<std::uint64_t>(a[i]) != std::bit_cast<std::uint64_t>(b[i]))
      return false;
  }
  return true;
}

// Plays records, and asks for the rows of one of `compared`: with what is remembered, without, and by definition.
void play_against(const AllFeatures& all, const std::vector<Sample>& samples, bool include,
                  std::size_t compared, std::mt19937_64& random) {
  const auto plan = all.view.plan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ((*plan)->outputs().size(), all.expected.size());
  ColumnsOf<Sample> columns(**plan, all.view.readers());
  Workspace remembering(**plan);
  Workspace forgetting(**plan, /*remember=*/false);
  auto state = std::make_unique<KeyState>(**plan);
  KeyState other(**plan);
  Records known;
  std::set<KeyState::TileId> stored;
  std::vector<double> row(all.expected.size());
  std::vector<double> other_row(all.expected.size());
  std::int64_t order = 0;
  bool in_order = true;
  for (const Sample& sample : samples) {
    columns.read(sample);
    const Event event{sample.time, order++, columns.values()};
    const bool late = state->is_late(sample.time);
    in_order = in_order && sample.time >= state->seen();
    const Known one{&sample, sample.time, event.order};
    if (include && !late) {
      state->add(event, remembering);
      other.add(event, forgetting);
      known.push_back(one);
    }
    if (random() % compared == 0) {
      state->evaluate(event, include && !late, remembering, row.data());
      other.evaluate(event, include && !late, forgetting, other_row.data());
      ASSERT_TRUE(same_bits(row, other_row)) << "what is remembered changes the row of record " << order - 1;
      // Of windows that many features have, the records are found once.
      std::map<std::string, Records> taken;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const Expected& expected = all.expected[i];
        if (expected.by_order && !in_order) continue;
        if (late && !is_known(**plan, expected.window, sample.time, state->seen())) continue;
        const std::string window = expected.window.window.name();
        const std::int64_t until = include && !late ? event.order + 1 : event.order;
        if (!taken.contains(window)) taken[window] = expected.window(known, sample.time, until, 0);
        const Bounds bounds =
            expected.answer(taken[window], {sample.time, &sample, expected.seconds, expected.window.tile()});
        expect_within(bounds, row[i], expected.tolerance,
                      (*plan)->outputs()[i].name + " of record " + std::to_string(order - 1));
        if (testing::Test::HasFailure()) return;
      }
    }
    if (!include && !late) {
      state->add(event, remembering);
      other.add(event, forgetting);
      known.push_back(one);
    }
    std::vector<KeyState::TileId> unsaved;
    state->list_unsaved(unsaved);
    stored.insert(unsaved.begin(), unsaved.end());
    state->settle();
    other.settle();
    if (random() % (10 * compared) == 0) state = copy_through_bytes(**plan, *state, remembering, stored);
  }
}

void play(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  // A run of seeds has each window, with and without the current record.
  const bool include = seed / windows().size() % 2 == 0;
  const Duration grace = random() % 3 == 0 ? Duration(0) : Duration(1'000'000);
  const AllFeatures all = all_features(include, grace, seed);
  play_against(all, any_samples(random, 120, /*many=*/false), include, /*compared=*/1, random);
}

TEST(FeatureReference, RowsAreWhatTheyAreByDefinition) {
  play_cases(number_from_environment("WEIR_FEATURE_CASES", 24), /*on_disk=*/false,
             [](unsigned seed, const std::string&) { play(seed); });
}

// Of more numbers and categories than they keep, in states merged of many tiles.
void play_sketches(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool include = random() % 2 == 0;
  const std::vector<FeatureWindow> over = {1h, 36h, delayed(2h, 30min), exact(2h), lifetime(), last(700)};
  AllFeatures all{features<Sample, double>("sketches", 1).include_current(include).grace(20min), {}};
  for_each_sketch_case(CaseTaker{all, over});
  play_against(all, any_samples(random, 3'000, /*many=*/true), include, /*compared=*/60, random);
}

TEST(FeatureReference, SketchesKeepTheirErrorsOverMergedTiles) {
  play_cases(number_from_environment("WEIR_FEATURE_CASES", 3), /*on_disk=*/false,
             [](unsigned seed, const std::string&) { play_sketches(seed); });
}

// Windows of many tiles, of which keys have all, some or few; `copies`: how often the state goes through bytes.
void play_long(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool include = random() % 2 == 0;
  const Duration grace = random() % 2 == 0 ? Duration(0) : Duration(40'000'000);
  const std::vector<FeatureWindow> windows = {
      1h, 24h, days(7), days(30), days(365), delayed(days(5), 7h), 1000min, exact(36h)};
  const auto view = features<Sample, double>("long", 1)
                        .include_current(include)
                        .grace(grace)
                        .agg(statistics("number", &Sample::number), windows)
                        .agg(skewness("number", &Sample::number), {days(7), days(100)})
                        .agg(top_k("number", &Sample::number, 3), {days(7)})
                        .agg(quantiles("number", &Sample::number, {0.5}), {days(6)});
  const auto plan = view.plan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  ColumnsOf<Sample> columns(**plan, view.readers());
  Workspace remembering(**plan);
  Workspace forgetting(**plan, /*remember=*/false);
  auto state = std::make_unique<KeyState>(**plan);
  KeyState other(**plan);
  std::set<KeyState::TileId> stored;
  std::vector<double> row((*plan)->outputs().size());
  std::vector<double> other_row(row.size());
  Timestamp time = kStart + static_cast<Timestamp>(random() % 1'000'000'000);
  const std::array<Timestamp, 4> pauses = {200'000, 3'000'000, 20'000'000, 200'000'000};
  Timestamp pause = pauses[0];
  for (std::int64_t order = 0; order < 600; ++order) {
    if (random() % 50 == 0) pause = pauses[random() % pauses.size()];
    if (random() % 200 == 0) time += static_cast<Timestamp>(random() % 4'000'000'000);
    time += static_cast<Timestamp>(random() % static_cast<std::uint64_t>(pause));
    Sample sample;
    sample.time = random() % 8 == 0 ? time - static_cast<Timestamp>(random() % 50'000'000) : time;
    sample.number = static_cast<double>(random() % 100'000) / 7;
    columns.read(sample);
    const Event event{sample.time, order, columns.values()};
    const bool late = state->is_late(sample.time);
    if (include && !late) {
      state->add(event, remembering);
      other.add(event, forgetting);
    }
    state->evaluate(event, include && !late, remembering, row.data());
    other.evaluate(event, include && !late, forgetting, other_row.data());
    ASSERT_TRUE(same_bits(row, other_row)) << "what is remembered changes the row of record " << order;
    if (!include && !late) {
      state->add(event, remembering);
      other.add(event, forgetting);
    }
    std::vector<KeyState::TileId> unsaved;
    state->list_unsaved(unsaved);
    stored.insert(unsaved.begin(), unsaved.end());
    state->settle();
    other.settle();
    if (random() % 100 == 0) state = copy_through_bytes(**plan, *state, remembering, stored);
  }
}

TEST(FeatureReference, LongWindowsAreTheSameWithFoldsRememberedForgottenAndRestored) {
  play_cases(number_from_environment("WEIR_FEATURE_CASES", 20), /*on_disk=*/false,
             [](unsigned seed, const std::string&) { play_long(seed); });
}

}  // namespace
}  // namespace weir::ml
