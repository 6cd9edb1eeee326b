#include <weir/ml/online/learn.h>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/online/standard_scaler.h>

namespace weir::ml {

void learner_did_not_open(const Node& node, const absl::Status& status) {
  throw ProcessingFailure{
      fatal_error(fmt::format("node '{}': {}", node.name(), std::string(status.message())))};
}

LearnOptions checked_options(const GraphPoint& stream, LearnOptions options, Location where) {
  std::string problem;
  if (options.learner == nullptr) {
    problem = "options.learner is not set";
  } else if (options.rules.checkpoint_every == 0 || !(options.rules.explosion > 1)) {
    problem = "checkpoint_every must be positive and explosion above 1";
  } else if (options.wait_for_labels.count() < 0) {
    problem = "wait_for_labels must not be negative";
  } else {
    return options;
  }
  stream.problem("learn: " + problem, where);
  // The topology will not be built; until then what is described must hold together.
  options.learner = std::make_shared<StandardScaler>(std::vector<std::string>{"none"});
  options.rules = {};
  options.wait_for_labels = Duration(0);
  return options;
}

}  // namespace weir::ml
