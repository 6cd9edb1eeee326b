// A node of a running task: takes records of one type and pushes records of another to its children, depth first, on one
// stack. One virtual call per edge; a user's callable is inlined into its node.
//
// Thread safety: none; a node belongs to one task, a task to one thread at a time.
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/callable.h>
#include <weir/core/error_policy.h>
#include <weir/core/record.h>
#include <weir/core/task_context.h>

namespace weir {

class Node {
 public:
  virtual ~Node() = default;

  // Makes `child` receive what this node emits. Returns false if the types do not fit.
  [[nodiscard]] virtual bool connect(Node& child) = 0;

  // Called once the task's stores are restored, parents first. Look up stores and start timers here.
  virtual void open() {}

  // Called when the task ends, children last. The stores may no longer be written.
  virtual void close() {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] ErrorPolicy on_error() const { return on_error_; }

  // Called by the task before anything else.
  void settle(std::string name, ErrorPolicy on_error, TaskContext& context) {
    name_ = std::move(name);
    on_error_ = on_error;
    context_ = &context;
  }

 protected:
  [[nodiscard]] TaskContext& context() const { return *context_; }

  // The one door to user code: returns what `call` returned, or nothing if it threw and the node's policy is to go on.
  // For calls that return nothing the result is whether it went well.
  template <class F>
  [[nodiscard]] auto guarded(F&& call) const {
    using Result = std::invoke_result_t<F>;
    if constexpr (std::is_void_v<Result>) {
      try {
        std::forward<F>(call)();
        return true;
      } catch (const std::exception& error) {
        user_code_threw(error);
      }
      return false;
    } else {
      try {
        return std::optional<Result>(std::forward<F>(call)());
      } catch (const std::exception& error) {
        user_code_threw(error);
      }
      return std::optional<Result>();
    }
  }

  // Calls a user's callable with as much of the record as it takes; see callable.h.
  template <class F, class K, class V>
  [[nodiscard]] auto ask_user(const F& callable, const Record<K, V>& record) const {
    return guarded([&]() -> ResultOver<F, K, V> { return call_with(callable, record); });
  }

 private:
  void user_code_threw(const std::exception& error) const;

  std::string name_;
  ErrorPolicy on_error_ = ErrorPolicy::kInherit;
  TaskContext* context_ = nullptr;
};

// Accepts records of one type.
template <class K, class V>
class Inlet {
 public:
  virtual ~Inlet() = default;
  virtual void accept(const Record<K, V>& record) = 0;
};

// A node that emits records of one type. One that emits others beside them overrides connect.
template <class K, class V>
class Emitter : public Node {
 public:
  [[nodiscard]] bool connect(Node& child) override {
    auto* inlet = dynamic_cast<Inlet<K, V>*>(&child);
    if (inlet == nullptr) return false;
    outlets_.push_back(inlet);
    outlet_nodes_.push_back(&child);
    return true;
  }

 protected:
  void emit(const Record<K, V>& record) const {
    for (Inlet<K, V>* outlet : outlets_) outlet->accept(record);
  }

  // Emits to the child of that name only. Returns whether there is one.
  [[nodiscard]] bool emit_to(std::string_view child, const Record<K, V>& record) const {
    for (std::size_t i = 0; i < outlets_.size(); ++i) {
      if (outlet_nodes_[i]->name() == child) {
        outlets_[i]->accept(record);
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] bool has_outlets() const { return !outlets_.empty(); }

 private:
  std::vector<Inlet<K, V>*> outlets_;  // in the order in which the children were added to the topology
  std::vector<Node*> outlet_nodes_;
};

// A node with one input and one output type: most of them.
template <class KIn, class VIn, class KOut, class VOut>
class UnaryNode : public Emitter<KOut, VOut>, public Inlet<KIn, VIn> {};

// A node that ends a branch.
template <class K, class V>
class LeafNode : public Node, public Inlet<K, V> {
 public:
  [[nodiscard]] bool connect(Node&) final { return false; }
};

// A node that turns a fetched record into a typed one.
class SourceNode {
 public:
  virtual ~SourceNode() = default;

  // Decodes the record and pushes it. `timestamp` is what the extractor said, `origin` where it was read.
  virtual void accept(const RawRecord& raw, Timestamp timestamp, const Headers& headers,
                      const Origin& origin) = 0;

  // Returns the record's time; negative if it has none. `partition_time` is the largest seen on its partition so far.
  [[nodiscard]] virtual Timestamp timestamp_of(const RawRecord& raw, Timestamp partition_time,
                                               const Origin& origin) = 0;
};

}  // namespace weir
