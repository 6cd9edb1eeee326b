// The result of an operation that was started and completes later.
//
// The starter keeps a Pending and looks at it in its own step; the transport keeps the Completion and fills it during a
// poll on the same thread. No callbacks, so no re-entrance: a state machine advances only when it is stepped.
//
// Thread safety: none; both ends belong to one thread. A transport that works on other threads hands results over in
// its poll.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include <absl/status/statusor.h>

namespace weir {

// The value of an operation that yields nothing but its success.
struct Done {};

template <class T>
class Completion;

template <class T = Done>
class [[nodiscard]] Pending {
 public:
  // Not started.
  Pending() = default;

  // Returns an operation that is already over.
  [[nodiscard]] static Pending completed(absl::StatusOr<T> result) {
    Pending pending;
    pending.slot_ = std::make_shared<Slot>();
    pending.slot_->result = std::move(result);
    return pending;
  }

  [[nodiscard]] bool started() const { return slot_ != nullptr; }
  [[nodiscard]] bool ready() const { return slot_ != nullptr && slot_->result.has_value(); }

  // Returns the result and forgets the operation. Requires ready().
  [[nodiscard]] absl::StatusOr<T> take() {
    absl::StatusOr<T> result = std::move(*slot_->result);
    slot_.reset();
    return result;
  }

  // Forgets an operation whose result nobody wants any more.
  void abandon() { slot_.reset(); }

 private:
  friend class Completion<T>;
  struct Slot {
    std::optional<absl::StatusOr<T>> result;
  };

  // Shared by the one who waits and the one who completes; either may go first.
  std::shared_ptr<Slot> slot_;
};

template <class T = Done>
class Completion {
 public:
  Completion() : slot_(std::make_shared<typename Pending<T>::Slot>()) {}

  [[nodiscard]] Pending<T> pending() const {
    Pending<T> pending;
    pending.slot_ = slot_;
    return pending;
  }

  void complete(absl::StatusOr<T> result) { slot_->result = std::move(result); }

  // Whether somebody still waits for the result. The one thing that any thread may ask; it may be out of date at once.
  [[nodiscard]] bool wanted() const { return slot_.use_count() > 1; }

 private:
  std::shared_ptr<typename Pending<T>::Slot> slot_;
};

}  // namespace weir
