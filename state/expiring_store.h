// The part that stores of rows with a time have in common: the clock that says which rows are expired, and giving back
// what they took, bucket by bucket, with the commits.
//
// Internal to the state room's typed stores; use WindowStore, SessionStore, JoinStore or VersionedStore.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/state/store_options.h>
#include <weir/state/typed_store.h>
#include <weir/state/window_keys.h>

namespace weir {

template <class V>
class ExpiringStore : public TypedStore<V> {
 public:
  // Returns the store's clock; kNoTimestamp before the first write.
  [[nodiscard]] Timestamp observed_time() const { return clock_.observed(); }

  // Lets the clock see a time without a write.
  void advance(Timestamp time) { clock_.observe(time); }

  // -------------------------------------------------------------------------------------- what the task store calls

  void drop() override {
    TypedStore<V>::drop();
    clock_.reset(applied_.observed);
    extra_ = applied_.extra;
    encoded_ = applied_;
  }

  void cleared() override {
    applied_ = {};
    encoded_ = {};
    TypedStore<V>::cleared();
  }

  [[nodiscard]] std::optional<Bytes> memo() const override {
    Bytes bytes;
    put_big_endian(encoded_.observed, bytes);
    if (has_extra_) put_big_endian(encoded_.extra, bytes);
    return bytes;
  }

  [[nodiscard]] absl::Status load_memo(BytesView bytes) override {
    const std::size_t expected = has_extra_ ? 2 * sizeof(Timestamp) : sizeof(Timestamp);
    if (bytes.size() != expected) {
      return with_context(wrong_size(expected, bytes.size()),
                          "the clock of store '" + this->spec().name + "'");
    }
    clock_.reset(get_big_endian<Timestamp>(bytes.data()));
    if (has_extra_) extra_ = get_big_endian<std::uint64_t>(bytes.data() + sizeof(Timestamp));
    applied_ = encoded_ = {clock_.observed(), clock_.first_live_bucket(), extra_};
    return absl::OkStatus();
  }

 protected:
  // `tail`: the bytes of a key after its time. `has_extra`: the store has one more number to remember.
  ExpiringStore(StoreContext context, const StoreOptions& options, std::size_t tail, bool has_extra = false)
      : TypedStore<V>(std::move(context), options.cache_bytes),
        tail_(tail),
        has_extra_(has_extra),
        clock_(this->spec().retention, this->spec().segment) {}

  WindowClock& clock() { return clock_; }
  const WindowClock& clock() const { return clock_; }

  // A number that commits, aborts and restarts with the rows.
  std::uint64_t& extra() { return extra_; }

  // Lets the clock see the time of a row that is to be written. Returns whether it may be.
  bool observe(Timestamp time) {
    clock_.observe(time);
    return clock_.accepts(time);
  }

  // Cuts off what is expired or not yet. Returns whether anything is left.
  [[nodiscard]] bool clip(TimeSpan& span) const {
    span.from = std::max(span.from, clock_.first_live());
    span.to = std::min(span.to, clock_.observed());
    return span.from <= span.to;
  }

  // Returns a walk over one key's rows in a clipped span; over those of all keys between two.
  RowCursor<V> walk_one(BytesView key, const TimeSpan& span, Direction direction) {
    WindowWalk walk = walk_key(clock_, key, tail_, span);
    return this->cursor(walk.range, std::move(walk.filter), direction);
  }
  RowCursor<V> walk_many(NullableBytes from_key, NullableBytes to_key, const TimeSpan& span,
                         Direction direction) {
    WindowWalk walk = walk_keys(clock_, from_key, to_key, tail_, span);
    return this->cursor(walk.range, std::move(walk.filter), direction);
  }

  // Visits one key's rows in a clipped span, by ascending time.
  template <class F>
  void visit_one(BytesView key, const TimeSpan& span, F&& visit,
                 std::size_t limit = std::numeric_limits<std::size_t>::max()) {
    this->visit_rows([&](ByteRange& range) { range_of_key(clock_, key, tail_, span, range); },
                     OneKeyFilter(key, tail_, span), std::forward<F>(visit), limit,
                     /*committed_too=*/span.from <= applied_.observed);
  }

  void encode_rest() override {
    encoded_ = {clock_.observed(), clock_.first_live_bucket(), extra_};
    if (encoded_.first_bucket > applied_.first_bucket) {
      this->bytes().erase_range(bucket_range(applied_.first_bucket, encoded_.first_bucket));
    }
  }
  void applied_rest() override { applied_ = encoded_; }

  ByteRange live_range() const override { return walk_live().range; }
  std::shared_ptr<const KeyFilter> live_filter() const override { return walk_live().filter; }
  BytesView query_key(BytesView key) const override {
    return key.substr(std::min(key.size(), sizeof(Timestamp)));
  }
  bool keys_are_in_query_order() const override { return false; }

 private:
  // What a commit remembers.
  struct Horizon {
    Timestamp observed = kNoTimestamp;
    Timestamp first_bucket = 0;  // all before it are erased
    std::uint64_t extra = 0;
  };

  [[nodiscard]] WindowWalk walk_live() const {
    return walk_keys(clock_, std::nullopt, std::nullopt, tail_, {.from = clock_.first_live()});
  }

  const std::size_t tail_;
  const bool has_extra_;
  WindowClock clock_;
  std::uint64_t extra_ = 0;
  Horizon applied_;
  Horizon encoded_;
};

}  // namespace weir
