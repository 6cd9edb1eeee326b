// What a feature view makes of a stream: rows, and the features behind them as a table.
//
//   const auto rows = payments.apply(view);                                     // a stream of Featured<Payment>
//   const auto cards = rows.table({.store = "card-rows", .refresh = 5min});     // a KTable of FeatureRow
//   cards.to_stream().to("card-features-now");
//   shipments.join(cards, ...);
//
// A row of the table is what the next record of the key would find: made after each record, with it, as of the newest one, and
// own values null. (A row of the stream is what its own record found.) A change is told if it is one: a row with the same
// bits as before is not, unless `.suppress_same = false`. Late records change nothing.
//
// Between two records of a key its windows run out, and the table does not know. With `refresh` it looks, whenever
// a record of the view takes its time past a multiple of that: rows that have become others are told again, and keys of which nothing is known any more are deleted.
// That walks all rows of the task each time. "Now" is then the largest time of the view's records, and so is the time of what is told.
//
// Those who read rows of the table (joins, views) find what was told last. For the features as of a record's time, see
// join_features.h.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <weir/ml/features/feature_plan.h>
#include <weir/ml/features/feature_row.h>
#include <weir/ml/features/feature_table_node.h>
#include <weir/operators/stream.h>
#include <weir/operators/table.h>
#include <weir/operators/table_node.h>
#include <weir/operators/to_stream.h>

namespace weir::ml {

struct FeatureTableOptions {
  StoreName store;
  std::string name = {};  // of the node
  bool suppress_same = true;
  std::optional<Duration> refresh = std::nullopt;  // >= 1 ms
  bool persistent = true;
  bool logged = true;
};

template <class K, class T, class Scalar>
class FeatureStream : public KStream<K, Featured<T, Scalar>> {
 public:
  using Row = BasicFeatureRow<Scalar>;

  // `plan` is null if the view is wrong, which was noted.
  FeatureStream(GraphPoint point, FeaturePlanPtr plan, std::string store)
      : KStream<K, Featured<T, Scalar>>(std::move(point)), plan_(std::move(plan)), store_(std::move(store)) {}

  [[nodiscard]] KTable<K, Row> table(FeatureTableOptions options, Location where = Location::current()) const
    requires Storable<K>
  {
    TableOptions kept{.store = options.store,
                      .name = options.name,
                      .persistent = options.persistent,
                      .logged = options.logged};
    const std::string& rows = options.store.text();
    const std::string name = this->name_for("feature-table", options.name);
    TableAccess<K, Row> access = add_table_store<K, Row>(*this, name, kept, where);
    if (options.refresh && options.refresh->count() < 1)
      this->problem(name + ": .refresh must be at least 1 ms", where);
    if (plan_ == nullptr) return KTable<K, Row>(*this, std::move(access));
    FeatureTableTerms terms{rows, store_, options.suppress_same, options.refresh};
    GraphPoint point = this->extend_named(
        name, ErrorPolicy::kInherit,
        node_factory<FeatureTableNode<K, T, Scalar>>(plan_, std::move(terms), access.before), where,
        {rows, store_});
    return KTable<K, Row>(std::move(point), std::move(access));
  }

  // The row of a key that was never seen.
  [[nodiscard]] Row empty_row() const { return plan_ == nullptr ? Row() : row_of_nothing<Scalar>(plan_); }

  // For those who write verbs: the features of any key as of any time.
  [[nodiscard]] TableAccess<K, Row> look_up() const {
    TableAccess<K, Row> access;
    access.stores = {store_};
    access.open_getter = [plan = plan_, name = store_](
                             TaskContext& context,
                             const Node& reader) -> std::unique_ptr<TableGetter<K, Row>> {
      return std::make_unique<FeatureGetter<K, Scalar>>(plan,
                                                        typed_store<FeatureStore>(context, reader, name));
    };
    access.before = std::make_shared<BeforeWish>();
    access.history = Duration(-1);
    return access;
  }

 private:
  FeaturePlanPtr plan_;
  std::string store_;
};

}  // namespace weir::ml
