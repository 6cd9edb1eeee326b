// Nodes that let pass what a feature view can use, and leave the rest to their own policy: kDeadLetter.
//
// Internal to the features; use feature_view.h.
#pragma once

#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/ml/features/feature_row.h>

namespace weir::ml {

// Refuses records without a key.
template <class K, class V>
class KeyGateNode final : public UnaryNode<K, V, K, V> {
 public:
  void accept(const Record<K, V>& record) override {
    if (!is_null(record.key)) return this->emit(record);
    this->context().failed(*this, DropReason::kNullKey, "a record without a key has no features");
  }
};

// Refuses rows of records that came later than the grace.
template <class K, class T, class Scalar>
class LateGateNode final : public UnaryNode<K, Featured<T, Scalar>, K, Featured<T, Scalar>> {
 public:
  void accept(const Record<K, Featured<T, Scalar>>& record) override {
    if (!record.value.late) return this->emit(record);
    this->context().failed(*this, DropReason::kLate,
                           "the record is later than the grace of its feature view");
  }
};

}  // namespace weir::ml
