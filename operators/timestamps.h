// Timestamp extractors that are ready, for StreamOptions::timestamp and StreamBuilder::table.
//
//   builder.stream<std::string, Order>("orders", {.timestamp = weir::PartitionTimeIfInvalid()})
//
// The time that Kafka gives is what the topic's message.timestamp.type says: when the producer made the record (CreateTime,
// the default), or when the broker appended it (LogAppendTime). It is invalid, which is negative, for records of very old
// clients. Without an extractor such a record goes to the source's error policy: by default the task fails.
#pragma once

#include <stdexcept>
#include <string>

#include <weir/operators/source.h>

namespace weir {

// Kafka's time; a record without one is dropped and counted.
struct SkipIfInvalid {
  template <class K, class V>
  Timestamp operator()(const K&, const V&, const SourceInfo& info) const {
    return info.timestamp;
  }
};

// Kafka's time; a record without one gets the largest time of its partition so far. Before there is one it is handled as the
// source's error policy says.
struct PartitionTimeIfInvalid {
  template <class K, class V>
  Timestamp operator()(const K&, const V&, const SourceInfo& info) const {
    if (info.timestamp >= 0) return info.timestamp;
    if (info.partition_time < 0)
      throw std::runtime_error("neither the record nor its partition has a time yet");
    return info.partition_time;
  }
};

// The wall clock's time when the record's turn comes.
struct WallClockTime {
  template <class K, class V>
  Timestamp operator()(const K&, const V&, const SourceInfo& info) const {
    return info.wall_time;
  }
};

// Kafka's time, unless it is more than `most` ahead of the wall clock: one such record would take stream time with it, and what
// comes after it would be late for every window. It is handled as the source's error policy says; a record without a time is
// dropped and counted. A broker refuses both kinds itself with message.timestamp.after.max.ms (KIP-937).
struct RefuseIfAhead {
  Duration most;

  template <class K, class V>
  Timestamp operator()(const K&, const V&, const SourceInfo& info) const {
    if (info.timestamp > info.wall_time + most.count()) {
      throw std::runtime_error("the record's time is " + std::to_string(info.timestamp - info.wall_time) +
                               " ms ahead of the wall clock, at most " + std::to_string(most.count()) +
                               " are allowed");
    }
    return info.timestamp;
  }
};

}  // namespace weir
