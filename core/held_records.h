// What a task does for nodes that hold records back (see record_holder.h): it keeps what they were read from, and has the
// nodes pass them on.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <weir/core/current_record.h>
#include <weir/core/raw_record.h>
#include <weir/core/record_holder.h>
#include <weir/core/task_environment.h>
#include <weir/core/task_work.h>

namespace weir {

class HeldRecords final : public HoldDesk {
 public:
  // References outlive this.
  HeldRecords(const TaskEnvironment& environment, CurrentRecord& current, TaskWork& work)
      : environment_(environment), current_(current), work_(work) {}

  // The task's nodes that hold records back, parents first; they outlive their use. Forgets what former ones held.
  void use(std::vector<RecordHolder*> holders);
  // Forgets what is held.
  void clear() { records_.clear(); }

  // Before a record is passed to the nodes; and after that: whether one of them holds something of it.
  void begin_record() { holding_ = false; }
  [[nodiscard]] bool holding() const { return holding_; }
  // Keeps the record of which something is held. `origin` is its partition's own, which outlives it.
  void keep(RawRecord raw, const Origin& origin);
  // What passed something on has failed, or is done.
  void end_record() { resumed_ = kNobody; }

  // Whether records of another partition than this origin's are held.
  [[nodiscard]] bool holds_of_another(const Origin& origin) const {
    return !records_.empty() && source_ != &origin;
  }
  // Returns the offset of the first record of that origin's partition that is held; nothing if there is none.
  [[nodiscard]] std::optional<Offset> first_of(const Origin& origin) const;

  // Whether a node asks for a release after a record; whether one that the task waits with is due; and how long until then,
  // nothing if no node holds anything.
  [[nodiscard]] bool full() const;
  [[nodiscard]] bool due() const;
  [[nodiscard]] std::optional<Duration> due_in() const;

  // Has all nodes pass on what they hold. Throws as they do.
  void release();

  // HoldDesk
  [[nodiscard]] std::uint64_t hold() override;
  void resume(std::uint64_t number) override;

 private:
  struct Held {
    RawRecord raw;
    Origin origin;
    Timestamp stream_time;
  };

  const TaskEnvironment& environment_;
  CurrentRecord& current_;
  TaskWork& work_;
  std::vector<RecordHolder*> holders_;
  std::vector<Held> records_;  // all of source_'s partition
  const Origin* source_ = nullptr;
  std::uint64_t first_ = 0;          // the number of the first of records_
  bool holding_ = false;             // something of the record that is on its way
  std::uint64_t resumed_ = kNobody;  // the held record that is on its way
};

}  // namespace weir
