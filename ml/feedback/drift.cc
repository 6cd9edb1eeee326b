#include <weir/ml/feedback/drift.h>

#include <bit>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include <weir/operators/filter.h>
#include <weir/operators/flat_map.h>
#include <weir/operators/group_by.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>
#include <weir/state/byte_reader.h>

namespace weir {

void Serde<ml::DriftRow>::encode(const ml::DriftRow& row, Bytes& out) {
  put_text(row.segment, out);
  put_big_endian(static_cast<std::uint32_t>(row.values.size()), out);
  for (const double value : row.values) put_big_endian(std::bit_cast<std::uint64_t>(value), out);
}

absl::Status Serde<ml::DriftRow>::decode(BytesView bytes, ml::DriftRow& out) {
  ByteReader reader(bytes);
  out.segment = reader.text();
  out.values.resize(reader.count(sizeof(double)));
  for (double& value : out.values) value = std::bit_cast<double>(reader.integer<std::uint64_t>());
  return reader.at_end() ? absl::OkStatus() : absl::InvalidArgumentError("no row of drift");
}

void Serde<ml::DriftCounts>::encode(const ml::DriftCounts& counts, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(counts.columns.size()), out);
  Bytes part;
  for (const ml::BinCounts& column : counts.columns) {
    part.clear();
    column.serialise(part);
    put_text(part, out);
  }
}

absl::Status Serde<ml::DriftCounts>::decode(BytesView bytes, ml::DriftCounts& out) {
  ByteReader reader(bytes);
  out.columns.resize(reader.count(sizeof(std::uint32_t)));
  for (ml::BinCounts& column : out.columns) {
    absl::StatusOr<ml::BinCounts> parsed = ml::BinCounts::parse(reader.text());
    if (!parsed.ok()) return parsed.status();
    column = *std::move(parsed);
  }
  return reader.at_end() ? absl::OkStatus() : absl::InvalidArgumentError("no counts of drift");
}

namespace ml {

void check_row(const DriftRow& row, std::size_t references) {
  if (row.values.size() == references) return;
  throw std::invalid_argument(
      fmt::format("the row has {} values, there are {} references", row.values.size(), references));
}

DriftStreams drift_of(const KStream<std::string, DriftRow>& rows, const DriftOptions& options,
                      const Location& where) {
  const std::string& base = options.name.empty() ? options.store.text() : options.name;
  if (options.references.empty()) rows.problem("drift: there are no references", where);
  for (const DriftReference& reference : options.references) {
    if (const std::string fault = reference.fault(); !fault.empty()) rows.problem("drift: " + fault, where);
  }
  // Shared by the tasks' nodes.
  const auto references = std::make_shared<const std::vector<DriftReference>>(options.references);
  const auto begin = [references] {
    DriftCounts counts;
    for (const DriftReference& reference : *references) counts.columns.emplace_back(reference);
    return counts;
  };
  const auto count = [references](const DriftRow& row, DriftCounts& counts) noexcept {
    for (std::size_t i = 0; i < references->size() && i < row.values.size() && i < counts.columns.size();
         ++i) {
      counts.columns[i].add((*references)[i], row.values[i]);
    }
  };
  const auto report = [references, limits = options.limits](const Windowed<std::string>& segment,
                                                            const DriftCounts& counts) {
    std::vector<std::pair<std::string, DriftReport>> reports;
    for (std::size_t i = 0; i < references->size() && i < counts.columns.size(); ++i) {
      DriftReport made = compare((*references)[i], counts.columns[i], limits);
      made.segment = segment.key;
      made.window_start = segment.window.start;
      made.window_end = segment.window.end;
      reports.emplace_back(made.name, std::move(made));
    }
    return reports;
  };
  const KStream<std::string, DriftReport> reports =
      rows.group_by_key({.name = base})
          .windowed_by(tumbling({.size = options.window, .grace = options.grace}))
          .aggregate({.store = options.store,
                      .name = base + "-counts",
                      .emit = WindowEmit::kOnWindowClose,
                      .close_when_idle = options.close_when_idle,
                      .persistent = options.persistent,
                      .logged = options.logged},
                     begin, count, where)
          .to_stream(where)
          .flat_map({.name = base + "-reports"}, report, where);
  return {reports, reports.filter({.name = base + "-events"}, [](const DriftReport& made) {
            return made.verdict == DriftVerdict::kDrift;
          })};
}

}  // namespace ml
}  // namespace weir
