// Which keys belong to a sample: chosen by a hash of the key, so that of a key everything is there or nothing.
//
//   view.log_to("card-features", {.share = 0.05})
//
// A history without gaps is what training wants: a sample of records would cut every key's into pieces.
#pragma once

#include <cstdint>

#include <weir/core/bytes.h>

namespace weir::ml {

struct KeySample {
  double share = 1;  // of the keys, above 0 up to 1
  // Another salt chooses other keys, independently.
  std::uint64_t salt = 0;

  [[nodiscard]] bool valid() const { return share > 0 && share <= 1; }
  // The same on every platform and in every version. A larger share of the same salt has all keys of a smaller one.
  [[nodiscard]] bool has(BytesView key) const;
};

}  // namespace weir::ml
