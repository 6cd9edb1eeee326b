#include <weir/operators/unmatched_rows.h>

namespace weir {

absl::Status not_an_unmatched_row() {
  return absl::InvalidArgumentError("not a list of records that wait for a match");
}

}  // namespace weir
