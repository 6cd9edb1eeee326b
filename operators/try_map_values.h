// try_map_values gives each record a new value, or sets it aside as a stream of its own if that fails.
//
//   const auto [prices, rejects] = lines.try_map_values(
//       [](const std::string& line) { return std::stod(line); });
//   prices.to("prices");
//   rejects.map_values([](const weir::Rejected<std::string>& reject) { return reject.value + ": " + reject.error; })
//       .to("bad-lines");
//
// The mapper is a TryMapperOver: it fails by throwing a std::exception or by returning an absl::StatusOr that is not ok. Such
// records are not failures of the task: no error policy is asked and nothing is counted. What is done with the rejects is
// for the program to say; if it says nothing they are gone. Three nodes: "<name>", "<name>-results" and "<name>-rejects".
#pragma once

#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <absl/status/statusor.h>

#include <weir/core/node.h>
#include <weir/core/status.h>
#include <weir/operators/merge.h>
#include <weir/operators/stream.h>

namespace weir {

// A value that could not be mapped, with the reason and the place.
template <class V>
struct Rejected {
  V value = {};
  std::string error = {};
  std::string node = {};
  // What was read when it happened, see Origin.
  std::string topic = {};
  Partition partition = -1;
  Offset offset = kNoOffset;
};

template <class K, class T, class V>
struct TryResult {
  KStream<K, T> results;
  KStream<K, Rejected<V>> rejects;
};

// Its first child gets the results, its second the rejects.
template <class K, class V, class Mapper>
class TryMapValuesNode final : public Node, public Inlet<K, V> {
 public:
  using Result = TriedOver<Mapper, K, V>;

  explicit TryMapValuesNode(Mapper mapper) : mapper_(std::move(mapper)) {}

  bool connect(Node& child) override {
    if (results_ == nullptr) return (results_ = dynamic_cast<Inlet<K, Result>*>(&child)) != nullptr;
    return (rejects_ = dynamic_cast<Inlet<K, Rejected<V>>*>(&child)) != nullptr;
  }

  void accept(const Record<K, V>& record) override {
    const auto tried = this->guarded([&] { return attempt(record); });
    if (!tried) return;
    if (tried->ok()) return results_->accept(record.with_value(**tried));
    const Rejected<V> reject{record.value,
                             message_of(tried->status()),
                             this->name(),
                             std::string(record.origin.topic),
                             record.origin.partition,
                             record.origin.offset};
    rejects_->accept(record.with_value(reject));
  }

 private:
  [[nodiscard]] absl::StatusOr<Result> attempt(const Record<K, V>& record) const {
    try {
      return call_with(mapper_, record);
    } catch (const std::exception& error) {
      return absl::UnknownError(error.what());
    }
  }

  const Mapper mapper_;
  Inlet<K, Result>* results_ = nullptr;
  Inlet<K, Rejected<V>>* rejects_ = nullptr;
};

template <class K, class V>
template <class Mapper>
  requires TryMapperOver<Mapper, K, V>
TryResult<K, TriedOver<Mapper, K, V>, V> KStream<K, V>::try_map_values(VerbOptions options, Mapper mapper,
                                                                       Location where) const {
  using Result = TriedOver<Mapper, K, V>;
  const std::string name = name_for("try-map-values", options.name);
  const GraphPoint tried = extend_named(
      name, options.on_error, node_factory<TryMapValuesNode<K, V, Mapper>>(std::move(mapper)), where);
  return {KStream<K, Result>(tried.extend_named(name + "-results", ErrorPolicy::kInherit,
                                                node_factory<PassNode<K, Result>>(), where)),
          KStream<K, Rejected<V>>(tried.extend_named(name + "-rejects", ErrorPolicy::kInherit,
                                                     node_factory<PassNode<K, Rejected<V>>>(), where))};
}

}  // namespace weir
