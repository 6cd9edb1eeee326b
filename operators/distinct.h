// distinct lets the first record of each id through, and drops those that come within a window of time after it.
//
//   clicks.distinct({.store = "seen-clicks", .window = 10min, .grace = 1min},
//                   [](const Click& click) { return click.id; })
//       .to("clicks-once");
//   readings.distinct({.store = "seen-sensors", .window = 1h, .grace = 0min}).to("hourly");      // the id is the key
//
// A record is a duplicate if one of the same id passed whose time differs from its own by less than the window; duplicates do
// not extend it. They are dropped and counted as such. Records come in any order: one that is more than `grace` behind the
// largest time so far is dropped and counted as late, since what passed around its time may be forgotten. So the store
// keeps ids for about twice the window and the grace, and no longer.
//
// The id is a MapperOver: id(value), id(key, value) or id(key, value, info); a type that a store can keep, or an optional of
// that. Without a selector it is the key. Records without id are dropped and counted as having no key. A stream whose keys
// were changed goes through a repartition topic first. Records of one id must be in one partition to be compared: that is so
// if they have the same key.
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include <weir/core/node.h>
#include <weir/operators/repartition.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>
#include <weir/state/window_store.h>

namespace weir {

template <class K, class V, class Select>
class DistinctNode final : public UnaryNode<K, V, K, V> {
 public:
  using Id = NonNull<ResultOver<Select, K, V>>;

  DistinctNode(std::string store, Duration window, Duration grace, Select select)
      : store_name_(std::move(store)),
        window_(window.count()),
        grace_(grace.count()),
        select_(std::move(select)) {}

  void open() override {
    store_ = &typed_store<WindowStore<Id, bool>>(this->context(), *this, store_name_);
    seen_ = this->context().persistent_time(store_name_);
  }

  void accept(const Record<K, V>& record) override {
    const auto id = this->ask_user(select_, record);
    if (!id) return;
    const Timestamp time = record.timestamp;
    *seen_ = std::max(*seen_, time);
    if (is_null(*id)) return this->context().drop(DropReason::kNullKey);
    if (time < *seen_ - grace_) return this->context().drop(DropReason::kLate);
    if (is_duplicate(non_null(*id), time)) return this->context().drop(DropReason::kDuplicate);
    // The store keeps what the grace lets through.
    static_cast<void>(store_->put(non_null(*id), slot_of(time), true, time));
    this->emit(record);
  }

 private:
  // Time is cut into slots as wide as the window. Those that pass are at least a window apart, so that a slot has at most
  // one of an id: three look-ups tell all, and no walk is needed.
  [[nodiscard]] Timestamp slot_of(Timestamp time) const { return time / window_ * window_; }

  [[nodiscard]] bool is_duplicate(const Id& id, Timestamp time) {
    const Timestamp slot = slot_of(time);
    return passed(id, slot, time) || (slot > 0 && passed(id, slot - window_, time)) ||
           (*seen_ - slot >= window_ && passed(id, slot + window_, time));
  }

  // Returns whether one passed in that slot that is close.
  [[nodiscard]] bool passed(const Id& id, Timestamp slot, Timestamp time) {
    const auto* row = store_->find(id, slot);
    return row != nullptr && std::max(row->timestamp, time) - std::min(row->timestamp, time) < window_;
  }

  const std::string store_name_;
  const Timestamp window_;
  const Timestamp grace_;
  const Select select_;
  WindowStore<Id, bool>* store_ = nullptr;  // by slot; a row's timestamp says when the record was that passed
  Timestamp* seen_ = nullptr;               // the largest timestamp that came; committed with the task
};

// Returns options whose durations can be; problems are noted.
[[nodiscard]] DistinctOptions checked(const GraphPoint& stream, DistinctOptions options,
                                      const Location& where);

// Adds the node, and its store.
template <class K, class V, class Select>
[[nodiscard]] KStream<K, V> add_distinct(const KStream<K, V>& stream, const DistinctOptions& wanted,
                                         Select select, const Location& where) {
  using Distinct = DistinctNode<K, V, Select>;
  const DistinctOptions options = checked(stream, wanted, where);
  const std::string& store = options.store.text();
  const Duration window = options.window.value();
  const Duration grace = options.grace.value();
  StoreOptions store_options;
  store_options.persistent = options.persistent;
  store_options.logged = options.logged;
  stream.graph()->topology().add_store(
      window_store_spec<typename Distinct::Id, bool>(store, 2 * window + grace, Duration(-1), store_options),
      state_engine(), where);
  return KStream<K, V>(stream.extend_named(stream.name_for("distinct", options.name), options.on_error,
                                           node_factory<Distinct>(store, window, grace, std::move(select)),
                                           where, {store}));
}

template <class K, class V>
KStream<NonNull<K>, V> KStream<K, V>::distinct(DistinctOptions options, Location where) const
  requires Storable<NonNull<K>>
{
  const auto key_of = [](const NonNull<K>& key, const V&) { return key; };
  return add_distinct(keyed(*this, options.store.text(), where), options, key_of, where);
}

template <class K, class V>
template <class Select>
  requires MapperOver<Select, K, V> && Storable<NonNull<ResultOver<Select, K, V>>>
KStream<K, V> KStream<K, V>::distinct(DistinctOptions options, Select select, Location where) const {
  return add_distinct(keyed_or_null(*this, options.store.text(), where), options, std::move(select), where);
}

}  // namespace weir
