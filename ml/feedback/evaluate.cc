#include <weir/ml/feedback/evaluate.h>

#include <bit>

#include <weir/state/byte_reader.h>

namespace weir {

void Serde<ml::Outcome>::encode(const ml::Outcome& outcome, Bytes& out) {
  put_big_endian(std::bit_cast<std::uint64_t>(outcome.predicted), out);
  put_big_endian(std::bit_cast<std::uint64_t>(outcome.actual), out);
  put_text(outcome.segment, out);
}

absl::Status Serde<ml::Outcome>::decode(BytesView bytes, ml::Outcome& out) {
  ByteReader reader(bytes);
  out.predicted = std::bit_cast<double>(reader.integer<std::uint64_t>());
  out.actual = std::bit_cast<double>(reader.integer<std::uint64_t>());
  out.segment = reader.text();
  return reader.at_end() ? absl::OkStatus() : absl::InvalidArgumentError("no outcome of a prediction");
}

namespace ml {
namespace {

void add_outcome(const Outcome& outcome, BinaryMetrics& metrics) {
  metrics.add(outcome.predicted, outcome.actual != 0);
}
void add_outcome(const Outcome& outcome, RegressionMetrics& metrics) {
  metrics.add(outcome.predicted, outcome.actual);
}

template <class Metrics>
KStream<std::string, QualityReport> reports(const KStream<std::string, Outcome>& outcomes,
                                            const EvaluateOptions& options, const Metrics& empty,
                                            const Location& where) {
  const std::string& base = options.name.empty() ? options.store.text() : options.name;
  return outcomes.group_by_key({.name = base})
      .windowed_by(tumbling({.size = options.window, .grace = options.grace}))
      .aggregate(
          {.store = options.store,
           .name = base + "-metrics",
           .emit = options.emit,
           .close_when_idle = options.close_when_idle,
           .persistent = options.persistent,
           .logged = options.logged},
          [empty] { return empty; },
          [](const Outcome& outcome, Metrics& metrics) noexcept { add_outcome(outcome, metrics); }, where)
      .to_stream(where)
      .map(
          {.name = base + "-reports"},
          [](const Windowed<std::string>& segment, const Metrics& metrics) {
            return std::pair(segment.key, report_of(segment, metrics));
          },
          where);
}

QualityReport begun(const Windowed<std::string>& segment) {
  QualityReport report;
  report.segment = segment.key;
  report.window_start = segment.window.start;
  report.window_end = segment.window.end;
  return report;
}

}  // namespace

QualityReport report_of(const Windowed<std::string>& segment, const BinaryMetrics& metrics) {
  QualityReport report = begun(segment);
  report.count = metrics.count();
  report.refused = metrics.refused();
  report.positives = metrics.positives();
  report.log_loss = metrics.log_loss();
  report.brier = metrics.brier();
  report.auc = metrics.auc();
  report.auc_error = metrics.auc_error();
  report.precision = metrics.precision();
  report.recall = metrics.recall();
  report.f1 = metrics.f1();
  report.calibration_error = metrics.calibration_error();
  return report;
}

QualityReport report_of(const Windowed<std::string>& segment, const RegressionMetrics& metrics) {
  QualityReport report = begun(segment);
  report.count = metrics.count();
  report.refused = metrics.refused();
  report.mae = metrics.mae();
  report.rmse = metrics.rmse();
  report.bias = metrics.bias();
  return report;
}

KStream<std::string, QualityReport> evaluated(const KStream<std::string, Outcome>& outcomes,
                                              const EvaluateOptions& options, const Location& where) {
  if (options.kind == OutcomeKind::kNumber) return reports(outcomes, options, RegressionMetrics(), where);
  return reports(outcomes, options, BinaryMetrics(options.threshold), where);
}

}  // namespace ml
}  // namespace weir
