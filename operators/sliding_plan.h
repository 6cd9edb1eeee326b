// What a record does to the sliding windows of its key: which it changes, and which it makes.
//
// Nothing is written before all of it is known, so that a callable that throws leaves every window as it was.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <weir/core/record.h>
#include <weir/operators/sliding_windows.h>
#include <weir/state/timestamped.h>
#include <weir/state/window_store.h>

namespace weir {

template <class K, class V, class Step>
class SlidingPlan {
 public:
  using Value = typename Step::Value;
  using Row = Timestamped<Value>;

  // A window to be written; without `now` to be erased.
  struct Write {
    Timestamp start = 0;
    std::optional<Row> now;
    std::optional<Value> before;
    Timestamp timestamp = 0;
  };

  SlidingPlan(const SlidingWindows& windows, const Step& step, const Record<K, V>& record, Timestamp seen,
              bool like_kafka_streams)
      : windows_(windows),
        step_(step),
        record_(record),
        seen_(seen),
        like_kafka_streams_(like_kafka_streams) {}

  // The windows that the record is in already come by descending start (by ascending start if it is early, and the shared one
  // last), then those that are made: the order of Kafka Streams.
  std::vector<Write> writes;
  // Windows that would have taken the record, but are closed.
  std::vector<Timestamp> closed;

  void make(WindowStore<K, Value>& store) {
    if (record_.timestamp < windows_.difference().count()) {
      make_early(store);
    } else {
      make_from(store);
    }
  }

 private:
  // For a record that has a window of its own: [time - difference, time].
  void make_from(WindowStore<K, Value>& store) {
    const Timestamp time = record_.timestamp;
    const Timestamp difference = windows_.difference().count();
    bool has_own = false;
    std::optional<Row> before;          // of the last window that ends before the record
    std::optional<Row> after;           // what the last window with the record in it held without it
    std::optional<Timestamp> previous;  // the last record before this one, where it matters
    const Timestamp from = std::max<Timestamp>(0, time - 2 * difference);
    auto found = store.reverse_fetch(record_.key, from, next(time), record_.key_bytes);
    while (found.next()) {
      const Timestamp start = found.start();
      starts_.push_back(start);
      if (start > time) continue;
      const Row row{found.value(), found.timestamp()};
      const Timestamp end = windows_.end_of(start);
      if (end > time) {
        if (!after) after = row;
        add(start, &row);
      } else if (end == time) {
        has_own = true;
        add(start, &row);
        if (row.timestamp == time) return;  // a record at this time was here before: all its windows exist
        previous = row.timestamp;
      } else {
        before = row;
        previous = row.timestamp;
        break;
      }
    }
    const bool begins_after = previous && windows_.end_of(*previous + 1) >= time && !exists(*previous + 1);
    if (begins_after) add(*previous + 1, nullptr);
    // The two are one if the records are just further apart than the difference. Kafka Streams makes it twice.
    const bool is_made = begins_after && *previous + 1 == time - difference && !like_kafka_streams_;
    if (!has_own && !is_made) {
      const bool reaches = before && before->timestamp >= time - difference;
      if (reaches) before->timestamp = time;
      add(time - difference, reaches ? &*before : nullptr, /*is_new=*/true);
    }
    copy_after(after);
  }

  // For one that shares [0, difference] with all others of its kind.
  void make_early(WindowStore<K, Value>& store) {
    const Timestamp time = record_.timestamp;
    std::optional<Row> shared;
    std::optional<Row> after;
    auto found = store.fetch(record_.key, 0, next(time), record_.key_bytes);
    while (found.next()) {
      const Timestamp start = found.start();
      starts_.push_back(start);
      if (start > time) continue;
      Row row{found.value(), found.timestamp()};
      if (start == 0) {
        shared = std::move(row);
      } else {
        add(start, &row);
        after = std::move(row);
      }
    }
    copy_after(after ? after : shared);
    if (shared && shared->timestamp < time && !exists(shared->timestamp + 1)) {
      add(shared->timestamp + 1, nullptr);
    }
    add(0, shared ? &*shared : nullptr);
  }

  // The window that begins after the record: it has what is there of later records.
  void copy_after(const std::optional<Row>& after) {
    const Timestamp start = next(record_.timestamp);
    if (!after || after->timestamp <= record_.timestamp || exists(start)) return;
    writes.push_back({start, after, std::nullopt, after->timestamp});
  }

  // Adds the record to a window that holds `row`.
  void add(Timestamp start, const Row* row, bool is_new = false) {
    if (windows_.is_closed(start, seen_)) {
      closed.push_back(start);
      return;
    }
    Write write{start, std::nullopt, std::nullopt, record_.timestamp};
    if (row != nullptr) {
      write.now = *row;
      if (!is_new) write.before = row->value;
      write.timestamp = std::max(row->timestamp, record_.timestamp);
    } else {
      write.before = step_.first_before();
    }
    step_(record_, write.now);
    if (write.now) write.now->timestamp = write.timestamp;
    writes.push_back(std::move(write));
  }

  [[nodiscard]] bool exists(Timestamp start) const {
    return std::find(starts_.begin(), starts_.end(), start) != starts_.end();
  }
  static Timestamp next(Timestamp time) { return time == kLastTimestamp ? time : time + 1; }

  const SlidingWindows& windows_;
  const Step& step_;
  const Record<K, V>& record_;
  const Timestamp seen_;
  const bool like_kafka_streams_;
  std::vector<Timestamp> starts_;
};

}  // namespace weir
