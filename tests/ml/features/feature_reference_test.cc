// Are features what they are by definition, for every operation over every kind of window? Records come out of order, late, in
// ties, without values and with values that are no numbers; rows must also be the same, bit for bit, when nothing is remembered
// from record to record and when the state goes through bytes in between.
#include <weir/ml/features/feature_computer.h>

#include <array>
#include <random>

#include <gtest/gtest.h>

#include <weir/operators/weir.h>

#include "ml/features/reference.h"
#include "support/random_cases.h"

namespace weir::ml {
namespace {

using namespace std::chrono_literals;
using namespace agg;

constexpr Timestamp kStart = 1'700'000'000'000;
const std::array<std::string, 4> kCategories = {"a", "b", "cc", "ddd"};

// One operation and the same by definition. `in_order` says that it depends on the order inside a tile.
template <class Op>
struct Case {
  Op operation;
  std::vector<Answer> answers;
  bool in_order = false;
  double tolerance = 1e-7;
};
template <class Op, class... Rest>
Case(Op, std::vector<Answer>, Rest...) -> Case<Op>;

double deviation_of(const std::vector<double>& values) {
  if (values.size() < 2) return kNoValue;
  return std::sqrt(power_sum(values, mean_of(values), 2) / static_cast<double>(values.size() - 1));
}

double minimum_of(const std::vector<double>& values) {
  return values.empty() ? kNoValue : *std::min_element(values.begin(), values.end());
}
double maximum_of(const std::vector<double>& values) {
  return values.empty() ? kNoValue : *std::max_element(values.begin(), values.end());
}
double sum_of(const std::vector<double>& values) {
  return values.empty() ? kNoValue : mean_of(values) * static_cast<double>(values.size());
}

// The records with a number, ordered.
std::vector<Known> ordered(std::vector<Known> records,
                           const std::function<bool(const Known&, const Known&)>& before) {
  std::erase_if(records,
                [](const Known& one) { return !one.sample.number || !std::isfinite(*one.sample.number); });
  std::stable_sort(records.begin(), records.end(), before);
  return records;
}
bool older(const Known& a, const Known& b) { return std::pair(a.time, a.order) < std::pair(b.time, b.order); }
bool newer(const Known& a, const Known& b) { return older(b, a); }
bool larger(const Known& a, const Known& b) {
  return *a.sample.number > *b.sample.number || (*a.sample.number == *b.sample.number && older(a, b));
}
double number_at(const std::vector<Known>& records, std::size_t rank) {
  return rank < records.size() ? *records[rank].sample.number : kNoValue;
}

std::map<std::string, double> counts_by_category(const std::vector<Known>& records) {
  std::map<std::string, double> counts;
  for (const Known& one : records) ++counts[one.sample.category];
  return counts;
}

std::size_t count_where(const std::vector<Known>& records, const std::function<bool(const Known&)>& is) {
  return static_cast<std::size_t>(std::count_if(records.begin(), records.end(), is));
}

double time_moment(const std::vector<Known>& records,
                   const std::function<double(double, double, double, double)>& answer) {
  const std::vector<Known> all = ordered(records, older);
  long double n = 0, t = 0, y = 0, tt = 0, yy = 0, ty = 0;
  for (const Known& one : all) {
    const long double x = static_cast<long double>(one.time - all.front().time) / 1000;
    ++n, t += x, y += *one.sample.number;
  }
  if (n == 0) return kNoValue;
  for (const Known& one : all) {
    const long double x = static_cast<long double>(one.time - all.front().time) / 1000 - t / n;
    const long double v = *one.sample.number - y / n;
    tt += x * x, yy += v * v, ty += x * v;
  }
  if (!(tt > 0)) return kNoValue;
  return answer(static_cast<double>(tt), static_cast<double>(yy), static_cast<double>(ty), 0);
}

double seconds_between(Timestamp from, Timestamp to) { return static_cast<double>(to - from) / 1000; }

// Calls use(case) with every operation.
template <class Use>
void for_each_case(const Use& use) {
  const auto with_flag = [](const Sample& sample) { return sample.flag; };
  const auto number = &Sample::number;
  use(Case{count(), {[](const auto& all, const Asked&) { return static_cast<double>(all.size()); }}});
  use(Case{count_if("flagged", with_flag), {[](const auto& all, const Asked&) {
             return static_cast<double>(count_where(all, [](const Known& one) { return one.sample.flag; }));
           }}});
  use(Case{rate(), {[](const auto& all, const Asked& asked) {
             return asked.seconds > 0 ? static_cast<double>(all.size()) / asked.seconds : kNoValue;
           }}});
  use(Case{null_count("number", number), {[](const auto& all, const Asked&) {
             return static_cast<double>(all.size() - numbers(all).size());
           }}});
  use(Case{ratio("flag", &Sample::flag, "other", &Sample::other), {[](const auto& all, const Asked&) {
             const auto of = count_where(all, [](const Known& one) { return one.sample.other != 0; });
             const auto flags = count_where(all, [](const Known& one) { return one.sample.flag; });
             return of == 0 ? kNoValue : static_cast<double>(flags) / static_cast<double>(of);
           }}});
  use(Case{statistics("number", number),
           {[](const auto& all, const Asked&) { return static_cast<double>(numbers(all).size()); },
            [](const auto& all, const Asked&) { return sum_of(numbers(all)); },
            [](const auto& all, const Asked&) { return deviation_of(numbers(all)); },
            [](const auto& all, const Asked&) { return minimum_of(numbers(all)); },
            [](const auto& all, const Asked&) { return maximum_of(numbers(all)); }}});
  use(Case{mean("number", number).only("flagged", with_flag).or_else(-1), {[](auto all, const Asked&) {
             std::erase_if(all, [](const Known& one) { return !one.sample.flag; });
             return numbers(all).empty() ? -1 : mean_of(numbers(all));
           }}});
  use(Case{variance("number", number),
           {[](const auto& all, const Asked&) { return std::pow(deviation_of(numbers(all)), 2); }}});
  use(Case{population_variance("number", number), {[](const auto& all, const Asked&) {
             const auto values = numbers(all);
             return values.empty()
                        ? kNoValue
                        : power_sum(values, mean_of(values), 2) / static_cast<double>(values.size());
           }}});
  use(Case{range("number", number), {[](const auto& all, const Asked&) {
             return maximum_of(numbers(all)) - minimum_of(numbers(all));
           }}});
  use(Case{sum_rate("number", number), {[](const auto& all, const Asked& asked) {
             return asked.seconds > 0 ? sum_of(numbers(all)) / asked.seconds : kNoValue;
           }}});
  use(Case{delta_to_mean("number", number), {[](const auto& all, const Asked& asked) {
             return asked.own->number && std::isfinite(*asked.own->number)
                        ? *asked.own->number - mean_of(numbers(all))
                        : kNoValue;
           }}});
  use(Case{skewness("number", number), {[](const auto& all, const Asked&) {
             const auto values = numbers(all);
             if (values.size() < 3) return kNoValue;
             const double squares = power_sum(values, mean_of(values), 2);
             return std::sqrt(static_cast<double>(values.size())) * power_sum(values, mean_of(values), 3) /
                    std::pow(squares, 1.5);
           }}});
  use(Case{kurtosis("number", number), {[](const auto& all, const Asked&) {
             const auto values = numbers(all);
             if (values.size() < 4) return kNoValue;
             const double squares = power_sum(values, mean_of(values), 2);
             return static_cast<double>(values.size()) * power_sum(values, mean_of(values), 4) / squares /
                        squares -
                    3;
           }}});
  use(Case{element_means("vector", &Sample::vector, 2),
           {[](const auto& all, const Asked&) {
              std::vector<double> values;
              for (const Known& one : all) values.push_back(one.sample.vector[0]);
              return mean_of(values);
            },
            [](const auto& all, const Asked&) {
              std::vector<double> values;
              for (const Known& one : all) values.push_back(one.sample.vector[1]);
              return mean_of(values);
            }}});
  const auto sum_in = [](const char* category) {
    return [category](const auto& all, const Asked&) {
      std::vector<Known> of;
      for (const Known& one : all) {
        const bool listed = one.sample.category == "a" || one.sample.category == "cc";
        if (listed ? one.sample.category == category : *category == '\0') of.push_back(one);
      }
      return sum_of(numbers(of));
    };
  };
  use(Case{bucketed("number", number, "category", &Sample::category, {"a", "cc"}),
           {sum_in("a"), sum_in("cc"), sum_in("")}});
  const auto in_bin = [](double from, double to) {
    return [from, to](const auto& all, const Asked&) {
      double count = 0;
      for (const double value : numbers(all)) count += value >= from && value < to ? 1 : 0;
      return count;
    };
  };
  use(Case{bins("number", number, {990, 1000}),
           {in_bin(-1e300, 990), in_bin(990, 1000), in_bin(1000, 1e300)}});
  const auto pick = [](auto before, std::size_t rank) {
    return [before, rank](const auto& all, const Asked&) { return number_at(ordered(all, before), rank); };
  };
  use(Case{first_k("number", number), {pick(older, 0)}});
  use(Case{last_k("number", number, 3), {pick(newer, 0), pick(newer, 1), pick(newer, 2)}});
  use(Case{top_k("number", number, 2), {pick(larger, 0), pick(larger, 1)}});
  use(Case{bottom_k("number", number, 2),
           {[](const auto& all, const Asked&) {
              const auto values = ordered(
                  all, [](const Known& a, const Known& b) { return *a.sample.number < *b.sample.number; });
              return number_at(values, 0);
            },
            [](const auto& all, const Asked&) {
              const auto values = ordered(
                  all, [](const Known& a, const Known& b) { return *a.sample.number < *b.sample.number; });
              return number_at(values, 1);
            }}});
  use(Case{lag("number", number, 2), {pick(newer, 1)}});
  use(Case{delta("number", number), {[](const auto& all, const Asked& asked) {
             return asked.own->number && std::isfinite(*asked.own->number)
                        ? *asked.own->number - number_at(ordered(all, newer), 0)
                        : kNoValue;
           }}});
  use(Case{arg_max("number", number, "other", &Sample::other), {[](const auto& all, const Asked&) {
             const auto best = ordered(all, larger);
             return best.empty() ? kNoValue : best.front().sample.other;
           }}});
  use(Case{arg_min("number", number, "other", &Sample::other), {[](const auto& all, const Asked&) {
             const auto best = ordered(all, [](const Known& a, const Known& b) {
               return *a.sample.number < *b.sample.number ||
                      (*a.sample.number == *b.sample.number && older(a, b));
             });
             return best.empty() ? kNoValue : best.front().sample.other;
           }}});
  use(Case{distinct_count("category", &Sample::category), {[](const auto& all, const Asked&) {
             return static_cast<double>(counts_by_category(all).size());
           }}});
  use(Case{distinct_count("category", &Sample::category, 2).as("capped"), {[](const auto& all, const Asked&) {
             return std::min(2.0, static_cast<double>(counts_by_category(all).size()));
           }}});
  use(Case{is_new("category", &Sample::category), {[](const auto& all, const Asked& asked) {
             return counts_by_category(all).count(asked.own->category) == 0 ? 1.0 : 0.0;
           }}});
  use(Case{since_same("category", &Sample::category), {[](const auto& all, const Asked& asked) {
             Timestamp last = -1;
             for (const Known& one : all) {
               if (one.sample.category == asked.own->category) last = std::max(last, one.time);
             }
             return last < 0 ? kNoValue : seconds_between(last, asked.time);
           }}});
  use(Case{counts_of("category", &Sample::category, {"cc"}),
           {[](const auto& all, const Asked&) { return counts_by_category(all)["cc"]; }}});
  use(Case{share_of_same("category", &Sample::category), {[](const auto& all, const Asked& asked) {
             return all.empty()
                        ? kNoValue
                        : counts_by_category(all)[asked.own->category] / static_cast<double>(all.size());
           }}});
  use(Case{entropy("category", &Sample::category), {[](const auto& all, const Asked&) {
             if (all.empty()) return kNoValue;
             double sum = 0;
             for (const auto& [category, count] : counts_by_category(all)) {
               const double share = count / static_cast<double>(all.size());
               sum -= share * std::log(share);
             }
             return sum;
           }}});
  use(Case{mode_share("category", &Sample::category), {[](const auto& all, const Asked&) {
             double most = 0;
             for (const auto& [category, count] : counts_by_category(all)) most = std::max(most, count);
             return all.empty() ? kNoValue : most / static_cast<double>(all.size());
           }}});
  use(Case{approx_distinct("category", &Sample::category, 12),
           {
               [](const auto& all, const Asked&) {
                 // Nearly exact while there are few.
                 return static_cast<double>(counts_by_category(all).size());
               },
           },
           false,
           1e-3});
  use(Case{top_share("category", &Sample::category, 1), {[](const auto& all, const Asked&) {
             double most = 0;
             for (const auto& [category, count] : counts_by_category(all)) most = std::max(most, count);
             return all.empty() ? kNoValue : most / static_cast<double>(all.size());
           }}});
  use(Case{quantiles("number", number, {0.0, 1.0}),
           {[](const auto& all, const Asked&) { return minimum_of(numbers(all)); },
            [](const auto& all, const Asked&) { return maximum_of(numbers(all)); }},
           false,
           0.02});
  const auto times = [](const std::vector<Known>& all) {
    Timestamp first = all.front().time;
    Timestamp last = first;
    for (const Known& one : all) first = std::min(first, one.time), last = std::max(last, one.time);
    return std::pair(first, last);
  };
  use(Case{time_since_last(), {[times](const auto& all, const Asked& asked) {
             return all.empty() ? kNoValue : seconds_between(times(all).second, asked.time);
           }}});
  use(Case{time_since_first(), {[times](const auto& all, const Asked& asked) {
             return all.empty() ? kNoValue : seconds_between(times(all).first, asked.time);
           }}});
  use(Case{pause_mean(), {[times](const auto& all, const Asked&) {
             return all.size() < 2 ? kNoValue
                                   : seconds_between(times(all).first, times(all).second) /
                                         static_cast<double>(all.size() - 1);
           }}});
  use(Case{pause_deviation(),
           {[](const auto& all, const Asked&) {
             std::vector<double> pauses;
             for (std::size_t i = 1; i < all.size(); ++i)
               pauses.push_back(seconds_between(all[i - 1].time, all[i].time));
             return deviation_of(pauses);
           }},
           true});
  const auto decayed_by = [](const std::vector<Known>& all, Timestamp to, bool values) {
    double sum = 0;
    for (const Known& one : all) {
      if (!one.sample.number || !std::isfinite(*one.sample.number)) continue;
      sum += std::exp2(-seconds_between(one.time, to) / 600) * (values ? *one.sample.number : 1);
    }
    return sum;
  };
  use(Case{decayed_mean("number", number, 10min), {[=](const auto& all, const Asked&) {
             if (numbers(all).empty()) return kNoValue;
             return decayed_by(all, times(all).second, true) / decayed_by(all, times(all).second, false);
           }}});
  use(Case{decayed_count("number", number, 10min), {[=](const auto& all, const Asked& asked) {
             const auto with_number = ordered(all, older);
             if (with_number.empty()) return 0.0;
             return decayed_by(all, std::max(asked.time, with_number.back().time), false);
           }}});
  use(Case{slope("number", number), {[](const auto& all, const Asked&) {
             return time_moment(all, [](double tt, double, double ty, double) { return ty / tt; });
           }}});
  use(Case{time_correlation("number", number), {[](const auto& all, const Asked&) {
             return time_moment(all, [](double tt, double yy, double ty, double) {
               return yy > 0 ? ty / std::sqrt(tt) / std::sqrt(yy) : kNoValue;
             });
           }}});
  use(Case{largest_fall("number", number),
           {[](const auto& all, const Asked&) {
             const auto values = numbers(all);
             double fall = 0;
             for (std::size_t i = 0; i < values.size(); ++i) {
               for (std::size_t j = i; j < values.size(); ++j) fall = std::max(fall, values[i] - values[j]);
             }
             return values.empty() ? kNoValue : fall;
           }},
           true});
}

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
  bool in_order = false;
  double seconds = 0;
  double tolerance = 0;
};

struct AllFeatures {
  FeatureView<Sample, double> view;
  std::vector<Expected> expected;
};

AllFeatures all_features(bool include_current, Duration grace, std::size_t only_window) {
  FeatureView<Sample, double> view =
      features<Sample, double>("all", 1).include_current(include_current).grace(grace);
  std::vector<Expected> expected;
  std::vector<FeatureWindow> used = {windows()[only_window % windows().size()],
                                     windows()[(only_window + 1) % windows().size()]};
  for_each_case([&](const auto& one) {
    view = std::move(view).agg(one.operation, used);
    for (const FeatureWindow& window : used) {
      for (const Answer& answer : one.answers) {
        const bool fine = window.length < 12h;
        const bool lasts = window.kind != WindowKind::kLast && window.kind != WindowKind::kSession;
        expected.push_back({{window, fine ? 300'000 : 3'600'000},
                            answer,
                            one.in_order,
                            lasts ? static_cast<double>(window.length.count()) / 1000 : 0,
                            one.tolerance});
      }
    }
  });
  return {std::move(view), std::move(expected)};
}

std::vector<Sample> any_samples(std::mt19937_64& random, std::size_t count) {
  std::vector<Sample> samples;
  Timestamp time = kStart + static_cast<Timestamp>(random() % 100'000'000);
  for (std::size_t i = 0; i < count; ++i) {
    switch (random() % 12) {
      case 0:
        time += static_cast<Timestamp>(random() % 20'000'000);
        break;  // hours
      case 1:
        time += static_cast<Timestamp>(random() % 2'000'000);
        break;
      default:
        time += static_cast<Timestamp>(random() % 120'000);
        break;
    }
    Sample sample;
    sample.key = "k";
    sample.time = time;
    if (random() % 4 == 0)
      sample.time -= static_cast<Timestamp>(random() % 1'500'000);                 // out of order, some late
    if (random() % 4 == 0 && !samples.empty()) sample.time = samples.back().time;  // a tie
    if (random() % 6 != 0) sample.number = 1000.0 + static_cast<double>(random() % 64) / 4 - 8;
    if (random() % 30 == 0) sample.number = std::numeric_limits<double>::infinity();
    if (random() % 30 == 0) sample.number = kNoValue;
    sample.other = static_cast<double>(random() % 3);
    sample.category = kCategories[random() % kCategories.size()];
    sample.flag = random() % 3 == 0;
    sample.vector = {static_cast<double>(random() % 10), -static_cast<double>(random() % 7)};
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

void expect_close(double expected, double value, double tolerance, const std::string& what) {
  if (std::isnan(expected) && std::isnan(value)) return;
  const double size = std::max({std::abs(expected), std::abs(value), 1e-3});
  EXPECT_TRUE(std::abs(expected - value) <= tolerance * size)
      << what << ": expected " << expected << ", is " << value;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) ? !std::isnan(b[i])
                         : std::bit_cast<std::uint64_t>(a[i]) != std::bit_cast<std::uint64_t>(b[i]))
      return false;
  }
  return true;
}

void play(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const bool include = random() % 2 == 0;
  const Duration grace = random() % 3 == 0 ? Duration(0) : Duration(1'000'000);
  const AllFeatures all = all_features(include, grace, random() % windows().size());
  const auto plan = all.view.plan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ((*plan)->outputs().size(), all.expected.size());
  ColumnsOf<Sample> columns(**plan, all.view.readers());
  Workspace remembering(**plan);
  Workspace forgetting(**plan, /*remember=*/false);
  auto state = std::make_unique<KeyState>(**plan);
  KeyState other(**plan);
  std::vector<Known> known;
  std::set<KeyState::TileId> stored;
  std::vector<double> row(all.expected.size());
  std::vector<double> other_row(all.expected.size());
  std::int64_t order = 0;
  bool in_order = true;
  for (const Sample& sample : any_samples(random, 120)) {
    columns.read(sample);
    const Event event{sample.time, order++, columns.values()};
    const bool late = state->is_late(sample.time);
    in_order = in_order && sample.time >= state->seen();
    const Known one{sample, sample.time, event.order};
    if (include && !late) {
      state->add(event, remembering);
      other.add(event, forgetting);
      known.push_back(one);
    }
    state->evaluate(event, include && !late, remembering, row.data());
    other.evaluate(event, include && !late, forgetting, other_row.data());
    ASSERT_TRUE(same_bits(row, other_row)) << "what is remembered changes the row of record " << order - 1;
    for (std::size_t i = 0; i < row.size() && !late; ++i) {
      const Expected& expected = all.expected[i];
      if (expected.in_order && !in_order) continue;
      const std::int64_t until = include ? event.order + 1 : event.order;
      const auto records = expected.window(known, sample.time, until, Duration(0).count());
      const double value = expected.answer(records, {sample.time, &sample, expected.seconds});
      expect_close(value, row[i], expected.tolerance,
                   (*plan)->outputs()[i].name + " of record " + std::to_string(order - 1));
      if (testing::Test::HasFailure()) return;
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
    if (random() % 10 == 0) state = copy_through_bytes(**plan, *state, remembering, stored);
  }
}

TEST(FeatureReference, RowsAreWhatTheyAreByDefinition) {
  play_cases(number_from_environment("WEIR_FEATURE_CASES", 60), /*on_disk=*/false,
             [](unsigned seed, const std::string&) { play(seed); });
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
