// A table: the latest value of each key, and the stream of its changes.
//
//   const auto profiles = builder.table<std::string, Profile>("profiles", {.store = "profiles"});
//   orders.join(profiles, [](const Order& order, const Profile& profile) { return invoice(order, profile); });
//
// A KTable is a handle, as cheap as a KStream. Its changes flow as Record<K, Change<V>>; its rows can be read by key from
// nodes of the same task, whether they lie in a store or are computed from one.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/record.h>
#include <weir/core/task_context.h>
#include <weir/operators/graph.h>
#include <weir/operators/rows.h>
#include <weir/operators/stream.h>
#include <weir/state/timestamped.h>

namespace weir {

// Reads the rows of a table inside one task.
template <class K, class V>
class TableGetter {
 public:
  virtual ~TableGetter() = default;

  // Returns the row, or null. Valid until the next call or the next write to the table. `key_bytes` as in Record.
  [[nodiscard]] virtual const Timestamped<V>* find(const K& key, BytesView key_bytes) = 0;
};

// Whether somebody downstream wants Change::before. Asked while the topology is described, read when nodes are made.
class BeforeWish {
 public:
  // `upstream`: the table that this one is computed from, if it holds no rows itself.
  explicit BeforeWish(std::shared_ptr<BeforeWish> upstream = nullptr) : upstream_(std::move(upstream)) {}

  void express() {
    wanted_ = true;
    if (upstream_ != nullptr) upstream_->express();
  }
  [[nodiscard]] bool wanted() const { return wanted_; }

 private:
  std::shared_ptr<BeforeWish> upstream_;
  bool wanted_ = false;
};

// How to get at a table's rows. Shared by the handles of the table and the factories of the nodes that read it.
template <class K, class V>
struct TableAccess {
  // The stores that a node which reads the table must be connected to.
  std::vector<std::string> stores;
  // Makes a getter for a node; called in the node's open().
  std::function<std::unique_ptr<TableGetter<K, V>>(TaskContext& context, const Node& reader)> open_getter;
  std::shared_ptr<BeforeWish> before;
};

template <class K, class V, Rows rows>
class KTable : public GraphPoint {
 public:
  using Key = K;
  using Value = V;
  // What the stream of changes has: optional where a row can vanish.
  using StreamValue = std::conditional_t<rows == Rows::kMayVanish, std::optional<V>, V>;

  KTable(GraphPoint point, TableAccess<K, V> access)
      : GraphPoint(std::move(point)), access_(std::move(access)) {}

  // Returns the stream of changes.
  [[nodiscard]] KStream<K, StreamValue> to_stream(Location where = Location::current()) const {
    return to_stream({}, where);
  }
  [[nodiscard]] KStream<K, StreamValue> to_stream(VerbOptions options,
                                                  Location where = Location::current()) const;

  // Returns op(*this), as KStream::apply.
  template <std::invocable<const KTable&> Op>
  decltype(auto) apply(Op&& op) const {
    return std::invoke(std::forward<Op>(op), *this);
  }

  // For those who write verbs.
  [[nodiscard]] const TableAccess<K, V>& access() const { return access_; }

 private:
  TableAccess<K, V> access_;
};

}  // namespace weir
