#include <weir/ml/features/key_state.h>

#include <algorithm>
#include <limits>
#include <tuple>

namespace weir::ml {
namespace {

using Axis = FeaturePlan::Axis;
using Level = FeaturePlan::Level;
using Span = FeaturePlan::Span;

constexpr std::int64_t kFirstOrder = std::numeric_limits<std::int64_t>::min();

std::int64_t floor_to(std::int64_t value, std::int64_t unit) {
  const std::int64_t rest = value % unit;
  return value - (rest < 0 ? rest + unit : rest);
}

bool in_tile(std::int64_t value, std::int64_t start, std::int64_t hop) {
  return value >= start && value - start < hop;
}

// Old tiles are forgotten when there is one of so many.
constexpr std::size_t kTilesPerOldOne = 8;

// The blocks of a workspace.
enum : std::size_t { kSum, kOther, kPrefix, kHead, kNothing, kScratchBlocks };

constexpr char kNullFlag = '\0';
constexpr char kNumberFlag = '\1';
constexpr char kTextFlag = '\2';
constexpr char kVectorFlag = '\3';

}  // namespace

Workspace::Workspace(const FeaturePlan& plan, bool remember)
    : remember_(remember), values_(plan.spec().columns.size()) {
  for (const Span& span : plan.spans()) {
    spans_.push_back(
        {StateBlocks(span.layout, kScratchBlocks), StateBlocks(plan.levels()[span.level].layout, 1)});
  }
}

KeyState::KeyState(const FeaturePlan& plan) : plan_(&plan), sums_(plan) {
  levels_.reserve(plan.levels().size());
  for (const Level& level : plan.levels()) levels_.emplace_back(level.layout);
  folds_.reserve(plan.spans().size());
  for (const Span& span : plan.spans()) folds_.emplace_back(span.layout);
}

KeyState::Sums::Sums(const FeaturePlan& plan)
    : plan_(&plan), memory_(std::make_unique<std::byte[]>(plan.sums_bytes())) {
  for (std::size_t i = 0; i < plan.spans().size(); ++i) {
    if (plan.spans()[i].single()) continue;
    plan.spans()[i].layout.create(prefix(i));
    plan.spans()[i].layout.create(all(i));
  }
}

KeyState::Sums::~Sums() {
  if (memory_ == nullptr) return;  // moved away
  for (std::size_t i = 0; i < plan_->spans().size(); ++i) {
    if (plan_->spans()[i].single()) continue;
    plan_->spans()[i].layout.destroy(prefix(i));
    plan_->spans()[i].layout.destroy(all(i));
  }
}

void KeyState::Sums::prefetch() const {
  constexpr std::size_t kLine = 64;
  constexpr std::size_t kMost = 2048;
  for (std::size_t at = 0; at < std::min(plan_->sums_bytes(), kMost); at += kLine) {
    __builtin_prefetch(memory_.get() + at);
  }
}

// Asks for what evaluate will look at all at once, so that it waits for memory once.
void KeyState::prefetch() const {
  for (const LevelState& level : levels_) {
    if (level.tiles.empty()) continue;
    __builtin_prefetch(&level.tiles.back());
    __builtin_prefetch(level.blocks[level.tiles.size() - 1]);
  }
  for (const Fold& fold : folds_) __builtin_prefetch(&fold);
  sums_.prefetch();
}

// ------------------------------------------------------------------------------------------------------ asking

// What part of a level a window takes: on the axis from `from` to before `until`; of the records at `until` those of a smaller
// order.
struct KeyState::Range {
  std::int64_t from = 0;
  std::int64_t until = 0;
  std::int64_t order = kFirstOrder;

  [[nodiscard]] bool takes(const Kept& kept) const {
    return kept.at >= from && std::tie(kept.at, kept.order) < std::tie(until, order);
  }
};

void KeyState::evaluate(const Event& event, bool added, Workspace& workspace, double* row) {
  prefetch();
  Evaluation evaluation;
  evaluation.time = event.time;
  evaluation.includes_current = added;
  for (std::size_t i = 0; i < plan_->spans().size(); ++i) {
    const Span& span = plan_->spans()[i];
    if (!span.single()) {
      answer(i, sum_of(i, event, added, workspace), false, event, evaluation, row);
      continue;
    }
    const Level& level = plan_->levels()[span.level];
    const LevelState& state = levels_[span.level];
    const std::byte* tile = nullptr;
    if (level.axis == Axis::kSession) {
      // The newest that began before.
      const std::size_t after = lower_bound(span.level, event.time + 1);
      if (after > 0 && event.time - state.tiles[after - 1].last <= level.hop) tile = state.blocks[after - 1];
    } else {
      const std::int64_t start = tile_start(span.level, event.time);
      const std::size_t place = lower_bound(span.level, start);
      if (place < state.tiles.size() && state.tiles[place].start == start) tile = state.blocks[place];
    }
    if (tile != nullptr) {
      answer(i, tile, true, event, evaluation, row);
    } else {
      answer(i, workspace.spans_[i].span[kNothing], false, event, evaluation, row);
    }
  }
}

void KeyState::answer(std::size_t index, const std::byte* sum, bool of_tile, const Event& event,
                      Evaluation& evaluation, double* row) const {
  const Span& span = plan_->spans()[index];
  evaluation.window_seconds = span.seconds;
  for (const FeaturePlan::SpanPart& part : span.parts) {
    evaluation.value = part.value < 0 ? &kNullValue : &event.values[static_cast<std::size_t>(part.value)];
    part.aggregation->answer(sum + (of_tile ? part.place : part.at), part.queries, evaluation, row);
  }
}

const std::byte* KeyState::sum_of(std::size_t index, const Event& event, bool added, Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  const Level& level = plan_->levels()[span.level];
  if (level.axis == Axis::kRows) {
    return sum_with_records(index, {rows_ - span.size, rows_, kFirstOrder}, workspace);
  }
  const std::int64_t end = event.time - span.delay;
  if (level.axis == Axis::kExact) {
    std::int64_t order = kFirstOrder;
    if (span.delay == 0) order = added ? event.order + 1 : event.order;
    return sum_with_records(index, {end - span.size, end, order}, workspace);
  }
  const Fold& fold = folds_[index];
  std::int64_t head = fold.head;
  const std::byte* closed = nullptr;
  // Most records are in the tile of the last one, and need no division to know it.
  if (workspace.remember_ && fold.valid && in_tile(end, fold.head, level.hop) &&
      in_tile(end - span.size, fold.from, level.hop)) {
    closed = sums_.all(index);
  } else {
    head = floor_to(end, level.hop);
    closed = sum_of_closed(index, floor_to(end - span.size, level.hop), head, workspace);
  }
  if (span.delay > 0) return closed;
  const LevelState& state = levels_[span.level];
  const std::size_t place = lower_bound(span.level, head);
  if (place == state.tiles.size() || state.tiles[place].start != head) return closed;
  std::byte* sum = workspace.spans_[index].span[kHead];
  span.layout.assign(sum, closed);
  merge_tile(index, sum, state.blocks[place]);
  return sum;
}

// The records of the oldest tile that are in the window, then all tiles between, then the records of the newest tile.
const std::byte* KeyState::sum_with_records(std::size_t index, const Range& range, Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  const Level& level = plan_->levels()[span.level];
  const LevelState& state = levels_[span.level];
  StateBlocks& scratch = workspace.spans_[index].span;
  const std::int64_t tail = floor_to(range.from, level.hop);
  const std::int64_t head = floor_to(range.until, level.hop);
  const std::int64_t first_whole = tail == range.from ? tail : tail + level.hop;
  std::byte* sum = scratch[kHead];
  span.layout.assign(sum, scratch[kNothing]);
  if (first_whole != tail) {
    const std::size_t place = lower_bound(span.level, tail);
    if (place < state.tiles.size() && state.tiles[place].start == tail) {
      for (const Kept& kept : state.records[place]) {
        if (range.takes(kept)) add_record(index, kept, workspace, sum);
      }
    }
  }
  if (first_whole < head) span.layout.merge(sum, sum_of_closed(index, first_whole, head, workspace));
  if (first_whole > head) return sum;
  const std::size_t place = lower_bound(span.level, head);
  if (place == state.tiles.size() || state.tiles[place].start != head) return sum;
  const std::vector<Kept>& records = state.records[place];
  if (!records.empty() && range.takes(records.back())) {
    merge_tile(index, sum, state.blocks[place]);
    return sum;
  }
  std::byte* part = scratch[kOther];
  span.layout.assign(part, scratch[kNothing]);
  for (const Kept& kept : records) {
    if (!range.takes(kept)) break;
    add_record(index, kept, workspace, part);
  }
  span.layout.merge(sum, part);
  return sum;
}

std::byte* KeyState::add_record(std::size_t index, const Kept& kept, Workspace& workspace,
                                std::byte* sum) const {
  // By the level's tile, since what is added to a cell is known of levels.
  const Span& span = plan_->spans()[index];
  const Level& level = plan_->levels()[span.level];
  restore_values(level, kept, workspace.values_);
  const Event event{kept.time, kept.order, workspace.values_};
  std::byte* tile = workspace.spans_[index].level[0];
  for (const FeaturePlan::SpanPart& part : span.parts)
    part.aggregation->assign(tile + part.place, sum + part.at);
  add_to_cells(level, event, tile);
  assign_tile(index, sum, tile);
  return sum;
}

const std::byte* KeyState::sum_of_closed(std::size_t index, std::int64_t from, std::int64_t head,
                                         Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  if (!workspace.remember_) return fold_plainly(index, from, head, workspace);
  Fold& fold = folds_[index];
  if (fold.valid && fold.head == head && fold.from == from) return sums_.all(index);
  if (fold.valid && (head < fold.head || from < fold.from)) return fold_plainly(index, from, head, workspace);
  const std::int64_t block = floor_to(head, span.block);
  if (!fold.valid || block != fold.block) {
    fold_anew(index, from, head, block, fold);
  } else {
    const LevelState& state = levels_[span.level];
    for (std::size_t i = lower_bound(span.level, fold.head);
         i < state.tiles.size() && state.tiles[i].start < head; ++i) {
      merge_tile(index, sums_.prefix(index), state.blocks[i]);
    }
  }
  fold.valid = true;
  fold.from = from;
  fold.head = head;
  refresh_sum(index, fold);
  return sums_.all(index);
}

void KeyState::refresh_sum(std::size_t index, Fold& fold) {
  const Layout& layout = plan_->spans()[index].layout;
  while (fold.next < fold.starts.size() && fold.starts[fold.next] < fold.from) ++fold.next;
  if (fold.next == fold.starts.size()) {
    layout.assign(sums_.all(index), sums_.prefix(index));
  } else {
    layout.assign(sums_.all(index), fold.suffixes[fold.next]);
    layout.merge(sums_.all(index), sums_.prefix(index));
  }
}

void KeyState::fold_anew(std::size_t index, std::int64_t from, std::int64_t head, std::int64_t block,
                         Fold& fold) {
  const Span& span = plan_->spans()[index];
  const LevelState& state = levels_[span.level];
  const std::size_t first = lower_bound(span.level, from);
  const std::size_t turn = std::max(first, lower_bound(span.level, block));
  const std::size_t end = std::max(turn, lower_bound(span.level, head));
  fold.block = block;
  fold.next = 0;
  fold.starts.clear();
  for (std::size_t i = first; i < turn; ++i) fold.starts.push_back(state.tiles[i].start);
  fold.suffixes.reset(turn - first);
  for (std::size_t i = turn; i-- > first;) {
    assign_tile(index, fold.suffixes[i - first], state.blocks[i]);
    if (i + 1 < turn) span.layout.merge(fold.suffixes[i - first], fold.suffixes[i + 1 - first]);
  }
  span.layout.destroy(sums_.prefix(index));
  span.layout.create(sums_.prefix(index));
  for (std::size_t i = turn; i < end; ++i) merge_tile(index, sums_.prefix(index), state.blocks[i]);
}

// The same fold with nothing remembered.
const std::byte* KeyState::fold_plainly(std::size_t index, std::int64_t from, std::int64_t head,
                                        Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  const LevelState& state = levels_[span.level];
  StateBlocks& scratch = workspace.spans_[index].span;
  const std::size_t first = lower_bound(span.level, from);
  const std::size_t turn = std::max(first, lower_bound(span.level, floor_to(head, span.block)));
  const std::size_t end = std::max(turn, lower_bound(span.level, head));
  std::byte* sum = scratch[kSum];
  std::byte* other = scratch[kOther];
  span.layout.assign(sum, scratch[kNothing]);
  for (std::size_t i = turn; i-- > first;) {
    assign_tile(index, other, state.blocks[i]);
    if (i + 1 < turn) span.layout.merge(other, sum);
    std::swap(sum, other);
  }
  std::byte* prefix = scratch[kPrefix];
  span.layout.assign(prefix, scratch[kNothing]);
  for (std::size_t i = turn; i < end; ++i) merge_tile(index, prefix, state.blocks[i]);
  if (first == turn) return prefix;
  span.layout.merge(sum, prefix);
  return sum;
}

void KeyState::assign_tile(std::size_t index, std::byte* to, const std::byte* tile) const {
  for (const FeaturePlan::SpanPart& part : plan_->spans()[index].parts) {
    part.aggregation->assign(to + part.at, tile + part.place);
  }
}

void KeyState::merge_tile(std::size_t index, std::byte* to, const std::byte* tile) const {
  for (const FeaturePlan::SpanPart& part : plan_->spans()[index].parts) {
    part.aggregation->merge(to + part.at, tile + part.place);
  }
}

// ------------------------------------------------------------------------------------------------------ adding

void KeyState::add(const Event& event, Workspace& workspace) {
  seen_ = std::max(seen_, event.time);
  bool counted = false;
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const Level& level = plan_->levels()[i];
    const std::size_t tiles_before = levels_[i].tiles.size();
    switch (level.axis) {
      case Axis::kTime: {
        const std::size_t tile = find_or_insert(i, tile_start(i, event.time));
        touch(i, tile);
        add_to_cells(level, event, levels_[i].blocks[tile]);
        break;
      }
      case Axis::kExact: {
        const std::size_t tile = find_or_insert(i, tile_start(i, event.time));
        touch(i, tile);
        add_kept(i, tile, event, event.time, workspace);
        break;
      }
      case Axis::kRows: {
        const std::size_t tile = find_or_insert(i, floor_to(rows_, level.hop));
        touch(i, tile);
        add_kept(i, tile, event, rows_, workspace);
        counted = true;
        break;
      }
      case Axis::kSession:
        add_to_session(i, event);
        break;
    }
    if (levels_[i].tiles.size() > tiles_before) forget_old(i);
  }
  if (counted) ++rows_;
}

void KeyState::add_to_cells(const Level& level, const Event& event, std::byte* tile) const {
  Input input;
  input.time = event.time;
  input.order = event.order;
  for (const FeaturePlan::LevelPart& part : level.parts) {
    if (part.where >= 0) {
      const Value& where = event.values[static_cast<std::size_t>(part.where)];
      if (where.null || where.number == 0) continue;
    }
    if (part.value >= 0) {
      const Value& value = event.values[static_cast<std::size_t>(part.value)];
      if (part.nulls != NullRule::kTake && value.null == (part.nulls == NullRule::kSkip)) continue;
      input.value = &value;
    }
    if (part.second >= 0) input.second = &event.values[static_cast<std::size_t>(part.second)];
    part.aggregation->add(tile + part.at, input);
  }
}

// A tile's sum is always that of its records in their order: one out of order makes it be folded anew.
void KeyState::add_kept(std::size_t index, std::size_t tile_index, const Event& event, std::int64_t at,
                        Workspace& workspace) {
  const Level& level = plan_->levels()[index];
  std::vector<Kept>& records = levels_[index].records[tile_index];
  Kept kept{at, event.time, event.order, {}};
  for (const std::size_t column : level.columns) {
    const Value& value = event.values[column];
    kept.values.push_back({value.number, value.null, std::string(value.text),
                           std::vector<double>(value.numbers.begin(), value.numbers.end())});
  }
  const auto place = std::upper_bound(records.begin(), records.end(), kept, [](const Kept& a, const Kept& b) {
    return std::tie(a.at, a.order) < std::tie(b.at, b.order);
  });
  const bool last = place == records.end();
  records.insert(place, std::move(kept));
  std::byte* block = levels_[index].blocks[tile_index];
  if (last) {
    add_to_cells(level, event, block);
    return;
  }
  level.layout.destroy(block);
  for (const Layout::Part& part : level.layout.parts()) part.aggregation->create(block + part.at);
  for (const Kept& one : records) {
    restore_values(level, one, workspace.values_);
    add_to_cells(level, {one.time, one.order, workspace.values_}, block);
  }
}

void KeyState::restore_values(const Level& level, const Kept& kept, std::vector<Value>& values) const {
  for (std::size_t i = 0; i < level.columns.size(); ++i) {
    const StoredValue& stored = kept.values[i];
    values[level.columns[i]] = {stored.number, stored.text, stored.numbers, stored.null};
  }
}

// A record may prolong a session, at either end, or make one of several.
void KeyState::add_to_session(std::size_t index, const Event& event) {
  const Level& level = plan_->levels()[index];
  LevelState& state = levels_[index];
  std::size_t first = lower_bound(index, event.time + 1);
  while (first > 0 && event.time - state.tiles[first - 1].last <= level.hop) --first;
  std::size_t end = first;
  while (end < state.tiles.size() && state.tiles[end].start - event.time <= level.hop) ++end;
  if (first == end) {
    find_or_insert(index, event.time);
    state.tiles[first].last = event.time;
  } else {
    Tile& session = state.tiles[first];
    for (std::size_t i = first + 1; i < end; ++i) {
      level.layout.merge(state.blocks[first], state.blocks[i]);
      session.last = std::max(session.last, state.tiles[i].last);
    }
    if (end > first + 1) erase_tiles(index, first + 1, end - first - 1);
    session.last = std::max(session.last, event.time);
    if (event.time < session.start) {
      gone_.emplace_back(index, session.start);
      session.start = event.time;
      session.changed = false;
    }
  }
  touch(index, first);
  add_to_cells(level, event, state.blocks[first]);
}

std::int64_t KeyState::tile_start(std::size_t index, std::int64_t at) const {
  const std::int64_t hop = plan_->levels()[index].hop;
  const std::vector<Tile>& tiles = levels_[index].tiles;
  if (!tiles.empty() && in_tile(at, tiles.back().start, hop)) return tiles.back().start;
  return floor_to(at, hop);
}

std::size_t KeyState::lower_bound(std::size_t index, std::int64_t start) const {
  const std::vector<Tile>& tiles = levels_[index].tiles;
  // Most ask for the newest, or for the one that comes next.
  if (tiles.empty() || tiles.back().start < start) return tiles.size();
  if (tiles.size() == 1 || tiles[tiles.size() - 2].start < start) return tiles.size() - 1;
  const auto found = std::lower_bound(tiles.begin(), tiles.end(), start,
                                      [](const Tile& tile, std::int64_t at) { return tile.start < at; });
  return static_cast<std::size_t>(found - tiles.begin());
}

std::size_t KeyState::find_or_insert(std::size_t index, std::int64_t start) {
  LevelState& state = levels_[index];
  const std::size_t place = lower_bound(index, start);
  if (place < state.tiles.size() && state.tiles[place].start == start) return place;
  state.tiles.insert(state.tiles.begin() + static_cast<std::ptrdiff_t>(place), Tile{start, start, false});
  state.blocks.insert(place);
  if (plan_->levels()[index].has_records()) {
    state.records.emplace(state.records.begin() + static_cast<std::ptrdiff_t>(place));
  }
  return place;
}

void KeyState::touch(std::size_t index, std::size_t place) {
  Tile& tile = levels_[index].tiles[place];
  if (!tile.changed) {
    tile.changed = true;
    changed_.emplace_back(index, tile.start);
  }
  for (const std::size_t i : plan_->levels()[index].spans) {
    if (tile.start < folds_[i].head) folds_[i].valid = false;
  }
}

// Old tiles go when others come, several at a time since the rest moves up: by a rule that depends on the tiles alone, because a
// record later than the grace may still see them.
void KeyState::forget_old(std::size_t index) {
  const Level& level = plan_->levels()[index];
  const std::vector<Tile>& tiles = levels_[index].tiles;
  if (level.keep < 0) return;
  const std::int64_t limit = (level.axis == Axis::kRows ? rows_ : seen_) - level.keep;
  const auto is_old = [&](const Tile& tile) {
    return level.axis == Axis::kSession ? tile.last < limit : tile.start + level.hop <= limit;
  };
  std::size_t old = tiles.size() / kTilesPerOldOne;
  if (old >= tiles.size() || !is_old(tiles[old])) return;
  while (old < tiles.size() && is_old(tiles[old])) ++old;
  erase_tiles(index, 0, old);
  evicted_ += old;
}

void KeyState::forget_all() {
  for (std::size_t i = 0; i < levels_.size(); ++i) erase_tiles(i, 0, levels_[i].tiles.size());
  for (Fold& fold : folds_) fold.valid = false;
  seen_ = kNoTimestamp;
  rows_ = 0;
}

void KeyState::erase_tiles(std::size_t index, std::size_t first, std::size_t count) {
  LevelState& state = levels_[index];
  const auto begin = state.tiles.begin() + static_cast<std::ptrdiff_t>(first);
  const auto end = begin + static_cast<std::ptrdiff_t>(count);
  for (auto tile = begin; tile != end; ++tile) gone_.emplace_back(index, tile->start);
  state.tiles.erase(begin, end);
  state.blocks.erase(first, count);
  if (!state.records.empty()) {
    const auto first_records = state.records.begin() + static_cast<std::ptrdiff_t>(first);
    state.records.erase(first_records, first_records + static_cast<std::ptrdiff_t>(count));
  }
}

// ------------------------------------------------------------------------------------------------------ storing

void KeyState::settle() {
  for (const auto& [index, start] : changed_) {
    const std::size_t place = lower_bound(index, start);
    std::vector<Tile>& tiles = levels_[index].tiles;
    if (place < tiles.size() && tiles[place].start == start) tiles[place].changed = false;
  }
  changed_.clear();
  gone_.clear();
}

bool KeyState::encode_tile(const TileId& id, Bytes& out) const {
  const auto& [index, start] = id;
  const Level& level = plan_->levels()[index];
  const LevelState& state = levels_[index];
  const std::size_t place = lower_bound(index, start);
  if (place == state.tiles.size() || state.tiles[place].start != start) return false;
  const Tile& tile = state.tiles[place];
  if (level.axis == Axis::kSession) put_signed(tile.last - tile.start, out);
  Bytes cell;
  for (const Layout::Part& part : level.layout.parts()) {
    cell.clear();
    part.aggregation->encode(state.blocks[place] + part.at, cell);
    put_sized_text(cell, out);
  }
  if (!level.has_records()) return true;
  const std::vector<Kept>& records = state.records[place];
  put_unsigned(records.size(), out);
  for (const Kept& kept : records) {
    put_signed(kept.at - start, out);
    put_signed(kept.time, out);
    put_signed(kept.order, out);
    for (std::size_t i = 0; i < kept.values.size(); ++i) {
      const StoredValue& value = kept.values[i];
      const ColumnKind kind = plan_->spec().columns[level.columns[i]].kind;
      if (value.null) {
        out.push_back(kNullFlag);
      } else if (kind == ColumnKind::kNumber) {
        out.push_back(kNumberFlag);
        put_double(value.number, out);
      } else if (kind == ColumnKind::kCategory) {
        out.push_back(kTextFlag);
        put_sized_text(value.text, out);
      } else {
        out.push_back(kVectorFlag);
        put_unsigned(value.numbers.size(), out);
        for (const double number : value.numbers) put_double(number, out);
      }
    }
  }
  return true;
}

bool KeyState::decode_tile(const TileId& id, StateReader& bytes, std::span<const int> cells,
                           std::span<const int> columns, Workspace& workspace) {
  const auto& [index, start] = id;
  const Level& level = plan_->levels()[index];
  const std::size_t place = find_or_insert(index, start);
  Tile& tile = levels_[index].tiles[place];
  std::byte* block = levels_[index].blocks[place];
  if (level.axis == Axis::kSession) tile.last = start + bytes.take_signed();
  std::vector<bool> found(level.cells.size());
  for (const int cell : cells) {
    StateReader state(bytes.take_text());
    if (!bytes.ok()) return false;
    if (cell < 0) continue;
    const auto wanted = static_cast<std::size_t>(cell);
    const Layout::Part& part = level.layout.parts()[wanted];
    if (!part.aggregation->decode(state, block + part.at) || !state.done()) return false;
    found[wanted] = true;
  }
  if (!level.has_records()) return bytes.done();
  std::vector<Kept>& records = levels_[index].records[place];
  records.resize(bytes.take_count(4));
  for (Kept& kept : records) {
    kept.at = start + bytes.take_signed();
    kept.time = bytes.take_signed();
    kept.order = bytes.take_signed();
    kept.values.resize(level.columns.size());
    for (const int column : columns) {
      StoredValue value;
      const BytesView flag = bytes.take_bytes(1);
      if (!bytes.ok() || flag.front() > kVectorFlag) return false;
      value.null = flag.front() == kNullFlag;
      if (flag.front() == kNumberFlag) value.number = bytes.take_double();
      if (flag.front() == kTextFlag) value.text = bytes.take_text();
      if (flag.front() == kVectorFlag) {
        value.numbers.resize(bytes.take_count(sizeof(double)));
        for (double& number : value.numbers) number = bytes.take_double();
      }
      if (column >= 0) kept.values[static_cast<std::size_t>(column)] = std::move(value);
    }
  }
  if (!bytes.done()) return false;
  if (level.axis == Axis::kRows && !records.empty()) rows_ = std::max(rows_, records.back().at + 1);
  if (std::find(found.begin(), found.end(), false) == found.end()) return true;
  // A cell that is new is made of the records, as far as they remember its columns.
  StateBlocks anew(level.layout, 1);
  for (const Kept& kept : records) {
    restore_values(level, kept, workspace.values_);
    add_to_cells(level, {kept.time, kept.order, workspace.values_}, anew[0]);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Layout::Part& part = level.layout.parts()[i];
    if (!found[i]) part.aggregation->assign(block + part.at, anew[0] + part.at);
  }
  return true;
}

std::size_t KeyState::tiles() const {
  std::size_t sum = 0;
  for (const LevelState& level : levels_) sum += level.tiles.size();
  return sum;
}

std::size_t KeyState::memory_bytes() const {
  std::size_t sum = sizeof(KeyState) + levels_.capacity() * sizeof(LevelState);
  for (std::size_t i = 0; i < levels_.size(); ++i) {
    const LevelState& level = levels_[i];
    sum += level.blocks.held_bytes() + level.tiles.capacity() * sizeof(Tile);
    for (const std::vector<Kept>& records : level.records) {
      sum += records.capacity() * (sizeof(Kept) + plan_->levels()[i].columns.size() * sizeof(StoredValue));
    }
  }
  sum += folds_.capacity() * sizeof(Fold) + plan_->sums_bytes();
  for (const Fold& fold : folds_) {
    sum += fold.suffixes.held_bytes() + fold.starts.capacity() * sizeof(std::int64_t);
  }
  return sum;
}

}  // namespace weir::ml
