// The nodes of a feature view: the one that makes rows, and the sink that logs them.
//
// Internal to the features; use feature_view.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/core/topology.h>
#include <weir/ml/features/column.h>
#include <weir/ml/features/feature_log.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/feature_row.h>
#include <weir/ml/features/feature_store.h>
#include <weir/ml/features/key_sample.h>
#include <weir/ml/features/live_features.h>
#include <weir/operators/options.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>
#include <weir/state/key_encoder.h>

namespace weir::ml {

inline constexpr char kFeaturesViewHeader[] = "weir.features.view";
inline constexpr char kFeaturesVersionHeader[] = "weir.features.version";
inline constexpr char kFeaturesHashHeader[] = "weir.features.hash";

template <class T>
struct FeatureNodeOptions {
  std::string name = {};
  std::string log_topic = {};
  KeySample log_sample = {};
  FeatureStoreOptions store = {};
  bool stamp = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
  std::function<Timestamp(const T&)> time = {};
  std::shared_ptr<LiveFeatures> live = {};  // shared with the program that asks
  std::vector<std::size_t> overflows = {};  // the columns that tell of bounds
};

// Reads the columns of a record.
template <class T>
class ColumnsOf {
 public:
  ColumnsOf(const FeaturePlan& plan, std::vector<ColumnReader<T>> readers)
      : non_finite_(plan.spec().non_finite),
        readers_(std::move(readers)),
        values_(readers_.size()),
        buffers_(readers_.size()) {}

  // Throws what a reader throws. Returns the number of values that were not finite.
  std::uint64_t read(const T& record) {
    std::uint64_t not_finite = 0;
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      readers_[i](record, values_[i], buffers_[i]);
      for (const double element : values_[i].numbers) not_finite += std::isfinite(element) ? 0 : 1;
      if (std::isfinite(values_[i].number)) continue;
      ++not_finite;
      if (non_finite_ == NonFinite::kAsNull) values_[i].null = true;
    }
    return not_finite;
  }
  // Borrowed until the next read, and no longer than the record.
  [[nodiscard]] std::span<const Value> values() const { return values_; }

 private:
  const NonFinite non_finite_;
  const std::vector<ColumnReader<T>> readers_;
  std::vector<Value> values_;
  std::vector<ReadBuffer> buffers_;
};

// Throws what ends the task if the view cannot go on with its store.
void require_prepared(FeatureStore& store);
void stamp_features(const FeaturePlan& plan, Headers& headers);
// How often expired keys are looked for, in stream time.
[[nodiscard]] Duration expiry_interval(const FeaturePlan& plan);

template <class K, class V, class T, class Scalar>
class FeatureNode final : public UnaryNode<K, V, K, Featured<T, Scalar>> {
 public:
  FeatureNode(FeaturePlanPtr plan, std::vector<ColumnReader<T>> readers, FeatureNodeOptions<T> options,
              std::string store)
      : plan_(std::move(plan)),
        options_(std::move(options)),
        store_name_(std::move(store)),
        columns_(*plan_, std::move(readers)),
        row_(plan_->outputs().size()) {
    result_.row = BasicFeatureRow<Scalar>(plan_->hash(), row_.size());
    stamp_features(*plan_, stamps_);
  }

  void open() override {
    store_ = &typed_store<FeatureStore>(this->context(), *this, store_name_);
    require_prepared(*store_);
    now_ = this->context().persistent_time(store_name_);
    if (options_.live != nullptr) {
      seat_ = options_.live->take_seat(this->context().task_name());
      this->context().schedule(options_.live->period(), TimerClock::kWallClock, [this](Timestamp) {
        answer();
        seat_->tell(store_->counters());
      });
    }
    if (plan_->horizon() < 0) return;
    this->context().schedule(expiry_interval(*plan_), TimerClock::kStreamTime,
                             [this](Timestamp) { store_->erase_expired(*now_); });
  }

  void close() override { seat_.reset(); }

  void accept(const Record<K, V>& record) override {
    if (seat_ != nullptr && seat_->asked()) answer();
    if (is_null(record.value)) return this->context().drop(DropReason::kNullValue);
    const T& value = non_null(record.value);
    std::uint64_t not_finite = 0;
    Timestamp time = record.timestamp;
    const bool read = this->guarded([&] {
      not_finite = columns_.read(value);
      if (options_.time) time = options_.time(value);
    });
    if (!read) return;
    if (time < 0) return this->context().drop(DropReason::kBadTimestamp);
    if (not_finite > 0) {
      store_->count_not_finite(not_finite);
      if (plan_->spec().non_finite == NonFinite::kReject) {
        this->context().failed(*this, DropReason::kFailed, "a column's value is infinite or not a number");
        return;
      }
    }
    const BytesView key = key_encoder_(record.key, record.key_bytes);
    const bool late =
        store_->process(key, {time, record.origin.offset, columns_.values()}, *now_, row_.data());
    if (time > *now_) *now_ = time;
    const auto exceeded = [this](std::size_t column) { return row_[column] > 0; };
    if (std::any_of(options_.overflows.begin(), options_.overflows.end(), exceeded)) store_->count_overflow();
    if (late && plan_->spec().late == LatePolicy::kDrop) return this->context().drop(DropReason::kLate);
    result_.value = value;
    result_.row.assign(row_);
    result_.time = time;
    result_.late = late;
    if (!options_.stamp) return this->emit(record.with_value(result_));
    if (record.headers.empty()) return pass_on(record, stamps_);
    Headers headers = record.headers;
    stamp_features(*plan_, headers);
    pass_on(record, headers);
  }

 private:
  void pass_on(const Record<K, V>& record, const Headers& headers) {
    this->emit({record.key, result_, record.timestamp, headers, record.origin, record.key_bytes});
  }

  void answer() {
    seat_->answer([this](BytesView key, Timestamp time, std::vector<double>& values) {
      const std::optional<Timestamp> newest = store_->look(key, time, row_.data());
      values.resize(row_.size());
      // As in the rows of the stream.
      for (std::size_t i = 0; i < row_.size(); ++i)
        values[i] = static_cast<double>(static_cast<Scalar>(row_[i]));
      return newest;
    });
  }

  const FeaturePlanPtr plan_;
  const FeatureNodeOptions<T> options_;
  const std::string store_name_;
  ColumnsOf<T> columns_;
  KeyEncoder<K> key_encoder_;
  Headers stamps_;  // of a record that has none of its own
  FeatureStore* store_ = nullptr;
  std::unique_ptr<LiveFeatures::Seat> seat_;  // at options_.live; null without
  Timestamp* now_ = nullptr;                  // the largest time that came; committed with the task
  // Scratch of one record.
  std::vector<double> row_;
  Featured<T, Scalar> result_;
};

template <class K, class T, class Scalar>
class FeatureLogSink final : public LeafNode<K, Featured<T, Scalar>> {
 public:
  FeatureLogSink(const FeaturePlanPtr& plan, TopicName topic, KeySample sample)
      : topic_(std::move(topic)), sample_(sample) {
    entry_.view = plan->spec().name;
    entry_.version = plan->spec().version;
    entry_.wide = sizeof(Scalar) == sizeof(double);
  }

  void open() override {
    output_ = this->context().output(topic_.on_broker(this->context().application_id()));
  }

  void accept(const Record<K, Featured<T, Scalar>>& record) override {
    const BytesView key = key_encoder_(record.key, record.key_bytes);
    if (!sample_.has(key)) return;
    const BasicFeatureRow<Scalar>& row = record.value.row;
    entry_.hash = row.hash();
    entry_.time = record.value.time;
    entry_.topic = record.origin.topic;
    entry_.partition = record.origin.partition;
    entry_.offset = record.origin.offset;
    entry_.late = record.value.late;
    entry_.values.assign(row.values().begin(), row.values().end());
    bytes_.clear();
    Serde<FeatureLogEntry>::encode(entry_, bytes_);
    OutgoingRecord outgoing;
    outgoing.topic = output_.id;
    outgoing.partition = kAnyPartition;
    outgoing.key = key;
    outgoing.value = BytesView(bytes_);
    outgoing.timestamp = record.timestamp;
    outgoing.headers = &kNoHeaders;
    this->context().send(outgoing);
  }

 private:
  const TopicName topic_;
  const KeySample sample_;
  OutputTopic output_;
  KeyEncoder<K> key_encoder_;
  FeatureLogEntry entry_;  // used again
  Bytes bytes_;
};

}  // namespace weir::ml
