// The logarithm, the same to the last bit on every platform: the C library's may differ between versions, and state that
// depends on it would not be what another machine makes of the same records.
#pragma once

namespace weir::ml {

// Returns the natural logarithm of a positive finite number, to within a few units in the last place.
[[nodiscard]] double portable_log(double x);

}  // namespace weir::ml
