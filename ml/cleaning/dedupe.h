// dedupe lets one record of each id through within a window of time: of those that come twice, the one with the lower offset.
//
//   readings
//       .apply(weir::ml::dedupe({.store = "seen-readings", .within = 10min, .grace = 1min},
//                               [](const Reading& reading) { return reading.id; }))
//       .to("readings-once");
//
// It is KStream::distinct (operators/distinct.h says what counts as a repeat and how late one may be) with a word on records
// that have no id: by default they are dropped and counted; with `WhenNoId::kFail` they are failures of the node, so that its
// error policy can send them aside. What was seen is in a store with a changelog, and part of the commit: a restart changes
// nothing.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <weir/ml/user_call.h>
#include <weir/operators/distinct.h>
#include <weir/operators/stream.h>

namespace weir::ml {

enum class WhenNoId {
  kDrop,  // counted as DropReason::kNullKey
  kFail,  // as the node's error policy says
};

struct DedupeOptions {
  StoreName store;
  std::string name = {};    // of the node
  RequiredDuration within;  // > 0: how long after a record others of its id are repeats
  RequiredDuration grace;   // >= 0: how late a record may be
  WhenNoId when_no_id = WhenNoId::kDrop;
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For KStream::apply.
template <class Select>
class DedupeOperator {
 public:
  DedupeOperator(DedupeOptions options, Select select, Location where)
      : options_(std::move(options)), select_(std::move(select)), where_(where) {}

  template <class K, class V>
    requires MapperOver<Select, K, V> && Storable<NonNull<ResultOver<Select, K, V>>>
  KStream<K, V> operator()(const KStream<K, V>& stream) const {
    const auto id_of = [select = select_, fails = options_.when_no_id == WhenNoId::kFail](
                           const K& key, const V& value, const RecordInfo& info) {
      ResultOver<Select, K, V> id = call_user(select, key, value, info);
      if (fails && is_null(id)) throw std::invalid_argument("the record has no id");
      return id;
    };
    return stream.distinct({.store = options_.store,
                            .name = options_.name,
                            .window = options_.within,
                            .grace = options_.grace,
                            .persistent = options_.persistent,
                            .logged = options_.logged,
                            .on_error = options_.on_error},
                           id_of, where_);
  }

 private:
  const DedupeOptions options_;
  const Select select_;
  const Location where_;
};

template <class Select>
[[nodiscard]] DedupeOperator<Select> dedupe(DedupeOptions options, Select select_id,
                                            Location where = Location::current()) {
  return {std::move(options), std::move(select_id), where};
}

}  // namespace weir::ml
