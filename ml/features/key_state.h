// What a feature view knows of one key: its tiles, and how windows are made of them.
//
// A row depends on the tiles and the record alone, bit for bit, though floating-point sums depend on their bracketing: a
// window's closed tiles (those before the one the record is in) are always folded in the same way,
//
//      from            block                 head
//   ────┼───┬───┬───┬────┼───┬───┬───┬───┬────┼──────┐
//       │ a │ b │ c │ d  │ e │ f │ g │ h │ i  │ open │       (a+(b+(c+d))) + ((((e+f)+g)+h)+i),  then + open
//   ────┴───┴───┴───┴────┴───┴───┴───┴───┴────┴──────┘
//
// turning at multiples of the window's own length (Span::block), of which exactly one lies in it. That is two-stacks sliding
// (Tangwongsan, Hirzel and Schneider 2017, "two-stacks lite") with its flips at fixed places: the suffixes left of the turn and
// the prefix right of it may be remembered from record to record, which makes a window cost a merge or two however long it is,
// or they may be computed anew, with the same result. So nothing but the tiles need be stored.
//
// A record that comes late and changes a closed tile makes its windows be computed anew once.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/time.h>
#include <weir/ml/features/block.h>
#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/value.h>

namespace weir::ml {

// A record: one value for each column of the view.
struct Event {
  Timestamp time = 0;
  std::int64_t order = 0;
  std::span<const Value> values;
};

// Memory that the states of many keys use in turn. `remember`: whether folds are kept from record to record; results are the
// same.
class Workspace {
 public:
  explicit Workspace(const FeaturePlan& plan, bool remember = true);

 private:
  friend class KeyState;
  struct Scratch {
    StateBlocks span;   // five of a span
    StateBlocks level;  // one of its level
  };

  const bool remember_;
  std::vector<Scratch> spans_;
  std::vector<Value> values_;
};

class KeyState {
 public:
  // Where a tile is: the level, and its start on the level's axis.
  using TileId = std::pair<std::size_t, std::int64_t>;

  // The plan outlives it.
  explicit KeyState(const FeaturePlan& plan);

  // The largest time of a record that was added; kNoTimestamp before the first.
  [[nodiscard]] Timestamp seen() const { return seen_; }
  // Whether a record of that time comes later than the grace.
  [[nodiscard]] bool is_late(Timestamp time) const {
    return seen_ != kNoTimestamp && time < seen_ - plan_->spec().grace.count();
  }

  // Writes the row of a record, a value for each output of the plan; kNoValue where there is none. `added`: the record was
  // added before.
  void evaluate(const Event& event, bool added, Workspace& workspace, double* row);

  // Adds a record that is not late, and forgets tiles that no record can ask for any more.
  void add(const Event& event, Workspace& workspace);

  // Becomes the state of a key that was never seen.
  void forget_all();

  // ------------------------------------------------------------------------------------------------ what is to be stored

  [[nodiscard]] bool changed() const { return !changed_.empty() || !gone_.empty(); }
  // Tiles that changed, or went away, since the last call of settle; what went away may be there again.
  [[nodiscard]] const std::vector<TileId>& changed_tiles() const { return changed_; }
  [[nodiscard]] const std::vector<TileId>& gone_tiles() const { return gone_; }
  // Returns whether there is such a tile, and if so appends its bytes.
  [[nodiscard]] bool encode_tile(const TileId& id, Bytes& out) const;
  void settle();

  // Takes a tile from bytes, in any order of tiles. `cells`: for each cell in the bytes the place in the level's own list, or
  // -1 for one that is not wanted any more; `columns` the same for what records remember. Returns false if the bytes are not
  // such a tile.
  [[nodiscard]] bool decode_tile(const TileId& id, StateReader& bytes, std::span<const int> cells,
                                 std::span<const int> columns, Workspace& workspace);
  void see(Timestamp time) { seen_ = std::max(seen_, time); }

  [[nodiscard]] std::size_t tiles() const;
  // About.
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

 private:
  struct StoredValue {
    double number = 0;
    bool null = true;
    std::string text;
    std::vector<double> numbers;
  };
  // A record of a level that has records. `at`: its place on the axis.
  struct Kept {
    std::int64_t at = 0;
    Timestamp time = 0;
    std::int64_t order = 0;
    std::vector<StoredValue> values;
  };
  struct Tile {
    std::int64_t start = 0;
    std::int64_t last = 0;  // of a session: its newest record
    bool changed = false;
  };
  struct LevelState {
    explicit LevelState(const Layout& layout) : blocks(layout) {}
    std::vector<Tile> tiles;                 // by start
    StateBlocks blocks;                      // of each
    std::vector<std::vector<Kept>> records;  // of each, by (at, order); empty if the level has none
  };
  // What is remembered of a span, beside two sums: the prefix from the block to the head, and all from `from` to the head.
  struct Fold {
    explicit Fold(const Layout& layout) : suffixes(layout) {}
    bool valid = false;
    std::int64_t from = 0;
    std::int64_t head = 0;
    std::int64_t block = 0;
    std::vector<std::int64_t> starts;  // of the suffixes
    std::size_t next = 0;              // the first suffix that is in the window
    StateBlocks suffixes;              // of all tiles from there to the block
  };
  // The sums of all spans, in one piece: at 20,000 keys what is scattered costs most.
  class Sums {
   public:
    explicit Sums(const FeaturePlan& plan);
    ~Sums();
    Sums(Sums&& other) noexcept = default;
    Sums& operator=(Sums&&) = delete;
    [[nodiscard]] std::byte* prefix(std::size_t span) { return memory_.get() + plan_->spans()[span].sums_at; }
    [[nodiscard]] std::byte* all(std::size_t span) {
      return prefix(span) + plan_->spans()[span].layout.bytes();
    }
    void prefetch() const;

   private:
    const FeaturePlan* plan_;
    std::unique_ptr<std::byte[]> memory_;
  };
  struct Range;

  const std::byte* sum_of(std::size_t span, const Event& event, bool added, Workspace& workspace);
  const std::byte* sum_with_records(std::size_t span, const Range& range, Workspace& workspace);
  const std::byte* sum_of_closed(std::size_t span, std::int64_t from, std::int64_t head,
                                 Workspace& workspace);
  void fold_anew(std::size_t span, std::int64_t from, std::int64_t head, std::int64_t block, Fold& fold);
  const std::byte* fold_plainly(std::size_t span, std::int64_t from, std::int64_t head, Workspace& workspace);
  void refresh_sum(std::size_t span, Fold& fold);
  void assign_tile(std::size_t span, std::byte* to, const std::byte* tile) const;
  void merge_tile(std::size_t span, std::byte* to, const std::byte* tile) const;
  void answer(std::size_t span, const std::byte* sum, bool of_tile, const Event& event,
              Evaluation& evaluation, double* row) const;
  void prefetch() const;

  void add_to_cells(const FeaturePlan::Level& level, const Event& event, std::byte* tile) const;
  std::byte* add_record(std::size_t span, const Kept& kept, Workspace& workspace, std::byte* sum) const;
  void restore_values(const FeaturePlan::Level& level, const Kept& kept, std::vector<Value>& values) const;
  void add_kept(std::size_t level, std::size_t tile, const Event& event, std::int64_t at,
                Workspace& workspace);
  void add_to_session(std::size_t level, const Event& event);
  std::size_t find_or_insert(std::size_t level, std::int64_t start);
  // Returns where the tile of a place on the level's axis begins.
  [[nodiscard]] std::int64_t tile_start(std::size_t level, std::int64_t at) const;
  [[nodiscard]] std::size_t lower_bound(std::size_t level, std::int64_t start) const;
  void touch(std::size_t level, std::size_t tile);
  void forget_old(std::size_t level);
  void erase_tiles(std::size_t level, std::size_t first, std::size_t count);

  const FeaturePlan* plan_;
  std::vector<LevelState> levels_;
  std::vector<Fold> folds_;  // by span
  Sums sums_;
  Timestamp seen_ = kNoTimestamp;
  std::int64_t rows_ = 0;  // how many were added, if a level counts them
  std::uint64_t evicted_ = 0;
  std::vector<TileId> changed_;
  std::vector<TileId> gone_;
};

}  // namespace weir::ml
