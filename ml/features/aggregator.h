// How records are summed up: the Aggregator concept, and the same without its type.
//
// An aggregator says what the state of a tile is, how a record is added to it, how two tiles become one and what can be asked
// of the result. Those of aggregators/ are made the same way as one of your own:
//
//   struct SumOfSquares {
//     using State = double;
//     std::string identity() const { return "sum-of-squares"; }
//     State init() const { return 0; }
//     void add(State& state, const weir::ml::Input& input) const { state += input.value->number * input.value->number; }
//     void merge(State& state, const State& later) const { state += later; }
//     double value(const State& state, const weir::ml::Query&, const weir::ml::Evaluation&) const { return state; }
//     void encode(const State& state, weir::Bytes& out) const { weir::ml::put_double(state, out); }
//     bool decode(weir::ml::StateReader& bytes, State& state) const { state = bytes.take_double(); return bytes.ok(); }
//   };
//
//   identity   names the aggregator with its parameters; part of the view's schema and of its stored state
//   init       the state of no records. Merging it with another state, from either side, must give that state, bit for bit
//   add        of a record whose value is not null. Must not depend on anything but state and input
//   merge      the state of the records of `state` and then those of `later`, which are not older. Must be associative as far
//              as the arithmetic is: results depend on the bracketing only by rounding
//   value      the answer to a question; kNoValue if there is none
//   encode     appends bytes from which decode makes the same state, bit for bit; decode may be given any bytes
//
// check_aggregator (aggregator_laws.h) tests these laws on records of your choice.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/bytes.h>
#include <weir/ml/features/state_bytes.h>
#include <weir/ml/features/value.h>

namespace weir::ml {

template <class A>
concept Aggregator = std::copy_constructible<A> && std::copyable<typename A::State> &&
                     requires(const A& aggregator, typename A::State& state, const typename A::State& other,
                              const Input& input, const Query& query, const Evaluation& evaluation,
                              Bytes& out, StateReader& bytes) {
                       { aggregator.identity() } -> std::convertible_to<std::string>;
                       { aggregator.init() } -> std::same_as<typename A::State>;
                       aggregator.add(state, input);
                       aggregator.merge(state, other);
                       { aggregator.value(other, query, evaluation) } -> std::convertible_to<double>;
                       aggregator.encode(other, out);
                       { aggregator.decode(bytes, state) } -> std::same_as<bool>;
                     };

// A window of a cell and what is asked of it: of `state`, or if there is a `later` one, of both merged, without a change of
// either.
struct AskedWindow {
  const std::byte* state = nullptr;
  const std::byte* later = nullptr;
  std::byte* scratch = nullptr;  // another state
  double seconds = 0;            // Evaluation::window_seconds
  std::span<const Query> queries;
  std::uint64_t kinds = 0;  // a bit for each Query::what below 64
};

// Returns AskedWindow::kinds.
[[nodiscard]] constexpr std::uint64_t kinds_of(std::span<const Query> queries) {
  std::uint64_t kinds = 0;
  for (const Query& query : queries) {
    if (query.what >= 0 && query.what < 64) kinds |= std::uint64_t{1} << query.what;
  }
  return kinds;
}

// An aggregator whose states are raw memory of a known size. `state` below is memory of that size, aligned for any type.
class Aggregation {
 public:
  virtual ~Aggregation() = default;

  [[nodiscard]] virtual std::string identity() const = 0;
  [[nodiscard]] virtual std::size_t state_bytes() const = 0;
  [[nodiscard]] virtual std::size_t alignment() const = 0;
  // Whether a state may be copied as bytes and need not be destroyed.
  [[nodiscard]] virtual bool trivial() const = 0;

  virtual void create(std::byte* state) const = 0;
  virtual void destroy(std::byte* state) const = 0;
  // `to` is memory without a state.
  virtual void move(std::byte* to, std::byte* from) const = 0;
  // Both are states.
  virtual void assign(std::byte* to, const std::byte* from) const = 0;

  virtual void add(std::byte* state, const Input& input) const = 0;
  virtual void merge(std::byte* state, const std::byte* later) const = 0;
  // Answers what is asked of some windows.
  virtual void answer(std::span<const AskedWindow> windows, const Evaluation& evaluation,
                      double* row) const = 0;
  virtual void encode(const std::byte* state, Bytes& out) const = 0;
  [[nodiscard]] virtual bool decode(StateReader& bytes, std::byte* state) const = 0;
  // Returns about how much memory a state holds beside its own bytes.
  [[nodiscard]] virtual std::size_t held_bytes(const std::byte* state) const = 0;
};

template <Aggregator A>
class AggregationOf final : public Aggregation {
 public:
  using State = typename A::State;
  static_assert(alignof(State) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
                "a state with this alignment is not supported");

  explicit AggregationOf(A aggregator) : aggregator_(std::move(aggregator)) {}

  std::string identity() const override { return aggregator_.identity(); }
  std::size_t state_bytes() const override { return sizeof(State); }
  std::size_t alignment() const override { return alignof(State); }
  bool trivial() const override { return std::is_trivially_copyable_v<State>; }

  void create(std::byte* state) const override { new (state) State(aggregator_.init()); }
  void destroy(std::byte* state) const override { of(state).~State(); }
  void move(std::byte* to, std::byte* from) const override {
    new (to) State(std::move(of(from)));
    of(from).~State();
  }
  void assign(std::byte* to, const std::byte* from) const override { of(to) = of(from); }

  void add(std::byte* state, const Input& input) const override { aggregator_.add(of(state), input); }
  void merge(std::byte* state, const std::byte* later) const override {
    aggregator_.merge(of(state), of(later));
  }
  void answer(std::span<const AskedWindow> windows, const Evaluation& evaluation,
              double* row) const override {
    Evaluation of_window = evaluation;
    for (const AskedWindow& window : windows) {
      of_window.window_seconds = window.seconds;
      if (window.later == nullptr) {
        answer_one(of(window.state), window, of_window, row);
      } else if constexpr (std::is_trivially_copyable_v<State> && sizeof(State) <= kInRegisters) {
        State both = of(window.state);
        aggregator_.merge(both, of(window.later));
        answer_one(both, window, of_window, row);
      } else {
        of(window.scratch) = of(window.state);
        aggregator_.merge(of(window.scratch), of(window.later));
        answer_one(of(window.scratch), window, of_window, row);
      }
    }
  }
  void encode(const std::byte* state, Bytes& out) const override { aggregator_.encode(of(state), out); }
  bool decode(StateReader& bytes, std::byte* state) const override {
    return aggregator_.decode(bytes, of(state));
  }
  std::size_t held_bytes(const std::byte* state) const override {
    if constexpr (requires { aggregator_.held_bytes(of(state)); }) {
      return aggregator_.held_bytes(of(state));
    } else {
      return 0;
    }
  }

 private:
  static constexpr std::size_t kInRegisters = 128;

  // An aggregator may answer all questions at once.
  [[gnu::always_inline]] void answer_one(const State& state, const AskedWindow& window,
                                         const Evaluation& evaluation, double* row) const {
    if constexpr (requires { aggregator_.answer(state, window, evaluation, row); }) {
      aggregator_.answer(state, window, evaluation, row);
    } else {
      for (const Query& query : window.queries) {
        const double value = aggregator_.value(state, query, evaluation);
        row[query.column] = std::isnan(value) ? query.empty : value;
      }
    }
  }
  static State& of(std::byte* state) { return *std::launder(reinterpret_cast<State*>(state)); }
  static const State& of(const std::byte* state) {
    return *std::launder(reinterpret_cast<const State*>(state));
  }

  const A aggregator_;
};

using AggregationPtr = std::shared_ptr<const Aggregation>;  // shared by the view, its tasks and their cells

template <Aggregator A>
[[nodiscard]] AggregationPtr erased(A aggregator) {
  return std::make_shared<AggregationOf<A>>(std::move(aggregator));
}

}  // namespace weir::ml
