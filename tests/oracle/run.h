// Runs a scenario on the topology driver, and says what came out in the form in which the recorded outputs are written.
#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <nlohmann/json.hpp>

#include <weir/operators/graph.h>

namespace weir::oracle {

struct RunOptions {
  // As the recorded outputs are, or as weir would rather have it: see docs/kafka-streams-differences.md.
  Likeness likeness = Likeness::kKafkaStreams;
  // Where persistent stores live; empty: all stores are in memory.
  std::string state_directory = {};
  // After each step a new task goes on from what was committed.
  bool restarts = false;
};

// Runs the steps of `scenario`. Returns an object with outputs, effects, stores (those of `wanted_stores`, as far as the
// run did not end with an error), droppedRecords, droppedAt and error, as in a recording; windows in stores without their
// end. NotFound for a topology that is not there; InvalidArgument for a scenario that is not one.
[[nodiscard]] absl::StatusOr<nlohmann::json> run(const nlohmann::json& scenario,
                                                 const nlohmann::json& wanted_stores,
                                                 const RunOptions& options);

}  // namespace weir::oracle
