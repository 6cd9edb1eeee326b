// evaluate tells, window by window, how good the predictions of each model version were.
//
//   joined.examples
//       .filter([](const auto& example) { return example.kind != weir::ml::ExampleKind::kCorrection; })
//       .apply(weir::ml::evaluate({.store = "fraud-quality", .window = 1h, .grace = 5min},
//                                 [](const weir::ml::Example<Decision, Chargeback>& example) {
//                                   return weir::ml::Outcome{.segment = example.prediction.model_version,
//                                                            .predicted = example.prediction.score,
//                                                            .actual = example.label.is_fraud ? 1.0 : 0.0};
//                                 }))
//       .to("fraud-quality");
//
// The callable says what was predicted, what happened, and of whom: a segment is a model version, or a version and a country, or
// anything that fits a text. Reports have the segment as key. They come when the window closes, once each and never again; with
// `.emit = WindowEmit::kEveryUpdate` they come with each outcome.
//
// Outcomes go through a repartition topic, so that a segment is counted in one place. A corrected example counts again: take out
// those that shall not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/json_serde.h>
#include <weir/ml/feedback/metrics.h>
#include <weir/ml/sketches/sketch_serde.h>
#include <weir/ml/user_call.h>
#include <weir/operators/group_by.h>
#include <weir/operators/map.h>
#include <weir/operators/map_values.h>
#include <weir/operators/stream.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>

namespace weir::ml {

struct Outcome {
  std::string segment = {};
  double predicted = 0;  // a probability, or a number
  double actual = 0;     // not 0 for yes, or a number
};

enum class OutcomeKind {
  kBinary,
  kNumber,
};

struct EvaluateOptions {
  StoreName store;
  std::string name = {};    // begins the names of the nodes; default: the store's
  RequiredDuration window;  // tumbling
  RequiredDuration grace;
  OutcomeKind kind = OutcomeKind::kBinary;
  double threshold = 0.5;  // for precision, recall and F1
  WindowEmit emit = WindowEmit::kOnWindowClose;
  // See WindowOptions.
  std::optional<Duration> close_when_idle = std::nullopt;
  bool persistent = true;
  bool logged = true;
};

// What is not defined, or not of this kind of outcome, is null, and left out in JSON.
struct QualityReport {
  std::string segment = {};
  Timestamp window_start = 0;
  Timestamp window_end = 0;
  std::uint64_t count = 0;
  std::uint64_t refused = 0;  // predictions that were none: NaN, or probabilities beyond 0 and 1
  std::uint64_t positives = 0;
  std::optional<double> log_loss = {};
  std::optional<double> brier = {};
  std::optional<double> auc = {};
  std::optional<double> auc_error = {};
  std::optional<double> precision = {};
  std::optional<double> recall = {};
  std::optional<double> f1 = {};
  std::optional<double> calibration_error = {};
  std::optional<double> mae = {};
  std::optional<double> rmse = {};
  std::optional<double> bias = {};
};

[[nodiscard]] QualityReport report_of(const Windowed<std::string>& segment, const BinaryMetrics& metrics);
[[nodiscard]] QualityReport report_of(const Windowed<std::string>& segment, const RegressionMetrics& metrics);

// outcome(value), outcome(key, value) or outcome(key, value, info).
template <class F, class K, class V>
concept OutcomeOver = MapperOver<F, K, V> && std::convertible_to<ResultOver<F, K, V>, Outcome>;

}  // namespace weir::ml

namespace weir {

template <>
struct Serde<ml::QualityReport> : JsonSerde<ml::QualityReport> {
  static constexpr auto kFields = fields(field("segment", &ml::QualityReport::segment),            //
                                         field("window_start", &ml::QualityReport::window_start),  //
                                         field("window_end", &ml::QualityReport::window_end),      //
                                         field("count", &ml::QualityReport::count),                //
                                         field("refused", &ml::QualityReport::refused),            //
                                         field("positives", &ml::QualityReport::positives),        //
                                         field("log_loss", &ml::QualityReport::log_loss),          //
                                         field("brier", &ml::QualityReport::brier),                //
                                         field("auc", &ml::QualityReport::auc),                    //
                                         field("auc_error", &ml::QualityReport::auc_error),        //
                                         field("precision", &ml::QualityReport::precision),        //
                                         field("recall", &ml::QualityReport::recall),              //
                                         field("f1", &ml::QualityReport::f1),                      //
                                         field("calibration_error", &ml::QualityReport::calibration_error),
                                         field("mae", &ml::QualityReport::mae),    //
                                         field("rmse", &ml::QualityReport::rmse),  //
                                         field("bias", &ml::QualityReport::bias));
};

// The numbers to the bit, then the segment.
template <>
struct Serde<ml::Outcome> {
  static constexpr std::string_view kFormat = "outcome-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::Outcome& outcome, Bytes& out);
  static absl::Status decode(BytesView bytes, ml::Outcome& out);
};

}  // namespace weir

namespace weir::ml {

// For those who write verbs: outcomes into reports, once they are where their segment belongs.
[[nodiscard]] KStream<std::string, QualityReport> evaluated(const KStream<std::string, Outcome>& outcomes,
                                                            const EvaluateOptions& options,
                                                            const Location& where);

// For KStream::apply.
template <class F>
class EvaluateOperator {
 public:
  EvaluateOperator(EvaluateOptions options, F outcome, Location where)
      : options_(std::move(options)), outcome_(std::move(outcome)), where_(where) {}

  template <class K, class V>
    requires OutcomeOver<F, K, V>
  KStream<std::string, QualityReport> operator()(const KStream<K, V>& stream) const {
    const std::string& base = options_.name.empty() ? options_.store.text() : options_.name;
    const auto outcomes = stream.map(
        {.name = base + "-outcomes"},
        [outcome = outcome_](const K& key, const V& value, const RecordInfo& info) {
          Outcome told = call_user(outcome, key, value, info);
          std::string segment = told.segment;
          return std::pair(std::move(segment), std::move(told));
        },
        where_);
    return evaluated(outcomes, options_, where_);
  }

 private:
  const EvaluateOptions options_;
  const F outcome_;
  const Location where_;
};

template <class F>
[[nodiscard]] EvaluateOperator<F> evaluate(EvaluateOptions options, F outcome,
                                           Location where = Location::current()) {
  return {std::move(options), std::move(outcome), where};
}

}  // namespace weir::ml
