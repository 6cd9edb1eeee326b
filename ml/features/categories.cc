#include <weir/ml/features/categories.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::ml {
namespace {

constexpr std::size_t kNodeBytes = 64;  // of a tree's node, about

double number_of(std::string_view text) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && rest == text.data() + text.size() ? number : kNoValue;
}

struct DistinctSet {
  std::set<std::string, std::less<>> values;
  bool overflowed = false;
};

struct DistinctAggregator {
  using State = DistinctSet;
  std::size_t limit;

  std::string identity() const { return "distinct(" + std::to_string(limit) + ")"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const { take(state, input.value->text); }
  void merge(State& state, const State& later) const {
    for (const std::string& value : later.values) take(state, value);
    state.overflowed = state.overflowed || later.overflowed;
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    switch (static_cast<DistinctOf>(query.what)) {
      case DistinctOf::kCount:
        return static_cast<double>(state.values.size());
      case DistinctOf::kOverflowed:
        return state.overflowed ? 1 : 0;
      case DistinctOf::kIsNew:
        if (evaluation.value->null) return kNoValue;
        return state.values.find(evaluation.value->text) == state.values.end() ? 1 : 0;
    }
    return kNoValue;
  }
  void encode(const State& state, Bytes& out) const {
    out.push_back(state.overflowed ? '\1' : '\0');
    put_unsigned(state.values.size(), out);
    for (const std::string& value : state.values) put_sized_text(value, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state = {};
    const BytesView flag = bytes.take_bytes(1);
    state.overflowed = !flag.empty() && flag.front() != '\0';
    for (std::size_t left = bytes.take_count(); left > 0; --left) state.values.emplace(bytes.take_text());
    return bytes.ok() && state.values.size() <= limit;
  }
  std::size_t held_bytes(const State& state) const { return state.values.size() * kNodeBytes; }

 private:
  void take(State& state, std::string_view value) const {
    if (state.values.find(value) != state.values.end()) return;
    if (state.values.size() < limit) {
      state.values.emplace(value);
      return;
    }
    state.overflowed = true;
    const auto largest = std::prev(state.values.end());
    if (value >= *largest) return;
    state.values.erase(largest);
    state.values.emplace(value);
  }
};

struct SeenCategory {
  std::string category;
  Timestamp time = 0;
  std::int64_t order = 0;
};

struct LastDistinctAggregator {
  using State = std::vector<SeenCategory>;  // the newest first
  std::size_t limit;

  std::string identity() const { return "last-distinct(" + std::to_string(limit) + ")"; }
  State init() const { return {}; }
  void add(State& state, const Input& input) const {
    take(state, {std::string(input.value->text), input.time, input.order});
  }
  void merge(State& state, const State& later) const {
    for (const SeenCategory& one : later) take(state, one);
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    const auto what = static_cast<LastDistinctOf>(query.what);
    if (what == LastDistinctOf::kCount) return static_cast<double>(state.size());
    if (what == LastDistinctOf::kNumber) {
      const auto rank = static_cast<std::size_t>(query.parameter);
      return rank < state.size() ? number_of(state[rank].category) : kNoValue;
    }
    if (evaluation.value->null) return kNoValue;
    for (std::size_t rank = 0; rank < state.size(); ++rank) {
      if (state[rank].category != evaluation.value->text) continue;
      return what == LastDistinctOf::kRankOfOwn
                 ? static_cast<double>(rank)
                 : static_cast<double>(evaluation.time - state[rank].time) / 1000.0;
    }
    return kNoValue;
  }
  void encode(const State& state, Bytes& out) const {
    put_unsigned(state.size(), out);
    for (const SeenCategory& one : state) {
      put_sized_text(one.category, out);
      put_signed(one.time, out);
      put_signed(one.order, out);
    }
  }
  bool decode(StateReader& bytes, State& state) const {
    state.resize(bytes.take_count(3));
    for (SeenCategory& one : state) {
      one.category = bytes.take_text();
      one.time = bytes.take_signed();
      one.order = bytes.take_signed();
    }
    return bytes.ok() && state.size() <= limit;
  }
  std::size_t held_bytes(const State& state) const { return state.capacity() * sizeof(SeenCategory); }

 private:
  // Equal times and orders are told apart by the category, so that any order of merging gives the same.
  static bool newer(const SeenCategory& a, const SeenCategory& b) {
    return std::tie(a.time, a.order, a.category) > std::tie(b.time, b.order, b.category);
  }
  void take(State& state, SeenCategory one) const {
    const auto same = std::find_if(state.begin(), state.end(),
                                   [&](const SeenCategory& other) { return other.category == one.category; });
    if (same != state.end()) {
      if (!newer(one, *same)) return;
      state.erase(same);
    }
    state.insert(std::upper_bound(state.begin(), state.end(), one, newer), std::move(one));
    if (state.size() > limit) state.pop_back();
  }
};

struct CategoryTally {
  std::map<std::string, std::int64_t, std::less<>> counts;
  std::int64_t other = 0;
  std::int64_t total = 0;
};

struct ValueCountsAggregator {
  using State = CategoryTally;
  std::size_t limit;
  std::vector<std::string> listed;

  // With the list: who asks for other categories has a state of his own.
  std::string identity() const {
    return fmt::format("value-counts({}{}{})", limit, listed.empty() ? "" : ",", fmt::join(listed, ","));
  }
  State init() const { return {}; }
  void add(State& state, const Input& input) const { take(state, input.value->text, 1); }
  void merge(State& state, const State& later) const {
    for (const auto& [category, count] : later.counts) take(state, category, count);
    state.other += later.other;
    state.total += later.other;
  }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    const auto total = static_cast<double>(state.total);
    const auto share = [&](double count) { return state.total == 0 ? kNoValue : count / total; };
    switch (static_cast<ValueCountsOf>(query.what)) {
      case ValueCountsOf::kCountOf:
        return count_of(state, listed[static_cast<std::size_t>(query.parameter)]);
      case ValueCountsOf::kShareOf:
        return share(count_of(state, listed[static_cast<std::size_t>(query.parameter)]));
      case ValueCountsOf::kCountOfOwn:
        return evaluation.value->null ? kNoValue : count_of(state, evaluation.value->text);
      case ValueCountsOf::kShareOfOwn:
        return evaluation.value->null ? kNoValue : share(count_of(state, evaluation.value->text));
      case ValueCountsOf::kEntropy:
        return entropy(state);
      case ValueCountsOf::kDistinct:
        return static_cast<double>(state.counts.size());
      case ValueCountsOf::kModeCount:
        return state.total == 0 ? kNoValue : mode(state);
      case ValueCountsOf::kModeShare:
        return share(mode(state));
      case ValueCountsOf::kOther:
        return static_cast<double>(state.other);
      case ValueCountsOf::kModeNumber:
        return mode_number(state);
    }
    return kNoValue;
  }
  void encode(const State& state, Bytes& out) const {
    put_signed(state.other, out);
    put_unsigned(state.counts.size(), out);
    for (const auto& [category, count] : state.counts) {
      put_sized_text(category, out);
      put_signed(count, out);
    }
  }
  bool decode(StateReader& bytes, State& state) const {
    state = {};
    state.other = state.total = bytes.take_signed();
    for (std::size_t left = bytes.take_count(2); left > 0; --left) {
      const BytesView category = bytes.take_text();
      const std::int64_t count = bytes.take_signed();
      state.counts.emplace(category, count);
      state.total += count;
    }
    return bytes.ok() && state.counts.size() <= limit && state.other >= 0;
  }
  std::size_t held_bytes(const State& state) const { return state.counts.size() * (kNodeBytes + 16); }

 private:
  // What stays are the smallest categories of all that ever came, each with all its records, whatever the order: a category
  // that was pushed out by smaller ones can never come back.
  void take(State& state, std::string_view category, std::int64_t count) const {
    state.total += count;
    const auto found = state.counts.find(category);
    if (found != state.counts.end()) {
      found->second += count;
      return;
    }
    if (state.counts.size() < limit) {
      state.counts.emplace(category, count);
      return;
    }
    const auto largest = std::prev(state.counts.end());
    if (category > largest->first) {
      state.other += count;
      return;
    }
    state.other += largest->second;
    state.counts.erase(largest);
    state.counts.emplace(category, count);
  }
  static double count_of(const State& state, std::string_view category) {
    const auto found = state.counts.find(category);
    return found == state.counts.end() ? 0 : static_cast<double>(found->second);
  }
  static double mode(const State& state) {
    std::int64_t most = 0;
    for (const auto& [category, count] : state.counts) most = std::max(most, count);
    return static_cast<double>(most);
  }
  static double mode_number(const State& state) {
    const auto fewer = [](const auto& a, const auto& b) { return a.second < b.second; };
    const auto most = std::max_element(state.counts.begin(), state.counts.end(), fewer);
    return most == state.counts.end() ? kNoValue : number_of(most->first);
  }
  static double entropy(const State& state) {
    if (state.total == 0) return kNoValue;
    const auto total = static_cast<double>(state.total);
    double sum = 0;
    const auto add = [&](std::int64_t count) {
      if (count == 0) return;
      const double share = static_cast<double>(count) / total;
      sum -= share * std::log(share);
    };
    for (const auto& [category, count] : state.counts) add(count);
    add(state.other);
    return sum + 0.0;  // no negative zero
  }
};

struct HistogramAggregator {
  using State = std::vector<std::int64_t>;
  std::vector<double> edges;

  std::string identity() const { return fmt::format("histogram({})", fmt::join(edges, ",")); }
  State init() const { return State(edges.size() + 1); }
  void add(State& state, const Input& input) const {
    const double value = input.value->number;
    if (std::isnan(value)) return;
    const auto above = std::upper_bound(edges.begin(), edges.end(), value);
    ++state[static_cast<std::size_t>(above - edges.begin())];
  }
  void merge(State& state, const State& later) const {
    for (std::size_t i = 0; i < state.size(); ++i) state[i] += later[i];
  }
  double value(const State& state, const Query& query, const Evaluation&) const {
    return static_cast<double>(state[static_cast<std::size_t>(query.what)]);
  }
  void encode(const State& state, Bytes& out) const {
    for (const std::int64_t count : state) put_signed(count, out);
  }
  bool decode(StateReader& bytes, State& state) const {
    state.resize(edges.size() + 1);
    for (std::int64_t& count : state) count = bytes.take_signed();
    return bytes.ok();
  }
  std::size_t held_bytes(const State& state) const { return state.capacity() * sizeof(std::int64_t); }
};

}  // namespace

AggregationPtr distinct_values(std::size_t limit) { return erased(DistinctAggregator{limit}); }
AggregationPtr last_distinct_values(std::size_t limit) { return erased(LastDistinctAggregator{limit}); }
AggregationPtr value_counts(std::size_t limit, std::vector<std::string> listed) {
  return erased(ValueCountsAggregator{limit, std::move(listed)});
}
AggregationPtr histogram(std::vector<double> edges) { return erased(HistogramAggregator{std::move(edges)}); }

}  // namespace weir::ml
