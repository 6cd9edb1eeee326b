#include <weir/state/engine.h>

#include <weir/state/task_store.h>

namespace weir {
namespace {

class Engine final : public StateEngine {
 public:
  absl::StatusOr<std::shared_ptr<StateResources>> make_resources(const StateLimits& limits) const override {
    absl::StatusOr<std::shared_ptr<SharedResources>> resources = make_state_resources(limits);
    if (!resources.ok()) return resources.status();
    return std::shared_ptr<StateResources>(*std::move(resources));
  }

  absl::StatusOr<std::unique_ptr<TaskStore>> open(const TaskStoreOptions& options,
                                                  std::span<const StoreSpec> stores) const override {
    return open_task_store(options, stores);
  }
};

}  // namespace

std::shared_ptr<const StateEngine> state_engine() {
  static const std::shared_ptr<const StateEngine> engine = std::make_shared<const Engine>();
  return engine;
}

}  // namespace weir
