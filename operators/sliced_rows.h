// What can be aggregated in slices, and how the rows of windows are put together of the pieces that count in them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/time.h>
#include <weir/operators/aggregator.h>
#include <weir/operators/slices.h>
#include <weir/state/timestamped.h>

namespace weir {

// An aggregator that cannot delete rows.
template <class F, class K, class V, class Row>
concept StayingAggregatorOver =
    AggregatorOver<F, K, V, Row> && kRowsAggregatedBy<F, K, V, Row> == Rows::kStay;
// The same of a reducer; and values are never null, since whether one comes first in its slice must not matter.
template <class F, class V>
concept StayingReducerOver =
    !kIsOptional<V> && ReducerOver<F, V, V> && kRowsReducedBy<F, V, V> == Rows::kStay;

// Adds a piece to a row; the first one is the row. Calls the user.
template <class K, class V, class Merger>
void merge_piece(const Merger& merger, const K& key, const Timestamped<V>& piece,
                 std::optional<Timestamped<V>>& row) {
  if (!row) {
    row = piece;
    return;
  }
  if constexpr (std::is_invocable_r_v<V, const Merger&, const V&, const V&>) {
    row->value = std::invoke(merger, std::as_const(row->value), piece.value);
  } else {
    row->value = std::invoke(merger, key, std::as_const(row->value), piece.value);
  }
  row->timestamp = std::max(row->timestamp, piece.timestamp);
}

// The rows of several windows of one key. A piece is merged about twice, however many of the windows it counts in: windows
// are asked for by ascending start, so that pieces come in at one end and leave at the other. Two runs of pieces are kept
// merged: `back_`, to which those that come in are added, and `front_`, what is left of an earlier back when pieces leave,
// merged from each of its pieces to its end. Pieces of late records, which are few, are merged into each window.
//
// Begin with clear(), add the pieces, then ask.
template <class K, class V, class Merger>
class SlicedRows {
 public:
  using Row = Timestamped<V>;

  SlicedRows(const Slices& slices, Merger merger) : slices_(slices), merger_(std::move(merger)) {}

  void clear() {
    pieces_.clear();
    late_.clear();
    front_.clear();
    back_.reset();
    first_ = middle_ = next_ = 0;
  }

  // By ascending slice.
  void add(Timestamp from, Timestamp slice, const Row& row) {
    (from == slices_.first_window(slice) ? pieces_ : late_).push_back({from, slice, row});
  }

  // Returns the row of the window that starts there, if anything counts in it. The start must not be less than that of the
  // call before.
  [[nodiscard]] std::optional<Row> at(const K& key, Timestamp start) {
    for (; next_ < pieces_.size() && pieces_[next_].from <= start; ++next_)
      merge_piece(merger_, key, pieces_[next_].row, back_);
    while (first_ < next_ && pieces_[first_].slice < start) ++first_;
    if (first_ > middle_) turn_over(key);
    std::optional<Row> row;
    if (first_ < middle_) row = front_[first_ - front_begin_];
    if (back_) merge_piece(merger_, key, *back_, row);
    for (const Piece& piece : late_) {
      if (piece.from <= start && start <= piece.slice) merge_piece(merger_, key, piece.row, row);
    }
    return row;
  }

 private:
  struct Piece {
    Timestamp from;
    Timestamp slice;
    Row row;
  };

  // Makes the front of all pieces that are in. Called when one of the back has left.
  void turn_over(const K& key) {
    front_.clear();
    front_.resize(next_ - first_);
    std::optional<Row> sum;
    for (std::size_t i = next_; i > first_; --i) {
      // What is earlier comes first.
      std::optional<Row> row = pieces_[i - 1].row;
      if (sum) merge_piece(merger_, key, *sum, row);
      front_[i - 1 - first_] = *row;
      sum = std::move(row);
    }
    front_begin_ = first_;
    middle_ = next_;
    back_.reset();
  }

  const Slices slices_;
  const Merger merger_;
  std::vector<Piece> pieces_;
  std::vector<Piece> late_;
  std::vector<Row> front_;   // of pieces front_begin_ <= i < middle_: merged from i to the end
  std::optional<Row> back_;  // of pieces middle_ <= i < next_
  std::size_t front_begin_ = 0;
  std::size_t first_ = 0;  // the first that has not left
  std::size_t middle_ = 0;
  std::size_t next_ = 0;  // the first that has not come in
};

}  // namespace weir
