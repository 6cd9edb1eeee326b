// The record that a task is processing: what fails now is its failure, and what is sent now came from it. The parts of a task
// share one of these; whoever passes a record on to the nodes sets it.
//
// Thread safety: none; belongs to one task.
#pragma once

#include <weir/core/raw_record.h>
#include <weir/core/record.h>
#include <weir/core/time.h>

namespace weir {

// What a timer's emissions, or a commit's, came from: nothing.
inline const Origin kNoOrigin;

struct CurrentRecord {
  const RawRecord* raw = nullptr;  // null: what runs came from no record
  const Origin* origin = &kNoOrigin;
  // On its way through the nodes, so that it may be tried again if it fails.
  bool accepting = false;
  // The largest timestamp of any record processed, as nodes see it: while one that had to wait is passed on, the largest of when
  // it came.
  Timestamp stream_time = kNoTimestamp;

  void set(const RawRecord& record, const Origin& read_from) {
    raw = &record;
    origin = &read_from;
  }
  void set_none() {
    raw = nullptr;
    origin = &kNoOrigin;
  }
};

}  // namespace weir
