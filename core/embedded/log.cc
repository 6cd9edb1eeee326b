#include <weir/core/embedded/log.h>

#include <cstring>
#include <string_view>
#include <unordered_map>

namespace weir::embedded {
namespace {

// A quiet topic costs a kilobyte or two, a busy one gets chunks that amortise their allocation.
constexpr std::size_t kFewestEntries = 16;
constexpr std::size_t kMostEntries = 1024;
constexpr std::size_t kFewestBytes = 1024;
constexpr std::size_t kMostBytes = 128 * 1024;

void append_number(std::string& out, std::int32_t number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

std::int32_t take_number(BytesView& in) {
  std::int32_t number = 0;
  std::memcpy(&number, in.data(), sizeof number);
  in.remove_prefix(sizeof number);
  return number;
}

BytesView take_bytes(BytesView& in, std::int32_t size) {
  const BytesView bytes = in.substr(0, static_cast<std::size_t>(size));
  in.remove_prefix(static_cast<std::size_t>(size));
  return bytes;
}

constexpr RawRecord::Backing kBacking = {
    [](void* owner) noexcept { static_cast<Entry*>(owner)->chunk->release(); },
    [](const void* owner, Headers& headers) {
      decode_headers(static_cast<const Entry*>(owner)->headers(), headers);
    },
};

}  // namespace

void encode_headers(const Headers& headers, std::string& out) {
  for (const Header& header : headers) {
    append_number(out, static_cast<std::int32_t>(header.name.size()));
    append_number(out, header.value ? static_cast<std::int32_t>(header.value->size()) : -1);
    out.append(header.name);
    if (header.value) out.append(*header.value);
  }
}

void decode_headers(BytesView encoded, Headers& headers) {
  while (!encoded.empty()) {
    const std::int32_t name_size = take_number(encoded);
    const std::int32_t value_size = take_number(encoded);
    std::string name(take_bytes(encoded, name_size));
    std::optional<Bytes> value;
    if (value_size >= 0) value.emplace(take_bytes(encoded, value_size));
    headers.add(std::move(name), std::move(value));
  }
}

Chunk::Chunk(std::size_t entry_limit, std::size_t byte_limit)
    : capacity(entry_limit),
      bytes_capacity(byte_limit),
      entries(std::make_unique_for_overwrite<Entry[]>(entry_limit)),
      bytes(std::make_unique_for_overwrite<char[]>(byte_limit)) {}

Entry& Chunk::add(const RecordView& record) {
  char* at = bytes.get() + bytes_used;
  Entry& entry = entries[count++];
  entry.chunk = this;
  entry.bytes = at;
  const auto copy = [&](BytesView part) {
    if (!part.empty()) std::memcpy(at, part.data(), part.size());
    at += part.size();
  };
  entry.key_size = record.key ? static_cast<std::int32_t>(record.key->size()) : -1;
  if (record.key) copy(*record.key);
  entry.value_size = record.value ? static_cast<std::int32_t>(record.value->size()) : -1;
  if (record.value) copy(*record.value);
  entry.headers_size = static_cast<std::uint32_t>(record.encoded_headers.size());
  copy(record.encoded_headers);
  bytes_used = static_cast<std::size_t>(at - bytes.get());
  entry.timestamp = record.timestamp;
  return entry;
}

Log::~Log() {
  for (Chunk* chunk : chunks_) chunk->release();
}

Entry& Log::add_entry(const RecordView& record, std::deque<Chunk*>& chunks) {
  const std::size_t size = (record.key ? record.key->size() : 0) + (record.value ? record.value->size() : 0) +
                           record.encoded_headers.size();
  if (chunks.empty() || !chunks.back()->has_room(size)) {
    std::size_t entries = kFewestEntries;
    std::size_t bytes = kFewestBytes;
    if (!chunks.empty()) {
      entries = std::min(kMostEntries, chunks.back()->capacity * 2);
      bytes = std::min(kMostBytes, chunks.back()->bytes_capacity * 2);
    }
    chunks.push_back(new Chunk(entries, std::max(bytes, size)));
  }
  return chunks.back()->add(record);
}

bool Log::open(ProducerId producer) {
  for (const auto& [other, first] : open_) {
    if (other == producer) return false;
  }
  open_.emplace_back(producer, end());
  return true;
}

Offset Log::append(const RecordView& record, ProducerId producer, bool transactional) {
  const Offset offset = end_.load(std::memory_order_relaxed);
  Entry& entry = add_entry(record, chunks_);
  entry.kind = Entry::kData;
  entry.transactional = transactional;
  entry.aborted = false;
  entry.offset = offset;
  entry.producer = producer;
  entry.delete_horizon = kNoTimestamp;
  end_.store(offset + 1, std::memory_order_release);
  if (open_.empty()) stable_end_.store(offset + 1, std::memory_order_release);
  return offset;
}

void Log::settle(ProducerId producer, bool commit, Timestamp wall) {
  const auto open =
      std::find_if(open_.begin(), open_.end(), [&](const auto& each) { return each.first == producer; });
  if (open == open_.end()) return;
  const Offset first = open->second;
  open_.erase(open);
  if (!commit) {
    for (std::size_t at = chunk_of(first); at < chunks_.size(); ++at) {
      Chunk& chunk = *chunks_[at];
      for (std::size_t index = 0; index < chunk.count; ++index) {
        Entry& entry = chunk.entries[index];
        if (entry.offset >= first && entry.transactional && entry.producer == producer) entry.aborted = true;
      }
    }
  }
  const Offset offset = append({{}, {}, {}, wall}, producer);
  Entry& marker = chunks_.back()->entries[chunks_.back()->count - 1];
  marker.kind = commit ? Entry::kCommitMarker : Entry::kAbortMarker;
  marker.offset = offset;
  update_stable_end();
  signal();
}

void Log::update_stable_end() {
  Offset stable = end();
  for (const auto& [producer, first] : open_) stable = std::min(stable, first);
  stable_end_.store(std::max(stable, begin_), std::memory_order_release);
}

std::size_t Log::chunk_of(Offset offset) const {
  // The last chunk that begins at or before the offset; after compaction it may end before it.
  const auto after =
      std::upper_bound(chunks_.begin(), chunks_.end(), offset,
                       [](Offset wanted, const Chunk* chunk) { return wanted < chunk->entries[0].offset; });
  return after == chunks_.begin() ? 0 : static_cast<std::size_t>(after - chunks_.begin()) - 1;
}

Offset Log::fetch(Offset from, std::size_t max_records, Isolation isolation,
                  std::vector<RawRecord>& out) const {
  const bool committed_only = isolation == Isolation::kReadCommitted;
  const Offset bound = end(isolation);
  if (from >= bound || max_records == 0) return from;
  std::size_t taken = 0;
  for (std::size_t at = chunk_of(from); at < chunks_.size(); ++at) {
    Chunk& chunk = *chunks_[at];
    Entry* const first = chunk.entries.get();
    Entry* const last = first + chunk.count;
    Entry* entry = std::lower_bound(first, last, from,
                                    [](const Entry& each, Offset offset) { return each.offset < offset; });
    const std::size_t taken_before = taken;
    bool full = false;
    for (; entry != last && entry->offset < bound; ++entry) {
      if (entry->kind != Entry::kData || (committed_only && entry->aborted)) continue;
      if (taken == max_records) {
        full = true;
        break;
      }
      RawRecord& record = out.emplace_back(&kBacking, entry);
      record.key = entry->key();
      record.value = entry->value();
      record.timestamp = entry->timestamp;
      record.offset = entry->offset;
      ++taken;
    }
    if (taken > taken_before) chunk.hold(static_cast<std::uint32_t>(taken - taken_before));
    if (full) return entry->offset;
    if (entry != last) break;
  }
  return bound;
}

void Log::trim(Offset before) {
  if (before <= begin_) return;
  begin_ = std::min(before, end());
  while (!chunks_.empty() && chunks_.front()->entries[chunks_.front()->count - 1].offset < begin_) {
    chunks_.front()->release();
    chunks_.pop_front();
  }
  update_stable_end();
}

void Log::compact(Timestamp wall, Duration delete_retention) {
  const Offset settled = stable_end();
  std::unordered_map<std::string_view, Offset> latest;
  for_each(begin_, [&](const Entry& entry) {
    if (entry.offset < settled && entry.kind == Entry::kData && !entry.aborted && entry.key()) {
      latest[*entry.key()] = entry.offset;
    }
  });
  std::deque<Chunk*> kept;
  for_each(begin_, [&](const Entry& entry) {
    Timestamp horizon = entry.delete_horizon;
    if (entry.offset < settled) {
      const bool is_data = entry.kind == Entry::kData;
      if (is_data && (entry.aborted || !entry.key() || latest[*entry.key()] != entry.offset)) return;
      if (!is_data || !entry.value()) {
        if (horizon != kNoTimestamp && horizon <= wall) return;
        if (horizon == kNoTimestamp) horizon = wall + delete_retention.count();
      }
    }
    Entry& copy = add_entry({entry.key(), entry.value(), entry.headers(), entry.timestamp}, kept);
    copy.kind = entry.kind;
    copy.transactional = entry.transactional;
    copy.aborted = entry.aborted;
    copy.offset = entry.offset;
    copy.producer = entry.producer;
    copy.delete_horizon = horizon;
  });
  for (Chunk* chunk : chunks_) chunk->release();
  chunks_ = std::move(kept);
}

Offset Log::expired_before(std::optional<Timestamp> oldest, std::int64_t max_bytes) const {
  std::int64_t bytes = 0;
  for_each(begin_, [&](const Entry& entry) { bytes += static_cast<std::int64_t>(entry.size()); });
  const Offset settled = stable_end();
  Offset before = begin_;
  bool stopped = false;
  for_each(begin_, [&](const Entry& entry) {
    if (stopped) return;
    const bool too_old = oldest.has_value() && entry.timestamp < *oldest;
    const bool too_many = max_bytes >= 0 && bytes > max_bytes;
    if (entry.offset >= settled || !(too_old || too_many)) {
      stopped = true;
      return;
    }
    bytes -= static_cast<std::int64_t>(entry.size());
    before = entry.offset + 1;
  });
  return before;
}

void Log::remove_listener(const std::shared_ptr<Waiter>& waiter) {
  const auto found = std::find(listeners_.begin(), listeners_.end(), waiter);
  if (found != listeners_.end()) listeners_.erase(found);
}

void Log::signal() {
  slot_ = kNoSlot;
  for (const auto& waiter : listeners_) waiter->signal();
}

}  // namespace weir::embedded
