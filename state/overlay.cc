#include <weir/state/overlay.h>

#include <array>
#include <vector>

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include <weir/state/key_filter.h>
#include <weir/state/small_bytes.h>

namespace weir {
namespace {

enum class RowState : std::uint8_t { kFree, kClean, kDirty, kEncoded };

struct Node {
  SmallBytes key;
  Timestamp timestamp = kNoTimestamp;
  Slot before = kNoSlot;  // in the list of the node's state
  Slot after = kNoSlot;
  std::uint32_t charge = 0;
  RowState state = RowState::kFree;
  bool present = false;
  bool known_absent = false;
  bool used = false;  // since it joined the clean rows or was spared
};

constexpr std::size_t kChunk = 512;
// A hash table of at most 7/8 load with 5 bytes per place.
constexpr std::size_t kIndexBytes = 8;

// Nodes never move, so that key views and the containers' functors stay valid.
class Nodes {
 public:
  Node& operator[](Slot slot) const { return (*chunks_[slot / kChunk])[slot % kChunk]; }
  Slot add() {
    if (count_ % kChunk == 0) chunks_.push_back(std::make_unique<std::array<Node, kChunk>>());
    return count_++;
  }

 private:
  std::vector<std::unique_ptr<std::array<Node, kChunk>>> chunks_;
  Slot count_ = 0;
};

struct HashKey {
  using is_transparent = void;
  const Nodes* nodes;
  std::size_t operator()(BytesView key) const {
    return absl::Hash<absl::string_view>()(absl::string_view(key.data(), key.size()));
  }
  std::size_t operator()(Slot slot) const { return (*this)((*nodes)[slot].key.view()); }
};

struct SameKey {
  using is_transparent = void;
  const Nodes* nodes;
  bool operator()(Slot left, Slot right) const { return left == right; }
  bool operator()(Slot left, BytesView right) const { return (*nodes)[left].key.view() == right; }
  bool operator()(BytesView left, Slot right) const { return left == (*nodes)[right].key.view(); }
};

struct KeyBefore {
  using is_transparent = void;
  const Nodes* nodes;
  BytesView view(Slot slot) const { return (*nodes)[slot].key.view(); }
  bool operator()(Slot left, Slot right) const { return view(left) < view(right); }
  bool operator()(Slot left, BytesView right) const { return view(left) < right; }
  bool operator()(BytesView left, Slot right) const { return left < view(right); }
};

struct List {
  Slot first = kNoSlot;
  Slot last = kNoSlot;
};

}  // namespace

struct Overlay::Impl {
  Impl(SlotOwner* slot_owner, std::size_t bytes_of_row)
      : owner(slot_owner), row_bytes(sizeof(Node) + kIndexBytes + bytes_of_row) {}

  void append(List& list, Slot slot) {
    Node& node = nodes[slot];
    node.before = list.last;
    node.after = kNoSlot;
    (list.last == kNoSlot ? list.first : nodes[list.last].after) = slot;
    list.last = slot;
  }

  void unlink(List& list, Slot slot) {
    const Node& node = nodes[slot];
    (node.before == kNoSlot ? list.first : nodes[node.before].after) = node.after;
    (node.after == kNoSlot ? list.last : nodes[node.after].before) = node.before;
  }

  std::size_t& bytes_of(RowState state) {
    return state == RowState::kClean ? clean_bytes : uncommitted_bytes;
  }

  void splice(List& from, List& to) {
    if (from.first == kNoSlot) return;
    nodes[from.first].before = to.last;
    (to.last == kNoSlot ? to.first : nodes[to.last].after) = from.first;
    to.last = from.last;
    from = {};
  }

  // The node must be in no list.
  void release(Slot slot) {
    index.erase(slot);
    Node& node = nodes[slot];
    bytes_of(node.state) -= node.charge;
    node = Node{};
    node.after = free;
    free = slot;
    owner->release_slot(slot);
  }

  void drop(List& list) {
    for (Slot slot = list.first; slot != kNoSlot;) {
      const Slot after = nodes[slot].after;
      release(slot);
      slot = after;
    }
    list = {};
  }

  SlotOwner* const owner;
  const std::size_t row_bytes;
  Nodes nodes;
  absl::flat_hash_set<Slot, HashKey, SameKey> index{0, HashKey{&nodes}, SameKey{&nodes}};
  absl::btree_set<Slot, KeyBefore> sorted{KeyBefore{&nodes}};  // of what is uncommitted, once somebody asked
  bool keep_sorted = false;
  List clean;  // those that were used least lately first, roughly
  List dirty;
  List encoded;
  Slot free = kNoSlot;
  std::size_t uncommitted_bytes = 0;
  std::size_t clean_bytes = 0;
};

Overlay::Overlay(SlotOwner* owner, std::size_t row_bytes) : impl_(std::make_unique<Impl>(owner, row_bytes)) {}
Overlay::~Overlay() = default;

Slot Overlay::find(BytesView key) {
  const auto found = impl_->index.find(key);
  if (found == impl_->index.end()) return kNoSlot;
  impl_->nodes[*found].used = true;
  return *found;
}

Slot Overlay::insert(BytesView key, bool known_absent) {
  Slot slot = impl_->free;
  if (slot != kNoSlot) {
    impl_->free = impl_->nodes[slot].after;
  } else {
    slot = impl_->nodes.add();
  }
  Node& node = impl_->nodes[slot];
  node.key = SmallBytes(key);
  node.state = RowState::kClean;
  node.present = !known_absent;
  node.known_absent = known_absent;
  node.charge = static_cast<std::uint32_t>(impl_->row_bytes + node.key.heap_bytes());
  impl_->clean_bytes += node.charge;
  impl_->append(impl_->clean, slot);
  impl_->index.insert(slot);
  return slot;
}

void Overlay::write(Slot slot, bool present, Timestamp timestamp) {
  Impl& impl = *impl_;
  Node& node = impl.nodes[slot];
  node.present = present;
  node.timestamp = timestamp;
  switch (node.state) {
    case RowState::kDirty:
      if (impl.dirty.last == slot) return;
      impl.unlink(impl.dirty, slot);
      break;
    case RowState::kEncoded:
      impl.unlink(impl.encoded, slot);
      break;
    case RowState::kClean:
      impl.unlink(impl.clean, slot);
      impl.clean_bytes -= node.charge;
      impl.uncommitted_bytes += node.charge;
      if (impl.keep_sorted) impl.sorted.insert(slot);
      break;
    case RowState::kFree:
      break;
  }
  node.state = RowState::kDirty;
  impl.append(impl.dirty, slot);
}

void Overlay::abandon(Slot slot) {
  Impl& impl = *impl_;
  impl.unlink(impl.dirty, slot);
  if (impl.keep_sorted) impl.sorted.erase(slot);
  impl.release(slot);
}

void Overlay::set_value_bytes(Slot slot, std::size_t bytes) {
  Node& node = impl_->nodes[slot];
  std::size_t& total = impl_->bytes_of(node.state);
  total -= node.charge;
  node.charge = static_cast<std::uint32_t>(impl_->row_bytes + node.key.heap_bytes() + bytes);
  total += node.charge;
}

BytesView Overlay::key(Slot slot) const { return impl_->nodes[slot].key.view(); }
Timestamp Overlay::timestamp(Slot slot) const { return impl_->nodes[slot].timestamp; }
bool Overlay::present(Slot slot) const { return impl_->nodes[slot].present; }
bool Overlay::clean(Slot slot) const { return impl_->nodes[slot].state == RowState::kClean; }
bool Overlay::known_absent(Slot slot) const { return impl_->nodes[slot].known_absent; }
Slot Overlay::first_dirty() const { return impl_->dirty.first; }
Slot Overlay::next_dirty(Slot slot) const { return impl_->nodes[slot].after; }

void Overlay::mark_encoded() {
  for (Slot slot = impl_->dirty.first; slot != kNoSlot; slot = impl_->nodes[slot].after) {
    Node& node = impl_->nodes[slot];
    node.state = RowState::kEncoded;
    // The batch now puts this key; should it be deleted before the batch is applied, the deletion must be written too.
    if (node.present) node.known_absent = false;
  }
  impl_->splice(impl_->dirty, impl_->encoded);
}

void Overlay::applied() {
  Impl& impl = *impl_;
  for (Slot slot = impl.encoded.first; slot != kNoSlot; slot = impl.nodes[slot].after) {
    Node& node = impl.nodes[slot];
    node.state = RowState::kClean;
    node.known_absent = !node.present;
    impl.uncommitted_bytes -= node.charge;
    impl.clean_bytes += node.charge;
  }
  impl.splice(impl.encoded, impl.clean);
  impl.sorted.clear();
  if (!impl.keep_sorted) return;
  for (Slot slot = impl.dirty.first; slot != kNoSlot; slot = impl.nodes[slot].after) impl.sorted.insert(slot);
}

void Overlay::drop() {
  impl_->sorted.clear();
  impl_->drop(impl_->dirty);
  impl_->drop(impl_->encoded);
}

void Overlay::forget(BytesView key) {
  const auto found = impl_->index.find(key);
  if (found == impl_->index.end() || impl_->nodes[*found].state != RowState::kClean) return;
  const Slot slot = *found;
  impl_->unlink(impl_->clean, slot);
  impl_->release(slot);
}

void Overlay::forget_clean() { shrink(0); }

void Overlay::shrink(std::size_t bytes, Slot keep) {
  Impl& impl = *impl_;
  // Two rounds at most: the first takes the marks of what was used, the second finds it unused.
  for (std::size_t steps = 2 * impl.index.size(); impl.clean_bytes > bytes && steps > 0; --steps) {
    const Slot slot = impl.clean.first;
    if (slot == keep && slot == impl.clean.last) return;  // there is nothing else to give up
    Node& node = impl.nodes[slot];
    impl.unlink(impl.clean, slot);
    if (slot == keep || (node.used && bytes > 0)) {
      node.used = false;
      impl.append(impl.clean, slot);
    } else {
      impl.release(slot);
    }
  }
}

void Overlay::visit_uncommitted(const ByteRange& range, const KeyFilter* filter,
                                const std::function<void(Slot)>& visit) {
  Impl& impl = *impl_;
  if (!impl.keep_sorted) {
    impl.keep_sorted = true;
    for (const List* list : {&impl.dirty, &impl.encoded}) {
      for (Slot slot = list->first; slot != kNoSlot; slot = impl.nodes[slot].after) impl.sorted.insert(slot);
    }
  }
  Bytes target;
  for (auto at = impl.sorted.lower_bound(BytesView(range.from)); at != impl.sorted.end();) {
    const BytesView key = impl.nodes[*at].key.view();
    if (range.until && key >= *range.until) return;
    switch (filter == nullptr ? KeyFilter::Verdict::kTake : filter->judge(key, Direction::kForward, target)) {
      case KeyFilter::Verdict::kTake:
        visit(*at);
        ++at;
        break;
      case KeyFilter::Verdict::kSkip:
        ++at;
        break;
      case KeyFilter::Verdict::kLeap:
        at = impl.sorted.lower_bound(BytesView(target));
        break;
      case KeyFilter::Verdict::kStop:
        return;
    }
  }
}

bool Overlay::has_uncommitted() const {
  return impl_->dirty.first != kNoSlot || impl_->encoded.first != kNoSlot;
}
std::size_t Overlay::size() const { return impl_->index.size(); }
std::size_t Overlay::uncommitted_bytes() const { return impl_->uncommitted_bytes; }
std::size_t Overlay::clean_bytes() const { return impl_->clean_bytes; }

std::int64_t Overlay::growth() const {
  std::int64_t growth = 0;
  for (const List* list : {&impl_->dirty, &impl_->encoded}) {
    for (Slot slot = list->first; slot != kNoSlot; slot = impl_->nodes[slot].after) {
      const Node& node = impl_->nodes[slot];
      if (node.present && node.known_absent) ++growth;
      if (!node.present && !node.known_absent) --growth;
    }
  }
  return growth;
}

}  // namespace weir
