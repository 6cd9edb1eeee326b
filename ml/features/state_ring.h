// States of one layout one after the other, each under the start of its tile: at first in, at first out, without moving the
// others.
//
//   place      start (8 bytes) · end (8 bytes, if asked for) · state
//
// Places whose size is a line of the processor's cache lie in one line each.
//
// Thread safety: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <weir/ml/features/block.h>

namespace weir::ml {

class StateRing {
 public:
  // The layout outlives it. `ends`: whether an end is kept beside each start.
  explicit StateRing(const Layout& layout, bool ends = false);
  ~StateRing();
  StateRing(const StateRing&) = delete;
  StateRing& operator=(const StateRing&) = delete;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::int64_t start(std::size_t i) const { return number(place(i)); }
  [[nodiscard]] std::int64_t end(std::size_t i) const { return number(place(i) + kNumber); }
  void set_start(std::size_t i, std::int64_t start) { std::memcpy(place(i), &start, kNumber); }
  void set_end(std::size_t i, std::int64_t end) { std::memcpy(place(i) + kNumber, &end, kNumber); }
  [[nodiscard]] std::byte* operator[](std::size_t i) { return place(i) + head(); }
  [[nodiscard]] const std::byte* operator[](std::size_t i) const { return place(i) + head(); }

  // Returns the first place whose start is not less.
  [[nodiscard]] std::size_t lower_bound(std::int64_t wanted) const;

  // Makes a state of no records before place i and returns it; at either end nothing else moves.
  std::byte* insert(std::size_t i, std::int64_t start);
  // Takes the state over, which leaves raw memory.
  void push_back(std::int64_t start, std::byte* from);
  // Gives the last state away, into raw memory; there must be one.
  void pop_back(std::byte* to);
  // At either end nothing else moves.
  void erase(std::size_t first, std::size_t count);
  void clear() { erase(0, size_); }
  // So many fit without further memory.
  void reserve(std::size_t capacity);

  // Asks for memory that will be needed soon.
  void prefetch(std::size_t i) const {
    if (i < size_) __builtin_prefetch(place(i));
  }
  void prefetch_end() const {
    if (size_ < capacity_) __builtin_prefetch(place(size_), 1);
  }

  [[nodiscard]] std::size_t held_bytes() const;

 private:
  static constexpr std::size_t kNumber = sizeof(std::int64_t);

  static std::int64_t number(const std::byte* at) {
    std::int64_t value = 0;
    std::memcpy(&value, at, kNumber);
    return value;
  }
  [[nodiscard]] std::byte* place(std::size_t i) const {
    const std::size_t at = first_ + i;
    return memory_ + (at < capacity_ ? at : at - capacity_) * stride_;
  }
  [[nodiscard]] std::size_t head() const { return wide_ != 0 ? 2 * kNumber : kNumber; }
  void move(std::size_t to, std::size_t from);
  void grow();

  const Layout* layout_;
  std::byte* memory_ = nullptr;
  std::uint32_t first_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t stride_ : 30;
  std::uint32_t ends_ : 1;
  std::uint32_t wide_ : 1;  // a place's state comes after two numbers' room
};

}  // namespace weir::ml
