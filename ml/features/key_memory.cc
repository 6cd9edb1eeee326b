#include <weir/ml/features/key_memory.h>

#include <algorithm>
#include <new>

namespace weir::ml {
namespace {

constexpr std::size_t kNotedLeast = 64;
constexpr std::size_t kMostAlignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

}  // namespace

KeyMemory::KeyMemory(const FeaturePlan& plan) {
  const std::size_t levels = rounded_to(sizeof(Piece), alignof(Level));
  const std::size_t folds = levels + plan.levels().size() * sizeof(Level);
  const std::size_t states = rounded_to(folds + plan.spans().size() * sizeof(Fold), kMostAlignment);
  const std::size_t noted = rounded_to(states + plan.states_bytes(), alignof(Noted));
  hot_bytes_ = states + plan.hot_bytes();
  const auto give_back = [&plan](std::byte* slot) { plan.slots().give_back(slot); };
  std::unique_ptr<std::byte, decltype(give_back)> memory(plan.slots().take(noted + sizeof(Noted)), give_back);
  auto* piece = new (memory.get()) Piece;
  piece->plan = &plan;
  piece->states = memory.get() + states;
  piece->noted = new (memory.get() + noted) Noted;
  for (std::size_t i = 0; i < plan.levels().size(); ++i) {
    auto* level = new (memory.get() + levels + i * sizeof(Level)) Level(plan.levels()[i]);
    if (i == 0) piece->levels = level;
  }
  for (std::size_t i = 0; i < plan.spans().size(); ++i) {
    const FeaturePlan::Span& span = plan.spans()[i];
    auto* fold = new (memory.get() + folds + i * sizeof(Fold)) Fold(span.layout);
    if (i == 0) piece->folds = fold;
    if (span.single()) continue;
    span.layout.create(piece->states + span.prefix_at);
    span.layout.create(piece->states + span.all_at);
  }
  piece_.reset(piece);
  static_cast<void>(memory.release());  // to piece_
}

void KeyMemory::Free::operator()(Piece* piece) const noexcept {
  const FeaturePlan& plan = *piece->plan;
  for (std::size_t i = 0; i < plan.levels().size(); ++i) {
    const FeaturePlan::Level& level = plan.levels()[i];
    if (piece->levels[i].any) level.layout.destroy(piece->states + level.newest_at);
    piece->levels[i].~Level();
  }
  for (std::size_t i = 0; i < plan.spans().size(); ++i) {
    const FeaturePlan::Span& span = plan.spans()[i];
    piece->folds[i].~Fold();
    if (span.single()) continue;
    span.layout.destroy(piece->states + span.prefix_at);
    span.layout.destroy(piece->states + span.all_at);
  }
  piece->noted->~Noted();
  piece->~Piece();
  plan.slots().give_back(reinterpret_cast<std::byte*>(piece));
}

void KeyMemory::set_bounds(std::size_t index, std::size_t tile, std::int64_t start, std::int64_t end) {
  Level& of = level(index);
  if (tile < of.older.size()) {
    of.older.set_start(tile, start);
    of.older.set_end(tile, end);
  } else {
    of.start = start;
    of.end = end;
  }
}

std::size_t KeyMemory::lower_bound(std::size_t index, std::int64_t start) const {
  const Level& of = level(index);
  // Most ask for the newest, or for the one that comes next, and need not wait for the older ones.
  if (!of.any || of.start < start) return of.size();
  return of.start == start ? of.older.size() : of.older.lower_bound(start);
}

void KeyMemory::insert(std::size_t index, std::size_t tile, std::int64_t start) {
  Level& of = level(index);
  of.current = false;
  ++facts().tiles;
  if (tile < of.size()) {
    of.none_old_before = kNever;
    of.older.insert(tile, start);
    return;
  }
  if (of.any) {
    if (of.changed) note({index, of.start});
    of.older.push_back(of.start, newest(index));
    if (plan().levels()[index].axis == FeaturePlan::Axis::kSession)
      of.older.set_end(of.older.size() - 1, of.end);
  }
  of.any = true;
  of.changed = false;
  of.start = start;
  of.end = start;
  plan().levels()[index].layout.create(newest(index));
}

void KeyMemory::erase(std::size_t index, std::size_t first, std::size_t count) {
  if (count == 0) return;
  Level& of = level(index);
  of.current = false;
  of.none_old_before = kNever;
  facts().tiles -= static_cast<std::uint32_t>(count);
  for (std::size_t i = first; i < first + count; ++i) note({index, start(index, i)});
  const bool newest_too = first + count == of.size();
  of.older.erase(first, newest_too ? count - 1 : count);
  if (!newest_too) return;
  plan().levels()[index].layout.destroy(newest(index));
  of.changed = false;
  of.any = !of.older.empty();
  if (!of.any) return;
  const std::size_t last = of.older.size() - 1;
  of.start = of.older.start(last);
  if (plan().levels()[index].axis == FeaturePlan::Axis::kSession) of.end = of.older.end(last);
  of.older.pop_back(newest(index));
}

void KeyMemory::note(const TileId& id) {
  auto& [noted, most] = *piece_->noted;
  if (!noted.empty() && noted.back() == id) return;
  noted.push_back(id);
  ++facts().unsaved;
  if (noted.size() < std::max(most, kNotedLeast)) return;
  std::sort(noted.begin(), noted.end());
  noted.erase(std::unique(noted.begin(), noted.end()), noted.end());
  most = 2 * noted.size();
}

void KeyMemory::list_unsaved(std::vector<TileId>& out) const {
  out.assign(piece_->noted->tiles.begin(), piece_->noted->tiles.end());
  for (std::size_t i = 0; i < plan().levels().size(); ++i) {
    if (level(i).any && level(i).changed) out.emplace_back(i, level(i).start);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
}

void KeyMemory::settle() {
  std::uint32_t& unsaved = facts().unsaved;
  if (unsaved == 0) return;
  for (std::size_t i = 0; i < plan().levels().size(); ++i) {
    if (std::exchange(level(i).changed, false)) --unsaved;
  }
  // What was noted is seldom near.
  if (unsaved > 0) piece_->noted->tiles.clear();
  unsaved = 0;
}

std::size_t KeyMemory::held_bytes() const {
  const auto* memory = reinterpret_cast<const std::byte*>(piece_.get());
  std::size_t sum = static_cast<std::size_t>(reinterpret_cast<const std::byte*>(piece_->noted + 1) - memory);
  const auto& noted = piece_->noted->tiles;
  if (noted.capacity() > kNotedInPiece) sum += noted.capacity() * sizeof(TileId);
  for (std::size_t i = 0; i < plan().levels().size(); ++i) {
    sum += level(i).older.held_bytes();
    if (level(i).any) sum += plan().levels()[i].layout.held_bytes(newest(i));
  }
  for (std::size_t i = 0; i < plan().spans().size(); ++i) sum += fold(i).suffixes.held_bytes();
  return sum;
}

}  // namespace weir::ml
