// What verbs can be told. Every option has a default; fill them by name, in this order:
//
//   orders.filter({.name = "paid", .on_error = weir::ErrorPolicy::kDeadLetter}, is_paid)
//
// A name that owns something on the broker or on disk (a store, a topic) must be given; the rest may be.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/error_policy.h>
#include <weir/core/time.h>
#include <weir/core/topology_builder.h>
#include <weir/operators/time_windows.h>

namespace weir {

// The line of the user's program that called a verb; problems found by build() carry it.
using Location = TopologyBuilder::Location;

// For verbs that keep nothing.
struct VerbOptions {
  // The node's name in descriptions, metrics and errors. Default: "<verb>-<n>".
  std::string name = {};
  // What happens to a record for which the user's callable throws. Default: as the application says.
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// The name of something that owns a topic. It must be given and stay the same from release to release: so there is no
// default, and leaving it out does not compile.
class RequiredName {
 public:
  RequiredName() = delete;
  RequiredName(std::string name) : name_(std::move(name)) {}  // NOLINT(google-explicit-constructor)
  RequiredName(const char* name) : name_(name) {}             // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::string& text() const { return name_; }

 private:
  std::string name_;
};

// The name of a store, and of its changelog topic.
class StoreName : public RequiredName {
 public:
  using RequiredName::RequiredName;
};

// When a table tells those downstream of a change.
enum class Emit {
  kEveryUpdate,  // each record that changes a row
  kOnCommit,     // the last state of each changed row, when the task commits: fewer records, later
};

// For verbs that make a table.
struct TableOptions {
  StoreName store;
  std::string name = {};  // of the node
  Emit emit = Emit::kEveryUpdate;
  // Rows are remembered as they were, so long after they were replaced: those who join with the table see its row as of
  // the time of their record, an update out of order finds its place between the others, and one that is older than this
  // is dropped. Every update is told at once. Negative: for ever. Default: a row is what was written last.
  std::optional<Duration> history = std::nullopt;
  // On disk; otherwise in memory, and restored from the changelog at each start.
  bool persistent = true;
  // Backed by a changelog topic. Without one the rows are lost when the task moves to another machine.
  bool logged = true;
  // The most rows kept; 0: all. Beyond it the row that was used least lately is forgotten, and nobody downstream hears of
  // it: for tables whose old rows do not matter.
  std::size_t max_rows = 0;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For tables that are read from a topic. Without a store such a table keeps no rows: changes pass, but it cannot be looked up,
// and nobody knows what was there before.
struct SourceTableOptions {
  std::optional<StoreName> store = std::nullopt;
  std::string name = {};  // of the node
  // The next five matter with a store.
  Emit emit = Emit::kEveryUpdate;
  std::optional<Duration> history = std::nullopt;  // as in TableOptions
  bool persistent = true;
  bool logged = true;
  std::size_t max_rows = 0;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For joins of a stream with a table.
struct JoinTableOptions {
  // Of the records that wait; only with a grace, and then it must be there.
  std::optional<StoreName> store = std::nullopt;
  std::string name = {};  // of the node
  // How long a record waits for changes of the table that are late. Asks for a table that keeps its history for so long.
  std::optional<Duration> grace = std::nullopt;
  // The next two are the store's.
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// When a table of windows tells those downstream of a change.
enum class WindowEmit {
  kEveryUpdate,  // as Emit
  kOnCommit,     // as Emit
  // Each window once, when it takes no more records: by start, then key, with its own time and the headers of the record
  // that closed it. (The store is laid out by time then, so changing to or from this asks for another store name.)
  kOnWindowClose,
};

// For verbs that make a table of other tables. Without a store it keeps no rows: they are computed when somebody reads them.
struct ViewOptions {
  std::optional<StoreName> store = std::nullopt;
  std::string name = {};  // of the node
  // The next three matter with a store.
  Emit emit = Emit::kEveryUpdate;
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For joins of tables by a foreign key. Without a store the join keeps no rows, and they cannot be read.
struct ForeignKeyOptions {
  std::optional<StoreName> store = std::nullopt;
  // Of the join's nodes, its two topics and the store in which it remembers who asked for what.
  RequiredName name;
  Emit emit = Emit::kEveryUpdate;  // matters with a store
  bool persistent = true;          // of both stores
  bool logged = true;              // of the join's rows
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For StreamBuilder::global_table and add_global_store.
struct GlobalOptions {
  StoreName store;
  std::string name = {};  // of the nodes that fill it
  // On disk, and read on from there after a restart; otherwise in memory, and read from its topic at each start.
  bool persistent = true;
  // What happens to a record that cannot be read or stored. Not kDeadLetter: every instance would send it aside.
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For verbs that make a table of windows.
struct WindowOptions {
  StoreName store;
  std::string name = {};  // of the node
  WindowEmit emit = WindowEmit::kEveryUpdate;
  // With kOnWindowClose: all open windows are closed when no record came for so long by the clock on the wall; records
  // for them that come later are late. Longer than any pause of the source that is not an end. Default: windows of a
  // stream at rest stay open.
  std::optional<Duration> close_when_idle = std::nullopt;
  // How long windows can be looked up after they started; at least as long as they can change, which is the default.
  std::optional<Duration> retention = std::nullopt;
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For KStream::print.
struct PrintOptions {
  std::string name = {};
  // What begins each line, in brackets. Default: the name of the node that is printed.
  std::string label = {};
  // Lines are appended to this file. Default: standard output.
  std::string file = {};
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For KStream::distinct.
struct DistinctOptions {
  StoreName store;
  std::string name = {};    // of the node
  RequiredDuration window;  // > 0: how long after a record others of its id are dropped
  RequiredDuration grace;   // >= 0: how late a record may be
  bool persistent = true;
  bool logged = true;
  ErrorPolicy on_error = ErrorPolicy::kInherit;
};

// For KStream::repartition.
struct RepartitionOptions {
  // The topic is called "<application>-<name>-repartition".
  RequiredName name;
  // Default: as many as the largest topic upstream has.
  std::optional<Partition> partitions = std::nullopt;
};

}  // namespace weir
