#include <weir/ml/features/feature_plan.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include <absl/status/status.h>
#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/digest.h>

namespace weir::ml {
namespace {

constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max() / 4;
constexpr std::int64_t kLongest = std::int64_t{1000} * 366 * 86'400'000;  // a thousand years
constexpr std::int64_t kRowsMost = 100'000;
// As Chronon chooses: a window is made of the finest tiles unless it is twelve or more of the next coarser ones.
constexpr std::int64_t kTilesOfNext = 12;
// Rows are kept in runs of so many.
constexpr std::int64_t kFewRows = 256;
constexpr std::int64_t kShortRun = 16;
constexpr std::int64_t kLongRun = 64;
constexpr int kHashDigits = 16;

const char* name_of(WindowKind kind) {
  switch (kind) {
    case WindowKind::kAsView:
      return "as-view";
    case WindowKind::kSawtooth:
      return "sawtooth";
    case WindowKind::kExact:
      return "exact";
    case WindowKind::kTumbling:
      return "tumbling";
    case WindowKind::kLifetime:
      return "lifetime";
    case WindowKind::kLast:
      return "last";
    case WindowKind::kSession:
      return "session";
  }
  return "";
}

std::string number_text(double value) {
  return value != value ? std::string("null")
                        : fmt::format("{}", value);  // NOLINT(misc-redundant-expression)
}

std::int64_t rounded_up(std::int64_t value, std::int64_t unit) { return (value + unit - 1) / unit * unit; }

bool takes_length(WindowKind kind) { return kind != WindowKind::kLifetime && kind != WindowKind::kLast; }

}  // namespace

absl::StatusOr<std::shared_ptr<const FeaturePlan>> FeaturePlan::make(ViewSpec spec) {
  std::shared_ptr<FeaturePlan> plan(new FeaturePlan(std::move(spec)));
  std::string fault = plan->fault();
  if (fault.empty()) {
    plan->plan();
    std::set<std::string> names;
    for (const Output& output : plan->outputs_) {
      if (!names.insert(output.name).second)
        fault += fmt::format("; two features are called '{}': give one of them another name with as(...)",
                             output.name);
    }
  }
  if (!fault.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("feature view '{}': {}", plan->spec_.name, fault.substr(2)));
  }
  if (absl::Status described = plan->describe(); !described.ok()) return described;
  return plan;
}

std::vector<std::string> FeaturePlan::names() const {
  std::vector<std::string> names;
  for (const Output& output : outputs_) names.push_back(output.name);
  return names;
}

std::string FeaturePlan::fault() const {
  std::string text;
  const auto wrong = [&](const std::string& what) { text += "; " + what; };
  if (spec_.name.empty()) wrong("it has no name");
  if (spec_.version < 1) wrong(fmt::format("version {} is not positive", spec_.version));
  if (spec_.grace.count() < 0) wrong("the grace is negative");
  if (spec_.delay.count() < 0) wrong("the delay is negative");
  if (spec_.hops.empty() || !std::is_sorted(spec_.hops.begin(), spec_.hops.end()) ||
      spec_.hops.front().count() <= 0)
    wrong("the hops must be positive and in ascending order");
  if (spec_.operations.empty()) wrong("it has no features");
  for (const ViewSpec::Column& column : spec_.columns) {
    if (column.name.empty()) wrong("a column has no name");
    const auto same = [&](const ViewSpec::Column& other) {
      return other.name == column.name && other.kind == column.kind;
    };
    if (std::count_if(spec_.columns.begin(), spec_.columns.end(), same) > 1)
      wrong(fmt::format("two different columns are called '{}'", column.name));
  }
  for (const OperationSpec& operation : spec_.operations) {
    if (operation.questions.empty()) wrong(fmt::format("'{}' asks for nothing", operation.name));
    for (const FeatureWindow& window : operation.windows) {
      const auto bad = [&](const char* why) {
        wrong(fmt::format("'{}': window {}: {}", operation.name, window.name(), why));
      };
      if (takes_length(window.kind) && (window.length.count() <= 0 || window.length.count() > kLongest))
        bad("its length must be positive, and at most a thousand years");
      if (window.kind == WindowKind::kLast && (window.rows <= 0 || window.rows > kRowsMost))
        bad("it has from 1 to 100000 rows");
      const bool may_be_delayed = window.kind == WindowKind::kAsView ||
                                  window.kind == WindowKind::kSawtooth || window.kind == WindowKind::kExact;
      if (window.delay.count() > 0 && !may_be_delayed) bad("only windows of time can be delayed");
      if (window.delay.count() > kLongest) bad("its delay is longer than a thousand years");
    }
  }
  return text;
}

void FeaturePlan::plan() {
  for (OperationSpec& operation : spec_.operations) {
    if (operation.windows.empty()) operation.windows.push_back(lifetime());
    const std::size_t cell = cell_of(operation);
    for (const FeatureWindow& window : operation.windows) {
      const std::size_t span = span_of(window);
      for (const OperationSpec::Question& question : operation.questions) {
        Query query;
        query.what = question.what;
        query.parameter = question.parameter;
        query.empty = question.empty;
        query.column = static_cast<std::uint32_t>(outputs_.size());
        ask(span, cell, query);
        std::string name = operation.name;
        for (const std::string& part : {question.suffix, window.name()}) {
          if (!part.empty()) name += (name.empty() ? "" : "_") + part;
        }
        outputs_.push_back(
            {name,
             fmt::format("{} = {}[{}:{}] over {}, empty {}", name, cells_[cell].identity, question.what,
                         question.parameter, spans_[span].name, number_text(question.empty)),
             question.empty});
      }
    }
  }
  lay_out();
}

std::size_t FeaturePlan::cell_of(const OperationSpec& operation) {
  const auto column = [&](int index) -> std::string {
    return index < 0 ? "" : spec_.columns[static_cast<std::size_t>(index)].name;
  };
  Cell cell{operation.aggregation, operation.value, operation.second, operation.where, operation.nulls, ""};
  cell.identity = fmt::format("{}({}{}{}{}{})", operation.aggregation->identity(), column(operation.value),
                              operation.second < 0 ? "" : "," + column(operation.second),
                              operation.where < 0 ? "" : "|" + column(operation.where),
                              operation.nulls == NullRule::kOnlyNulls ? " is null" : "",
                              operation.nulls == NullRule::kTake ? "+" : "");
  const auto same = [&](const Cell& other) { return other.identity == cell.identity; };
  const auto found = std::find_if(cells_.begin(), cells_.end(), same);
  if (found != cells_.end()) return static_cast<std::size_t>(found - cells_.begin());
  cells_.push_back(std::move(cell));
  return cells_.size() - 1;
}

std::size_t FeaturePlan::level_of(Axis axis, std::int64_t hop, std::int64_t keep) {
  const auto same = [&](const Level& level) { return level.axis == axis && level.hop == hop; };
  auto found = std::find_if(levels_.begin(), levels_.end(), same);
  if (found == levels_.end()) {
    levels_.push_back({axis, hop, keep, {}, {}, {}, {}, {}, {}, 0});
    found = levels_.end() - 1;
  }
  if (keep < 0 || found->keep < 0) {
    found->keep = -1;
  } else {
    found->keep = std::max(found->keep, keep);
  }
  return static_cast<std::size_t>(found - levels_.begin());
}

std::int64_t FeaturePlan::hop_for(Duration length) const {
  for (std::size_t i = 0; i + 1 < spec_.hops.size(); ++i) {
    if (length < kTilesOfNext * spec_.hops[i + 1]) return spec_.hops[i].count();
  }
  return spec_.hops.back().count();
}

std::size_t FeaturePlan::span_of(const FeatureWindow& window) {
  Span span;
  span.kind = window.kind == WindowKind::kAsView ? spec_.window : window.kind;
  const bool timed = span.kind == WindowKind::kSawtooth || span.kind == WindowKind::kExact;
  if (timed) span.delay = (window.delay.count() < 0 ? spec_.delay : window.delay).count();
  span.size = window.length.count();
  span.seconds = static_cast<double>(span.size) / 1000.0;
  const std::int64_t grace = spec_.grace.count();
  std::int64_t hop = 0;
  switch (span.kind) {
    case WindowKind::kAsView:
    case WindowKind::kSawtooth:
      hop = hop_for(window.length);
      span.level = level_of(Axis::kTime, hop, span.size + span.delay + grace);
      span.block = rounded_up(span.size, hop);
      break;
    case WindowKind::kExact:
      hop = hop_for(window.length);
      span.level = level_of(Axis::kExact, hop, span.size + span.delay + grace);
      // One less: the oldest tile is not taken whole.
      span.block = std::max(hop, rounded_up(span.size, hop) - hop);
      break;
    case WindowKind::kTumbling:
      hop = span.size;
      span.level = level_of(Axis::kTime, hop, grace);
      break;
    case WindowKind::kLifetime:
      hop = kForEver;
      span.seconds = 0;
      span.level = level_of(Axis::kTime, hop, -1);
      break;
    case WindowKind::kLast:
      hop = window.rows <= kFewRows ? kShortRun : kLongRun;
      span.size = window.rows;
      span.seconds = 0;
      span.level = level_of(Axis::kRows, hop, window.rows);
      span.block = std::max(hop, rounded_up(span.size, hop) - hop);
      break;
    case WindowKind::kSession:
      hop = span.size;
      span.seconds = 0;
      span.level = level_of(Axis::kSession, hop, hop + grace);
      break;
  }
  span.name = fmt::format("{} {} hop {} delay {}", name_of(span.kind), span.size, hop == kForEver ? 0 : hop,
                          span.delay);
  const auto same = [&](const Span& other) { return other.name == span.name; };
  const auto found = std::find_if(spans_.begin(), spans_.end(), same);
  if (found != spans_.end()) return static_cast<std::size_t>(found - spans_.begin());
  spans_.push_back(std::move(span));
  return spans_.size() - 1;
}

void FeaturePlan::ask(std::size_t span, std::size_t cell, const Query& query) {
  Span& asked = spans_[span];
  const auto found = std::find(asked.cells.begin(), asked.cells.end(), cell);
  const auto index = static_cast<std::size_t>(found - asked.cells.begin());
  if (found == asked.cells.end()) {
    asked.cells.push_back(cell);
    asked.parts.emplace_back();
    Level& level = levels_[asked.level];
    if (std::find(level.cells.begin(), level.cells.end(), cell) == level.cells.end())
      level.cells.push_back(cell);
  }
  asked.parts[index].queries.push_back(query);
}

void FeaturePlan::lay_out() {
  for (Level& level : levels_) {
    std::set<std::size_t> columns;
    for (const std::size_t cell : level.cells) {
      const Cell& added = cells_[cell];
      level.layout.add(*added.aggregation);
      level.parts.push_back({added.aggregation.get(), level.layout.parts().back().at, added.value,
                             added.second, added.where, added.nulls});
      for (const int column : {cells_[cell].value, cells_[cell].second, cells_[cell].where}) {
        if (column >= 0) columns.insert(static_cast<std::size_t>(column));
      }
    }
    if (level.has_records()) level.columns.assign(columns.begin(), columns.end());
    if (level.axis == Axis::kRows) continue;
    // The tile that holds the oldest record counts as a whole.
    const std::int64_t behind = level.keep < 0 ? -1 : level.keep + (level.hop == kForEver ? 0 : level.hop);
    horizon_ = behind < 0 || horizon_ < 0 ? -1 : std::max(horizon_, behind);
  }
  // Rows are counted, however old they are.
  const auto by_rows = [](const Level& level) { return level.axis == Axis::kRows; };
  if (std::any_of(levels_.begin(), levels_.end(), by_rows)) horizon_ = -1;
  for (const Cell& cell : cells_) {
    used_cells_.push_back({cell.aggregation.get(), cell.value, cell.second, cell.where, cell.nulls, {}, {}});
  }
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    for (std::size_t k = 0; k < levels_[i].cells.size() && levels_[i].axis == Axis::kTime; ++k)
      used_cells_[levels_[i].cells[k]].levels.push_back({i, levels_[i].parts[k].at});
  }
  for (std::size_t i = 0; i < spans_.size(); ++i) {
    Span& span = spans_[i];
    levels_[span.level].spans.push_back(i);
    const Level& level = levels_[span.level];
    for (std::size_t k = 0; k < span.cells.size(); ++k) {
      const Cell& cell = cells_[span.cells[k]];
      span.layout.add(*cell.aggregation);
      const auto place =
          std::find(level.cells.begin(), level.cells.end(), span.cells[k]) - level.cells.begin();
      SpanPart& part = span.parts[k];
      part.aggregation = cell.aggregation.get();
      part.at = span.layout.parts().back().at;
      part.place = level.layout.parts()[static_cast<std::size_t>(place)].at;
      used_cells_[span.cells[k]].spans.push_back({i, k, part.at, part.place});
    }
    span.aligned = span.kind == WindowKind::kSawtooth && span.delay == 0 && span.size % level.hop == 0;
    (span.aligned ? levels_[span.level].aligned : other_spans_).push_back(i);
  }
  place_states();
}

// Those that most records touch are side by side.
void FeaturePlan::place_states() {
  const auto place = [&](const Layout& layout) {
    const std::size_t at = rounded_to(states_bytes_, layout.alignment());
    states_bytes_ = at + layout.bytes();
    return at;
  };
  for (Level& level : levels_) level.newest_at = place(level.layout);
  for (Span& span : spans_) {
    if (!span.single()) span.all_at = place(span.layout);
  }
  hot_bytes_ = states_bytes_;
  for (Span& span : spans_) {
    if (!span.single()) span.prefix_at = place(span.layout);
  }
}

absl::Status FeaturePlan::describe() {
  schema_ = fmt::format("feature view {} version {}\n", spec_.name, spec_.version);
  schema_ += fmt::format("row of {}, {} the current record, grace {}, late {}, not finite {}\n",
                         spec_.wide ? "double" : "float", spec_.include_current ? "with" : "without",
                         spec_.grace.count(),
                         spec_.late == LatePolicy::kEmit   ? "emitted"
                         : spec_.late == LatePolicy::kDrop ? "dropped"
                                                           : "sent aside",
                         spec_.non_finite == NonFinite::kAsNull   ? "as null"
                         : spec_.non_finite == NonFinite::kReject ? "rejected"
                                                                  : "kept");
  for (const Output& output : outputs_) schema_ += output.text + "\n";
  const absl::StatusOr<std::string> digest = sha256_hex(schema_);
  if (!digest.ok()) return digest.status();
  hash_text_ = digest->substr(0, kHashDigits);
  std::from_chars(hash_text_.data(), hash_text_.data() + hash_text_.size(), hash_, 16);
  return absl::OkStatus();
}

}  // namespace weir::ml
