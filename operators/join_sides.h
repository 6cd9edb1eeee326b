// How a join of two streams calls its joiner: either side may be missing where the kind of join says so.
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/operators/concepts.h>
#include <weir/operators/join_windows.h>

namespace weir {

// Turns a value that may be missing (null) into what a joiner takes: a T, an optional of it, or the pointer itself.
template <class T, class Side>
class SideOf {
 public:
  [[nodiscard]] const Side& given(const T* value) { return *value; }
};
template <class T>
class SideOf<T, const T*> {
 public:
  [[nodiscard]] const T* given(const T* value) { return value; }
};
template <class T>
class SideOf<T, std::optional<T>> {
 public:
  [[nodiscard]] const std::optional<T>& given(const T* value) {
    if (value == nullptr) {
      copy_.reset();
    } else {
      copy_ = *value;
    }
    return copy_;
  }

 private:
  std::optional<T> copy_;  // reused, so that its memory is
};

template <JoinKind kind, class F, class K, class L, class R>
struct JoinSides {
  using Left = L;
  using Right = R;
};
template <class F, class K, class L, class R>
struct JoinSides<JoinKind::kLeft, F, K, L, R> {
  using Left = L;
  using Right = detail::RightSide<F, K, L, R>;
};
template <class F, class K, class L, class R>
struct JoinSides<JoinKind::kOuter, F, K, L, R> {
  using Left = detail::OuterSide<F, K, L, R, L>;
  using Right = detail::OuterSide<F, K, L, R, R>;
};

// What a joiner of such a join returns; void if it is none.
template <JoinKind kind, class F, class K, class L, class R>
using SidesJoinedBy =
    JoinedBy<F, K, typename JoinSides<kind, F, K, L, R>::Left, typename JoinSides<kind, F, K, L, R>::Right>;

// K: the key as the results have it.
template <JoinKind kind, class F, class K, class L, class R>
class SidesJoiner {
  using Sides = JoinSides<kind, F, K, L, R>;
  using Left = typename Sides::Left;
  using Right = typename Sides::Right;

 public:
  using Result = JoinedBy<F, K, Left, Right>;

  explicit SidesJoiner(F join) : join_(std::move(join)) {}

  // A side that is missing is null.
  [[nodiscard]] Result operator()(const K& key, const L* left, const R* right) {
    if constexpr (std::invocable<const F&, const Left&, const Right&>) {
      return std::invoke(join_, left_.given(left), right_.given(right));
    } else {
      return std::invoke(join_, key, left_.given(left), right_.given(right));
    }
  }

 private:
  const F join_;
  SideOf<L, Left> left_;
  SideOf<R, Right> right_;
};

}  // namespace weir
