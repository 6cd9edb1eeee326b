#include <weir/ml/async/circuit_breaker.h>

#include <bit>

namespace weir::ml {

bool CircuitBreaker::allows(Duration now) {
  if (state_ == State::kOpen && now >= open_until_) enter(State::kHalfOpen);
  return state_ == State::kClosed || (state_ == State::kHalfOpen && !probing_);
}

std::uint64_t CircuitBreaker::begin() {
  if (state_ == State::kHalfOpen) probing_ = true;
  return era_;
}

void CircuitBreaker::succeeded(std::uint64_t attempt) {
  if (attempt != era_) return;
  failures_ <<= 1;
  if (state_ == State::kHalfOpen) enter(State::kClosed);
}

void CircuitBreaker::failed(std::uint64_t attempt, Duration now) {
  if (attempt != era_ || options_.failures == 0) return;
  failures_ = failures_ << 1 | 1;
  constexpr int kBits = 64;
  const std::uint64_t window =
      options_.window >= kBits ? ~std::uint64_t{0} : (std::uint64_t{1} << options_.window) - 1;
  if (state_ == State::kClosed && std::popcount(failures_ & window) < options_.failures) return;
  open_until_ = now + options_.open_for;
  ++times_opened_;
  enter(State::kOpen);
}

void CircuitBreaker::enter(State state) {
  state_ = state;
  ++era_;
  probing_ = false;
  failures_ = 0;
}

}  // namespace weir::ml
