// drift compares what comes now with what the model was trained on, window by window; changes watches one number, an error for
// instance, and tells when its mean has changed.
//
//   const auto watched = scored.apply(weir::ml::drift(
//       {.store = "fraud-drift", .references = manifest.references, .window = 1h, .grace = 5min},
//       [](const Scored& scored) {
//         return weir::ml::DriftRow{.segment = "fraud", .values = {scored.amount, scored.age, scored.score}};
//       }));
//   watched.events.to("fraud-drift-events");       // verdict "drift" alone
//   watched.reports.to("fraud-drift-reports");     // all, "insufficient" and "stable" too
//
//   outcomes.apply(weir::ml::changes({.store = "fraud-errors"}, weir::ml::Adwin(0.002), [](const Judged& judged) {
//     return weir::ml::Watched{.segment = judged.model_version, .value = judged.wrong ? 1.0 : 0.0};
//   })).to("fraud-error-changes");
//
// References are those of a model's manifest (ModelManifest::references, which Publisher::list gives), or of one's own. They stay
// while the program runs: another model's come in with the next start. Rows of drift have one value for each reference, in their order; what is not finite is missing. For each segment and each
// reference one report is written when the window closes, with the reference's name as key. Changes has the segment as
// key and writes one event for each change.
//
// Drift is never a failure: what to do about it is for the program to say. Rows and numbers go through a repartition topic, so
// that a segment is watched in one place. State is in a store with a changelog and part of the commit: a restart changes nothing.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/json_serde.h>
#include <weir/ml/feedback/change_detectors.h>
#include <weir/ml/feedback/drift_reference.h>
#include <weir/ml/sketches/sketch_serde.h>
#include <weir/ml/user_call.h>
#include <weir/operators/map.h>
#include <weir/operators/repartition.h>
#include <weir/operators/store_access.h>
#include <weir/operators/stream.h>

namespace weir::ml {

struct DriftRow {
  std::string segment = {};
  std::vector<double> values = {};  // one for each reference; other numbers of them are a failure of the node
};

struct DriftOptions {
  StoreName store;
  std::string name = {};  // begins the names of the nodes; default: the store's
  std::vector<DriftReference> references;
  RequiredDuration window;  // tumbling
  RequiredDuration grace;
  DriftLimits limits = {};
  // See WindowOptions.
  std::optional<Duration> close_when_idle = std::nullopt;
  bool persistent = true;
  bool logged = true;
};

struct DriftStreams {
  KStream<std::string, DriftReport> reports;
  KStream<std::string, DriftReport> events;
};

// What is counted in a window: of each reference.
struct DriftCounts {
  std::vector<BinCounts> columns = {};
};

struct Watched {
  std::string segment = {};
  double value = 0;
};

struct ChangeOptions {
  StoreName store;
  std::string name = {};  // begins the names of the nodes; default: the store's
  bool persistent = true;
  bool logged = true;
};

struct ChangeEvent {
  std::string segment = {};
  Timestamp time = 0;      // of the record with which it was found
  double mean_before = 0;  // of what the detector knew
  double mean_after =
      0;  // of what it kept; a detector that begins anew has none, and this is the number that came
  std::uint64_t numbers = 0;  // that it knew
};

// A value that is told one number after the other and says when their mean has changed: Adwin, PageHinkley, or one of yours.
template <class D>
concept ChangeDetector = Sketch<D> && requires(D detector, const D& known, double value) {
  { detector.add(value) } -> std::same_as<bool>;
  { known.mean() } -> std::convertible_to<double>;
  { known.count() } -> std::convertible_to<std::uint64_t>;
};

}  // namespace weir::ml

namespace weir {

template <>
struct Serde<ml::ChangeEvent> : JsonSerde<ml::ChangeEvent> {
  static constexpr auto kFields = fields(field("segment", &ml::ChangeEvent::segment),          //
                                         field("time", &ml::ChangeEvent::time),                //
                                         field("mean_before", &ml::ChangeEvent::mean_before),  //
                                         field("mean_after", &ml::ChangeEvent::mean_after),    //
                                         field("numbers", &ml::ChangeEvent::numbers));
};

// The segment (size, bytes), how many numbers, and these to the bit.
template <>
struct Serde<ml::DriftRow> {
  static constexpr std::string_view kFormat = "drift-row-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::DriftRow& row, Bytes& out);
  static absl::Status decode(BytesView bytes, ml::DriftRow& out);
};

// How many references, and of each the counts (size, bytes).
template <>
struct Serde<ml::DriftCounts> {
  static constexpr std::string_view kFormat = "drift-counts-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::DriftCounts& counts, Bytes& out);
  static absl::Status decode(BytesView bytes, ml::DriftCounts& out);
};

}  // namespace weir

namespace weir::ml {

// For those who write verbs: rows into reports, by segment.
[[nodiscard]] DriftStreams drift_of(const KStream<std::string, DriftRow>& rows, const DriftOptions& options,
                                    const Location& where);

// Throws what fits if a row has another number of values.
void check_row(const DriftRow& row, std::size_t references);

template <class F, class K, class V>
concept DriftRowOver = MapperOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, DriftRow>;

template <class F, class K, class V>
concept WatchedOver = MapperOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, Watched>;

// For KStream::apply.
template <class F>
class DriftOperator {
 public:
  DriftOperator(DriftOptions options, F row, Location where)
      : options_(std::move(options)), row_(std::move(row)), where_(where) {}

  template <class K, class V>
    requires DriftRowOver<F, K, V>
  DriftStreams operator()(const KStream<K, V>& stream) const {
    const std::string& base = options_.name.empty() ? options_.store.text() : options_.name;
    const auto rows = stream.map(
        {.name = base + "-rows"},
        [row = row_, references = options_.references.size()](const K& key, const V& value,
                                                              const RecordInfo& info) {
          DriftRow made = call_user(row, key, value, info);
          check_row(made, references);
          std::string segment = made.segment;
          return std::pair(std::move(segment), std::move(made));
        },
        where_);
    return drift_of(rows, options_, where_);
  }

 private:
  const DriftOptions options_;
  const F row_;
  const Location where_;
};

template <class F>
[[nodiscard]] DriftOperator<F> drift(DriftOptions options, F row, Location where = Location::current()) {
  return {std::move(options), std::move(row), where};
}

// ------------------------------------------------------------------------------------------------------- changes

template <ChangeDetector D>
class ChangeNode final : public UnaryNode<std::string, double, std::string, ChangeEvent> {
 public:
  ChangeNode(std::string store, D fresh) : store_name_(std::move(store)), fresh_(std::move(fresh)) {}

  void open() override {
    store_ = &typed_store<KeyValueStore<std::string, D>>(context(), *this, store_name_);
  }

  void accept(const Record<std::string, double>& record) override {
    const auto* row = store_->find(record.key, record.key_bytes);
    D detector = row == nullptr ? fresh_ : row->value;
    const double mean_before = detector.mean();
    const std::uint64_t numbers = detector.count();
    const auto changed = guarded([&] { return detector.add(record.value); });
    if (!changed) return;
    const double mean_after = detector.count() == 0 ? record.value : detector.mean();
    store_->put(record.key, std::move(detector), record.timestamp, record.key_bytes);
    if (!*changed) return;
    const ChangeEvent event{record.key, record.timestamp, mean_before, mean_after, numbers};
    emit(record.with_value(event));
  }

 private:
  const std::string store_name_;
  const D fresh_;
  KeyValueStore<std::string, D>* store_ = nullptr;
};

// For KStream::apply.
template <ChangeDetector D, class F>
class ChangeOperator {
 public:
  ChangeOperator(ChangeOptions options, D fresh, F watched, Location where)
      : options_(std::move(options)), fresh_(std::move(fresh)), watched_(std::move(watched)), where_(where) {}

  template <class K, class V>
    requires WatchedOver<F, K, V>
  KStream<std::string, ChangeEvent> operator()(const KStream<K, V>& stream) const {
    const std::string& store = options_.store.text();
    const std::string& base = options_.name.empty() ? store : options_.name;
    const auto numbers = stream.map(
        {.name = base + "-numbers"},
        [watched = watched_](const K& key, const V& value, const RecordInfo& info) {
          Watched made = call_user(watched, key, value, info);
          return std::pair(std::move(made.segment), made.value);
        },
        where_);
    const KStream<std::string, double> together = keyed(numbers, base, where_);
    together.graph()->topology().add_store(
        key_value_store_spec<std::string, D>(store,
                                             {.persistent = options_.persistent, .logged = options_.logged}),
        state_engine(), where_);
    return KStream<std::string, ChangeEvent>(together.extend_named(base + "-changes", ErrorPolicy::kInherit,
                                                                   node_factory<ChangeNode<D>>(store, fresh_),
                                                                   where_, {store}));
  }

 private:
  const ChangeOptions options_;
  const D fresh_;
  const F watched_;
  const Location where_;
};

// Detectors begin as copies of `fresh`.
template <ChangeDetector D, class F>
[[nodiscard]] ChangeOperator<D, F> changes(ChangeOptions options, D fresh, F watched,
                                           Location where = Location::current()) {
  return {std::move(options), std::move(fresh), std::move(watched), where};
}

}  // namespace weir::ml
