// validate parts the records that keep the rules from those that break some, and says which.
//
//   const auto checked = payments.apply(weir::ml::validate({.name = "check-payments"}, rules));
//   checked.valid.to("payments-checked");
//   checked.invalid
//       .map_values([](const weir::ml::Invalid<Payment>& payment) { return payment.value; })
//       .to("payments-refused");
//
// Key, value, timestamp and headers of valid records stay as they are. Those of invalid ones too, and each reason is added as
// a header `weir.invalid.reason`, so that they can be written as they came. Order is kept on both sides. Invalid records
// are no failures of the task: what is done with them is for the program to say, and if it says nothing they are gone. A
// rule that throws goes the way of the node's error policy.
//
// Three nodes: "<name>", "<name>-valid" and "<name>-invalid".
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/ml/cleaning/rules.h>
#include <weir/operators/merge.h>
#include <weir/operators/stream.h>

namespace weir::ml {

inline constexpr char kInvalidReasonHeader[] = "weir.invalid.reason";

// A value that breaks rules, with the reasons and where it was read.
template <class V>
struct Invalid {
  V value{};
  std::vector<std::string> reasons = {};
  std::string topic = {};
  Partition partition = -1;
  Offset offset = kNoOffset;
};

template <class K, class V>
struct Validated {
  KStream<K, V> valid;
  KStream<K, Invalid<V>> invalid;
};

// Its first child gets the valid records, its second the others.
template <class K, class V>
class ValidateNode final : public Node, public Inlet<K, V> {
 public:
  explicit ValidateNode(Rules<V> rules) : rules_(std::move(rules)) {}

  bool connect(Node& child) override {
    if (valid_ == nullptr) return (valid_ = dynamic_cast<Inlet<K, V>*>(&child)) != nullptr;
    return (invalid_ = dynamic_cast<Inlet<K, Invalid<V>>*>(&child)) != nullptr;
  }

  void accept(const Record<K, V>& record) override {
    auto reasons = this->guarded([&] { return rules_.broken_by(record.value); });
    if (!reasons) return;
    if (reasons->empty()) return valid_->accept(record);
    Headers headers = record.headers;
    for (const std::string& reason : *reasons) headers.add(kInvalidReasonHeader, reason);
    const Invalid<V> invalid{record.value, *std::move(reasons), std::string(record.origin.topic),
                             record.origin.partition, record.origin.offset};
    invalid_->accept({record.key, invalid, record.timestamp, headers, record.origin, record.key_bytes});
  }

 private:
  const Rules<V> rules_;
  Inlet<K, V>* valid_ = nullptr;
  Inlet<K, Invalid<V>>* invalid_ = nullptr;
};

// For KStream::apply.
template <class V>
class ValidateOperator {
 public:
  ValidateOperator(VerbOptions options, Rules<V> rules, Location where)
      : options_(std::move(options)), rules_(std::move(rules)), where_(where) {}

  template <class K>
  Validated<K, V> operator()(const KStream<K, V>& stream) const {
    const std::string name = stream.name_for("validate", options_.name);
    const GraphPoint node =
        stream.extend_named(name, options_.on_error, node_factory<ValidateNode<K, V>>(rules_), where_);
    return {KStream<K, V>(node.extend_named(name + "-valid", ErrorPolicy::kInherit,
                                            node_factory<PassNode<K, V>>(), where_)),
            KStream<K, Invalid<V>>(node.extend_named(name + "-invalid", ErrorPolicy::kInherit,
                                                     node_factory<PassNode<K, Invalid<V>>>(), where_))};
  }

 private:
  const VerbOptions options_;
  const Rules<V> rules_;
  const Location where_;
};

template <class V>
[[nodiscard]] ValidateOperator<V> validate(VerbOptions options, Rules<V> rules,
                                           Location where = Location::current()) {
  return {std::move(options), std::move(rules), where};
}

template <class V>
[[nodiscard]] ValidateOperator<V> validate(Rules<V> rules, Location where = Location::current()) {
  return {{}, std::move(rules), where};
}

}  // namespace weir::ml
