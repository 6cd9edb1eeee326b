// anomaly puts a detector beside each key of a stream: every record is judged beside what came before it under its key, and
// then learned.
//
//   readings                                                     // KStream<std::string, Reading>, keyed by sensor
//       .apply(weir::ml::anomaly(
//           {.store = "sensor-detectors", .detector = weir::ml::usual_detector()},
//           [](const Reading& reading) { return reading.celsius; },
//           [](const Reading& reading, const weir::ml::Verdict& verdict) { return Judged{reading, verdict.score}; }))
//       .filter([](const Judged& judged) { return judged.score > 0.94; })
//       .to("alarms");
//
// The first callable gives the sample: a number, or something contiguous of doubles where the detector has columns. The
// second makes the new value of the old one and the verdict. Key, timestamp and headers stay.
//
// Detectors lie in a key-value store with a changelog, and are committed with the records that they learned: under
// exactly-once each record is learned once, and after a restart, a crash or a move to another machine the scores go on as if
// nothing had happened, bit for bit. A detector of usual_detector() takes about 60 kB, written once per commit and changed
// key; samples are judged in the order of their offsets, whatever their times say.
//
// A record without key is dropped and counted. A sample with another number of columns, or one that is not a number within ±1e150, goes the way
// of the node's error policy and is not learned. So does every record of a key whose stored detector has other options than the
// program's; the message says what to do.
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/node.h>
#include <weir/ml/anomaly/detector.h>
#include <weir/operators/repartition.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>
#include <weir/state/key_value_store.h>

namespace weir::ml {

// What a store holds of a key: a detector, or its bytes until it is needed.
struct StoredDetector {
  std::optional<Detector> detector;
  Bytes bytes;
};

struct AnomalyOptions {
  StoreName store;
  std::string name = {};  // of the node
  DetectorOptions detector = usual_detector();
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// sample(value), sample(key, value) or sample(key, value, info): a number, or a contiguous range of doubles.
template <class F, class K, class V>
concept SampleMakerOver =
    MapperOver<F, K, V> && (std::is_arithmetic_v<ResultOver<F, K, V>> ||
                            (std::ranges::contiguous_range<ResultOver<F, K, V>> &&
                             std::same_as<std::ranges::range_value_t<ResultOver<F, K, V>>, double>));

// U(value, const Verdict&): the new value.
template <class F, class V>
concept VerdictTakerOver = std::invocable<const F&, const V&, const Verdict&> &&
                           !std::is_void_v<std::invoke_result_t<const F&, const V&, const Verdict&>>;

template <class F, class V>
using JudgedBy = std::remove_cvref_t<std::invoke_result_t<const F&, const V&, const Verdict&>>;

// Judges and learns the sample with the detector that is stored, or with a new one. Fails, with nothing changed, if that
// cannot be.
[[nodiscard]] absl::Status judge(std::optional<Timestamped<StoredDetector>>& row, const Detector& fresh,
                                 const DetectorOptions& options, const Sample& sample, Verdict& verdict);

template <class K, class V, class SampleMaker, class VerdictTaker>
class AnomalyNode final : public UnaryNode<K, V, K, JudgedBy<VerdictTaker, V>> {
 public:
  AnomalyNode(std::string store, DetectorOptions options, Detector fresh, SampleMaker sample,
              VerdictTaker take)
      : store_name_(std::move(store)),
        options_(std::move(options)),
        fresh_(std::move(fresh)),
        sample_(std::move(sample)),
        take_(std::move(take)) {}

  void open() override {
    store_ = &typed_store<KeyValueStore<K, StoredDetector>>(this->context(), *this, store_name_);
  }

  void accept(const Record<K, V>& record) override {
    const auto made = this->ask_user(sample_, record);
    if (!made) return;
    Sample sample{record.timestamp, {}};
    double number = 0;
    if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(*made)>>) {
      number = static_cast<double>(*made);
      sample.values = {&number, 1};
    } else {
      sample.values = {std::ranges::data(*made), std::ranges::size(*made)};
    }
    // Before the store is touched: a record that is skipped leaves no row.
    absl::Status status = fresh_.check(sample);
    Verdict verdict;
    if (status.ok()) {
      store_->modify(
          record.key, record.timestamp,
          [&](auto& row) { status = judge(row, fresh_, options_, sample, verdict); }, record.key_bytes);
    }
    if (!status.ok()) {
      this->context().failed(*this, DropReason::kFailed, "anomaly: " + std::string(status.message()));
      return;
    }
    const auto value =
        this->guarded([&] { return std::invoke(take_, record.value, std::as_const(verdict)); });
    if (value) this->emit(record.with_value(*value));
  }

 private:
  const std::string store_name_;
  const DetectorOptions options_;
  const Detector fresh_;
  const SampleMaker sample_;
  const VerdictTaker take_;
  KeyValueStore<K, StoredDetector>* store_ = nullptr;
};

// For KStream::apply.
template <class SampleMaker, class VerdictTaker>
class AnomalyOperator {
 public:
  AnomalyOperator(AnomalyOptions options, SampleMaker sample, VerdictTaker take, Location where)
      : options_(std::move(options)), sample_(std::move(sample)), take_(std::move(take)), where_(where) {}

  template <class K, class V>
    requires SampleMakerOver<SampleMaker, NonNull<K>, V> && VerdictTakerOver<VerdictTaker, V>
  KStream<NonNull<K>, JudgedBy<VerdictTaker, V>> operator()(const KStream<K, V>& stream) const;

 private:
  const AnomalyOptions options_;
  const SampleMaker sample_;
  const VerdictTaker take_;
  const Location where_;
};

template <class SampleMaker, class VerdictTaker>
[[nodiscard]] AnomalyOperator<SampleMaker, VerdictTaker> anomaly(AnomalyOptions options, SampleMaker sample,
                                                                 VerdictTaker take,
                                                                 Location where = Location::current()) {
  return {std::move(options), std::move(sample), std::move(take), where};
}

// Returns a detector; what is wrong with the options is noted, and the detector is then another.
[[nodiscard]] Detector checked_detector(const GraphPoint& stream, const DetectorOptions& options,
                                        Location where);

}  // namespace weir::ml

namespace weir {

// See Detector::encode.
template <>
struct Serde<ml::StoredDetector> {
  static constexpr std::string_view kFormat = "weir-detector-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::StoredDetector& stored, Bytes& out) {
    if (stored.detector) {
      stored.detector->encode(out);
    } else {
      out.append(stored.bytes);
    }
  }
  static absl::Status decode(BytesView bytes, ml::StoredDetector& out) {
    out.detector.reset();
    out.bytes.assign(bytes);
    return absl::OkStatus();
  }
};

}  // namespace weir

namespace weir::ml {

template <class SampleMaker, class VerdictTaker>
template <class K, class V>
  requires SampleMakerOver<SampleMaker, NonNull<K>, V> && VerdictTakerOver<VerdictTaker, V>
KStream<NonNull<K>, JudgedBy<VerdictTaker, V>> AnomalyOperator<SampleMaker, VerdictTaker>::operator()(
    const KStream<K, V>& stream) const {
  using Key = NonNull<K>;
  const std::string& store = options_.store.text();
  const KStream<Key, V> by_key = keyed(stream, store, where_);
  by_key.graph()->topology().add_store(
      key_value_store_spec<Key, StoredDetector>(
          store, {.persistent = options_.persistent, .logged = options_.logged}),
      state_engine(), where_);
  return KStream<Key, JudgedBy<VerdictTaker, V>>(by_key.extend(
      "anomaly", {.name = options_.name, .on_error = options_.on_error},
      node_factory<AnomalyNode<Key, V, SampleMaker, VerdictTaker>>(
          store, options_.detector, checked_detector(by_key, options_.detector, where_), sample_, take_),
      where_, {store}));
}

}  // namespace weir::ml
