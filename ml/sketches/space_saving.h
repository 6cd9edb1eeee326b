// SpaceSaving finds the items that come most often, in the memory of so many counters as it is given.
//
//   SpaceSaving merchants(20);
//   merchants.add("corner shop");
//   for (const SpaceSaving::Counted& counted : merchants.top(3)) { ... }
//
// With k counters and n things counted: an item's true count is between `count - error` and `count`; no error is above n / k;
// an item that came more than n / k times is among the counters. That also holds of merged sketches.
//
// Equal sequences of calls give equal bytes. Another order may give other counters within the same bounds; as long as no
// counter was reused (max_error() is zero) all counts are exact, and the order does not matter.
//
// A counter keeps its item whole: memory is bounded by k times the longest item. Adding an item that has no counter looks at
// all of them: k is meant to be tens or hundreds.
//
// After Metwally, Agrawal and El Abbadi, "Efficient Computation of Frequent and Top-k Elements in Data Streams" (2005), and
// merged as in Agarwal et al., "Mergeable Summaries" (2012), which also shows that Misra and Gries' summary is the same one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir::ml {

class SpaceSaving {
 public:
  static constexpr std::string_view kFormat = "space-saving-1";
  static constexpr std::size_t kCountersMin = 1;
  static constexpr std::size_t kCountersMax = 4'096;
  static constexpr std::size_t kCountersDefault = 64;

  struct Counted {
    Bytes item;
    std::uint64_t count;  // at least as often as it came
    std::uint64_t error;  // by so much less it may have come

    bool operator==(const Counted&) const = default;
  };

  // A number of counters beyond the limits is taken as the nearest within.
  explicit SpaceSaving(std::size_t counters = kCountersDefault);

  void add(BytesView item, std::uint64_t count = 1);

  // Adds all that the other counted. Fails, and changes nothing, if the numbers of counters differ.
  [[nodiscard]] absl::Status merge(const SpaceSaving& other);

  // Returns the `most` items counted highest, the highest first; of equal counts the smaller item.
  [[nodiscard]] std::vector<Counted> top(std::size_t most) const;

  // Returns an item's counter. Without one it came at most max_error() times.
  [[nodiscard]] std::optional<Counted> find(BytesView item) const;

  // How often an item may have come that has no counter.
  [[nodiscard]] std::uint64_t max_error() const;

  // How many things were counted.
  [[nodiscard]] std::uint64_t total() const { return total_; }
  [[nodiscard]] std::size_t counters() const { return counters_; }
  [[nodiscard]] std::size_t size() const { return counted_.size(); }
  [[nodiscard]] std::size_t heap_bytes() const;

  // Appends the sketch, and reads it back. Bytes that serialise() would not write are refused.
  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<SpaceSaving> parse(BytesView bytes);

  bool operator==(const SpaceSaving&) const = default;

 private:
  std::size_t counters_;
  std::uint64_t total_ = 0;
  std::uint64_t missed_ = 0;      // how often an item without counter may have come
  std::vector<Counted> counted_;  // ascending by item
};

}  // namespace weir::ml
