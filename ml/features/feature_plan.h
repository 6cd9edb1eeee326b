// A feature view without its types: which states there are, which windows are made of them, and which column of the row is
// which answer. Made once, immutable, shared by all tasks.
//
//   spec ── columns ──► cells       an aggregation of a column (or two), with or without a filter; equal ones are one
//            windows ─► levels      tiles of one width (or one session per row, ...) that hold the cells of their windows
//                     └ spans       a window over a level's tiles, its cells, and the questions asked of them
//
// Windows of different length share the tiles of a level, and all operators on a column share its cells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/time.h>
#include <weir/ml/features/aggregator.h>
#include <weir/ml/features/block.h>
#include <weir/ml/features/feature_window.h>
#include <weir/ml/features/slot_pool.h>

namespace weir::ml {

enum class ColumnKind { kNumber, kCategory, kVector };

enum class NonFinite {
  kAsNull,  // a value that is infinite or not a number counts as missing; counted
  kReject,  // the record fails: the node's error policy decides
  kKeep,    // it goes in, and makes sums and means what it does
};

// What becomes of a record that is later than the grace. It is never aggregated, and always counted.
enum class LatePolicy {
  kEmit,        // its features are made of what is still known at its time; its row says that it is late
  kDrop,        // it has none
  kDeadLetter,  // it has none, and its bytes go to the application's dead-letter topic
};

// Which records of a cell's column are added.
enum class NullRule { kSkip, kTake, kOnlyNulls };

// What to aggregate, as an operator says it.
struct OperationSpec {
  struct Question {
    std::string suffix;  // of the feature's name
    int what = 0;
    double parameter = 0;
    double empty = kNoValue;
  };

  std::string name;  // what its features' names begin with
  AggregationPtr aggregation;
  std::vector<Question> questions;
  int value = -1;  // columns of the view; -1: none
  int second = -1;
  int where = -1;
  NullRule nulls = NullRule::kSkip;
  // Answers above 0 say that a bound was exceeded.
  bool tells_overflow = false;
  std::vector<FeatureWindow> windows;
};

struct ViewSpec {
  struct Column {
    std::string name;
    ColumnKind kind = ColumnKind::kNumber;
  };

  std::string name;
  int version = 1;
  WindowKind window = WindowKind::kSawtooth;  // or kExact: what a mere duration means
  Duration delay{0};
  std::vector<Duration> hops{std::chrono::minutes(5), std::chrono::hours(1), std::chrono::hours(24)};
  Duration grace{0};
  bool include_current = false;
  NonFinite non_finite = NonFinite::kAsNull;
  LatePolicy late = LatePolicy::kEmit;
  bool wide = false;  // doubles in the row rather than floats
  std::vector<Column> columns;
  std::vector<OperationSpec> operations;
};

class FeaturePlan {
 public:
  struct Cell {
    AggregationPtr aggregation;
    int value = -1;
    int second = -1;
    int where = -1;
    NullRule nulls = NullRule::kSkip;
    std::string identity;  // "summary(amount|declined)"
  };

  enum class Axis : char {
    kTime = 't',
    kExact = 'x',  // by time, with the records
    kRows = 'n',   // by the number of the record, with the records
    kSession = 's',
  };

  // A cell of a level with all that adding to it needs.
  struct LevelPart {
    const Aggregation* aggregation = nullptr;
    std::size_t at = 0;
    int value = -1;
    int second = -1;
    int where = -1;
    NullRule nulls = NullRule::kSkip;
  };

  // A cell of a span.
  struct SpanPart {
    const Aggregation* aggregation = nullptr;
    std::size_t at = 0;     // in the span's sums
    std::size_t place = 0;  // in a tile
    std::vector<Query> queries;
  };

  // A cell with all that adding to it and asking it needs.
  struct UsedCell {
    struct InLevel {
      std::size_t level = 0;
      std::size_t at = 0;
    };
    struct InSpan {
      std::size_t span = 0;
      std::size_t part = 0;
      std::size_t at = 0;     // as SpanPart has it
      std::size_t place = 0;  // as well
    };

    const Aggregation* aggregation = nullptr;
    int value = -1;
    int second = -1;
    int where = -1;
    NullRule nulls = NullRule::kSkip;
    std::vector<InLevel> levels;  // save those that have records, or are of sessions
    std::vector<InSpan> spans;
  };

  struct Level {
    Axis axis = Axis::kTime;
    std::int64_t hop = 0;  // the gap of sessions
    std::int64_t keep =
        0;  // how far behind the newest record tiles may be asked for, on the axis; -1: for ever
    std::vector<std::size_t> cells;
    Layout layout;
    std::vector<LevelPart> parts;
    std::vector<std::size_t> columns;  // that the records of a tile remember
    std::vector<std::size_t> spans;    // that are made of it
    std::vector<std::size_t> aligned;  // those of them that are
    std::size_t newest_at = 0;         // where its newest tile is among the states that a key has at hand

    [[nodiscard]] bool has_records() const { return axis == Axis::kExact || axis == Axis::kRows; }
  };

  struct Span {
    std::size_t level = 0;
    WindowKind kind = WindowKind::kSawtooth;
    std::int64_t size = 0;
    std::int64_t delay = 0;
    std::int64_t block =
        0;  // the distance of the fixed points at which the fold of the tiles turns, see key_state.h
    double seconds = 0;
    std::string name;
    std::vector<std::size_t> cells;
    Layout layout;
    std::vector<SpanPart> parts;
    // Where its sums of closed tiles are among the states that a key has at hand, see key_memory.h.
    std::size_t prefix_at = 0;
    std::size_t all_at = 0;

    // Ends with the record's tile and begins with another: its sum of closed tiles is that of the last record's tile.
    bool aligned = false;

    // Made of one tile.
    [[nodiscard]] bool single() const {
      return kind == WindowKind::kTumbling || kind == WindowKind::kLifetime || kind == WindowKind::kSession;
    }
  };

  struct Output {
    std::string name;
    std::string text;  // what it is, for the schema
    double empty = kNoValue;
  };

  // InvalidArgument with everything that is wrong.
  [[nodiscard]] static absl::StatusOr<std::shared_ptr<const FeaturePlan>> make(ViewSpec spec);

  [[nodiscard]] const ViewSpec& spec() const { return spec_; }
  [[nodiscard]] const std::vector<Cell>& cells() const { return cells_; }
  [[nodiscard]] const std::vector<Level>& levels() const { return levels_; }
  [[nodiscard]] const std::vector<Span>& spans() const { return spans_; }
  [[nodiscard]] const std::vector<UsedCell>& used_cells() const { return used_cells_; }
  // The spans that are not aligned.
  [[nodiscard]] const std::vector<std::size_t>& other_spans() const { return other_spans_; }
  // What the states take that a key has at hand: the newest tiles, and the sums of spans.
  [[nodiscard]] std::size_t states_bytes() const { return states_bytes_; }
  // How many of these most records touch: those at the begin.
  [[nodiscard]] std::size_t hot_bytes() const { return hot_bytes_; }
  // Where the states of keys lie.
  [[nodiscard]] SlotPool& slots() const { return *slots_; }
  [[nodiscard]] const std::vector<Output>& outputs() const { return outputs_; }
  [[nodiscard]] std::vector<std::string> names() const;

  // Everything that decides what a row means, a line each; two views with the same text make the same rows of the same records.
  [[nodiscard]] const std::string& schema() const { return schema_; }
  // The first 64 bits of the text's SHA-256, and the same in hexadecimal digits.
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] const std::string& hash_text() const { return hash_text_; }

  // How far behind its newest record a key's state can still matter; -1: for ever.
  [[nodiscard]] std::int64_t horizon() const { return horizon_; }

 private:
  explicit FeaturePlan(ViewSpec spec) : spec_(std::move(spec)) {}

  [[nodiscard]] std::string fault() const;
  void plan();
  std::size_t cell_of(const OperationSpec& operation);
  std::size_t level_of(Axis axis, std::int64_t hop, std::int64_t keep);
  std::size_t span_of(const FeatureWindow& window);
  void ask(std::size_t span, std::size_t cell, const Query& query);
  void lay_out();
  void place_states();
  [[nodiscard]] absl::Status describe();
  [[nodiscard]] std::int64_t hop_for(Duration length) const;

  ViewSpec spec_;
  std::vector<Cell> cells_;
  std::vector<Level> levels_;
  std::vector<Span> spans_;
  std::vector<UsedCell> used_cells_;
  std::vector<std::size_t> other_spans_;
  std::size_t states_bytes_ = 0;
  std::size_t hot_bytes_ = 0;
  std::unique_ptr<SlotPool> slots_ = std::make_unique<SlotPool>();
  std::vector<Output> outputs_;
  std::string schema_;
  std::uint64_t hash_ = 0;
  std::string hash_text_;
  std::int64_t horizon_ = 0;
};

using FeaturePlanPtr = std::shared_ptr<const FeaturePlan>;  // shared by the view and its tasks

}  // namespace weir::ml
