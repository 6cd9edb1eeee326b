// One partition: records in order of their offsets, with transactions' markers among them.
//
// Records lie in chunks. A chunk never moves and is counted by reference: once by the log and once per record
// handed out, so a fetched record's bytes stay although the log has been trimmed, compacted or deleted since.
// Fetching does not allocate per record.
//
// Thread safety: the broker's mutex guards everything, but `end`, `stable_end` and `deleted`, which may be
// asked without it: a reader that has read everything need not take the lock to learn that nothing came.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/embedded/waiter.h>
#include <weir/core/headers.h>
#include <weir/core/raw_record.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir::embedded {

using ProducerId = std::int64_t;
inline constexpr ProducerId kNoProducer = -1;

enum class Isolation { kReadUncommitted, kReadCommitted };

// A record to be appended; borrowed for the call.
struct RecordView {
  NullableBytes key;
  NullableBytes value;
  BytesView encoded_headers;  // as `encode_headers` made them; empty: no headers
  Timestamp timestamp = 0;
};

// Appends the headers in this broker's own format; nothing if there are none.
void encode_headers(const Headers& headers, std::string& out);

// Appends what `encode_headers` wrote.
void decode_headers(BytesView encoded, Headers& headers);

struct Chunk;

// A record as it lies in its chunk.
struct Entry {
  enum Kind : std::uint8_t { kData, kCommitMarker, kAbortMarker };

  [[nodiscard]] NullableBytes key() const {
    return key_size < 0 ? NullableBytes() : BytesView(bytes, static_cast<std::size_t>(key_size));
  }
  [[nodiscard]] NullableBytes value() const {
    return value_size < 0 ? NullableBytes()
                          : BytesView(bytes + std::max(key_size, 0), static_cast<std::size_t>(value_size));
  }
  [[nodiscard]] BytesView headers() const {
    return BytesView(bytes + std::max(key_size, 0) + std::max(value_size, 0), headers_size);
  }
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(std::max(key_size, 0)) +
           static_cast<std::size_t>(std::max(value_size, 0)) + headers_size;
  }

  Chunk* chunk;
  const char* bytes;        // key, value and headers, in that order without gaps
  std::int32_t key_size;    // -1: null
  std::int32_t value_size;  // -1: null
  std::uint32_t headers_size;
  Kind kind;
  bool transactional;
  bool aborted;  // its transaction was; read and written under the broker's mutex only
  Timestamp timestamp;
  Offset offset;
  ProducerId producer;
  // When compaction may remove a tombstone or marker; kNoTimestamp: compaction has never met it.
  Timestamp delete_horizon;
};

// Entries and their bytes, filled once from front to back.
struct Chunk {
  Chunk(std::size_t entry_limit, std::size_t byte_limit);

  // Copies the bytes of a record in; the caller fills in the rest. Requires room.
  Entry& add(const RecordView& record);
  [[nodiscard]] bool has_room(std::size_t size) const {
    return count < capacity && bytes_used + size <= bytes_capacity;
  }

  void hold(std::uint32_t times) { references.fetch_add(times, std::memory_order_relaxed); }
  void release() noexcept {
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  std::atomic<std::uint32_t> references{1};
  std::size_t count = 0;
  std::size_t capacity;
  std::size_t bytes_used = 0;
  std::size_t bytes_capacity;
  std::unique_ptr<Entry[]> entries;
  std::unique_ptr<char[]> bytes;
};

// What is wrong with a partition for a while, by the steady clock.
struct Outage {
  Duration no_reading_before{0};
  Duration no_writing_before{0};
  Duration too_few_replicas_before{0};  // writes wait
  Duration no_read_right_before{0};
  Duration no_write_right_before{0};
  Duration marker_delay{0};  // how long after the decision the marker of a transaction is written

  [[nodiscard]] bool reading(Duration now) const { return now < no_reading_before; }
  [[nodiscard]] bool writing(Duration now) const { return now < no_writing_before; }
  [[nodiscard]] bool replicas(Duration now) const { return now < too_few_replicas_before; }
  [[nodiscard]] bool read_right(Duration now) const { return now < no_read_right_before; }
  [[nodiscard]] bool write_right(Duration now) const { return now < no_write_right_before; }
};

class Log {
 public:
  Log() = default;
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // Returns the first offset that is kept, and the one after the last.
  [[nodiscard]] Offset begin() const { return begin_; }
  [[nodiscard]] Offset end() const { return end_.load(std::memory_order_acquire); }
  // Returns the last stable offset: everything before it is committed or aborted.
  [[nodiscard]] Offset stable_end() const { return stable_end_.load(std::memory_order_acquire); }
  [[nodiscard]] Offset end(Isolation isolation) const {
    return isolation == Isolation::kReadCommitted ? stable_end() : end();
  }

  // Begins a producer's transaction at the end, which holds the stable end here. Returns false if it has
  // begun already.
  bool open(ProducerId producer);

  // Appends one record and returns its offset. A transactional one needs its producer's transaction open.
  Offset append(const RecordView& record, ProducerId producer = kNoProducer, bool transactional = false);

  // Ends a producer's transaction with a marker, which takes an offset; nothing if it has none open here.
  void settle(ProducerId producer, bool commit, Timestamp wall);

  // Appends records from `from` on, at most `max_records`, and returns the offset to go on from. Markers are
  // never returned, aborted records only to those who read uncommitted. Requires begin() <= from.
  Offset fetch(Offset from, std::size_t max_records, Isolation isolation, std::vector<RawRecord>& out) const;

  // Calls `visit(entry)` for each entry from `from` on, markers and aborted ones included.
  template <class Visit>
  void for_each(Offset from, const Visit& visit) const {
    for (std::size_t at = chunk_of(from); at < chunks_.size(); ++at) {
      const Chunk& chunk = *chunks_[at];
      for (std::size_t index = 0; index < chunk.count; ++index) {
        if (chunk.entries[index].offset >= from) visit(chunk.entries[index]);
      }
    }
  }

  // Forgets the records before an offset, which becomes the beginning unless it is behind it already.
  void trim(Offset before);

  // Keeps the last record of each key among the settled ones. Tombstones and markers go when
  // `delete_retention` has passed since compaction first met them. Offsets do not change.
  void compact(Timestamp wall, Duration delete_retention);

  // Returns the offset up to which the settled records are older than `oldest`, or too many bytes; a negative
  // `max_bytes` is no limit.
  [[nodiscard]] Offset expired_before(std::optional<Timestamp> oldest, std::int64_t max_bytes) const;

  // Who wants to be woken when something can be read.
  void add_listener(std::shared_ptr<Waiter> waiter) { listeners_.push_back(std::move(waiter)); }
  void remove_listener(const std::shared_ptr<Waiter>& waiter);
  void signal();
  // Where the batch that is being written has noted this log; kNoSlot if it has not. A signal clears it.
  static constexpr std::size_t kNoSlot = static_cast<std::size_t>(-1);
  std::size_t& slot() { return slot_; }

  [[nodiscard]] Outage& outage() { return outage_; }

  [[nodiscard]] bool deleted() const { return deleted_.load(std::memory_order_acquire); }
  void mark_deleted() {
    deleted_.store(true, std::memory_order_release);
    signal();
  }

 private:
  [[nodiscard]] std::size_t chunk_of(Offset offset) const;
  Entry& add_entry(const RecordView& record, std::deque<Chunk*>& chunks);
  void update_stable_end();

  std::deque<Chunk*> chunks_;  // each holds one reference of ours
  Offset begin_ = 0;
  std::atomic<Offset> end_{0};
  std::atomic<Offset> stable_end_{0};
  std::atomic<bool> deleted_{false};
  std::vector<std::pair<ProducerId, Offset>> open_;  // first offset of each open transaction
  std::vector<std::shared_ptr<Waiter>> listeners_;   // shared with the consumers that read here
  std::size_t slot_ = kNoSlot;
  Outage outage_;
};

}  // namespace weir::embedded
