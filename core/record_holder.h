// Nodes that do not pass a record on at once but with the next few, in one go, and nodes that decide when the next record may
// be taken up. A task finds out by itself which of its nodes are such.
//
// What was held is passed on, in order, before any of these happens: a record of another source partition is processed, a
// timer fires, the task commits. So a batch is made of records that one poll brought from one partition, and what comes out
// does not depend on how long it was. Where it could all the same, because what comes after the node also sees the same
// records by another way, the node is told not to hold any (see may_hold).
//
// Thread safety: none; as for nodes.
#pragma once

#include <cstdint>
#include <vector>

#include <weir/core/time.h>
#include <weir/core/topology.h>

namespace weir {

// What a task does for nodes that hold records back: it keeps what these were read from, so that a record that fails later
// still meets its policy with its own topic, offset and bytes.
class HoldDesk {
 public:
  // Stands for what was read from nowhere: a timer's or a commit's.
  static constexpr std::uint64_t kNobody = UINT64_MAX;

  virtual ~HoldDesk() = default;

  // Notes that something of the running record is held. Returns a number for it, the same one each time.
  [[nodiscard]] virtual std::uint64_t hold() = 0;

  // Makes a held record the running one, while its holder passes on what it held of it. Only inside RecordHolder::release.
  virtual void resume(std::uint64_t number) = 0;
};

// A node that holds records back.
class RecordHolder {
 public:
  virtual ~RecordHolder() = default;

  // Called before the node is opened. `desk` lives as long as the node. Where `may_hold` is false each record is to be passed
  // on at once.
  virtual void attach(HoldDesk& desk, bool may_hold) = 0;

  [[nodiscard]] virtual bool holds() const = 0;
  // Asked after each record that is held: whether to release now.
  [[nodiscard]] virtual bool full() const = 0;
  // Asked when the task has nothing else to process: after how long to release; zero or less: now.
  [[nodiscard]] virtual Duration due_in() const = 0;

  // Passes on all that is held, in order, each after desk.resume() of its number. Called between records.
  virtual void release() = 0;
};

// A node that decides when the next record is taken up.
class RecordGate {
 public:
  virtual ~RecordGate() = default;

  // Asked between records, before one of that time leaves its buffer: whether it may. It stays where it is otherwise, the task
  // waits with all its partitions, and is asked again.
  [[nodiscard]] virtual bool admits(Timestamp time) = 0;

  // Told, now and then, while there is no record to be asked for.
  virtual void at_rest() {}
};

// Returns whether results are the same if this node of a task holds records back. They are not where something behind it is
// also reached from one of its sources around it, or shares a store or a topic to write with what is.
[[nodiscard]] bool may_hold(const Topology& topology, const std::vector<NodeIndex>& task, NodeIndex holder);

}  // namespace weir
