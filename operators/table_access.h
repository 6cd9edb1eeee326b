// How the rows of a table are read by those downstream of it, and how they say what they want to know of it.
//
// For those who write verbs: a verb that reads a table calls demand_rows or demand_before, connects its node to
// `access.stores`, and calls `access.open_getter` in the node's open().
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/record.h>
#include <weir/core/task_context.h>
#include <weir/operators/graph.h>
#include <weir/state/timestamped.h>

namespace weir {

// Reads the rows of a table inside one task.
template <class K, class V>
class TableGetter {
 public:
  virtual ~TableGetter() = default;

  // Returns the row, or null. Valid until the next call or the next write to the table. `key_bytes` as in Record.
  [[nodiscard]] virtual const Timestamped<V>* find(const K& key, BytesView key_bytes) = 0;

  // Returns the row as it was at that time. A table that keeps no history answers with the row as it is.
  [[nodiscard]] virtual const Timestamped<V>* find_as_of(const K& key, Timestamp /*time*/,
                                                         BytesView key_bytes) {
    return find(key, key_bytes);
  }
};

// What those downstream want of a table: to be told what was there before (Change::before), or to read its rows. Asked while
// the topology is described, read when nodes are made.
class BeforeWish {
 public:
  // Of a table that holds rows itself.
  BeforeWish() = default;
  // Of a view of one or more tables: what was there before is computed from what was there before in each.
  explicit BeforeWish(std::shared_ptr<BeforeWish> upstream) { upstream_.push_back(std::move(upstream)); }
  explicit BeforeWish(std::vector<std::shared_ptr<BeforeWish>> upstream) : upstream_(std::move(upstream)) {}

  // Returns the wish of a table that holds no rows: nobody knows what was there before.
  [[nodiscard]] static std::shared_ptr<BeforeWish> impossible() {
    auto wish = std::make_shared<BeforeWish>();
    wish->possible_ = false;
    return wish;
  }

  // Returns the wish of a table that holds changes back: its rows are what was there before them.
  [[nodiscard]] static std::shared_ptr<BeforeWish> held_back(std::shared_ptr<BeforeWish> upstream) {
    auto wish = std::make_shared<BeforeWish>(std::move(upstream));
    wish->rows_are_before_ = true;
    return wish;
  }

  [[nodiscard]] bool possible() const {
    return possible_ &&
           std::all_of(upstream_.begin(), upstream_.end(), [](const auto& wish) { return wish->possible(); });
  }

  // Does nothing where it is not possible.
  void express() {
    if (!possible()) return;
    wanted_ = true;
    for (const auto& wish : upstream_) wish->express();
  }
  [[nodiscard]] bool wanted() const { return wanted_; }

  // The same for reading rows.
  void express_rows() {
    rows_wanted_ = true;
    for (const auto& wish : upstream_) {
      wish->express_rows();
      if (rows_are_before_) wish->express();
    }
  }
  [[nodiscard]] bool rows_wanted() const { return rows_wanted_; }

 private:
  std::vector<std::shared_ptr<BeforeWish>> upstream_;
  bool possible_ = true;
  bool wanted_ = false;
  bool rows_wanted_ = false;
  bool rows_are_before_ = false;
};

// How to get at a table's rows. Shared by the handles of the table and the factories of the nodes that read it.
template <class K, class V>
struct TableAccess {
  // The stores that a node which reads the table must be connected to.
  std::vector<std::string> stores;
  // Makes a getter for a node; called in the node's open(). Empty for a table that holds no rows and is computed from none.
  std::function<std::unique_ptr<TableGetter<K, V>>(TaskContext& context, const Node& reader)> open_getter;
  std::shared_ptr<BeforeWish> before;
  // How far back find_as_of can look, if the table keeps its history. Its changes then may be out of order (Change::latest).
  std::optional<Duration> history = std::nullopt;
  // Of a table of windows: for how long after its end a window can still change. Views have that of what they are made from.
  std::optional<Duration> window_grace = std::nullopt;
};

// Notes a problem: `verb` needs the rows of a table that was made without a store.
void rows_are_missing(const GraphPoint& reader, const std::string& verb, const Location& where);

// For verbs that read a table's rows, or want to know what was there before: both need a store somewhere upstream.
template <class K, class V>
void demand_rows(const TableAccess<K, V>& access, const GraphPoint& reader, const std::string& verb,
                 const Location& where) {
  if (access.open_getter == nullptr) rows_are_missing(reader, verb, where);
  access.before->express_rows();
}
template <class K, class V>
void demand_before(const TableAccess<K, V>& access, const GraphPoint& reader, const std::string& verb,
                   const Location& where) {
  demand_rows(access, reader, verb, where);
  access.before->express();
}

}  // namespace weir
