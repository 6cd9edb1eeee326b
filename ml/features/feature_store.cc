#include <weir/ml/features/feature_store.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <fmt/format.h>

#include <weir/core/error_policy.h>
#include <weir/core/planted.h>
#include <weir/core/serde.h>
#include <weir/core/status.h>
#include <weir/state/byte_store.h>

namespace weir::ml {

// Types with a name of their own, since the store's members are made of them.
namespace feature_rows {

constexpr char kRowFormat = 1;

// What the rows with the number of this layout hold.
struct StoredLayout {
  char axis = 0;
  std::int64_t hop = 0;
  std::vector<std::string> cells;
  std::vector<std::string> columns;

  bool operator==(const StoredLayout&) const = default;
};

// What is in the row that says what the others are.
struct StoredView {
  std::string name;
  std::int64_t version = 0;
  std::string hash;
  std::string schema;
  std::vector<StoredLayout> layouts;  // by number

  bool operator==(const StoredView&) const = default;

  [[nodiscard]] Bytes encode() const {
    Bytes out(1, kRowFormat);
    put_sized_text(name, out);
    put_signed(version, out);
    put_sized_text(hash, out);
    put_sized_text(schema, out);
    put_unsigned(layouts.size(), out);
    for (const StoredLayout& layout : layouts) {
      out.push_back(layout.axis);
      put_signed(layout.hop, out);
      for (const auto* list : {&layout.cells, &layout.columns}) {
        put_unsigned(list->size(), out);
        for (const std::string& text : *list) put_sized_text(text, out);
      }
    }
    return out;
  }

  [[nodiscard]] bool decode(BytesView bytes) {
    if (bytes.empty() || bytes.front() != kRowFormat) return false;
    StateReader reader(bytes.substr(1));
    name = reader.take_text();
    version = reader.take_signed();
    hash = reader.take_text();
    schema = reader.take_text();
    layouts.resize(reader.take_count(4));
    for (StoredLayout& layout : layouts) {
      const BytesView axis = reader.take_bytes(1);
      layout.axis = axis.empty() ? '\0' : axis.front();
      layout.hop = reader.take_signed();
      for (auto* list : {&layout.cells, &layout.columns}) {
        list->resize(reader.take_count());
        for (std::string& text : *list) text = reader.take_text();
      }
    }
    return reader.done();
  }
};

// How the rows of a layout are read. `level` is -1 where the view has none of that kind any more.
struct Reading {
  int level = -1;
  std::vector<int> cells;
  std::vector<int> columns;
};

struct BytesHash {
  std::size_t operator()(BytesView bytes) const { return std::hash<BytesView>()(bytes); }
};

}  // namespace feature_rows

namespace {

using feature_rows::BytesHash;
using feature_rows::kRowFormat;
using feature_rows::Reading;
using feature_rows::StoredLayout;
using feature_rows::StoredView;

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kTailBytes = 1 + 2 * sizeof(std::int64_t);
constexpr std::size_t kCacheBytes = std::size_t{64} << 20;  // where no budget is known
constexpr std::size_t kRowsPerWalk = 4096;
constexpr Timestamp kLatestAsked = Timestamp{1} << 60;
const Bytes kHeaderKey(kLengthBytes, '\xff');

int place_of(const std::string& text, const std::vector<std::string>& list) {
  const auto found = std::find(list.begin(), list.end(), text);
  return found == list.end() ? -1 : static_cast<int>(found - list.begin());
}

StoredLayout stored_layout(const FeaturePlan& plan, const FeaturePlan::Level& level) {
  StoredLayout layout{static_cast<char>(level.axis), level.hop, {}, {}};
  for (const std::size_t cell : level.cells) layout.cells.push_back(plan.cells()[cell].identity);
  for (const std::size_t column : level.columns) layout.columns.push_back(plan.spec().columns[column].name);
  return layout;
}

void set_prefix(BytesView key, Bytes& out) {
  out.clear();
  put_big_endian(static_cast<std::uint32_t>(key.size()), out);
  out.append(key);
}

// Returns the features that one of two schemas has and the other has not.
std::string difference(const std::string& stored, const std::string& ours) {
  const auto lines = [](const std::string& text) {
    std::vector<std::string> result;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      result.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return result;
  };
  const std::vector<std::string> before = lines(stored);
  const std::vector<std::string> now = lines(ours);
  std::string text;
  for (const std::string& line : before) {
    if (std::find(now.begin(), now.end(), line) == now.end()) text += "; stored: " + line;
  }
  for (const std::string& line : now) {
    if (std::find(before.begin(), before.end(), line) == before.end()) text += "; program: " + line;
  }
  return text;
}

}  // namespace

struct FeatureStore::Impl {
  struct Entry {
    Entry(const FeaturePlan& plan, BytesView name) : state(plan), key(name) {}
    KeyState state;
    const Bytes key;
    std::size_t bytes = 0;
    std::size_t tiles = 0;
    std::uint64_t evicted = 0;
    bool changed = false;
    bool used = true;  // since the last look at what to drop
  };

  Impl(FeatureStore& store, FeaturePlanPtr of, const FeatureStoreOptions& options,
       std::shared_ptr<SharedResources> shared)
      : store_(store),
        plan(std::move(of)),
        workspace(*plan, options.remember),
        cache_bytes(options.cache_bytes),
        resources(std::move(shared)),
        no_values(plan->spec().columns.size()) {}

  // -------------------------------------------------------------------------------------------------- what rows are

  absl::Status read_view() {
    readings.clear();
    numbers.clear();
    view = {};
    Bytes bytes;
    const Row* row = store_.find_row(kHeaderKey);
    if (absl::Status failure = store_.failure(); !failure.ok()) return failure;
    const bool found = row != nullptr;
    if (found && !view.decode(row->value)) {
      return fatal_error(
          fmt::format("store '{}': what it says about its rows does not decode; it was written by "
                      "another version of weir, or is damaged: give the view another store",
                      store_.spec().name));
    }
    const StoredView before = view;
    if (found) {
      if (absl::Status fits = check(before); !fits.ok()) return fits;
    }
    view.name = plan->spec().name;
    view.version = plan->spec().version;
    view.hash = plan->hash_text();
    view.schema = plan->schema();
    for (const FeaturePlan::Level& level : plan->levels()) {
      const StoredLayout layout = stored_layout(*plan, level);
      const auto same = std::find(view.layouts.begin(), view.layouts.end(), layout);
      numbers.push_back(static_cast<std::size_t>(same - view.layouts.begin()));
      if (same == view.layouts.end()) view.layouts.push_back(layout);
    }
    for (const StoredLayout& layout : view.layouts) readings.push_back(reading_of(layout));
    view_changed = !found || !(before == view);
    prepared = true;
    return absl::OkStatus();
  }

  void require_view() {
    if (prepared) return;
    // After an abort: what was there before it was read well.
    if (absl::Status status = read_view(); !status.ok()) throw ProcessingFailure{status};
  }

  [[nodiscard]] absl::Status check(const StoredView& stored) const {
    const ViewSpec& spec = plan->spec();
    const auto refuse = [&](const std::string& what) {
      return fatal_error(fmt::format("store '{}' was written by feature view '{}' version {}: {}",
                                     store_.spec().name, stored.name, stored.version, what));
    };
    if (stored.name != spec.name) return refuse(fmt::format("it is not '{}'", spec.name));
    if (stored.version > spec.version)
      return refuse(
          fmt::format("the program has version {}, and does not know what later ones keep", spec.version));
    if (stored.version == spec.version && stored.hash != plan->hash_text()) {
      return refuse(fmt::format("the program's features of that version are others: give them version {}{}",
                                spec.version + 1, difference(stored.schema, plan->schema())));
    }
    return absl::OkStatus();
  }

  [[nodiscard]] Reading reading_of(const StoredLayout& layout) const {
    Reading reading;
    for (std::size_t i = 0; i < plan->levels().size(); ++i) {
      const StoredLayout ours = stored_layout(*plan, plan->levels()[i]);
      if (ours.axis != layout.axis || ours.hop != layout.hop) continue;
      reading.level = static_cast<int>(i);
      for (const std::string& cell : layout.cells) reading.cells.push_back(place_of(cell, ours.cells));
      for (const std::string& column : layout.columns)
        reading.columns.push_back(place_of(column, ours.columns));
    }
    return reading;
  }

  // ---------------------------------------------------------------------------------------------------------- keys

  Entry& entry_of(BytesView key) {
    const auto found = entries.find(key);
    if (found != entries.end()) {
      found->second->state.prefetch();
      found->second->used = true;
      return *found->second;
    }
    auto made = std::make_unique<Entry>(*plan, key);
    Entry& entry = *made;
    load(entry);
    measure(entry);
    entries.emplace(BytesView(entry.key), std::move(made));
    ring.push_back(&entry);
    make_room(&entry);
    return entry;
  }

  void load(Entry& entry) {
    std::vector<std::pair<Bytes, Timestamp>> unwanted;
    bool any = false;
    const auto set_range = [&](ByteRange& range) {
      set_prefix(entry.key, range.from);
      range.until = end_of_prefix(range.from);
    };
    store_.visit_rows(
        set_range, EveryKey(),
        [&](BytesView key, const Row& row) {
          any = true;
          if (!take_row(entry, key, row.value)) unwanted.emplace_back(key, row.timestamp);
        },
        std::numeric_limits<std::size_t>::max(), /*committed_too=*/true);
    for (const auto& [key, timestamp] : unwanted) store_.erase_row(key, timestamp, nullptr);
    if (any) ++counters.loaded_keys;
  }

  // Returns false for a row that is not wanted any more.
  bool take_row(Entry& entry, BytesView key, BytesView value) {
    const auto broken = [&] {
      store_.fail(absl::DataLossError(fmt::format("store '{}': a tile of feature view '{}' does not decode",
                                                  store_.spec().name, plan->spec().name)));
      return true;
    };
    const std::size_t at = kLengthBytes + entry.key.size();
    if (key.size() != at + kTailBytes || value.empty() || value.front() != kRowFormat) return broken();
    StateReader reader(value.substr(1));
    const std::uint64_t layout = reader.take_unsigned();
    const std::int64_t seen = reader.take_signed();
    if (!reader.ok() || layout >= readings.size()) return broken();
    const Reading& reading = readings[layout];
    entry.state.see(seen);
    if (reading.level < 0) return false;
    const auto start = get_big_endian<std::int64_t>(key.data() + at + 1 + sizeof(std::int64_t));
    const KeyState::TileId id{static_cast<std::size_t>(reading.level), start};
    return entry.state.decode_tile(id, reader, reading.cells, reading.columns, workspace) || broken();
  }

  void measure(Entry& entry) {
    const std::size_t now = entry.state.memory_bytes() + entry.key.size() + sizeof(Entry);
    counters.bytes_in_memory += now - entry.bytes;
    entry.bytes = now;
    const std::size_t tiles = entry.state.tiles();
    counters.tiles_in_memory += tiles - entry.tiles;
    entry.tiles = tiles;
    counters.evicted_tiles += entry.state.evicted() - entry.evicted;
    entry.evicted = entry.state.evicted();
  }

  [[nodiscard]] std::size_t limit() const {
    if (cache_bytes) return *cache_bytes;
    return resources != nullptr ? resources->row_cache_share() : kCacheBytes;
  }

  // Drops states that were not used for long. Those that changed stay until the commit.
  void make_room(const Entry* keep) {
    const std::size_t most = limit();
    for (std::size_t looks = 2 * ring.size(); looks > 0 && counters.bytes_in_memory > most && !ring.empty();
         --looks) {
      if (hand >= ring.size()) hand = 0;
      Entry* entry = ring[hand];
      if (entry == keep || entry->changed || std::exchange(entry->used, false)) {
        ++hand;
        continue;
      }
      counters.bytes_in_memory -= entry->bytes;
      counters.tiles_in_memory -= entry->tiles;
      ++counters.dropped_keys;
      ring[hand] = ring.back();
      ring.pop_back();
      entries.erase(entries.find(entry->key));
    }
  }

  void note_change(Entry& entry) {
    if (entry.changed) return;
    entry.changed = true;
    changed.push_back(&entry);
  }

  void forget() {
    changed.clear();
    unsaved_tiles = 0;
    ring.clear();
    entries.clear();
    hand = 0;
    counters.bytes_in_memory = 0;
    counters.tiles_in_memory = 0;
    prepared = false;
  }

  // -------------------------------------------------------------------------------------------------------- writing

  void flush() {
    if (changed.empty()) return;
    if (view_changed) {
      store_.put_row(kHeaderKey, view.encode(), 0, nullptr);
      view_changed = false;
    }
    // In the order in which a store has them, rows that are near each other are found by way of the same memory.
    std::sort(changed.begin(), changed.end(), [](const Entry* a, const Entry* b) {
      return std::pair(a->key.size(), BytesView(a->key)) < std::pair(b->key.size(), BytesView(b->key));
    });
    for (Entry* entry : changed) {
      entry->state.list_unsaved(unsaved);
      for (const KeyState::TileId& id : unsaved) write(*entry, id);
      entry->state.settle();
      entry->changed = false;
      measure(*entry);
    }
    changed.clear();
    unsaved_tiles = 0;
    make_room(nullptr);
  }

  void write(const Entry& entry, const KeyState::TileId& id) {
    if (WEIR_PLANTED("tile-not-written") && &id != unsaved.data() && &id == &unsaved.back()) return;
    const FeaturePlan::Level& level = plan->levels()[id.first];
    set_prefix(entry.key, row_key);
    row_key.push_back(static_cast<char>(level.axis));
    put_big_endian(level.hop, row_key);
    put_big_endian(id.second, row_key);
    row_value.assign(1, kRowFormat);
    put_unsigned(numbers[id.first], row_value);
    put_signed(entry.state.seen(), row_value);
    const Timestamp time = std::max<Timestamp>(entry.state.seen(), 0);
    if (entry.state.encode_tile(id, row_value)) {
      store_.put_row(row_key, row_value, time, nullptr);
    } else {
      store_.erase_row(row_key, time, nullptr);
    }
  }

  FeatureStore& store_;
  const FeaturePlanPtr plan;
  Workspace workspace;
  const std::optional<std::size_t> cache_bytes;
  const std::shared_ptr<SharedResources> resources;  // shared with the stores of the process
  const std::vector<Value> no_values;

  StoredView view;
  std::vector<Reading> readings;     // by number of the layout
  std::vector<std::size_t> numbers;  // of the levels' layouts
  bool view_changed = false;
  bool prepared = false;

  absl::flat_hash_map<BytesView, std::unique_ptr<Entry>, BytesHash> entries;  // by their own keys
  std::vector<Entry*> ring;
  std::size_t hand = 0;
  std::vector<Entry*> changed;
  std::size_t unsaved_tiles = 0;  // about, of those
  FeatureCounters counters;
  Bytes walked;  // where erase_expired goes on
  // Used again for each row that is written:
  Bytes row_key;
  Bytes row_value;
  std::vector<KeyState::TileId> unsaved;
};

FeatureCounters& FeatureCounters::operator+=(const FeatureCounters& other) {
  records += other.records;
  late += other.late;
  not_finite += other.not_finite;
  overflowed += other.overflowed;
  evicted_tiles += other.evicted_tiles;
  expired_keys += other.expired_keys;
  loaded_keys += other.loaded_keys;
  dropped_keys += other.dropped_keys;
  keys_in_memory += other.keys_in_memory;
  tiles_in_memory += other.tiles_in_memory;
  bytes_in_memory += other.bytes_in_memory;
  return *this;
}

FeatureStore::FeatureStore(StoreContext context, FeaturePlanPtr plan, const FeatureStoreOptions& options)
    : TypedStore<Bytes>(context, std::size_t{0}),
      impl_(std::make_unique<Impl>(*this, std::move(plan), options, std::move(context.resources))) {}

FeatureStore::~FeatureStore() = default;

absl::Status FeatureStore::prepare() { return impl_->read_view(); }

bool FeatureStore::process(BytesView key, const Event& event, Timestamp now, double* row) {
  Impl& impl = *impl_;
  impl.require_view();
  Impl::Entry& entry = impl.entry_of(key);
  KeyState& state = entry.state;
  const std::int64_t horizon = impl.plan->horizon();
  if (horizon >= 0 && state.seen() != kNoTimestamp && state.seen() < now - horizon) {
    state.forget_all();
    impl.note_change(entry);
    ++impl.counters.expired_keys;
  }
  ++impl.counters.records;
  const bool late = state.is_late(event.time);
  const bool first = impl.plan->spec().include_current && !late;
  if (late) ++impl.counters.late;
  if (!first) state.evaluate(event, false, impl.workspace, row);
  if (!late) {
    const std::size_t tiles = state.tiles();
    const std::size_t unsaved = state.unsaved_tiles();
    state.add(event, impl.workspace);
    impl.note_change(entry);
    impl.unsaved_tiles += state.unsaved_tiles() - unsaved;
    if (state.tiles() != tiles) impl.measure(entry);
  }
  if (first) state.evaluate(event, true, impl.workspace, row);
  return late;
}

std::optional<Timestamp> FeatureStore::look(BytesView key, Timestamp time, double* row) {
  // Anybody may ask for any time: windows are counted back from it.
  time = std::clamp<Timestamp>(time, 0, kLatestAsked);
  impl_->require_view();
  Impl::Entry& entry = impl_->entry_of(key);
  entry.state.evaluate({time, std::numeric_limits<std::int64_t>::max(), impl_->no_values}, false,
                       impl_->workspace, row);
  const Timestamp newest = entry.state.seen();
  return newest == kNoTimestamp ? std::nullopt : std::optional<Timestamp>(newest);
}

// A key is expired as a whole: its newest row says when it was seen last. The last key of a walk may have more rows.
void FeatureStore::erase_expired(Timestamp now) {
  Impl& impl = *impl_;
  const std::int64_t horizon = impl.plan->horizon();
  if (horizon < 0) return;
  std::vector<Bytes> rows;  // of the key at hand
  std::vector<Bytes> expired;
  Bytes prefix;
  Timestamp seen = kNoTimestamp;
  std::size_t keys = 0;
  const auto end_key = [&] {
    if (prefix.empty()) return;
    const auto found = impl.entries.find(BytesView(prefix).substr(kLengthBytes));
    if (found != impl.entries.end()) seen = std::max(seen, found->second->state.seen());
    if (seen < now - horizon) expired.insert(expired.end(), rows.begin(), rows.end());
  };
  const auto set_range = [&](ByteRange& range) {
    range.from = impl.walked;
    range.until = kHeaderKey;
  };
  std::size_t walked = 0;
  visit_rows(
      set_range, EveryKey(),
      [&](BytesView key, const Row& row) {
        ++walked;
        if (key.size() < kLengthBytes + kTailBytes) return;
        const BytesView of = key.substr(0, key.size() - kTailBytes);
        if (of != prefix) {
          end_key();
          prefix = of;
          rows.clear();
          seen = kNoTimestamp;
          ++keys;
        }
        StateReader reader(BytesView(row.value).substr(std::min<std::size_t>(1, row.value.size())));
        static_cast<void>(reader.take_unsigned());
        seen = std::max(seen, reader.take_signed());
        rows.emplace_back(key);
      },
      kRowsPerWalk, /*committed_too=*/true);
  if (walked < kRowsPerWalk) {
    end_key();
    impl.walked.clear();
  } else {
    // One with more rows than a walk has is passed over.
    impl.walked = keys > 1 ? prefix : end_of_prefix(prefix).value_or(Bytes());
  }
  for (const Bytes& key : expired) erase_row(key, now, nullptr);
}

void FeatureStore::count_not_finite(std::uint64_t values) { impl_->counters.not_finite += values; }

void FeatureStore::count_overflow() { ++impl_->counters.overflowed; }

FeatureCounters FeatureStore::counters() const {
  FeatureCounters counters = impl_->counters;
  counters.keys_in_memory = impl_->entries.size();
  return counters;
}

bool FeatureStore::emit_pending() {
  impl_->flush();
  return TypedStore<Bytes>::emit_pending();
}

void FeatureStore::drop() {
  TypedStore<Bytes>::drop();
  impl_->forget();
}

void FeatureStore::restored() {
  TypedStore<Bytes>::restored();
  impl_->forget();
}

void FeatureStore::cleared() {
  TypedStore<Bytes>::cleared();
  impl_->forget();
}

std::size_t FeatureStore::uncommitted_bytes() const {
  return TypedStore<Bytes>::uncommitted_bytes() + impl_->unsaved_tiles * sizeof(Row);
}

StoreSpec feature_store_spec(const std::string& name, const FeaturePlanPtr& plan,
                             const FeatureStoreOptions& options) {
  StoreSpec spec;
  spec.name = name;
  spec.kind = "features";
  spec.key_format = "feature-tile-key-1";
  spec.value_format = "feature-tile-1";
  spec.persistent = options.persistent;
  spec.logged = options.logged;
  spec.builder = StoreBuilder([plan, options](StoreContext context) {
    return std::make_unique<FeatureStore>(std::move(context), plan, options);
  });
  return spec;
}

}  // namespace weir::ml
