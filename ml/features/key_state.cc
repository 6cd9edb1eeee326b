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

// Of how many tiles a remembered suffix has more than the one before. With 1, closing a tile costs a merge or two less and the
// suffixes of a key are four times as large: 13 KB with windows of 1 h, 24 h, 7 d and 30 d.
constexpr std::size_t kSuffixStep = 4;

// Old tiles are forgotten when there is one of so many.
constexpr std::size_t kTilesPerOldOne = 8;

// The blocks of a workspace.
enum : std::size_t { kSum, kOther, kAll, kPrefix, kHead, kNothing, kScratchBlocks };

constexpr char kNullFlag = '\0';
constexpr char kNumberFlag = '\1';
constexpr char kTextFlag = '\2';
constexpr char kVectorFlag = '\3';

// Appends a state as put_sized_text would append its bytes, which nearly always are few.
void put_sized_state(const Aggregation& aggregation, const std::byte* state, Bytes& out) {
  constexpr std::size_t kFew = 0x80;
  const std::size_t at = out.size();
  out.push_back('\0');
  aggregation.encode(state, out);
  const std::size_t size = out.size() - at - 1;
  if (size < kFew) {
    out[at] = static_cast<char>(size);
    return;
  }
  Bytes length;
  put_unsigned(size, length);
  out.replace(at, 1, length);
}

// Sets what an aggregator sees of a record; returns false if it passes it over.
template <class Cell>
bool read_cell(const Cell& cell, const Event& event, Input& input) {
  if (cell.where >= 0) {
    const Value& where = event.values[static_cast<std::size_t>(cell.where)];
    if (where.null || where.number == 0) return false;
  }
  if (cell.value >= 0) {
    const Value& value = event.values[static_cast<std::size_t>(cell.value)];
    if (cell.nulls != NullRule::kTake && value.null == (cell.nulls == NullRule::kSkip)) return false;
    input.value = &value;
  }
  if (cell.second >= 0) input.second = &event.values[static_cast<std::size_t>(cell.second)];
  return true;
}

}  // namespace

Workspace::Workspace(const FeaturePlan& plan, bool remember)
    : remember_(remember), values_(plan.spec().columns.size()) {
  for (const Span& span : plan.spans()) {
    spans_.push_back(
        {StateBlocks(span.layout, kScratchBlocks), StateBlocks(plan.levels()[span.level].layout, 1)});
  }
  sums_.resize(plan.spans().size());
  tiles_.resize(plan.levels().size());
  for (const FeaturePlan::UsedCell& cell : plan.used_cells()) {
    std::vector<AskedWindow>& windows = asked_.emplace_back();
    for (const FeaturePlan::UsedCell::InSpan& use : cell.spans) {
      const Span& span = plan.spans()[use.span];
      const std::vector<Query>& queries = span.parts[use.part].queries;
      windows.push_back({nullptr, nullptr, spans_[use.span].span[kHead] + use.at, span.seconds, queries,
                         kinds_of(queries)});
    }
  }
}

KeyState::KeyState(const FeaturePlan& plan) : plan_(&plan), memory_(plan) {
  const auto has_records = [](const Level& level) { return level.has_records(); };
  if (std::any_of(plan.levels().begin(), plan.levels().end(), has_records))
    records_ = std::make_unique<Records[]>(plan.levels().size());
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
  std::vector<Sum>& sums = workspace.sums_;
  std::vector<std::size_t>& stale = workspace.stale_;
  stale.clear();
  for (std::size_t i = 0; i < plan_->levels().size(); ++i) {
    const Level& level = plan_->levels()[i];
    if (level.aligned.empty()) continue;
    const KeyMemory::Level& tiles = memory_.level(i);
    // Most records are in the tile of the last one, and need no division to know it.
    if (workspace.remember_ && tiles.any && in_tile(event.time, tiles.start, level.hop) &&
        (tiles.current || note_current(i))) {
      const std::byte* newest = memory_.newest(i);
      for (const std::size_t span : level.aligned) sums[span] = {memory_.all(span), newest};
    } else {
      stale.insert(stale.end(), level.aligned.begin(), level.aligned.end());
    }
  }
  if (!stale.empty()) prefetch_folds(stale);
  for (const std::size_t i : plan_->other_spans()) {
    sums[i] =
        plan_->spans()[i].single() ? tile_of(i, event.time, workspace) : sum_of(i, event, added, workspace);
  }
  for (const std::size_t i : stale) sums[i] = sum_of(i, event, added, workspace);
  answer(event, added, workspace, row);
}

bool KeyState::note_current(std::size_t index) {
  KeyMemory::Level& tiles = memory_.level(index);
  const std::vector<std::size_t>& aligned = plan_->levels()[index].aligned;
  tiles.current = std::all_of(aligned.begin(), aligned.end(), [&](std::size_t span) {
    const KeyMemory::Fold& fold = memory_.fold(span);
    return fold.valid && fold.head == tiles.start;
  });
  return tiles.current;
}

// Asks for what is touched when a tile is closed, so that it is waited for once.
void KeyState::prefetch_folds(const std::vector<std::size_t>& spans) {
  for (const std::size_t span : spans) {
    const KeyMemory::Fold& fold = memory_.fold(span);
    const KeyMemory::Level& level = memory_.level(plan_->spans()[span].level);
    memory_.prefetch_close(span);
    level.older.prefetch_end();
    level.older.prefetch(level.size() / kTilesPerOldOne);
    // As if the newest tile alone had come.
    const std::size_t known = fold.left + fold.right;
    const std::size_t first = level.older.size() - std::min(known, level.older.size());
    for (std::size_t i = first; i <= first + fold.left % kSuffixStep; ++i) level.older.prefetch(i);
    fold.suffixes.prefetch_last();
  }
}

void KeyState::answer(const Event& event, bool added, Workspace& workspace, double* row) const {
  Evaluation evaluation;
  evaluation.time = event.time;
  evaluation.includes_current = added;
  const std::vector<FeaturePlan::UsedCell>& cells = plan_->used_cells();
  const Sum* sums = workspace.sums_.data();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const FeaturePlan::UsedCell& cell = cells[i];
    std::vector<AskedWindow>& windows = workspace.asked_[i];
    AskedWindow* window = windows.data();
    for (const FeaturePlan::UsedCell::InSpan& use : cell.spans) {
      const Sum& sum = sums[use.span];
      window->state = sum.closed + (sum.of_tile ? use.place : use.at);
      window->later = sum.open == nullptr ? nullptr : sum.open + use.place;
      ++window;
    }
    evaluation.value = cell.value < 0 ? &kNullValue : &event.values[static_cast<std::size_t>(cell.value)];
    cell.aggregation->answer(windows, evaluation, row);
  }
}

KeyState::Sum KeyState::tile_of(std::size_t index, Timestamp time, Workspace& workspace) const {
  const Span& span = plan_->spans()[index];
  const Level& level = plan_->levels()[span.level];
  std::size_t tile = 0;
  bool found = false;
  if (level.axis == Axis::kSession) {
    // The newest that began before.
    tile = memory_.lower_bound(span.level, time + 1);
    found = tile-- > 0 && time - memory_.end(span.level, tile) <= level.hop;
  } else {
    found = find(span.level, tile_start(span.level, time), tile);
  }
  if (found) return {memory_.tile(span.level, tile), nullptr, /*of_tile=*/true};
  return {workspace.spans_[index].span[kNothing]};
}

KeyState::Sum KeyState::sum_of(std::size_t index, const Event& event, bool added, Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  const Level& level = plan_->levels()[span.level];
  if (level.axis == Axis::kRows) {
    const std::int64_t rows = memory_.facts().rows;
    return {sum_with_records(index, {rows - span.size, rows, kFirstOrder}, workspace)};
  }
  const std::int64_t end = event.time - span.delay;
  if (level.axis == Axis::kExact) {
    std::int64_t order = kFirstOrder;
    if (span.delay == 0) order = added ? event.order + 1 : event.order;
    return {sum_with_records(index, {end - span.size, end, order}, workspace)};
  }
  const KeyMemory::Fold& fold = memory_.fold(index);
  std::int64_t head = fold.head;
  Sum sum;
  // Most records are in the tile of the last one, and need no division to know it.
  if (workspace.remember_ && fold.valid && in_tile(end, fold.head, level.hop) &&
      in_tile(end - span.size, fold.from, level.hop)) {
    sum.closed = memory_.all(index);
  } else {
    head = floor_to(end, level.hop);
    sum.closed = sum_of_closed(index, floor_to(end - span.size, level.hop), head, workspace);
  }
  std::size_t tile = 0;
  if (span.delay == 0 && find(span.level, head, tile)) sum.open = memory_.tile(span.level, tile);
  return sum;
}

// The records of the oldest tile that are in the window, then all tiles between, then the records of the newest tile.
const std::byte* KeyState::sum_with_records(std::size_t index, const Range& range, Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  const Level& level = plan_->levels()[span.level];
  const Records& records = records_[span.level];
  StateBlocks& scratch = workspace.spans_[index].span;
  const std::int64_t tail = floor_to(range.from, level.hop);
  const std::int64_t head = floor_to(range.until, level.hop);
  const std::int64_t first_whole = tail == range.from ? tail : tail + level.hop;
  std::byte* sum = scratch[kHead];
  span.layout.assign(sum, scratch[kNothing]);
  std::size_t tile = 0;
  if (first_whole != tail && find(span.level, tail, tile)) {
    for (const Kept& kept : records[tile]) {
      if (range.takes(kept)) add_record(index, kept, workspace, sum);
    }
  }
  if (first_whole < head) span.layout.merge(sum, sum_of_closed(index, first_whole, head, workspace));
  if (first_whole > head || !find(span.level, head, tile)) return sum;
  if (!records[tile].empty() && range.takes(records[tile].back())) {
    merge_tile(index, sum, memory_.tile(span.level, tile));
    return sum;
  }
  std::byte* part = scratch[kOther];
  span.layout.assign(part, scratch[kNothing]);
  for (const Kept& kept : records[tile]) {
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
  KeyMemory::Fold& fold = memory_.fold(index);
  if (fold.valid && fold.head == head && fold.from == from) return memory_.all(index);
  if (fold.valid && (head < fold.head || from < fold.from)) return fold_plainly(index, from, head, workspace);
  if (fold.valid && in_tile(head, fold.block, span.block)) {
    fold_on(index, from, head, workspace);
  } else {
    fold_anew(index, from, head, workspace);
  }
  fold.valid = true;
  fold.from = from;
  fold.head = head;
  KeyMemory::Level& level = memory_.level(span.level);
  level.folded = std::max(level.folded, head);
  level.current = false;
  return memory_.all(index);
}

// What left the window was at its beginning, what came is at its end.
void KeyState::fold_on(std::size_t index, std::int64_t from, std::int64_t head, Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  KeyMemory::Fold& fold = memory_.fold(index);
  const std::size_t end = memory_.lower_bound(span.level, head);
  std::size_t come = end;
  for (std::int64_t start = head; come > 0 && start > fold.head; --come) {
    start = memory_.start(span.level, come - 1);
    if (start < fold.head) break;
  }
  for (std::size_t i = come; i < end; ++i)
    merge_tile(index, memory_.prefix(index), memory_.tile(span.level, i));
  const std::size_t turn = come - fold.right;
  fold.right += static_cast<std::uint32_t>(end - come);
  // Some may be forgotten already.
  std::size_t first = turn - std::min<std::size_t>(fold.left, turn);
  while (first < turn && memory_.start(span.level, first) < from) ++first;
  fold.left = static_cast<std::uint32_t>(turn - first);
  const std::size_t kept = fold.left / kSuffixStep;
  fold.suffixes.erase(kept, fold.suffixes.size() - kept);
  std::byte* all = memory_.all(index);
  if (first == turn) {
    span.layout.assign(all, memory_.prefix(index));
    return;
  }
  const std::byte* sum = kept == 0 ? nullptr : fold.suffixes[kept - 1];
  span.layout.assign(all, fold_left(index, first, fold.left - kept * kSuffixStep, sum, workspace));
  span.layout.merge(all, memory_.prefix(index));
}

// Returns the sum of some tiles and, after them, of what `sum` is the sum of.
const std::byte* KeyState::fold_left(std::size_t index, std::size_t first, std::size_t count,
                                     const std::byte* sum, Workspace& workspace) const {
  const Span& span = plan_->spans()[index];
  StateBlocks& scratch = workspace.spans_[index].span;
  std::byte* to = scratch[kSum];
  std::byte* other = scratch[kOther];
  for (std::size_t i = first + count; i-- > first;) {
    assign_tile(index, to, memory_.tile(span.level, i));
    if (sum != nullptr) span.layout.merge(to, sum);
    sum = to;
    std::swap(to, other);
  }
  return sum;
}

void KeyState::fold_anew(std::size_t index, std::int64_t from, std::int64_t head, Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  KeyMemory::Fold& fold = memory_.fold(index);
  fold.block = floor_to(head, span.block);
  const std::size_t first = memory_.lower_bound(span.level, from);
  const std::size_t turn = std::max(first, memory_.lower_bound(span.level, fold.block));
  const std::size_t end = std::max(turn, memory_.lower_bound(span.level, head));
  fold.left = static_cast<std::uint32_t>(turn - first);
  fold.right = static_cast<std::uint32_t>(end - turn);
  std::byte* prefix = memory_.prefix(index);
  span.layout.destroy(prefix);
  span.layout.create(prefix);
  for (std::size_t i = turn; i < end; ++i) merge_tile(index, prefix, memory_.tile(span.level, i));
  fold.suffixes.clear();
  std::byte* all = memory_.all(index);
  if (first == turn) {
    span.layout.assign(all, prefix);
    return;
  }
  const std::byte* sum = nullptr;
  std::size_t rest = fold.left;
  fold.suffixes.reserve(rest / kSuffixStep);
  for (; rest >= kSuffixStep; rest -= kSuffixStep) {
    sum = fold_left(index, first + rest - kSuffixStep, kSuffixStep, sum, workspace);
    std::byte* suffix = fold.suffixes.insert(fold.suffixes.size());
    span.layout.assign(suffix, sum);
    sum = suffix;
  }
  span.layout.assign(all, fold_left(index, first, rest, sum, workspace));
  span.layout.merge(all, prefix);
}

// The same fold with nothing remembered.
const std::byte* KeyState::fold_plainly(std::size_t index, std::int64_t from, std::int64_t head,
                                        Workspace& workspace) {
  const Span& span = plan_->spans()[index];
  StateBlocks& scratch = workspace.spans_[index].span;
  const std::size_t first = memory_.lower_bound(span.level, from);
  const std::size_t turn = std::max(first, memory_.lower_bound(span.level, floor_to(head, span.block)));
  const std::size_t end = std::max(turn, memory_.lower_bound(span.level, head));
  std::byte* prefix = scratch[kPrefix];
  span.layout.assign(prefix, scratch[kNothing]);
  for (std::size_t i = turn; i < end; ++i) merge_tile(index, prefix, memory_.tile(span.level, i));
  if (first == turn) return prefix;
  std::byte* all = scratch[kAll];
  span.layout.assign(all, fold_left(index, first, turn - first, nullptr, workspace));
  span.layout.merge(all, prefix);
  return all;
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
  KeyMemory::Facts& facts = memory_.facts();
  facts.seen = std::max(facts.seen, event.time);
  bool counted = false;
  for (std::size_t i = 0; i < plan_->levels().size(); ++i) {
    const Level& level = plan_->levels()[i];
    const std::size_t tiles_before = facts.tiles;
    std::byte*& added_to = workspace.tiles_[i];
    added_to = nullptr;
    switch (level.axis) {
      case Axis::kTime:
        added_to = tile_for(i, event.time);
        break;
      case Axis::kExact: {
        const std::size_t tile = find_or_insert(i, tile_start(i, event.time));
        touch(i, tile);
        add_kept(i, tile, event, event.time, workspace);
        break;
      }
      case Axis::kRows: {
        const std::size_t tile = find_or_insert(i, floor_to(facts.rows, level.hop));
        touch(i, tile);
        add_kept(i, tile, event, facts.rows, workspace);
        counted = true;
        break;
      }
      case Axis::kSession:
        add_to_session(i, event);
        break;
    }
    // No record's own tile is old.
    if (facts.tiles > tiles_before) forget_old(i);
  }
  if (counted) ++facts.rows;
  add_to_tiles(event, workspace.tiles_);
}

std::byte* KeyState::tile_for(std::size_t index, Timestamp time) {
  const KeyMemory::Level& tiles = memory_.level(index);
  if (tiles.any && in_tile(time, tiles.start, plan_->levels()[index].hop) && tiles.start >= tiles.folded) {
    memory_.note_newest(index);
    return memory_.newest(index);
  }
  const std::size_t tile = find_or_insert(index, tile_start(index, time));
  touch(index, tile);
  return memory_.tile(index, tile);
}

void KeyState::add_to_tiles(const Event& event, const std::vector<std::byte*>& tiles) const {
  Input input;
  input.time = event.time;
  input.order = event.order;
  for (const FeaturePlan::UsedCell& cell : plan_->used_cells()) {
    if (!read_cell(cell, event, input)) continue;
    for (const FeaturePlan::UsedCell::InLevel& use : cell.levels)
      cell.aggregation->add(tiles[use.level] + use.at, input);
  }
}

void KeyState::add_to_cells(const Level& level, const Event& event, std::byte* tile) const {
  Input input;
  input.time = event.time;
  input.order = event.order;
  for (const FeaturePlan::LevelPart& part : level.parts) {
    if (read_cell(part, event, input)) part.aggregation->add(tile + part.at, input);
  }
}

// A tile's sum is always that of its records in their order: one out of order makes it be folded anew.
void KeyState::add_kept(std::size_t index, std::size_t tile_index, const Event& event, std::int64_t at,
                        Workspace& workspace) {
  const Level& level = plan_->levels()[index];
  std::vector<Kept>& records = records_[index][tile_index];
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
  std::byte* block = memory_.tile(index, tile_index);
  if (last) {
    add_to_cells(level, event, block);
    return;
  }
  level.layout.destroy(block);
  level.layout.create(block);
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
  std::size_t first = memory_.lower_bound(index, event.time + 1);
  while (first > 0 && event.time - memory_.end(index, first - 1) <= level.hop) --first;
  std::size_t end = first;
  while (end < memory_.level(index).size() && memory_.start(index, end) - event.time <= level.hop) ++end;
  if (first == end) {
    memory_.insert(index, first, event.time);
  } else {
    std::int64_t newest = std::max(memory_.end(index, first), event.time);
    for (std::size_t i = first + 1; i < end; ++i) {
      level.layout.merge(memory_.tile(index, first), memory_.tile(index, i));
      newest = std::max(newest, memory_.end(index, i));
    }
    if (end > first + 1) erase_tiles(index, first + 1, end - first - 1);
    const std::int64_t start = memory_.start(index, first);
    if (event.time < start) memory_.note({index, start});
    memory_.set_bounds(index, first, std::min(start, event.time), newest);
  }
  touch(index, first);
  add_to_cells(level, event, memory_.tile(index, first));
}

std::int64_t KeyState::tile_start(std::size_t index, std::int64_t at) const {
  const std::int64_t hop = plan_->levels()[index].hop;
  const KeyMemory::Level& tiles = memory_.level(index);
  if (tiles.any && in_tile(at, tiles.start, hop)) return tiles.start;
  return floor_to(at, hop);
}

bool KeyState::find(std::size_t index, std::int64_t start, std::size_t& tile) const {
  tile = memory_.lower_bound(index, start);
  return tile < memory_.level(index).size() && memory_.start(index, tile) == start;
}

std::size_t KeyState::find_or_insert(std::size_t index, std::int64_t start) {
  std::size_t tile = 0;
  if (find(index, start, tile)) return tile;
  memory_.insert(index, tile, start);
  if (plan_->levels()[index].has_records()) {
    Records& records = records_[index];
    records.emplace(records.begin() + static_cast<std::ptrdiff_t>(tile));
  }
  return tile;
}

void KeyState::touch(std::size_t index, std::size_t tile) {
  const KeyMemory::Level& level = memory_.level(index);
  if (tile == level.older.size()) {
    memory_.note_newest(index);
  } else {
    memory_.note({index, level.older.start(tile)});
  }
  if (const std::int64_t start = memory_.start(index, tile); start < level.folded) forget_folds(index, start);
}

void KeyState::forget_folds(std::size_t index, std::int64_t start) {
  std::int64_t folded = KeyMemory::kNever;
  for (const std::size_t span : plan_->levels()[index].spans) {
    KeyMemory::Fold& fold = memory_.fold(span);
    if (start < fold.head) fold.valid = false;
    if (fold.valid) folded = std::max(folded, fold.head);
  }
  memory_.level(index).folded = folded;
  memory_.level(index).current = false;
}

// Old tiles go when others come, several at a time: by a rule that depends on the tiles alone, because a record later than the
// grace may still see them.
void KeyState::forget_old(std::size_t index) {
  const Level& level = plan_->levels()[index];
  if (level.keep < 0) return;
  KeyMemory::Facts& facts = memory_.facts();
  const std::size_t tiles = memory_.level(index).size();
  const std::int64_t limit = (level.axis == Axis::kRows ? facts.rows : facts.seen) - level.keep;
  if (limit < memory_.level(index).none_old_before) return;
  // A tile is old from this limit on.
  const auto old_at = [&](std::size_t tile) {
    return level.axis == Axis::kSession ? memory_.end(index, tile) + 1
                                        : memory_.start(index, tile) + level.hop;
  };
  std::size_t old = tiles / kTilesPerOldOne;
  if (old >= tiles) return;
  if (limit < old_at(old)) {
    // When others come it is a newer one that counts.
    memory_.level(index).none_old_before = old_at(old);
    return;
  }
  while (old < tiles && old_at(old) <= limit) ++old;
  erase_tiles(index, 0, old);
  facts.evicted += old;
}

void KeyState::forget_all() {
  for (std::size_t i = 0; i < plan_->levels().size(); ++i) {
    erase_tiles(i, 0, memory_.level(i).size());
    memory_.level(i).folded = KeyMemory::kNever;
  }
  for (std::size_t i = 0; i < plan_->spans().size(); ++i) memory_.fold(i).valid = false;
  memory_.facts().seen = kNoTimestamp;
  memory_.facts().rows = 0;
}

void KeyState::erase_tiles(std::size_t index, std::size_t first, std::size_t count) {
  memory_.erase(index, first, count);
  if (!plan_->levels()[index].has_records()) return;
  Records& records = records_[index];
  const auto begin = records.begin() + static_cast<std::ptrdiff_t>(first);
  records.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
}

// ------------------------------------------------------------------------------------------------------ storing

bool KeyState::encode_tile(const TileId& id, Bytes& out) const {
  const auto& [index, start] = id;
  const Level& level = plan_->levels()[index];
  std::size_t tile = 0;
  if (!find(index, start, tile)) return false;
  if (level.axis == Axis::kSession) put_signed(memory_.end(index, tile) - start, out);
  for (const Layout::Part& part : level.layout.parts())
    put_sized_state(*part.aggregation, memory_.tile(index, tile) + part.at, out);
  if (!level.has_records()) return true;
  const std::vector<Kept>& records = records_[index][tile];
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
  const std::size_t tile = find_or_insert(index, start);
  std::byte* block = memory_.tile(index, tile);
  if (level.axis == Axis::kSession) memory_.set_bounds(index, tile, start, start + bytes.take_signed());
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
  std::vector<Kept>& records = records_[index][tile];
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
  if (level.axis == Axis::kRows && !records.empty()) {
    std::int64_t& rows = memory_.facts().rows;
    rows = std::max(rows, records.back().at + 1);
  }
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

std::size_t KeyState::memory_bytes() const {
  std::size_t sum = sizeof(KeyState) + memory_.held_bytes();
  for (std::size_t i = 0; records_ != nullptr && i < plan_->levels().size(); ++i) {
    for (const std::vector<Kept>& records : records_[i]) {
      sum += records.capacity() * (sizeof(Kept) + plan_->levels()[i].columns.size() * sizeof(StoredValue));
    }
  }
  return sum;
}

}  // namespace weir::ml
