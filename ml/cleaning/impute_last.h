// impute_last puts the last value of the same key where one is missing: of sensors that leave out what has not changed, of forms
// that were filled in before.
//
//   readings                                                      // KStream<std::string, Reading>, keyed by sensor
//       .apply(weir::ml::impute_last(
//           {.store = "last-readings", .within = 1h},
//           [](const Reading& reading) { return std::array<float, 2>{reading.celsius, reading.humidity}; },
//           [](const Reading& reading, std::span<const float> row) { return Reading{reading.id, row[0], row[1]}; }))
//
// The first callable gives the row, NaN where a value is missing; the second makes the new value of the old one and the row as it
// is then. A column that never had a value stays missing, and so does one whose last value is older than `within`.
//
// Time is the records' own. A record that comes late is not filled with what is newer than itself, and does not replace it; of
// records of the same time the one with the higher offset counts as the later one. An infinite value is a value.
//
// The last values lie in a store with a changelog, with one row per key, and are part of the commit: a restart changes nothing.
// Keys that come no more stay; nothing else bounds the store. A row with another number of columns than the key's stored one
// forgets that: the program has changed. Records without a key are dropped and counted; a stream whose keys were changed is
// repartitioned first.
#pragma once

#include <bit>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <memory>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/json_serde.h>
#include <weir/core/time.h>
#include <weir/operators/process.h>
#include <weir/operators/repartition.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>
#include <weir/state/key_value_store.h>

namespace weir::ml {

struct ImputeLastOptions {
  StoreName store;
  std::string name = {};  // of the node; default: the store's
  Duration within{0};     // 0: however old
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// What is known of a column.
struct LastValue {
  std::uint32_t value = 0;        // the bits of a float: JSON has no infinity
  Timestamp time = kNoTimestamp;  // kNoTimestamp: it never had one
};
struct LastValues {
  std::vector<LastValue> columns;
};

// Fills what is missing in the row, and remembers what is not.
inline void fill_from(LastValues& last, std::span<float> row, Timestamp time, Duration within) {
  if (last.columns.size() != row.size()) last.columns.assign(row.size(), {});
  for (std::size_t i = 0; i < row.size(); ++i) {
    LastValue& known = last.columns[i];
    if (!std::isnan(row[i])) {
      if (time >= known.time) known = {std::bit_cast<std::uint32_t>(row[i]), time};
    } else if (known.time != kNoTimestamp && known.time <= time &&
               (within.count() == 0 || time - known.time <= within.count())) {
      row[i] = std::bit_cast<float>(known.value);
    }
  }
}

// row(value): a contiguous range of floats.
template <class F, class V>
concept FloatRowOf =
    std::invocable<const F&, const V&> &&
    std::ranges::contiguous_range<std::invoke_result_t<const F&, const V&>> &&
    std::same_as<std::ranges::range_value_t<std::invoke_result_t<const F&, const V&>>, float>;

// U(value, std::span<const float>): the new value.
template <class F, class V>
concept FilledTakerOver = std::invocable<const F&, const V&, std::span<const float>> &&
                          !std::is_void_v<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

template <class F, class V>
using FilledBy = std::remove_cvref_t<std::invoke_result_t<const F&, const V&, std::span<const float>>>;

template <class K, class V, class RowMaker, class Taker>
class ImputeLastProcessor final : public ValueProcessor<K, V, FilledBy<Taker, V>> {
 public:
  using Context = typename ValueProcessor<K, V, FilledBy<Taker, V>>::Context;

  ImputeLastProcessor(const ImputeLastOptions& options, RowMaker row, Taker take)
      : store_name_(options.store.text()),
        within_(options.within),
        row_(std::move(row)),
        take_(std::move(take)) {}

  void open(Context& context) override {
    context_ = &context;
    store_ = &context.template store<KeyValueStore<K, LastValues>>(store_name_);
  }

  void process(const Record<K, V>& record) override {
    const auto made = row_(record.value);
    filled_.assign(std::ranges::data(made), std::ranges::data(made) + std::ranges::size(made));
    const auto* known = store_->find(record.key, record.key_bytes);
    LastValues last = known == nullptr ? LastValues() : known->value;
    fill_from(last, filled_, record.timestamp, within_);
    const auto value = take_(record.value, std::span<const float>(filled_));
    store_->put(record.key, std::move(last), record.timestamp, record.key_bytes);
    context_->forward(value);
  }

 private:
  const std::string store_name_;
  const Duration within_;
  const RowMaker row_;
  const Taker take_;
  std::vector<float> filled_;  // reused
  Context* context_ = nullptr;
  KeyValueStore<K, LastValues>* store_ = nullptr;
};

// For KStream::apply.
template <class RowMaker, class Taker>
class ImputeLastOperator {
 public:
  ImputeLastOperator(ImputeLastOptions options, RowMaker row, Taker take, Location where)
      : options_(std::move(options)), row_(std::move(row)), take_(std::move(take)), where_(where) {}

  template <class K, class V>
    requires FloatRowOf<RowMaker, V> && FilledTakerOver<Taker, V> && Storable<NonNull<K>>
  KStream<NonNull<K>, FilledBy<Taker, V>> operator()(const KStream<K, V>& stream) const {
    using Key = NonNull<K>;
    const std::string& store = options_.store.text();
    if (options_.within.count() < 0) stream.problem("impute_last: within is negative", where_);
    const KStream<Key, V> from = keyed(stream, store, where_);
    from.graph()->topology().add_store(
        key_value_store_spec<Key, LastValues>(store,
                                              {.persistent = options_.persistent, .logged = options_.logged}),
        state_engine(), where_);
    return from.process_values(
        {.name = options_.name.empty() ? store : options_.name,
         .stores = {store},
         .on_error = options_.on_error},
        [options = options_, row = row_, take = take_] {
          return std::make_unique<ImputeLastProcessor<Key, V, RowMaker, Taker>>(options, row, take);
        },
        where_);
  }

 private:
  const ImputeLastOptions options_;
  const RowMaker row_;
  const Taker take_;
  const Location where_;
};

template <class RowMaker, class Taker>
[[nodiscard]] ImputeLastOperator<RowMaker, Taker> impute_last(ImputeLastOptions options, RowMaker row,
                                                              Taker take,
                                                              Location where = Location::current()) {
  return {std::move(options), std::move(row), std::move(take), where};
}

}  // namespace weir::ml

template <>
struct weir::Serde<weir::ml::LastValue> : weir::JsonSerde<weir::ml::LastValue> {
  static constexpr auto kFields =
      fields(field("value", &weir::ml::LastValue::value), field("time", &weir::ml::LastValue::time));
};

template <>
struct weir::Serde<weir::ml::LastValues> : weir::JsonSerde<weir::ml::LastValues> {
  static constexpr auto kFields = fields(field("columns", &weir::ml::LastValues::columns));
};
