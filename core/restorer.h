// Keeps a task's stores up with their changelogs: to their ends, and on from there for as long as it is asked.
//
//   asking for ranges  →  following  ⇄  asking for the ends (sealed)  →  complete
//
// Where a store continues is what its last commit remembered. It is rebuilt, that store alone, if its changelog no longer
// holds that place (retention, or a topic that was made anew); all persistent stores of the task are if they are older than
// the changelog keeps tombstones, since rows that were deleted meanwhile would stay.
//
// The end is read uncommitted: the last stable offset can lie before committed data after a fail-over (KAFKA-10167); the
// reader itself sees committed records only, if the consumer does.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/lent_store.h>
#include <weir/core/log.h>
#include <weir/core/tombstones.h>
#include <weir/core/transport.h>

namespace weir {

// What happens to the restore of one store, for those who watch.
struct RestoreNotice {
  enum class Kind {
    kStarted,
    kBatch,      // some records were applied
    kEnded,      // the task has the store
    kSuspended,  // the task was taken away before; the store keeps what it has
  };
  Kind kind = Kind::kStarted;
  TaskId task = {};
  std::string_view store = {};
  TopicPartition changelog = {};
  Offset position = 0;        // next offset
  Offset end = 0;             // as far as known
  std::uint64_t records = 0;  // of the batch; of the whole restore when it ended or is suspended
};
[[nodiscard]] std::string_view name_of(RestoreNotice::Kind kind);

using RestoreListener = std::function<void(const RestoreNotice&)>;

// How far a store is behind its changelog.
struct RestoreProgress {
  TaskId task = {};
  std::string store = {};
  bool standby = false;         // nobody waits for it
  std::uint64_t records = 0;    // applied since the store was opened here
  std::uint64_t bytes = 0;      // keys and values of those
  std::uint64_t remaining = 0;  // offsets to the known end; control and aborted records count
  double records_per_second = 0;
  std::optional<Duration> eta = {};  // unknown before the first records
};

class Restorer {
 public:
  // All references outlive the restorer; `consumer` reads without a group. Only logged stores are restored.
  Restorer(const std::string& application_id, TaskId task, const std::vector<StoreSpec>& stores,
           TaskStore& store, Consumer& consumer, const Clock& clock, const TombstoneLifetimes& tombstones,
           Logger log);

  // Asks for the ends anew: what is in the changelogs now is what has to be there when it is complete.
  void seal();

  // Whether to go on reading at the end, for whatever comes.
  void follow(bool on);

  // Tells of what follows, to `tell`, which outlives the restorer; null stops it. Ends what was told with a last notice.
  void tell(const RestoreListener* listener, bool ended = false);

  // Advances what does not read.
  [[nodiscard]] absl::Status step();

  // Applies one batch of the changelog that is most behind. Returns the number of records; 0 if nothing is there now.
  [[nodiscard]] absl::StatusOr<std::size_t> read();

  // Whether the stores have everything that was in their changelogs when it was sealed.
  [[nodiscard]] bool complete() const;
  // Whether the stores are at most so many records behind the ends that are known.
  [[nodiscard]] bool within(std::uint64_t records) const { return begun_ && remaining_records() <= records; }

  // The consumer has lost the place of a changelog: it is looked for again. Returns whether it is one of these.
  [[nodiscard]] bool lost_place(const TopicPartition& where);

  [[nodiscard]] std::uint64_t restored_records() const { return records_; }
  [[nodiscard]] std::uint64_t restored_bytes() const { return bytes_; }
  // Records between where the stores are and the end; 0 before the end is known.
  [[nodiscard]] std::uint64_t remaining_records() const;
  void add_progress(std::vector<RestoreProgress>& all, bool standby) const;

 private:
  struct Log {
    StoreSpec store;
    TopicPartition where;
    Offset next = 0;
    Offset end = 0;
    std::unique_ptr<PartitionReader> reader;  // null: not needed yet, or lost
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t told_at = 0;  // records when its start was told
    bool told = false;
  };

  [[nodiscard]] absl::Status begin(const std::vector<OffsetRange>& ranges);
  [[nodiscard]] absl::Status find_places(const std::vector<OffsetRange>& ranges);
  [[nodiscard]] bool tombstones_gone() const;
  [[nodiscard]] absl::Status rebuild(Log& log, const OffsetRange& range, std::string_view why);
  [[nodiscard]] absl::Status open_readers();
  void notify(RestoreNotice::Kind kind, const Log& log, std::uint64_t records) const;
  void tell_starts();
  void stamp();
  [[nodiscard]] static std::uint64_t behind(const Log& log);

  const TaskId task_;
  std::vector<Log> logs_;
  TaskStore& store_;
  Consumer& consumer_;
  const Clock& clock_;
  const TombstoneLifetimes& tombstones_;
  const Logger log_;
  const RestoreListener* tell_ = nullptr;

  Pending<std::vector<OffsetRange>> ranges_;
  bool ask_ = true;  // for ranges
  bool seal_wanted_ = false;
  bool asked_sealed_ = false;  // what is asked was asked after seal()
  bool sealed_ = false;
  bool begun_ = false;
  bool follow_ = false;
  Duration began_at_{0};
  std::optional<Duration> stamped_at_;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  std::vector<RawRecord> batch_;
};

}  // namespace weir
