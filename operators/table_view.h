// What filter, map_values and transform_values of a table have in common: a view, whose rows are made of those of another
// table, each by itself.
//
// A view keeps nothing: whoever reads it reads the table and makes the row anew. With a store, {.store = "..."}, it keeps
// its rows. What was there before a change is made of what was there before it in the table.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/operators/concepts.h>
#include <weir/operators/keep_node.h>
#include <weir/operators/store_access.h>
#include <weir/operators/table.h>

namespace weir {

// A step makes a view's row of a table's:
//
//   using Value = ...;                      of the view
//   struct Scratch {...};                   where it may put a row that it makes
//   static constexpr bool kOnlyTellsNews    whether a change that neither makes nor removes a row is no news, where that is
//                                           known
//   void open(TaskContext&, const Node&)    as Node::open
//   void close()
//   const Value* operator()(const K& key, const V* value, Scratch& scratch)
//                                           null: no row; calls the user

// Passes changes of the table on as changes of the view.
template <class K, class V, class Step>
class ViewNode final : public UnaryNode<K, Change<V>, K, Change<typename Step::Value>> {
 public:
  using Value = typename Step::Value;

  // `news`: what it takes to tell only news; `view`: what those downstream wish.
  template <class Callable>
  ViewNode(std::shared_ptr<const BeforeWish> news, std::shared_ptr<const BeforeWish> view, Callable callable)
      : before_known_(news->wanted()), before_wanted_(view->wanted()), step_(std::move(callable)) {}

  void open() override { step_.open(this->context(), *this); }

  void accept(const Record<K, Change<V>>& record) override {
    const Change<V>& change = record.value;
    Change<Value> seen{nullptr, nullptr, change.latest, change.reason};
    const bool done = this->guarded([&] {
      seen.now = step_(record.key, change.now, now_);
      if (before_known_ || before_wanted_) seen.before = step_(record.key, change.before, before_);
    });
    if (!done || (before_known_ && seen.now == nullptr && seen.before == nullptr)) return;
    this->emit(record.with_value(seen));
  }

  void close() override {
    static_cast<void>(this->guarded([&] { step_.close(); }));
  }

 private:
  const bool before_known_;
  const bool before_wanted_;
  Step step_;
  typename Step::Scratch now_;
  typename Step::Scratch before_;
};

// Makes the view's rows for those who read them.
template <class K, class V, class Step>
class ViewGetter final : public TableGetter<K, typename Step::Value> {
 public:
  using Value = typename Step::Value;

  template <class Callable>
  ViewGetter(std::unique_ptr<TableGetter<K, V>> table, Callable callable, TaskContext& context,
             const Node& reader)
      : table_(std::move(table)), step_(std::move(callable)) {
    step_.open(context, reader);
  }

  const Timestamped<Value>* find(const K& key, BytesView key_bytes) override {
    return row(key, table_->find(key, key_bytes));
  }
  const Timestamped<Value>* find_as_of(const K& key, Timestamp time, BytesView key_bytes) override {
    return row(key, table_->find_as_of(key, time, key_bytes));
  }

 private:
  const Timestamped<Value>* row(const K& key, const Timestamped<V>* found) {
    const Timestamp timestamp = found == nullptr ? kNoTimestamp : found->timestamp;
    const Value* value = step_(key, found == nullptr ? nullptr : &found->value, scratch_);
    if (value == nullptr) return nullptr;
    if constexpr (std::same_as<Value, V>) {
      if (found != nullptr && value == &found->value) return found;
    }
    row_.value = *value;
    row_.timestamp = timestamp;
    return &row_;
  }

  const std::unique_ptr<TableGetter<K, V>> table_;
  Step step_;
  typename Step::Scratch scratch_;
  Timestamped<Value> row_;  // reused, so that its memory is
};

// Notes a problem: what `verb` shall keep in a store has no bytes.
void view_has_no_bytes(const GraphPoint& table, const std::string& verb, const std::string& store,
                       const Location& where);

// Returns how to read a view that keeps nothing. `stores`: those that the step uses.
template <class Step, class K, class V, class Callable>
[[nodiscard]] TableAccess<K, typename Step::Value> access_to_view(const TableAccess<K, V>& table,
                                                                  const std::vector<std::string>& stores,
                                                                  const Callable& callable) {
  using Value = typename Step::Value;
  TableAccess<K, Value> access;
  access.stores = table.stores;
  access.stores.insert(access.stores.end(), stores.begin(), stores.end());
  if (table.open_getter != nullptr) {
    access.open_getter = [open_table = table.open_getter, callable](
                             TaskContext& context,
                             const Node& reader) -> std::unique_ptr<TableGetter<K, Value>> {
      return std::make_unique<ViewGetter<K, V, Step>>(open_table(context, reader), callable, context, reader);
    };
  }
  access.before = std::make_shared<BeforeWish>(table.before);
  access.history = table.history;
  return access;
}

// Adds a view and, if it has one, its store. The step is made of `callable`.
template <Rows rows, class Step, class K, class V, Rows table_rows, class Callable>
[[nodiscard]] KTable<K, typename Step::Value, rows> add_view(const KTable<K, V, table_rows>& table,
                                                             const std::string& verb,
                                                             const ViewOptions& options,
                                                             const Callable& callable, const Location& where,
                                                             const std::vector<std::string>& stores = {}) {
  using Value = typename Step::Value;
  const TableAccess<K, V>& upstream = table.access();
  // An update out of order says nothing about the row that was there before it, so there every change is news.
  const bool only_news = Step::kOnlyTellsNews && !upstream.history;
  if (only_news) upstream.before->express();
  TableAccess<K, Value> access = access_to_view<Step>(upstream, stores, callable);
  const std::string name = table.name_for(verb, options.name);
  const auto view = [&](const std::string& node, const std::shared_ptr<BeforeWish>& wish) {
    return table.extend_named(node, options.on_error,
                              node_factory<ViewNode<K, V, Step>>(
                                  only_news ? upstream.before : BeforeWish::impossible(), wish, callable),
                              where, stores);
  };
  const auto result = [&](GraphPoint point) {
    access.window_grace = upstream.window_grace;
    return KTable<K, Value, rows>(std::move(point), access);
  };
  if (!options.store) return result(view(name, access.before));

  const std::string& store = options.store->text();
  // Its rows tell what was there before.
  const GraphPoint made = view(name + "-view", BeforeWish::impossible());
  if constexpr (Storable<K> && Storable<Value>) {
    table.graph()->topology().add_store(key_value_store_spec<K, Value>(store, store_options(options)),
                                        state_engine(), where);
    access = access_to_store<K, Value>(store);
    return result(
        made.extend_named(name, options.on_error,
                          [store, emit = options.emit, before = access.before]() -> std::unique_ptr<Node> {
                            return std::make_unique<KeepNode<K, Value>>(store, emit, before);
                          },
                          where, {store}));
  } else {
    view_has_no_bytes(table, verb, store, where);
    return result(made);
  }
}

}  // namespace weir
