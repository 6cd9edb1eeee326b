#include <weir/ml/features/sketched.h>

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/features/operations.h>
#include <weir/ml/sketches/dd_sketch.h>
#include <weir/ml/sketches/hyper_log_log.h>
#include <weir/ml/sketches/kll_sketch.h>
#include <weir/ml/sketches/sketch_hash.h>
#include <weir/ml/sketches/space_saving.h>
#include <weir/ml/sketches/t_digest.h>

namespace weir::ml {
namespace {

// What all sketches have in common. Merging with an empty one is left out, so that it changes nothing at all.
template <class Sketch>
struct SketchedBase {
  using State = Sketch;
  std::string name;
  Sketch empty;

  [[nodiscard]] std::string identity() const { return name; }
  [[nodiscard]] State init() const { return empty; }
  void merge(State& state, const State& later) const {
    if (later == empty) return;
    if (state == empty) {
      state = later;
      return;
    }
    // Both were made by init or read by decode, so they fit.
    static_cast<void>(state.merge(later));
  }
  void encode(const State& state, Bytes& out) const { state.serialise(out); }
  bool decode(StateReader& bytes, State& state) const {
    absl::StatusOr<Sketch> parsed = Sketch::parse(bytes.take_bytes(bytes.rest().size()));
    if (!parsed.ok()) return false;
    // One of another size or accuracy does not fit.
    Sketch like = empty;
    if (!like.merge(*parsed).ok()) return false;
    state = *std::move(parsed);
    return true;
  }
  [[nodiscard]] std::size_t held_bytes(const State& state) const { return state.heap_bytes(); }
};

struct DistinctSketch : SketchedBase<HyperLogLog> {
  void add(State& state, const Input& input) const { state.add(hash_of_bytes(input.value->text)); }
  double value(const State& state, const Query&, const Evaluation&) const { return state.estimate(); }
};

template <class Sketch>
struct QuantileSketch : SketchedBase<Sketch> {
  void add(Sketch& state, const Input& input) const { static_cast<void>(state.add(input.value->number)); }
  double value(const Sketch& state, const Query& query, const Evaluation& evaluation) const {
    if (static_cast<ApproximateOf>(query.what) == ApproximateOf::kQuantile) {
      return state.quantile(query.parameter).value_or(kNoValue);
    }
    return evaluation.value->null ? kNoValue : state.share_up_to(evaluation.value->number).value_or(kNoValue);
  }
};

struct HitterSketch : SketchedBase<SpaceSaving> {
  void add(State& state, const Input& input) const { state.add(input.value->text); }
  double value(const State& state, const Query& query, const Evaluation& evaluation) const {
    if (state.total() == 0) return kNoValue;
    const auto total = static_cast<double>(state.total());
    if (static_cast<ApproximateOf>(query.what) == ApproximateOf::kShareOfOwn) {
      if (evaluation.value->null) return kNoValue;
      const auto found = state.find(evaluation.value->text);
      return found ? static_cast<double>(found->count) / total : 0;
    }
    if (static_cast<ApproximateOf>(query.what) == ApproximateOf::kShareError)
      return static_cast<double>(state.max_error()) / total;
    double count = 0;
    for (const auto& item : state.top(static_cast<std::size_t>(query.parameter))) {
      count += static_cast<double>(item.count);
    }
    return std::min(count / total, 1.0);
  }
};

}  // namespace

std::string agg::quantile_name(double q) { return fmt::format("q{}", q); }

AggregationPtr approximate_distinct(int precision) {
  return erased(DistinctSketch{{fmt::format("hyper-log-log({})", precision), HyperLogLog(precision)}});
}
AggregationPtr relative_quantiles(double accuracy) {
  return erased(QuantileSketch<DdSketch>{{fmt::format("dd-sketch({})", accuracy), DdSketch(accuracy)}});
}
AggregationPtr rank_quantiles(std::uint32_t size) {
  return erased(QuantileSketch<KllSketch>{{fmt::format("kll({})", size), KllSketch(size)}});
}
AggregationPtr tail_quantiles(std::uint32_t compression) {
  return erased(QuantileSketch<TDigest>{{fmt::format("t-digest({})", compression), TDigest(compression)}});
}
AggregationPtr heavy_hitters(std::size_t counters) {
  return erased(HitterSketch{{fmt::format("space-saving({})", counters), SpaceSaving(counters)}});
}

}  // namespace weir::ml
