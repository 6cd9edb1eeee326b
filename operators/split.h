// split sends each record down the first branch whose predicate it satisfies.
//
//   const auto parts = orders.split({.name = "by-size"})
//                          .branch("large", [](const Order& order) { return order.total > 1000; })
//                          .branch("small", [](const Order& order) { return order.total < 10; })
//                          .default_branch("rest");
//   parts["large"].to("large-orders");
//
// A record that satisfies none goes to the default branch or, after no_default(), nowhere. Branches are called
// "<split>-<branch>" in descriptions. If a predicate throws, the record goes to no branch.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/operators/merge.h>
#include <weir/operators/stream.h>

namespace weir {

// The name of a branch that is looked up, with the line that does so.
class BranchName {
 public:
  BranchName(std::string name, Location where = Location::current())  // NOLINT(google-explicit-constructor)
      : name_(std::move(name)), where_(where) {}
  BranchName(const char* name, Location where = Location::current())  // NOLINT(google-explicit-constructor)
      : name_(name), where_(where) {}

  [[nodiscard]] const std::string& text() const { return name_; }
  [[nodiscard]] const Location& where() const { return where_; }

 private:
  std::string name_;
  Location where_;
};

// The branches of a split, by name.
template <class K, class V>
class Branches {
 public:
  Branches(KStream<K, V> parent, std::map<std::string, KStream<K, V>> streams)
      : parent_(std::move(parent)), streams_(std::move(streams)) {}

  // Returns a branch. A name that no branch has is a problem that build() reports.
  [[nodiscard]] const KStream<K, V>& operator[](const BranchName& name) const {
    const auto found = streams_.find(name.text());
    if (found != streams_.end()) return found->second;
    parent_.problem("there is no branch '" + name.text() + "'", name.where());
    return parent_;
  }

  [[nodiscard]] bool contains(const std::string& name) const { return streams_.contains(name); }
  [[nodiscard]] std::size_t size() const { return streams_.size(); }
  [[nodiscard]] auto begin() const { return streams_.begin(); }
  [[nodiscard]] auto end() const { return streams_.end(); }

 private:
  KStream<K, V> parent_;
  std::map<std::string, KStream<K, V>> streams_;
};

// Its children are the branches, in order; one more than predicates if there is a default.
template <class K, class V, class... Predicates>
class SplitNode final : public Node, public Inlet<K, V> {
 public:
  explicit SplitNode(std::tuple<Predicates...> predicates) : predicates_(std::move(predicates)) {}

  bool connect(Node& child) override {
    auto* inlet = dynamic_cast<Inlet<K, V>*>(&child);
    if (inlet == nullptr) return false;
    branches_.push_back(inlet);
    return true;
  }

  void accept(const Record<K, V>& record) override {
    const auto branch = this->guarded([&]() -> std::size_t { return choose(record); });
    if (branch && *branch < branches_.size()) branches_[*branch]->accept(record);
  }

 private:
  [[nodiscard]] std::size_t choose(const Record<K, V>& record) const {
    std::size_t index = 0;
    std::apply(
        [&](const Predicates&... predicates) {
          static_cast<void>(((static_cast<bool>(call_with(predicates, record)) || (++index, false)) || ...));
        },
        predicates_);
    return index;
  }

  const std::tuple<Predicates...> predicates_;
  std::vector<Inlet<K, V>*> branches_;
};

// A split being described. Ends in default_branch or no_default, which add it to the graph.
template <class K, class V, class... Predicates>
class KSplitStream {
 public:
  KSplitStream(KStream<K, V> stream, VerbOptions options, Location where, std::vector<std::string> names,
               std::tuple<Predicates...> predicates)
      : stream_(std::move(stream)),
        options_(std::move(options)),
        where_(where),
        names_(std::move(names)),
        predicates_(std::move(predicates)) {}

  template <class Predicate>
    requires PredicateOver<Predicate, K, V>
  [[nodiscard]] KSplitStream<K, V, Predicates..., Predicate> branch(std::string name,
                                                                    Predicate belongs) const {
    std::vector<std::string> names = names_;
    names.push_back(std::move(name));
    return {stream_, options_, where_, std::move(names),
            std::tuple_cat(predicates_, std::tuple<Predicate>(std::move(belongs)))};
  }

  Branches<K, V> default_branch(std::string name) const {
    std::vector<std::string> names = names_;
    names.push_back(std::move(name));
    return finish(names);
  }

  Branches<K, V> no_default() const { return finish(names_); }

 private:
  Branches<K, V> finish(const std::vector<std::string>& names) const {
    const std::string name = stream_.name_for("split", options_.name);
    const GraphPoint split = stream_.extend_named(
        name, options_.on_error, node_factory<SplitNode<K, V, Predicates...>>(predicates_), where_);
    std::map<std::string, KStream<K, V>> streams;
    for (const std::string& branch : names) {
      streams.emplace(branch, KStream<K, V>(split.extend_named(name + "-" + branch, ErrorPolicy::kInherit,
                                                               node_factory<PassNode<K, V>>(), where_)));
    }
    return {stream_, std::move(streams)};
  }

  KStream<K, V> stream_;
  VerbOptions options_;
  Location where_;
  std::vector<std::string> names_;
  std::tuple<Predicates...> predicates_;
};

template <class K, class V>
KSplitStream<K, V> KStream<K, V>::split(VerbOptions options, Location where) const {
  return {*this, std::move(options), where, {}, {}};
}

}  // namespace weir
