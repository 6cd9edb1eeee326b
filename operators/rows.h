// Whether a table's rows can go away again.
#pragma once

namespace weir {

// Part of a KTable's type: only where rows may vanish does to_stream() give optional values.
enum class Rows {
  kMayVanish,  // a row can be deleted: the stream of changes then has a null value
  kStay,       // once there, a row is only replaced
};

}  // namespace weir
