// A feature view: what is to be known about a key when one of its records comes, described once, computed for every record.
//
//   using namespace weir::ml::agg;
//   const auto view = weir::ml::features<Payment>("card", 1)
//                         .key(&Payment::card)
//                         .agg(statistics("amount", &Payment::amount), {1h, 24h, weir::ml::days(7)})
//                         .agg(count_if("declined", [](const Payment& payment) { return payment.declined; }), {1h})
//                         .agg(time_since_last())
//                         .grace(10min)
//                         .log_to("card-features");
//   payments.apply(view)
//       .apply(weir::ml::score({.model = model},
//                              [](const Featured<Payment>& payment) { return payment.row.values(); }, decide))
//       .to("decisions");
//
// Names, operations, windows and policies make the view's schema; its hash goes with every row, also as a header, so that a
// model never sees columns it was not trained on. A view that changes gets another version: windows and operations may be added
// and taken away, the state that is there goes on being used (feature_store.h).
//
// What a row is made of is said in feature_window.h; it depends on nothing but the records of its key before it, their order
// and their times. So a replay gives the same rows, bit for bit, and so does any other way of reading the same records:
// FeatureComputer below, for files and notebooks.
//
// Keys, values and time: key() selects the key, and the stream is repartitioned by it; without it the stream's own is taken.
// Time is the record's, or what time() says.
//
// Options, and what they are by default:
//   include_current(false)      whether a record counts in its own features
//   grace(0)                    how much older than the newest record of its key one may be; later ones are never aggregated
//   late(LatePolicy::kEmit)     and what becomes of them
//   null_keys(NullKeys::kDrop)  what becomes of records without a key: dropped and counted, or sent to the dead-letter topic
//   on_empty(value)             the answer where there is none, for all features that or_else says nothing of; default: null
//   not_finite(kAsNull)         infinite values and those that are not numbers
//   exact_windows(), delay(d)   what a mere duration means as a window: sawtooth(duration), without delay
//   hops({5min, 1h, 24h})       the widths of tiles: a window is made of the finest that give less than twelve of the next
//   log_to(topic, sample)       an entry for each row in the same transaction: feature_log.h; of all keys, or a KeySample
//   live(features)              lets the running program ask for rows and counters: live_features.h
//   store(options), name(text)  the store is called "<view>-features"
//
// Mistakes are reported by StreamBuilder::build, with the line of features().
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/time.h>
#include <weir/ml/features/column.h>
#include <weir/ml/features/feature_gate.h>
#include <weir/ml/features/feature_node.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/feature_row.h>
#include <weir/ml/features/feature_store.h>
#include <weir/ml/features/feature_stream.h>
#include <weir/ml/features/feature_window.h>
#include <weir/ml/features/key_sample.h>
#include <weir/ml/features/live_features.h>
#include <weir/ml/features/operations.h>
#include <weir/operators/repartition.h>
#include <weir/operators/select_key.h>
#include <weir/operators/stream.h>

namespace weir::ml {

[[nodiscard]] inline Duration days(std::int64_t count) { return std::chrono::hours(24 * count); }

enum class NullKeys { kDrop, kDeadLetter };

template <class T, class Scalar = float, class KeyReader = NoColumn>
class FeatureView {
 public:
  using Value = T;
  using Row = BasicFeatureRow<Scalar>;

  FeatureView(std::string name, int version, Location where) : where_(where) {
    spec_.name = std::move(name);
    spec_.version = version;
    spec_.wide = sizeof(Scalar) == sizeof(double);
  }

  // A member or a callable.
  template <class F>
    requires std::invocable<const F&, const T&>
  [[nodiscard]] FeatureView<T, Scalar, F> key(F read) const {
    FeatureView<T, Scalar, F> view(spec_.name, spec_.version, where_);
    view.spec_ = spec_;
    view.columns_ = columns_;
    view.identities_ = identities_;
    view.node_ = node_;
    view.wrong_ = wrong_;
    view.null_keys_ = null_keys_;
    view.on_empty_ = on_empty_;
    view.key_ = std::move(read);
    return view;
  }

  // The time of a record in milliseconds since 1970, instead of its timestamp.
  template <class F>
    requires std::convertible_to<std::invoke_result_t<const F&, const T&>, Timestamp>
  [[nodiscard]] FeatureView time(F read) && {
    node_.time = [read = std::move(read)](const T& record) -> Timestamp { return std::invoke(read, record); };
    return std::move(*this);
  }

  template <class F, class Second, class Where>
  [[nodiscard]] FeatureView agg(Operation<F, Second, Where> operation,
                                std::vector<FeatureWindow> windows = {}) && {
    OperationSpec& spec = operation.spec;
    spec.windows = std::move(windows);
    if constexpr (!std::same_as<F, NoColumn>) spec.value = column(operation.kind, operation.value);
    if constexpr (!std::same_as<Second, NoColumn>)
      spec.second = column(operation.second_kind, operation.second);
    if constexpr (!std::same_as<Where, NoColumn>) spec.where = column(ColumnKind::kNumber, operation.where);
    spec_.operations.push_back(std::move(spec));
    return std::move(*this);
  }

  [[nodiscard]] FeatureView include_current(bool include) && {
    spec_.include_current = include;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView grace(Duration grace) && {
    spec_.grace = grace;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView late(LatePolicy policy) && {
    spec_.late = policy;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView null_keys(NullKeys what) && {
    null_keys_ = what;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView on_empty(double value) && {
    on_empty_ = value;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView not_finite(NonFinite policy) && {
    spec_.non_finite = policy;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView exact_windows() && {
    spec_.window = WindowKind::kExact;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView delay(Duration delay) && {
    spec_.delay = delay;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView hops(std::vector<Duration> hops) && {
    spec_.hops = std::move(hops);
    return std::move(*this);
  }
  [[nodiscard]] FeatureView log_to(std::string topic, KeySample sample = {}) && {
    node_.log_topic = std::move(topic);
    node_.log_sample = sample;
    return std::move(*this);
  }
  [[nodiscard]] FeatureView store(FeatureStoreOptions options) && {
    node_.store = options;
    return std::move(*this);
  }
  // Lets the program ask while it runs: live_features.h.
  [[nodiscard]] FeatureView live(std::shared_ptr<LiveFeatures> features) && {
    node_.live = std::move(features);
    return std::move(*this);
  }
  // Of the node; default "features-<n>".
  [[nodiscard]] FeatureView name(std::string text) && {
    node_.name = std::move(text);
    return std::move(*this);
  }
  [[nodiscard]] FeatureView on_error(ErrorPolicy policy) && {
    node_.on_error = policy;
    return std::move(*this);
  }
  // Whether rows have the headers weir.features.view, .version and .hash. They cost a copy of the record's headers, if it has some.
  [[nodiscard]] FeatureView stamp(bool headers) && {
    node_.stamp = headers;
    return std::move(*this);
  }

  // Everything without types; InvalidArgument with all that is wrong.
  [[nodiscard]] absl::StatusOr<FeaturePlanPtr> plan() const {
    if (!wrong_.empty()) {
      return absl::InvalidArgumentError("feature view '" + spec_.name + "': " + wrong_);
    }
    if (!node_.log_sample.valid()) {
      return absl::InvalidArgumentError("feature view '" + spec_.name +
                                        "': the share of the keys that are logged must be above 0, up to 1");
    }
    ViewSpec spec = spec_;
    for (OperationSpec& operation : spec.operations) {
      for (OperationSpec::Question& question : operation.questions) {
        if (std::isnan(question.empty)) question.empty = on_empty_;
      }
    }
    return FeaturePlan::make(std::move(spec));
  }
  [[nodiscard]] const std::vector<ColumnReader<T>>& readers() const { return columns_; }
  [[nodiscard]] const FeatureNodeOptions<T>& options() const { return node_; }

  // For KStream::apply.
  template <class K, class V>
    requires std::same_as<NonNull<V>, T>
  auto operator()(const KStream<K, V>& stream) const {
    const std::string store = spec_.name + "-features";
    if constexpr (std::same_as<KeyReader, NoColumn>) {
      return extend(keyed(with_keys(stream), store, where_), store);
    } else {
      const auto select = [read = key_](const V& value) { return std::invoke(read, non_null(value)); };
      return extend(keyed(with_keys(stream.select_key(select, where_)), store, where_), store);
    }
  }

 private:
  template <class, class, class>
  friend class FeatureView;

  // Returns the stream without records that have no key, if these are not just to be dropped.
  template <class K, class V>
  KStream<K, V> with_keys(const KStream<K, V>& stream) const {
    if constexpr (kIsOptional<K>) {
      if (null_keys_ == NullKeys::kDeadLetter) {
        return KStream<K, V>(stream.extend("features-key", {.on_error = ErrorPolicy::kDeadLetter},
                                           node_factory<KeyGateNode<K, V>>(), where_));
      }
    }
    return stream;
  }

  template <class K, class V>
  FeatureStream<K, T, Scalar> extend(const KStream<K, V>& stream, const std::string& store) const {
    const absl::StatusOr<FeaturePlanPtr> made = plan();
    if (!made.ok()) {
      stream.problem(std::string(made.status().message()), where_);
      return FeatureStream<K, T, Scalar>(stream, nullptr, store);
    }
    FeatureNodeOptions<T> options = node_;
    options.overflows = overflow_columns();
    TopologyBuilder& topology = stream.graph()->topology();
    topology.add_store(feature_store_spec(store, *made, node_.store), state_engine(), where_);
    const std::string name = stream.name_for("features", node_.name);
    GraphPoint point = stream.extend_named(
        name, node_.on_error, node_factory<FeatureNode<K, V, T, Scalar>>(*made, columns_, options, store),
        where_, {store});
    if (spec_.late == LatePolicy::kDeadLetter) {
      point = point.extend_named(name + "-late", ErrorPolicy::kDeadLetter,
                                 node_factory<LateGateNode<K, T, Scalar>>(), where_);
    }
    if (!node_.log_topic.empty()) {
      const TopicName topic{node_.log_topic, /*internal=*/false};
      topology.add_sink(name + "-log", point.node(), {topic},
                        node_factory<FeatureLogSink<K, T, Scalar>>(*made, topic, node_.log_sample), where_,
                        node_.on_error);
    }
    return FeatureStream<K, T, Scalar>(std::move(point), *made, store);
  }

  // Columns come in the order of operations, windows and questions.
  [[nodiscard]] std::vector<std::size_t> overflow_columns() const {
    std::vector<std::size_t> columns;
    std::size_t next = 0;
    for (const OperationSpec& operation : spec_.operations) {
      for (std::size_t i = operation.questions.size() * std::max<std::size_t>(operation.windows.size(), 1);
           i > 0; --i, ++next) {
        if (operation.tells_overflow) columns.push_back(next);
      }
    }
    return columns;
  }

  template <class F>
  int column(ColumnKind kind, const Column<F>& column) {
    const auto identity = identity_of(column.read);
    for (std::size_t i = 0; i < spec_.columns.size(); ++i) {
      if (spec_.columns[i].name != column.name || spec_.columns[i].kind != kind) continue;
      if (!(identities_[i] == identity)) wrong_ = "two different columns are called '" + column.name + "'";
      return static_cast<int>(i);
    }
    spec_.columns.push_back({column.name, kind});
    identities_.push_back(identity);
    if (kind == ColumnKind::kNumber) {
      add_reader<ColumnKind::kNumber>(column.read);
    } else if (kind == ColumnKind::kCategory) {
      add_reader<ColumnKind::kCategory>(column.read);
    } else {
      add_reader<ColumnKind::kVector>(column.read);
    }
    return static_cast<int>(spec_.columns.size()) - 1;
  }

  template <ColumnKind kind, class F>
  void add_reader(const F& read) {
    static_assert(std::invocable<const F&, const T&>,
                  "a column of a feature view is a member of the value, or a callable that takes it");
    if constexpr (ColumnOver<F, T, kind>) {
      columns_.push_back(column_reader<T, kind>(read));
    } else {
      columns_.emplace_back();
      wrong_ =
          "column '" + spec_.columns.back().name + "' has values of a type that its operation does not take";
    }
  }

  Location where_;
  ViewSpec spec_;
  std::vector<ColumnReader<T>> columns_;
  std::vector<std::pair<std::type_index, std::string>> identities_;
  FeatureNodeOptions<T> node_;
  std::string wrong_;
  NullKeys null_keys_ = NullKeys::kDrop;
  double on_empty_ = kNoValue;
  [[no_unique_address]] KeyReader key_{};
};

// `Scalar`: float or double.
template <class T, class Scalar = float>
[[nodiscard]] FeatureView<T, Scalar> features(std::string name, int version,
                                              Location where = Location::current()) {
  return FeatureView<T, Scalar>(std::move(name), version, where);
}

}  // namespace weir::ml
