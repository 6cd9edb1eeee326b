// process runs a processor of your own on a stream, process_values one that leaves the key alone. How to write one: see
// processor.h.
//
//   orders.process({.stores = {"seen"}}, [] { return std::make_unique<FirstOnly>(); }).to("first-orders");
//
// The callable is a ProcessorFactoryFor or ValueProcessorFactoryFor: it makes a new processor each time. After process, which
// can forward any key, what groups or joins repartitions first; after process_values it need not.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/operators/processor.h>
#include <weir/operators/stream.h>

namespace weir {

// Fails the task: a processor cannot be made or opened.
[[noreturn]] void processor_did_not_open(const Node& node, const char* what);

// Makes and opens a processor. What it throws fails the task, for there is no record that could be to blame.
template <class P, class Factory, class Context>
[[nodiscard]] std::unique_ptr<P> open_processor(const Node& node, const Factory& make, Context& context) {
  try {
    std::unique_ptr<P> processor = make();
    if (processor == nullptr) processor_did_not_open(node, "the factory made none");
    processor->open(context);
    return processor;
  } catch (const std::exception& error) {
    processor_did_not_open(node, error.what());
  }
}

// The record that a processor works on, for what it forwards without saying time and headers.
struct RunningRecord {
  Timestamp timestamp = 0;
  const Headers* headers = nullptr;  // null: there is none
};

// Sets the running record as long as it lives; an exception may end that.
class RunningScope {
 public:
  RunningScope(RunningRecord& running, Timestamp timestamp, const Headers& headers) : running_(running) {
    running_ = {timestamp, &headers};
  }
  RunningScope(const RunningScope&) = delete;
  RunningScope& operator=(const RunningScope&) = delete;
  ~RunningScope() { running_ = {}; }

 private:
  RunningRecord& running_;
};

template <class K, class V, class Factory>
class ProcessNode final : public UnaryNode<K, V, OutKeyOf<Factory>, OutValueOf<Factory>>,
                          private ProcessorContext<OutKeyOf<Factory>, OutValueOf<Factory>> {
 public:
  using OutKey = OutKeyOf<Factory>;
  using OutValue = OutValueOf<Factory>;

  explicit ProcessNode(Factory make) : make_(std::move(make)) {}

  void open() override {
    ProcessorContext<OutKey, OutValue>& own_context = *this;
    processor_ = open_processor<Processor<K, V, OutKey, OutValue>>(*this, make_, own_context);
  }

  void accept(const Record<K, V>& record) override {
    const RunningScope scope(running_, record.timestamp, record.headers);
    // A failure has been dealt with by the policy.
    static_cast<void>(this->guarded([&] { processor_->process(record); }));
  }

  void close() override {
    if (processor_ != nullptr) static_cast<void>(this->guarded([&] { processor_->close(); }));
  }

 private:
  TaskContext& task() const override { return Node::context(); }
  const Node& node() const override { return *this; }
  void run(const std::function<void()>& call) override { static_cast<void>(this->guarded(call)); }
  void push(const Record<OutKey, OutValue>& record) override { this->emit(record); }
  bool push_to(std::string_view child, const Record<OutKey, OutValue>& record) override {
    return this->emit_to(child, record);
  }
  bool in_record() const override { return running_.headers != nullptr; }
  Timestamp running_time() const override { return running_.timestamp; }
  const Headers& running_headers() const override { return *running_.headers; }

  const Factory make_;
  RunningRecord running_;
  std::unique_ptr<Processor<K, V, OutKey, OutValue>> processor_;
};

template <class K, class V, class Factory>
class ProcessValuesNode final : public UnaryNode<K, V, K, OutValueOf<Factory>>,
                                private ValueContext<OutValueOf<Factory>> {
 public:
  using OutValue = OutValueOf<Factory>;

  explicit ProcessValuesNode(Factory make) : make_(std::move(make)) {}

  void open() override {
    ValueContext<OutValue>& own_context = *this;
    processor_ = open_processor<ValueProcessor<K, V, OutValue>>(*this, make_, own_context);
  }

  void accept(const Record<K, V>& record) override {
    const RunningScope scope(running_, record.timestamp, record.headers);
    record_ = &record;
    // A failure has been dealt with by the policy.
    static_cast<void>(this->guarded([&] { processor_->process(record); }));
  }

  void close() override {
    if (processor_ != nullptr) static_cast<void>(this->guarded([&] { processor_->close(); }));
  }

 private:
  TaskContext& task() const override { return Node::context(); }
  const Node& node() const override { return *this; }
  void run(const std::function<void()>& call) override { static_cast<void>(this->guarded(call)); }
  void push(const OutValue& value, Timestamp timestamp, const Headers& headers) override {
    this->emit({record_->key, value, timestamp, headers, record_->origin, record_->key_bytes});
  }
  bool push_to(std::string_view child, const OutValue& value, Timestamp timestamp,
               const Headers& headers) override {
    return this->emit_to(child,
                         {record_->key, value, timestamp, headers, record_->origin, record_->key_bytes});
  }
  bool in_record() const override { return running_.headers != nullptr; }
  Timestamp running_time() const override { return running_.timestamp; }
  const Headers& running_headers() const override { return *running_.headers; }

  const Factory make_;
  RunningRecord running_;
  const Record<K, V>* record_ = nullptr;  // valid while running_ has headers
  std::unique_ptr<ValueProcessor<K, V, OutValue>> processor_;
};

[[nodiscard]] std::vector<std::string> names_of(const std::vector<StoreReference>& stores);

// Adds the stores to the topology, and their names to `names`.
void bring_stores(const GraphPtr& graph, std::vector<StoreSpec> stores, std::vector<std::string>& names,
                  const Location& where);

// Returns the names of the stores that a processor uses: those it was told and those its factory brings.
template <class Factory>
[[nodiscard]] std::vector<std::string> stores_of(const GraphPtr& graph,
                                                 const std::vector<StoreReference>& stores,
                                                 const Factory& factory, const Location& where) {
  std::vector<std::string> names = names_of(stores);
  if constexpr (BringsStores<Factory>) bring_stores(graph, factory.stores(), names, where);
  return names;
}

template <class K, class V>
template <class Factory>
  requires ProcessorFactoryFor<Factory, K, V>
KStream<OutKeyOf<Factory>, OutValueOf<Factory>> KStream<K, V>::process(ProcessOptions options,
                                                                       Factory make_processor,
                                                                       Location where) const {
  std::vector<std::string> stores = stores_of(graph(), options.stores, make_processor, where);
  return KStream<OutKeyOf<Factory>, OutValueOf<Factory>>(
      extend_named(name_for("process", options.name), options.on_error,
                   node_factory<ProcessNode<K, V, Factory>>(std::move(make_processor)), where,
                   std::move(stores))
          .with_rekeyed(true));
}

template <class K, class V>
template <class Factory>
  requires ValueProcessorFactoryFor<Factory, K, V>
KStream<K, OutValueOf<Factory>> KStream<K, V>::process_values(ProcessOptions options, Factory make_processor,
                                                              Location where) const {
  std::vector<std::string> stores = stores_of(graph(), options.stores, make_processor, where);
  return KStream<K, OutValueOf<Factory>>(extend_named(
      name_for("process-values", options.name), options.on_error,
      node_factory<ProcessValuesNode<K, V, Factory>>(std::move(make_processor)), where, std::move(stores)));
}

}  // namespace weir
