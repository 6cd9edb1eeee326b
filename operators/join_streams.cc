#include <weir/operators/join_streams.h>

namespace weir {
namespace {

std::string verb_of(JoinKind kind) {
  switch (kind) {
    case JoinKind::kInner:
      return "join";
    case JoinKind::kLeft:
      return "left-join";
    case JoinKind::kOuter:
      break;
  }
  return "outer-join";
}

}  // namespace

StreamJoin::StreamJoin(const GraphPoint& left, const GraphPoint& right, JoinKind kind,
                       const StreamJoinOptions& options, const Location& where)
    : graph_(left.graph()),
      options_(options),
      where_(where),
      possible_(left.graph() == right.graph()),
      windows_(join_windows(left, verb_of(kind), options, where)),
      name_(left.name_for(verb_of(kind), options.name)) {
  const std::string& store = options.store.text();
  const std::string& base = options.name.empty() ? store : options.name;
  left_base_ = base + "-left";
  right_base_ = base + "-right";
  stores_ = {store + "-this-join", store + "-other-join", ""};
  if (kind == JoinKind::kLeft) stores_.unmatched = store + "-left-shared-join";
  if (kind == JoinKind::kOuter) stores_.unmatched = store + "-outer-shared-join";
  if (!possible_) left.problem(verb_of(kind) + ": the streams come from two builders", where);
}

StoreOptions StreamJoin::store_options() const {
  StoreOptions result;
  result.persistent = options_.persistent;
  result.logged = options_.logged;
  return result;
}

void StreamJoin::add_store(StoreSpec spec) const {
  graph_->topology().add_store(std::move(spec), state_engine(), where_);
}

GraphPoint StreamJoin::add(const GraphPoint& left, const GraphPoint& right, NodeFactory pass_left,
                           NodeFactory mark_right, NodeFactory join) const {
  // Both sides are the same node: it must meet the left side first.
  const GraphPoint from = left.node() != right.node() ? left
                                                      : left.extend_named(left_base_, ErrorPolicy::kInherit,
                                                                          std::move(pass_left), where_);
  const GraphPoint marked =
      right.extend_named(right_base_, ErrorPolicy::kInherit, std::move(mark_right), where_);
  std::vector<std::string> stores{stores_.left, stores_.right};
  if (!stores_.unmatched.empty()) stores.push_back(stores_.unmatched);
  const NodeIndex added = graph_->topology().add_processor(
      name_, {from.node(), marked.node()}, std::move(stores), options_.on_error, std::move(join), where_);
  graph_->topology().copartition({left.node(), right.node()}, name_, where_);
  return {graph_, added, /*rekeyed=*/false};
}

GraphPoint StreamJoin::add_to_self(const GraphPoint& stream, NodeFactory join) const {
  return stream.extend_named(name_, options_.on_error, std::move(join), where_, {stores_.left})
      .with_rekeyed(false);
}

}  // namespace weir
