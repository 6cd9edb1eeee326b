// The processor API: code of your own as a node, with stores, timers and as many outputs as it likes.
//
//   // Lets through the first record of each key.
//   class FirstOnly final : public weir::Processor<std::string, Order, std::string, Order> {
//    public:
//     void open(Context& context) override {
//       context_ = &context;
//       seen_ = &context.store<weir::KeyValueStore<std::string, bool>>("seen");
//     }
//     void process(const weir::Record<std::string, Order>& record) override {
//       if (seen_->put_if_absent(record.key, true, record.timestamp, record.key_bytes) == nullptr) {
//         context_->forward(record);
//       }
//     }
//
//    private:
//     Context* context_ = nullptr;
//     weir::KeyValueStore<std::string, bool>* seen_ = nullptr;
//   };
//
//   builder.key_value_store<std::string, bool>("seen");
//   orders.process({.stores = {"seen"}}, [] { return std::make_unique<FirstOnly>(); }).to("first-orders");
//
// A factory that is a class may bring the stores: `std::vector<StoreSpec> stores() const` says which, and they need not be
// added or named. Two that bring a store of the same name and description share it.
//
// A processor is made once per task and opened when the task's stores are restored; after an aborted transaction a new one
// is made. So whatever it remembers between records belongs in a store.
//
// An exception that leaves process or a timer is handled as the node's error policy says; what was forwarded before it
// stays forwarded. Let ProcessingFailure pass: catch std::exception, not `...`.
//
// Thread safety: none; a processor belongs to one task, a task to one thread at a time.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/record.h>
#include <weir/core/task_context.h>
#include <weir/operators/options.h>

namespace weir {

template <class Store>
class ReadOnly;

// A store by name, with its type. Made by StreamBuilder::key_value_store and its like.
template <class Store>
struct StoreHandle {
  std::string name;
};

// A store that a processor uses, by name or handle.
class StoreReference {
 public:
  StoreReference(std::string name) : name_(std::move(name)) {}  // NOLINT(google-explicit-constructor)
  StoreReference(const char* name) : name_(name) {}             // NOLINT(google-explicit-constructor)
  template <class Store>
  StoreReference(const StoreHandle<Store>& handle)
      : name_(handle.name) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
};

struct ProcessOptions {
  std::string name = {};
  // The stores the processor asks its context for. Processors that share a store run in the same task.
  std::vector<StoreReference> stores = {};
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// What any processor may ask of its task. Lives as long as the processor.
class ProcessorScope {
 public:
  // Returns a store that the processor was connected to, or a view of a global store (a GlobalStore<K, V>), for which it need
  // not be. Another one, or one of another type, fails the task.
  template <class Store>
  [[nodiscard]] Store& store(std::string_view name) {
    auto* typed = dynamic_cast<Store*>(&task().store(node(), name));
    if (typed == nullptr) wrong_store_type(name);
    return *typed;
  }
  template <class Store>
  [[nodiscard]] Store& store(const StoreHandle<Store>& handle) {
    return store<Store>(handle.name);
  }

  // The same for one that only reads; needs <weir/operators/stores.h>.
  template <class Store>
  [[nodiscard]] ReadOnly<Store> read_only_store(std::string_view name);
  template <class Store>
  [[nodiscard]] ReadOnly<Store> read_only_store(const StoreHandle<Store>& handle);

  // Calls `fire` again and again, `interval` (>= 1 ms) apart: in stream time at its multiples from 0 on, so with the first
  // record, after it was processed; by the wall clock from now on, or with `start` at start, start + interval and so on. A
  // jump over several of these times fires once, with the time it is then, and the next is the first that lies ahead. May be
  // called at any time, also by `fire`; what is scheduled there fires the next time at the earliest. What `fire` forwards
  // needs a timestamp. An exception from it is handled as the node's error policy says. Timers start anew with the task.
  Cancellable schedule(Duration interval, TimerClock clock, std::function<void(Timestamp now)> fire);
  Cancellable schedule(Timestamp start, Duration interval, TimerClock clock,
                       std::function<void(Timestamp now)> fire);

  [[nodiscard]] const std::string& task_name() const { return task().task_name(); }
  // A folder for the task's own files; empty if the application keeps nothing on disk.
  [[nodiscard]] const std::string& state_directory() const { return task().state_directory(); }
  [[nodiscard]] const std::string& application_id() const { return task().application_id(); }
  [[nodiscard]] Partition partition() const { return task().partition(); }

  // Returns what the running record was read from; inside a timer an origin without topic.
  [[nodiscard]] const Origin& origin() const { return task().origin(); }

  // Returns the largest timestamp the task has processed, the running record included; kNoTimestamp before the first.
  [[nodiscard]] Timestamp stream_time() const { return task().stream_time(); }
  [[nodiscard]] Timestamp wall_time() const { return task().clock().wall(); }

  // Asks for a commit after the running record.
  void request_commit() { task().request_commit(); }

  // Counts the running record as dropped.
  void drop(DropReason reason) { task().drop(reason); }

 protected:
  ~ProcessorScope() = default;

  // Throws what fits if the record cannot be forwarded: std::invalid_argument for a negative timestamp.
  static void check_timestamp(Timestamp timestamp);
  [[noreturn]] void no_such_child(std::string_view child) const;
  [[noreturn]] static void outside_record();

 private:
  [[nodiscard]] virtual TaskContext& task() const = 0;
  [[nodiscard]] virtual const Node& node() const = 0;
  // Calls user code through the node's door.
  virtual void run(const std::function<void()>& call) = 0;
  [[noreturn]] void wrong_store_type(std::string_view name) const;
};

// What a Processor may do.
template <class K, class V>
class ProcessorContext : public ProcessorScope {
 public:
  // Pushes a record to all children, and returns when they are done with it.
  void forward(const Record<K, V>& record) {
    check_timestamp(record.timestamp);
    push(record);
  }
  // The same with time and headers of the running record. Not inside a timer: throws std::logic_error.
  void forward(const K& key, const V& value) {
    if (!in_record()) outside_record();
    push({key, value, running_time(), running_headers(), origin(), {}});
  }
  void forward(const K& key, const V& value, Timestamp timestamp, const Headers& headers = kNoHeaders) {
    forward({key, value, timestamp, headers, origin(), {}});
  }

  // Pushes to the child of that name alone. Throws std::invalid_argument if there is none.
  void forward_to(std::string_view child, const Record<K, V>& record) {
    check_timestamp(record.timestamp);
    if (!push_to(child, record)) no_such_child(child);
  }
  void forward_to(std::string_view child, const K& key, const V& value) {
    if (!in_record()) outside_record();
    forward_to(child, {key, value, running_time(), running_headers(), origin(), {}});
  }

 protected:
  ~ProcessorContext() = default;

 private:
  virtual void push(const Record<K, V>& record) = 0;
  [[nodiscard]] virtual bool push_to(std::string_view child, const Record<K, V>& record) = 0;
  [[nodiscard]] virtual bool in_record() const = 0;
  [[nodiscard]] virtual Timestamp running_time() const = 0;
  [[nodiscard]] virtual const Headers& running_headers() const = 0;
};

template <class KIn, class VIn, class KOut, class VOut>
class Processor {
 public:
  using InKey = KIn;
  using InValue = VIn;
  using OutKey = KOut;
  using OutValue = VOut;
  using Context = ProcessorContext<KOut, VOut>;

  virtual ~Processor() = default;

  // Called once, before any record. Look up stores and start timers here; keep the context.
  virtual void open(Context& context) = 0;
  virtual void process(const Record<KIn, VIn>& record) = 0;
  // Called when the task ends. Stores may no longer be written.
  virtual void close() {}
};

// What a ValueProcessor may do: forward values under the key of the running record, and only while there is one.
template <class V>
class ValueContext : public ProcessorScope {
 public:
  // With time and headers of the running record.
  void forward(const V& value) {
    if (!in_record()) outside_record();
    push(value, running_time(), running_headers());
  }
  void forward(const V& value, Timestamp timestamp) {
    if (!in_record()) outside_record();
    forward(value, timestamp, running_headers());
  }
  void forward(const V& value, Timestamp timestamp, const Headers& headers) {
    if (!in_record()) outside_record();
    check_timestamp(timestamp);
    push(value, timestamp, headers);
  }

  // Pushes to the child of that name alone. Throws std::invalid_argument if there is none.
  void forward_to(std::string_view child, const V& value) {
    if (!in_record()) outside_record();
    if (!push_to(child, value, running_time(), running_headers())) no_such_child(child);
  }
  void forward_to(std::string_view child, const V& value, Timestamp timestamp, const Headers& headers) {
    if (!in_record()) outside_record();
    check_timestamp(timestamp);
    if (!push_to(child, value, timestamp, headers)) no_such_child(child);
  }

 protected:
  ~ValueContext() = default;

 private:
  virtual void push(const V& value, Timestamp timestamp, const Headers& headers) = 0;
  [[nodiscard]] virtual bool push_to(std::string_view child, const V& value, Timestamp timestamp,
                                     const Headers& headers) = 0;
  [[nodiscard]] virtual bool in_record() const = 0;
  [[nodiscard]] virtual Timestamp running_time() const = 0;
  [[nodiscard]] virtual const Headers& running_headers() const = 0;
};

// A processor that leaves the key alone, so that nothing downstream has to be repartitioned.
template <class K, class VIn, class VOut>
class ValueProcessor {
 public:
  using InKey = K;
  using InValue = VIn;
  using OutValue = VOut;
  using Context = ValueContext<VOut>;

  virtual ~ValueProcessor() = default;
  virtual void open(Context& context) = 0;
  virtual void process(const Record<K, VIn>& record) = 0;
  virtual void close() {}
};

}  // namespace weir
