// Records that came too late for a window, as a stream: what to do with them is said before what is done with the others.
//
//   orders.group_by_key()
//       .windowed_by(weir::tumbling({.size = 5min, .grace = 1min}))
//       .late([](const weir::KStream<std::string, weir::Late<Order>>& late) {
//         late.map_values([](const weir::Late<Order>& order) { return order.value; }).to("late-orders");
//       })
//       .count({.store = "orders-per-5-minutes"});
//
// There is one record for each window that refused it, with the key, time and headers it came with, and it is counted as
// dropped all the same. For sliding windows and sessions it is the one that the record would have made, both ends included.
#pragma once

#include <concepts>
#include <functional>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/operators/stream.h>
#include <weir/operators/windowed.h>

namespace weir {

enum class LateReason {
  kClosed,  // the window takes no more records
  kExpired,  // the window is older than what its store keeps: another stream that shares the store is far ahead
};

template <class V>
struct Late {
  V value{};
  Window window;
  LateReason reason = LateReason::kClosed;
};

// Is told of the stream of late records.
template <class K, class V>
using LateStream = std::function<void(const KStream<K, Late<V>>&)>;

// A callable that takes a KStream<K, Late<V>>.
template <class F, class K, class V>
concept LateStreamOver = std::copy_constructible<F> && std::invocable<const F&, const KStream<K, Late<V>>&> &&
                         std::copy_constructible<V>;

// For those who write verbs: a node that makes changes of OutKey's windows, and refuses records.
template <class K, class V, class OutKey, class Value>
class WindowNode : public Emitter<OutKey, Change<Value>>, public Inlet<K, V> {
 public:
  [[nodiscard]] bool connect(Node& child) final {
    if (Emitter<OutKey, Change<Value>>::connect(child)) return true;
    auto* inlet = dynamic_cast<Inlet<K, Late<V>>*>(&child);
    if (inlet == nullptr) return false;
    late_.push_back(inlet);
    return true;
  }

 protected:
  // Counts a record as late, and tells those who want to know.
  void refuse(const Record<K, V>& record, const Window& window, LateReason reason = LateReason::kClosed) {
    this->context().drop(reason == LateReason::kClosed ? DropReason::kLate : DropReason::kExpired);
    if constexpr (std::copy_constructible<V>) {
      if (late_.empty()) return;
      const Late<V> late{record.value, window, reason};
      for (Inlet<K, Late<V>>* inlet : late_) inlet->accept(record.with_value(late));
    }
  }

 private:
  std::vector<Inlet<K, Late<V>>*> late_;
};

// Hands the late records of such a node to whom they were promised, if anybody.
template <class K, class V>
void offer_late(const GraphPoint& node, const LateStream<K, V>& take) {
  if (take != nullptr) take(KStream<K, Late<V>>(node));
}

}  // namespace weir
