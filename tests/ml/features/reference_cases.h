// Each operation of operations.h, and what it is by definition of the records of a window. Sketches have the bounds that their
// headers promise. tests/house/compared_operations.py wants every operation here.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/ml/features/operations.h>

#include "ml/features/reference.h"

namespace weir::ml {

// One operation and the same by definition. `by_order` says that it depends on how the records of a window that has no tiles of time
// were cut, unless they came in order.
template <class Op>
struct Case {
  Op operation;
  std::vector<Answer> answers;
  bool by_order = false;
  double tolerance = 1e-7;
};
template <class Op, class... Rest>
Case(Op, std::vector<Answer>, Rest...) -> Case<Op>;

// ---------------------------------------------------------------------------------------------------------- of numbers

using Numbers = std::vector<double>;

// The answer of the window's numbers alone.
template <class F>
Answer of_numbers(F answer) {
  return [answer](const Records& all, const Asked&) { return Bounds(answer(numbers(all))); };
}

inline double count_of(const Numbers& values) { return static_cast<double>(values.size()); }
inline double sum_of(const Numbers& values) {
  return values.empty() ? kNoValue : mean_of(values) * count_of(values);
}
inline double population_variance_of(const Numbers& values) {
  return values.empty() ? kNoValue : power_sum(values, mean_of(values), 2) / count_of(values);
}
inline double variance_of(const Numbers& values) {
  return values.size() < 2 ? kNoValue : power_sum(values, mean_of(values), 2) / (count_of(values) - 1);
}
inline double deviation_of(const Numbers& values) { return std::sqrt(variance_of(values)); }
inline double minimum_of(const Numbers& values) {
  return values.empty() ? kNoValue : *std::min_element(values.begin(), values.end());
}
inline double maximum_of(const Numbers& values) {
  return values.empty() ? kNoValue : *std::max_element(values.begin(), values.end());
}
inline double skewness_of(const Numbers& values) {
  if (values.size() < 3) return kNoValue;
  return std::sqrt(count_of(values)) * power_sum(values, mean_of(values), 3) /
         std::pow(power_sum(values, mean_of(values), 2), 1.5);
}
inline double kurtosis_of(const Numbers& values) {
  if (values.size() < 4) return kNoValue;
  const double squares = power_sum(values, mean_of(values), 2);
  return count_of(values) * power_sum(values, mean_of(values), 4) / squares / squares - 3;
}
// In the order of the numbers.
inline double largest_rise_of(const Numbers& values) {
  double rise = values.empty() ? kNoValue : 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = i; j < values.size(); ++j) rise = std::max(rise, values[j] - values[i]);
  }
  return rise;
}
inline double largest_fall_of(Numbers values) {
  std::reverse(values.begin(), values.end());
  return largest_rise_of(values);
}

inline std::optional<double> own_number(const Asked& asked) {
  const std::optional<double> number = asked.own->number;
  return number && std::isfinite(*number) ? number : std::nullopt;
}

// ---------------------------------------------------------------------------------------------------------- of records

// The records with a number, ordered.
inline Records ordered(Records records, const std::function<bool(const Known&, const Known&)>& before) {
  std::erase_if(records,
                [](const Known& one) { return !one.sample->number || !std::isfinite(*one.sample->number); });
  std::stable_sort(records.begin(), records.end(), before);
  return records;
}
inline bool older(const Known& a, const Known& b) {
  return std::pair(a.time, a.order) < std::pair(b.time, b.order);
}
inline bool newer(const Known& a, const Known& b) { return older(b, a); }
inline bool larger(const Known& a, const Known& b) {
  return *a.sample->number > *b.sample->number || (*a.sample->number == *b.sample->number && older(a, b));
}
inline bool smaller(const Known& a, const Known& b) {
  return *a.sample->number < *b.sample->number || (*a.sample->number == *b.sample->number && older(a, b));
}

inline Answer picked_number(bool (*before)(const Known&, const Known&), std::size_t rank) {
  return [=](const Records& all, const Asked&) {
    const Records records = ordered(all, before);
    return rank < records.size() ? *records[rank].sample->number : kNoValue;
  };
}
inline Answer other_of_first(bool (*before)(const Known&, const Known&)) {
  return [=](const Records& all, const Asked&) {
    const Records records = ordered(all, before);
    return records.empty() ? kNoValue : records.front().sample->other.value_or(kNoValue);
  };
}
inline Answer count_where(std::function<bool(const Sample&)> is) {
  return [is = std::move(is)](const Records& all, const Asked&) {
    return static_cast<double>(
        std::count_if(all.begin(), all.end(), [&](const Known& one) { return is(*one.sample); }));
  };
}

// The numbers of an element, of vectors of two.
inline Numbers element_of(const Records& all, std::size_t element) {
  Numbers values;
  for (const Known& one : all) {
    if (one.sample->vector.size() == 2 && std::isfinite(one.sample->vector[element]))
      values.push_back(one.sample->vector[element]);
  }
  return values;
}
inline std::vector<Answer> of_elements(double (*answer)(const Numbers&)) {
  const auto of = [answer](std::size_t element) {
    return [=](const Records& all, const Asked&) { return answer(element_of(all, element)); };
  };
  return {of(0), of(1)};
}

// Of the numbers in the categories for which `is` holds.
inline Answer sum_in(std::function<bool(const std::string&)> is) {
  return [is = std::move(is)](Records all, const Asked&) {
    std::erase_if(all, [&](const Known& one) { return !one.sample->category || !is(*one.sample->category); });
    return sum_of(numbers(all));
  };
}
inline Answer count_in_bin(double from, double to) {
  return of_numbers([=](const Numbers& values) {
    return static_cast<double>(std::count_if(values.begin(), values.end(),
                                             [&](double value) { return value >= from && value < to; }));
  });
}

// ------------------------------------------------------------------------------------------------------- of categories

// By their bytes.
using Counts = std::map<std::string, double>;

inline Counts categories(const Records& records) {
  Counts counts;
  for (const Known& one : records) {
    if (one.sample->category) ++counts[*one.sample->category];
  }
  return counts;
}
inline double total_of(const Counts& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0.0,
                         [](double sum, const auto& one) { return sum + one.second; });
}
inline double times_of(const Counts& counts, const std::string& category) {
  const auto found = counts.find(category);
  return found == counts.end() ? 0 : found->second;
}
// Of the `most` most frequent.
inline double share_of_most(const Counts& counts, std::size_t most) {
  if (counts.empty()) return kNoValue;
  Numbers times;
  for (const auto& [category, count] : counts) times.push_back(count);
  std::sort(times.begin(), times.end(), std::greater<>());
  times.resize(std::min(times.size(), most));
  return std::accumulate(times.begin(), times.end(), 0.0) / total_of(counts);
}
inline double entropy_of(const Counts& counts) {
  double sum = counts.empty() ? kNoValue : 0;
  for (const auto& [category, count] : counts) {
    const double share = count / total_of(counts);
    sum -= share * std::log(share);
  }
  return sum;
}
// Those with the smallest bytes.
inline Counts limited(const Counts& counts, std::size_t limit) {
  return {counts.begin(),
          std::next(counts.begin(), static_cast<std::ptrdiff_t>(std::min(limit, counts.size())))};
}

template <class F>
Answer of_categories(F answer) {
  return [answer](const Records& all, const Asked&) { return Bounds(answer(categories(all))); };
}
// No value where the record has no category of its own.
template <class F>
Answer of_own_category(F answer) {
  return [answer](const Records& all, const Asked& asked) {
    return asked.own->category ? Bounds(answer(categories(all), *asked.own->category)) : Bounds(kNoValue);
  };
}

// The zones that came last, the newest first.
inline std::vector<int> newest_zones(Records all) {
  std::stable_sort(all.begin(), all.end(), newer);
  std::vector<int> zones;
  for (const Known& one : all) {
    if (std::find(zones.begin(), zones.end(), one.sample->zone) == zones.end())
      zones.push_back(one.sample->zone);
  }
  return zones;
}
inline Answer newest_zone(std::size_t rank) {
  return [rank](const Records& all, const Asked&) {
    const std::vector<int> zones = newest_zones(all);
    return rank < zones.size() ? zones[rank] : kNoValue;
  };
}

// ------------------------------------------------------------------------------------------------------------- of time

inline double seconds_between(Timestamp from, Timestamp to) { return static_cast<double>(to - from) / 1000; }
inline Timestamp first_time(const Records& all) {
  return std::min_element(all.begin(), all.end(), older)->time;
}
inline Timestamp last_time(const Records& all) {
  return std::max_element(all.begin(), all.end(), older)->time;
}

// The pauses that were there when records came: of a tile those of records that came in order, and between tiles that from the newest
// record of one to the oldest of the next.
inline Numbers pauses_of(const Records& all, Timestamp tile) {
  Numbers pauses;
  Timestamp newest = 0;
  for (std::size_t begin = 0; begin < all.size();) {
    std::size_t end = begin + 1;
    while (end < all.size() &&
           (tile == 0 || floor_of(all[end].time, tile) == floor_of(all[begin].time, tile)))
      ++end;
    const Records records(all.begin() + static_cast<std::ptrdiff_t>(begin),
                          all.begin() + static_cast<std::ptrdiff_t>(end));
    if (begin > 0) pauses.push_back(seconds_between(newest, first_time(records)));
    newest = records.front().time;
    for (std::size_t i = 1; i < records.size(); ++i) {
      if (records[i].time < newest) continue;
      pauses.push_back(seconds_between(newest, records[i].time));
      newest = records[i].time;
    }
    begin = end;
  }
  return pauses;
}

// With weights that halve in ten minutes.
inline double decayed_of(const Records& all, Timestamp to, bool values) {
  double sum = 0;
  for (const Known& one : ordered(all, older))
    sum += std::exp2(-seconds_between(one.time, to) / 600) * (values ? *one.sample->number : 1);
  return sum;
}
// As of the newest record if that is newer.
inline Answer decayed_at_asked(bool values, double of_none) {
  return [=](const Records& all, const Asked& asked) {
    const Records with_number = ordered(all, older);
    if (with_number.empty()) return of_none;
    return decayed_of(all, std::max(asked.time, with_number.back().time), values);
  };
}

// The least-squares line through the numbers over time, in seconds from the first of them.
struct Line {
  long double time = 0;  // means
  long double value = 0;
  long double times = 0;  // sums of products of deviations
  long double values = 0;
  long double both = 0;
  Timestamp begin = 0;
};
inline Answer of_line(double (*answer)(const Line&, Timestamp)) {
  return [answer](const Records& all, const Asked& asked) {
    const Records records = ordered(all, older);
    if (records.empty()) return kNoValue;
    Line line;
    line.begin = records.front().time;
    const auto n = static_cast<long double>(records.size());
    const auto time = [&](const Known& one) -> long double { return seconds_between(line.begin, one.time); };
    for (const Known& one : records) line.time += time(one) / n, line.value += *one.sample->number / n;
    for (const Known& one : records) {
      const long double x = time(one) - line.time;
      const long double y = *one.sample->number - line.value;
      line.times += x * x, line.values += y * y, line.both += x * y;
    }
    return line.begin < records.back().time ? answer(line, asked.time) : kNoValue;
  };
}

// -------------------------------------------------------------------------------------------------------- of sketches

// The numbers between which a quantile is whose rank may be wrong by that share of all, and by one.
inline Bounds by_rank(Numbers values, double q, double error) {
  if (values.empty()) return kNoValue;
  std::sort(values.begin(), values.end());
  const double n = count_of(values);
  const double low = std::max(std::floor((q - error) * n) - 1, 0.0);
  const double high = std::min(std::ceil((q + error) * n), n - 1);
  return {values[static_cast<std::size_t>(low)], values[static_cast<std::size_t>(high)]};
}
inline Answer relative_quantile(double q, double accuracy) {
  return of_numbers([=](Numbers values) -> Bounds {
    if (values.empty()) return kNoValue;
    std::sort(values.begin(), values.end());
    const double exact = values[static_cast<std::size_t>(std::floor(q * (count_of(values) - 1)))];
    return {exact - accuracy * std::abs(exact), exact + accuracy * std::abs(exact)};
  });
}
// Three times what 99 of 100 keep.
inline Answer ranked_quantile(double q, double size) {
  return of_numbers([=](const Numbers& values) {
    return by_rank(values, q, count_of(values) <= size ? 0 : 3 * 2.296 / std::pow(size, 0.9723));
  });
}
// Within a cluster's ranks; the ends are exact.
inline Answer tail_quantile(double q, double compression) {
  return of_numbers(
      [=](const Numbers& values) { return by_rank(values, q, 6.3 / compression * std::sqrt(q * (1 - q))); });
}
inline double share_up_to(const Numbers& values, double most) {
  const auto up_to =
      std::count_if(values.begin(), values.end(), [most](double value) { return value <= most; });
  return static_cast<double>(up_to) / count_of(values);
}

// ------------------------------------------------------------------------------------------------------- the operations

// An aggregator of one's own.
struct LargestMagnitude {
  using State = double;
  std::string identity() const { return "largest-magnitude"; }
  State init() const { return -1; }
  void add(State& state, const Input& input) const { merge(state, std::abs(input.value->number)); }
  void merge(State& state, const State& later) const { state = std::max(state, later); }
  double value(const State& state, const Query&, const Evaluation&) const {
    return state < 0 ? kNoValue : state;
  }
  void encode(const State& state, Bytes& out) const { put_double(state, out); }
  bool decode(StateReader& bytes, State& state) const {
    state = bytes.take_double();
    return bytes.ok();
  }
};

// Calls use(case) with every operation that is exact.
template <class Use>
void for_each_exact_case(const Use& use) {
  using namespace agg;
  const auto with_flag = [](const Sample& sample) { return sample.flag; };
  const auto number = &Sample::number;
  const auto category = &Sample::category;
  const auto all_records = count_where([](const Sample&) { return true; });

  use(Case{count(), {all_records}});
  use(Case{count_if("flagged", with_flag), {count_where(with_flag)}});
  use(Case{rate(), {[](const Records& all, const Asked& asked) {
             return asked.seconds > 0 ? static_cast<double>(all.size()) / asked.seconds : kNoValue;
           }}});
  use(Case{null_count("number", number), {[](const Records& all, const Asked&) {
             return static_cast<double>(all.size()) - count_of(numbers(all));
           }}});
  use(Case{
      ratio("flag", &Sample::flag, "other", &Sample::other),
      {[with_flag](const Records& all, const Asked& asked) {
        const double of =
            count_where([](const Sample& sample) { return sample.other.value_or(0) != 0; })(all, asked).low;
        return of == 0 ? kNoValue : count_where(with_flag)(all, asked).low / of;
      }}});

  use(Case{sum("number", number), {of_numbers(sum_of)}});
  use(Case{mean("number", number), {of_numbers(mean_of)}});
  use(Case{mean("number", number).only("flagged", with_flag).or_else(-1), {[](Records all, const Asked&) {
             std::erase_if(all, [](const Known& one) { return !one.sample->flag; });
             return numbers(all).empty() ? -1 : mean_of(numbers(all));
           }}});
  use(Case{variance("number", number), {of_numbers(variance_of)}});
  use(Case{deviation("number", number), {of_numbers(deviation_of)}});
  use(Case{population_variance("number", number), {of_numbers(population_variance_of)}});
  use(Case{population_deviation("number", number),
           {of_numbers([](const Numbers& values) { return std::sqrt(population_variance_of(values)); })}});
  use(Case{minimum("number", number), {of_numbers(minimum_of)}});
  use(Case{maximum("number", number), {of_numbers(maximum_of)}});
  use(Case{range("number", number),
           {of_numbers([](const Numbers& values) { return maximum_of(values) - minimum_of(values); })}});
  use(Case{sum_rate("number", number), {[](const Records& all, const Asked& asked) {
             return asked.seconds > 0 ? sum_of(numbers(all)) / asked.seconds : kNoValue;
           }}});
  use(Case{value_count("number", number), {of_numbers(count_of)}});
  use(Case{delta_to_mean("number", number), {[](const Records& all, const Asked& asked) {
             return own_number(asked).value_or(kNoValue) - mean_of(numbers(all));
           }}});
  use(Case{statistics("number", number).as("all"),
           {of_numbers(count_of), of_numbers(sum_of), of_numbers(deviation_of), of_numbers(minimum_of),
            of_numbers(maximum_of)}});
  use(Case{skewness("number", number), {of_numbers(skewness_of)}});
  use(Case{kurtosis("number", number), {of_numbers(kurtosis_of)}});
  use(Case{elements("vector", &Sample::vector, 2, "deviation", SummaryOf::kDeviationSample),
           of_elements(deviation_of)});
  use(Case{element_means("vector", &Sample::vector, 2), of_elements(mean_of)});
  use(Case{element_sums("vector", &Sample::vector, 2), of_elements(sum_of)});
  use(Case{element_minima("vector", &Sample::vector, 2), of_elements(minimum_of)});
  use(Case{element_maxima("vector", &Sample::vector, 2), of_elements(maximum_of)});
  use(Case{bucketed("number", number, "category", category, {"a", "cc"}),
           {sum_in([](const std::string& in) { return in == "a"; }),
            sum_in([](const std::string& in) { return in == "cc"; }),
            sum_in([](const std::string& in) { return in != "a" && in != "cc"; })}});
  use(Case{bins("number", number, {-2, 3, 990, 1000}),
           {count_in_bin(-1e300, -2), count_in_bin(-2, 3), count_in_bin(3, 990), count_in_bin(990, 1000),
            count_in_bin(1000, 1e300)}});
  use(Case{aggregate("own", number, erased(LargestMagnitude()), {ask("largest", 0)}),
           {of_numbers([](Numbers values) {
             for (double& value : values) value = std::abs(value);
             return maximum_of(values);
           })}});
  use(Case{aggregate_records(counter(), {ask("records", CounterOf::kCount)}), {all_records}});

  use(Case{first_k("number", number), {picked_number(older, 0)}});
  use(Case{last_k("number", number, 3),
           {picked_number(newer, 0), picked_number(newer, 1), picked_number(newer, 2)}});
  use(Case{top_k("number", number, 2), {picked_number(larger, 0), picked_number(larger, 1)}});
  use(Case{bottom_k("number", number, 2), {picked_number(smaller, 0), picked_number(smaller, 1)}});
  use(Case{lag("number", number, 2), {picked_number(newer, 1)}});
  use(Case{delta("number", number), {[](const Records& all, const Asked& asked) {
             return own_number(asked).value_or(kNoValue) - picked_number(newer, 0)(all, asked).low;
           }}});
  use(Case{arg_max("number", number, "other", &Sample::other), {other_of_first(larger)}});
  use(Case{arg_min("number", number, "other", &Sample::other), {other_of_first(smaller)}});

  use(Case{distinct_count("category", category),
           {of_categories([](const Counts& counts) { return static_cast<double>(counts.size()); })}});
  use(Case{distinct_count("category", category, 2).as("capped"), {of_categories([](const Counts& counts) {
             return std::min(2.0, static_cast<double>(counts.size()));
           })}});
  use(Case{distinct_overflowed("category", category, 2),
           {of_categories([](const Counts& counts) { return counts.size() > 2 ? 1.0 : 0.0; })}});
  use(Case{is_new("category", category), {of_own_category([](const Counts& counts, const std::string& own) {
             return counts.contains(own) ? 0.0 : 1.0;
           })}});
  use(Case{
      since_same("category", category), {[](Records all, const Asked& asked) {
        std::erase_if(all, [&](const Known& one) { return one.sample->category != asked.own->category; });
        return all.empty() || !asked.own->category ? kNoValue : seconds_between(last_time(all), asked.time);
      }}});
  use(Case{last_distinct_k("zone", &Sample::zone, 2), {newest_zone(0), newest_zone(1)}});
  use(Case{counts_of("category", category, {"cc", "none"}),
           {of_categories([](const Counts& counts) { return times_of(counts, "cc"); }),
            of_categories([](const Counts&) { return 0.0; })}});
  use(Case{counts_of("category", category, {"b"}, 2).as("capped"),
           {of_categories([](const Counts& counts) { return times_of(limited(counts, 2), "b"); })}});
  use(Case{count_of_same("category", category), {of_own_category(times_of)}});
  use(Case{share_of_same("category", category),
           {of_own_category([](const Counts& counts, const std::string& own) {
             return counts.empty() ? kNoValue : times_of(counts, own) / total_of(counts);
           })}});
  use(Case{count_of_same("category", category, 2).as("capped"),
           {of_own_category([](const Counts& counts, const std::string& own) {
             return times_of(limited(counts, 2), own);
           })}});
  use(Case{share_of_same("category", category, 2).as("capped"),
           {of_own_category([](const Counts& counts, const std::string& own) {
             return counts.empty() ? kNoValue : times_of(limited(counts, 2), own) / total_of(counts);
           })}});
  use(Case{entropy("category", category), {of_categories(entropy_of)}});
  // Those beyond the limit are one category.
  use(Case{entropy("category", category, 2).as("capped"), {of_categories([](const Counts& counts) {
             Counts one_of_others = limited(counts, 2);
             const double others = total_of(counts) - total_of(one_of_others);
             if (others > 0) one_of_others["others"] = others;
             return entropy_of(one_of_others);
           })}});
  use(Case{mode_share("category", category),
           {of_categories([](const Counts& counts) { return share_of_most(counts, 1); })}});
  use(Case{mode("zone", &Sample::zone), {[](const Records& all, const Asked&) {
             Counts counts;
             for (const Known& one : all) ++counts[std::to_string(one.sample->zone)];
             const auto most =
                 std::max_element(counts.begin(), counts.end(),
                                  [](const auto& a, const auto& b) { return a.second < b.second; });
             return most == counts.end() ? kNoValue : std::stod(most->first);
           }}});
  use(Case{overflow_count("category", category, 2), {of_categories([](const Counts& counts) {
             return total_of(counts) - total_of(limited(counts, 2));
           })}});

  use(Case{time_since_last(), {[](const Records& all, const Asked& asked) {
             return all.empty() ? kNoValue : seconds_between(last_time(all), asked.time);
           }}});
  use(Case{time_since_first(), {[](const Records& all, const Asked& asked) {
             return all.empty() ? kNoValue : seconds_between(first_time(all), asked.time);
           }}});
  use(Case{time_span(), {[](const Records& all, const Asked&) {
             return all.empty() ? kNoValue : seconds_between(first_time(all), last_time(all));
           }}});
  use(Case{pause_mean(), {[](const Records& all, const Asked&) {
             return all.size() < 2 ? kNoValue
                                   : seconds_between(first_time(all), last_time(all)) /
                                         static_cast<double>(all.size() - 1);
           }}});
  use(Case{pause_deviation(),
           {[](const Records& all, const Asked& asked) { return deviation_of(pauses_of(all, asked.tile)); }},
           /*by_order=*/true});
  use(Case{decayed_sum("number", number, std::chrono::minutes(10)), {decayed_at_asked(true, kNoValue)}});
  use(Case{decayed_count("number", number, std::chrono::minutes(10)), {decayed_at_asked(false, 0)}});
  use(Case{decayed_mean("number", number, std::chrono::minutes(10)), {[](const Records& all, const Asked&) {
             if (numbers(all).empty()) return kNoValue;
             const Timestamp newest = ordered(all, newer).front().time;
             return decayed_of(all, newest, true) / decayed_of(all, newest, false);
           }}});
  use(Case{slope("number", number), {of_line([](const Line& line, Timestamp) {
             return static_cast<double>(line.both / line.times);
           })}});
  use(Case{forecast("number", number), {of_line([](const Line& line, Timestamp time) {
             const long double at = seconds_between(line.begin, time);
             return static_cast<double>(line.value + line.both / line.times * (at - line.time));
           })}});
  use(Case{time_correlation("number", number), {of_line([](const Line& line, Timestamp) {
             return line.values > 0
                        ? static_cast<double>(line.both / std::sqrt(line.times) / std::sqrt(line.values))
                        : kNoValue;
           })}});
  use(Case{largest_fall("number", number), {of_numbers(largest_fall_of)}});
  use(Case{largest_rise("number", number), {of_numbers(largest_rise_of)}});
}

// Calls use(case) with every operation that is a sketch.
template <class Use>
void for_each_sketch_case(const Use& use) {
  using namespace agg;
  const auto number = &Sample::number;
  const auto category = &Sample::category;

  // Nearly exact of a few; six standard errors of many.
  use(Case{approx_distinct("category", category, 10), {of_categories([](const Counts& counts) -> Bounds {
             const auto exact = static_cast<double>(counts.size());
             const double error = exact <= 100 ? 1e-3 : 6 * 1.04 / 32;
             return {exact * (1 - error), exact * (1 + error)};
           })}});
  use(Case{quantiles("number", number, {0, 0.1, 0.5, 0.99, 1}),
           {relative_quantile(0, 0), relative_quantile(0.1, 0.01), relative_quantile(0.5, 0.01),
            relative_quantile(0.99, 0.01), relative_quantile(1, 0)}});
  use(Case{quantiles("number", number, {0.3, 0.9}, 0.05).as("rough"),
           {relative_quantile(0.3, 0.05), relative_quantile(0.9, 0.05)}});
  use(Case{quantiles_by_rank("number", number, {0.05, 0.5, 0.95}),
           {ranked_quantile(0.05, 200), ranked_quantile(0.5, 200), ranked_quantile(0.95, 200)}});
  use(Case{quantiles_by_rank("number", number, {0.25, 0.75}, 20).as("small"),
           {ranked_quantile(0.25, 20), ranked_quantile(0.75, 20)}});
  use(Case{quantiles_of_tails("number", number, {0, 0.01, 0.5, 0.99, 1}),
           {tail_quantile(0, 100), tail_quantile(0.01, 100), tail_quantile(0.5, 100),
            tail_quantile(0.99, 100), tail_quantile(1, 100)}});
  use(Case{quantiles_of_tails("number", number, {0.02, 0.6}, 20).as("small"),
           {tail_quantile(0.02, 20), tail_quantile(0.6, 20)}});
  // Those within the accuracy of the own value, on its far side, may count too.
  use(Case{share_below_own("number", number), {[](const Records& all, const Asked& asked) -> Bounds {
             const Numbers values = numbers(all);
             const std::optional<double> own = own_number(asked);
             if (values.empty() || !own) return kNoValue;
             return {share_up_to(values, *own), share_up_to(values, *own + 0.0203 * std::abs(*own))};
           }}});
  // Too high by one in as many as there are counters, for each that is counted.
  const auto top = [](std::size_t most, double counters) {
    return of_categories([=](const Counts& counts) -> Bounds {
      const double exact = share_of_most(counts, most);
      const double error =
          static_cast<double>(counts.size()) <= counters ? 0 : static_cast<double>(most) / counters;
      return {exact, std::min(exact + error, 1.0)};
    });
  };
  use(Case{top_share("category", category, 1), {top(1, 64)}});
  use(Case{top_share("category", category, 3, 16).as("three"), {top(3, 16)}});
  use(Case{top_share_error("category", category, 16), {of_categories([](const Counts& counts) -> Bounds {
             if (counts.empty()) return kNoValue;
             return {0, counts.size() <= 16 ? 0 : 1.0 / 16};
           })}});
}

}  // namespace weir::ml
