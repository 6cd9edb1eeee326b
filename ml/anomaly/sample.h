// What a detector looks at: one observation of one series. Borrowed for the length of a call.
//
// The members of a Detector (ewma.h, robust_z.h, ...) share a shape, so that one can stand in for another:
//
//   explicit M(const M::Options&)      options that check() found nothing wrong with
//   double update(const Sample&)       how strange the sample is beside what came before it, >= 0 and 0 while nothing can
//                                      be said; then learns the sample
//   void encode(Bytes&) const          the state without the options, bit for bit
//   absl::Status restore(ByteReader&)  into a member made from the same options; bytes may be anything
//
// How large a strangeness must be to mean something differs from member to member and from series to series: it is
// TailSketch that turns it into how rare it is. Thread safety: none.
#pragma once

#include <span>
#include <string_view>

#include <absl/status/status.h>

#include <weir/core/time.h>

namespace weir::ml {

struct Sample {
  Timestamp time = 0;
  std::span<const double> values;  // usable
};

// Squares of numbers beyond are no numbers any more.
inline constexpr double kLargestValue = 1e150;

// Returns whether a detector can work with the numbers: none is a NaN, or beyond kLargestValue.
[[nodiscard]] bool usable(std::span<const double> values);

// Returns DataLoss: "the state of <what> does not decode".
[[nodiscard]] absl::Status undecodable_state(std::string_view what);

}  // namespace weir::ml
