// map_values of a table is the table of what the mapper makes of each row.
//
//   const auto orders = builder.table<std::string, std::int64_t>("orders", {.store = "orders"});
//   orders.map_values([](std::int64_t amount) { return amount * 119 / 100; }).to_stream().to("gross");
//
// The mapper is a RowMapperOver: T(value) or T(key, value); it leaves a row out if it returns an empty std::optional<T>. It
// is not asked about rows that are deleted. It is asked again whenever the row is read; {.store = "gross"} keeps the answers.
#pragma once

#include <optional>
#include <utility>

#include <weir/operators/table_view.h>
#include <weir/operators/to_stream.h>

namespace weir {

template <class K, class V, class Mapper>
class MapRowsStep {
 public:
  using Value = NonNull<RowResultOver<Mapper, K, V>>;
  struct Scratch {
    std::optional<Value> value;
  };
  static constexpr bool kOnlyTellsNews = false;

  explicit MapRowsStep(Mapper mapper) : map_(std::move(mapper)) {}
  void open(TaskContext&, const Node&) {}
  void close() {}

  const Value* operator()(const K& key, const V* value, Scratch& scratch) const {
    if (value == nullptr) return nullptr;
    scratch.value = call_with_row(map_, key, *value);
    return scratch.value ? &*scratch.value : nullptr;
  }

 private:
  const Mapper map_;
};

template <class K, class V, Rows rows>
template <class Mapper>
  requires RowMapperOver<Mapper, K, V>
MappedTable<K, RowResultOver<Mapper, K, V>, rows> KTable<K, V, rows>::map_values(ViewOptions options,
                                                                                 Mapper mapper,
                                                                                 Location where) const {
  using Result = RowResultOver<Mapper, K, V>;
  return add_view < kIsOptional<Result> ? Rows::kMayVanish : rows, MapRowsStep < K, V,
         Mapper >> (*this, "map-values", options, mapper, where);
}

}  // namespace weir
