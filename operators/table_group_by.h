// group_by of a table takes its rows together by another key. What to do with a group: grouped_table.h.
//
//   const auto customers = builder.table<std::string, std::string>("city-of-customer", {.store = "customers"});
//   customers.group_by([](const std::string& customer, const std::string& city) { return std::pair(city, customer); })
//       .count({.store = "customers-per-city"})
//       .to_stream()
//       .to("customers-per-city");
//
// The mapper is a RowPairMapperOver: it returns the group's key, and the value the group is to know of the row. Either may
// be a std::optional: a row for which one is null belongs to no group. It must give the same answer each time, for it is
// asked again about the value that a row had before. So the table needs a store somewhere upstream.
//
// Groups hear of a row that moves in two records, and perhaps in two tasks: for a moment the row is in neither.
//
// A change that is not the latest, of a versioned table, moves nothing.
#pragma once

#include <utility>

#include <weir/operators/grouped_table.h>
#include <weir/operators/table.h>
#include <weir/operators/to_stream.h>

namespace weir {

template <class K, class V, Rows rows>
template <class Mapper>
  requires RowPairMapperOver<Mapper, K, V>
TableGroupedBy<Mapper, K, V> KTable<K, V, rows>::group_by(VerbOptions options, Mapper mapper,
                                                          Location where) const {
  using Regroup = RegroupNode<K, V, Mapper>;
  demand_before(access_, *this, "group-by", where);
  KStream<typename Regroup::Group, GroupChange<typename Regroup::Value>> changes(
      extend("group-by", options, node_factory<Regroup>(std::move(mapper)), where).with_rekeyed(true));
  return {std::move(changes), std::move(options.name)};
}

}  // namespace weir
