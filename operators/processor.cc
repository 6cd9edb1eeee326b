#include <weir/operators/processor.h>

#include <stdexcept>

#include <fmt/format.h>

#include <weir/core/node.h>
#include <weir/core/status.h>
#include <weir/operators/process.h>
#include <weir/operators/store_access.h>
#include <weir/state/engine.h>

namespace weir {

Cancellable ProcessorScope::schedule(Duration interval, TimerClock clock,
                                     std::function<void(Timestamp now)> fire) {
  return task().schedule(interval, clock,
                         [this, fire = std::move(fire)](Timestamp now) { run([&] { fire(now); }); });
}

Cancellable ProcessorScope::schedule(Timestamp start, Duration interval, TimerClock clock,
                                     std::function<void(Timestamp now)> fire) {
  return task().schedule_from(start, interval, clock,
                              [this, fire = std::move(fire)](Timestamp now) { run([&] { fire(now); }); });
}

void ProcessorScope::check_timestamp(Timestamp timestamp) {
  if (timestamp < 0)
    throw std::invalid_argument(fmt::format("forwarded a record with the timestamp {}", timestamp));
}

void ProcessorScope::no_such_child(std::string_view child) const {
  throw std::invalid_argument(fmt::format("node '{}' has no child '{}'", node().name(), child));
}

void ProcessorScope::outside_record() {
  throw std::logic_error("forwarded outside of a record: there is no key, time or headers to take");
}

void ProcessorScope::wrong_store_type(std::string_view name) const {
  weir::wrong_store_type(node(), task().store(node(), name));
}

void processor_did_not_open(const Node& node, const char* what) {
  throw ProcessingFailure{
      fatal_error(fmt::format("the processor of node '{}' did not open: {}", node.name(), what))};
}

void bring_stores(const GraphPtr& graph, std::vector<StoreSpec> stores, std::vector<std::string>& names,
                  const Location& where) {
  for (StoreSpec& store : stores) {
    names.push_back(store.name);
    graph->topology().provide_store(std::move(store), state_engine(), where);
  }
}

std::vector<std::string> names_of(const std::vector<StoreReference>& stores) {
  std::vector<std::string> names;
  names.reserve(stores.size());
  for (const StoreReference& store : stores) names.push_back(store.name());
  return names;
}

}  // namespace weir
