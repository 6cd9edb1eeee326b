// What a task does for nodes that answer later than they were asked (see in_flight.h): it keeps what is under way, and has the
// nodes pass on what has come of it.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include <weir/core/current_record.h>
#include <weir/core/in_flight.h>
#include <weir/core/raw_record.h>
#include <weir/core/task_environment.h>
#include <weir/core/task_work.h>

namespace weir {

class Flights final : public FlightDesk {
 public:
  // References outlive this. The environment has a WakeUp.
  Flights(const TaskEnvironment& environment, CurrentRecord& current, TaskWork& work)
      : environment_(environment), current_(current), work_(work) {}

  // The task's nodes that answer later, parents first; they outlive their use. Forgets what former ones had under way.
  void use(std::vector<FlightNode*> nodes);
  // Forgets what is under way.
  void clear() { flights_.clear(); }

  // Whether the task has no such node, so that there is nothing to ask for here.
  [[nodiscard]] bool none() const { return nodes_.empty(); }

  // How often the record that is passed to the nodes has departed. Requires that end_record() came before it.
  [[nodiscard]] std::size_t departures() const { return departures_; }
  // Keeps a record that has departed so often, until all of that has arrived.
  void keep(RawRecord raw, const Origin& origin, std::size_t departures);
  // What passed something on has failed, or is done.
  void end_record() {
    taken_up_ = kNobody;
    departures_ = 0;
  }

  // Has nodes pass on what has come of the records under way. Returns whether anything had. Throws as they do.
  bool land();
  [[nodiscard]] bool under_way() const;
  // Whether another record may be taken up.
  [[nodiscard]] bool has_room() const;
  // How long until land() has something to do; nothing if nothing is under way and there is room.
  [[nodiscard]] std::optional<Duration> due_in() const;
  // Returns the offset of the first record of that origin's partition that is under way; nothing if there is none.
  [[nodiscard]] std::optional<Offset> first_of(const Origin& origin) const;

  // FlightDesk
  [[nodiscard]] std::uint64_t depart() override;
  void take_up(std::uint64_t number) override;
  void arrive(std::uint64_t number) override;
  [[nodiscard]] std::shared_ptr<WakeUp> wake_up() const override { return environment_.wake_up; }

 private:
  struct Flight {
    RawRecord raw;
    Origin origin;
    Timestamp stream_time;
    std::size_t legs;  // how often it is under way
  };

  const TaskEnvironment& environment_;
  CurrentRecord& current_;
  TaskWork& work_;
  std::vector<FlightNode*> nodes_;
  std::map<std::uint64_t, Flight> flights_;
  std::uint64_t next_ = 0;
  std::size_t departures_ = 0;  // of the record that is on its way
  std::uint64_t taken_up_ = kNobody;
  // The stream's time while records that come home are passed on at theirs.
  Timestamp landing_at_ = kNoTimestamp;
};

}  // namespace weir
