// transform_values of a table is the table of what a transformer of your own makes of each row. It may use stores, and it is
// asked about rows that are deleted too.
//
//   // How often each row changed.
//   class Changes final : public weir::TableTransformer<std::string, std::string, std::int64_t> {
//    public:
//     void open(Context& context) override {
//       seen_ = &context.store<weir::KeyValueStore<std::string, std::int64_t>>("seen");
//     }
//     std::optional<std::int64_t> transform(const std::string& key, const std::optional<std::string>&) override {
//       const auto* row = seen_->find(key);
//       const std::int64_t times = row == nullptr ? 1 : row->value + 1;
//       seen_->put(key, times, /*timestamp=*/0);
//       return times;
//     }
//
//    private:
//     weir::KeyValueStore<std::string, std::int64_t>* seen_ = nullptr;
//   };
//
//   builder.key_value_store<std::string, std::int64_t>("seen");
//   profiles.transform_values({.store = "changes", .uses = {"seen"}}, [] { return std::make_unique<Changes>(); });
//
// With a store the transformer is asked once for each change. Without one it is asked again whenever somebody reads a row, or
// wants to know what was there before: such a transformer must not change what it will answer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weir/operators/process.h>
#include <weir/operators/table_view.h>
#include <weir/operators/to_stream.h>

namespace weir {

// What a transformer may ask of its task.
class TransformerContext {
 public:
  TransformerContext(TaskContext& task, const Node& node) : task_(task), node_(node) {}

  // Returns a store that the transformer uses. Another one, or one of another type, fails the task.
  template <class Store>
  [[nodiscard]] Store& store(std::string_view name) {
    return typed_store<Store>(task_, node_, std::string(name));
  }
  template <class Store>
  [[nodiscard]] Store& store(const StoreHandle<Store>& handle) {
    return store<Store>(handle.name);
  }

  [[nodiscard]] const std::string& task_name() const { return task_.task_name(); }
  [[nodiscard]] Partition partition() const { return task_.partition(); }
  [[nodiscard]] Timestamp stream_time() const { return task_.stream_time(); }

 private:
  TaskContext& task_;
  const Node& node_;
};

template <class K, class V, class Out>
class TableTransformer {
 public:
  using OutValue = Out;
  using Context = TransformerContext;

  virtual ~TableTransformer() = default;

  // Called once, before any row. The context lives as long as the transformer.
  virtual void open(Context& /*context*/) {}
  // Returns the row for a value, which is null if the row is deleted or was not there. Null: no row.
  virtual std::optional<Out> transform(const K& key, const std::optional<V>& value) = 0;
  virtual void close() {}
};

template <class K, class V, class Factory>
class TransformStep {
 public:
  using Value = OutValueOf<Factory>;
  struct Scratch {
    std::optional<V> given;
    std::optional<Value> made;
  };
  static constexpr bool kOnlyTellsNews = false;

  explicit TransformStep(Factory make) : make_(std::move(make)) {}

  void open(TaskContext& context, const Node& node) {
    context_.emplace(context, node);
    transformer_ = open_processor<TableTransformer<K, V, Value>>(node, make_, *context_);
  }
  void close() {
    if (transformer_ != nullptr) transformer_->close();
  }

  const Value* operator()(const K& key, const V* value, Scratch& scratch) {
    if (value == nullptr) {
      scratch.given.reset();
    } else {
      scratch.given = *value;
    }
    scratch.made = transformer_->transform(key, scratch.given);
    return scratch.made ? &*scratch.made : nullptr;
  }

 private:
  const Factory make_;
  std::optional<TransformerContext> context_;
  std::unique_ptr<TableTransformer<K, V, Value>> transformer_;
};

template <class K, class V, Rows rows>
template <class Factory>
  requires TableTransformerFactoryFor<Factory, K, V>
KTable<K, OutValueOf<Factory>> KTable<K, V, rows>::transform_values(TransformOptions options,
                                                                    Factory make_transformer,
                                                                    Location where) const {
  const ViewOptions view{.store = options.store,
                         .name = options.name,
                         .emit = options.emit,
                         .persistent = options.persistent,
                         .logged = options.logged,
                         .on_error = options.on_error};
  return add_view<Rows::kMayVanish, TransformStep<K, V, Factory>>(
      *this, "transform-values", view, make_transformer, where, names_of(options.uses));
}

}  // namespace weir
