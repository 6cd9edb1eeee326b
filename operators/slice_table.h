// The table of windows whose pieces are in a slice store: how it is read, and how the store is added.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/operators/graph.h>
#include <weir/operators/sliced_rows.h>
#include <weir/operators/slices.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table_access.h>
#include <weir/operators/time_windows.h>
#include <weir/operators/window_options.h>
#include <weir/operators/windowed.h>
#include <weir/state/slice_store.h>

namespace weir {

// The rows of windows whose pieces are in a slice store.
template <class K, class V, class Merger>
class SliceGetter final : public TableGetter<Windowed<K>, V> {
 public:
  // `retention`: for how long windows can be read.
  SliceGetter(SliceStore<K, V>& store, const Slices& slices, Duration retention, Merger merger)
      : store_(store), slices_(slices), retention_(retention), merger_(std::move(merger)) {}

  const Timestamped<V>* find(const Windowed<K>& key, BytesView) override {
    const Timestamp start = key.window.start;
    const Timestamp observed = store_.observed_time();
    if (observed == kNoTimestamp || !slices_.starts_window(start)) return nullptr;
    if (start <= slices_.last_window(observed) - retention_.count()) return nullptr;
    row_.reset();
    store_.visit(key.key, start, start, [&](Timestamp, Timestamp, const Timestamped<V>& piece) {
      merge_piece(merger_, key.key, piece, row_);
    });
    return row_ ? &*row_ : nullptr;
  }

 private:
  SliceStore<K, V>& store_;
  const Slices slices_;
  const Duration retention_;
  const Merger merger_;
  std::optional<Timestamped<V>> row_;
};

// Adds a slice store, and returns how to read the table in it.
template <class K, class Value, class Merger>
[[nodiscard]] TableAccess<Windowed<K>, Value> add_slices(const GraphPoint& stream, const TimeWindows& windows,
                                                         const Merger& merger, const WindowOptions& options,
                                                         const Location& where) {
  const std::string& store = options.store.text();
  const Slices slices(windows);
  check_options(stream, options, /*ever_close=*/true, where);
  const Duration retention = retention_of(stream, windows.retention(), options, where);
  // Told of by time: then they lie by time. They are kept for as long as the store of windows would keep a window with them,
  // whose clock is up to one advance behind.
  const Duration segment = options.emit == WindowEmit::kOnWindowClose ? slices.width() : Duration(-1);
  stream.graph()->topology().add_store(
      slice_store_spec<K, Value>(store, slices.windows_text(), retention + windows.advance(), segment,
                                 store_options(options)),
      state_engine(), where);

  TableAccess<Windowed<K>, Value> access;
  access.stores = {store};
  access.open_getter = [=](TaskContext& context,
                           const Node& reader) -> std::unique_ptr<TableGetter<Windowed<K>, Value>> {
    return std::make_unique<SliceGetter<K, Value, Merger>>(
        typed_store<SliceStore<K, Value>>(context, reader, store), slices, retention, merger);
  };
  access.before = std::make_shared<BeforeWish>();
  access.window_grace = windows.grace();
  return access;
}

}  // namespace weir
