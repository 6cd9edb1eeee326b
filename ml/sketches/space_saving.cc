#include <weir/ml/sketches/space_saving.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/sketches/sketch_codec.h>

namespace weir::ml {
namespace {

bool counts_more(const SpaceSaving::Counted& one, const SpaceSaving::Counted& other) {
  return one.count != other.count ? one.count > other.count : one.item < other.item;
}

constexpr std::uint64_t kTotalMax = std::uint64_t{1} << 62;

}  // namespace

SpaceSaving::SpaceSaving(std::size_t counters)
    : counters_(std::clamp(counters, kCountersMin, kCountersMax)) {}

void SpaceSaving::add(BytesView item, std::uint64_t count) {
  if (count == 0) return;
  total_ += count;
  auto at = std::ranges::lower_bound(counted_, item, {}, &Counted::item);
  if (at != counted_.end() && at->item == item) {
    at->count += count;
    return;
  }
  if (counted_.size() < counters_) {
    counted_.insert(at, {Bytes(item), count, 0});
    return;
  }
  // The counter that counted least is reused: of equal ones that of the largest item.
  const auto least = std::ranges::max_element(counted_, counts_more);
  missed_ = std::max(missed_, least->count);
  *least = {Bytes(item), least->count + count, least->count};
  // It moves to its place; the others stay in order.
  if (least < at) {
    std::rotate(least, least + 1, at);
  } else {
    std::rotate(at, least, least + 1);
  }
}

absl::Status SpaceSaving::merge(const SpaceSaving& other) {
  if (other.counters_ != counters_) {
    return absl::InvalidArgumentError(
        fmt::format("SpaceSaving: {} and {} counters cannot be merged", counters_, other.counters_));
  }
  // An item that has no counter in one of them may have come there, up to what is missed.
  std::vector<Counted> both;
  both.reserve(counted_.size() + other.counted_.size());
  auto mine = counted_.begin();
  auto its = other.counted_.begin();
  while (mine != counted_.end() || its != other.counted_.end()) {
    if (its == other.counted_.end() || (mine != counted_.end() && mine->item < its->item)) {
      both.push_back({mine->item, mine->count + other.missed_, mine->error + other.missed_});
      ++mine;
    } else if (mine == counted_.end() || its->item < mine->item) {
      both.push_back({its->item, its->count + missed_, its->error + missed_});
      ++its;
    } else {
      both.push_back({mine->item, mine->count + its->count, mine->error + its->error});
      ++mine;
      ++its;
    }
  }
  missed_ += other.missed_;
  total_ += other.total_;
  if (both.size() > counters_) {
    std::ranges::sort(both, counts_more);
    missed_ = std::max(missed_, both[counters_].count);
    both.resize(counters_);
    std::ranges::sort(both, {}, &Counted::item);
  }
  counted_ = std::move(both);
  return absl::OkStatus();
}

std::vector<SpaceSaving::Counted> SpaceSaving::top(std::size_t most) const {
  std::vector<Counted> sorted = counted_;
  std::ranges::sort(sorted, counts_more);
  if (sorted.size() > most) sorted.resize(most);
  return sorted;
}

std::optional<SpaceSaving::Counted> SpaceSaving::find(BytesView item) const {
  const auto at = std::ranges::lower_bound(counted_, item, {}, &Counted::item);
  if (at == counted_.end() || at->item != item) return std::nullopt;
  return *at;
}

std::uint64_t SpaceSaving::max_error() const { return missed_; }

std::size_t SpaceSaving::heap_bytes() const {
  std::size_t bytes = counted_.capacity() * sizeof(Counted);
  const std::size_t inside = Bytes().capacity();
  for (const Counted& counted : counted_)
    bytes += counted.item.capacity() > inside ? counted.item.capacity() : 0;
  return bytes;
}

// How many counters it may have, how many things were counted and how often an item may be missed, how many counters it has,
// and of each the item's size, the item, its count and error.
void SpaceSaving::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kSpaceSaving, out);
  put_whole(counters_, out);
  put_whole(total_, out);
  put_whole(missed_, out);
  put_whole(counted_.size(), out);
  for (const Counted& counted : counted_) {
    put_whole(counted.item.size(), out);
    out.append(counted.item);
    put_whole(counted.count, out);
    put_whole(counted.error, out);
  }
}

absl::StatusOr<SpaceSaving> SpaceSaving::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kSpaceSaving);
  const std::uint64_t counters = reader.whole();
  SpaceSaving sketch(counters);
  if (sketch.counters_ != counters) reader.refuse("it has fewer or more counters than there may be");
  sketch.total_ = reader.whole();
  sketch.missed_ = reader.whole();
  if (sketch.total_ > kTotalMax || sketch.missed_ > sketch.total_) reader.refuse("its counts cannot be");
  const std::size_t size = reader.count(3, sketch.counters_);
  sketch.counted_.reserve(size);
  for (std::size_t i = 0; i < size && reader.ok(); ++i) {
    const BytesView item = reader.bytes(reader.count(1, reader.left()));
    const std::uint64_t count = reader.whole();
    const std::uint64_t error = reader.whole();
    if (count == 0 || count > sketch.total_ || error >= count) reader.refuse("a counter cannot be");
    if (i > 0 && item <= sketch.counted_.back().item) reader.refuse("its items are not in order");
    sketch.counted_.push_back({Bytes(item), count, error});
  }
  if (sketch.missed_ > 0 && size < sketch.counters_)
    reader.refuse("it misses items although it has counters left");
  if (const absl::Status status = reader.finish("SpaceSaving"); !status.ok()) return status;
  return sketch;
}

}  // namespace weir::ml
