#include <weir/operators/wait_node.h>

namespace weir {

void encode_waiting(Timestamp time, BytesView key, std::uint64_t number, Bytes& out) {
  put_big_endian(time, out);
  out.append(key);
  put_big_endian(number, out);
}

WaitingKey decode_waiting(BytesView bytes) {
  constexpr std::size_t kTime = sizeof(Timestamp);
  constexpr std::size_t kNumber = sizeof(std::uint64_t);
  if (bytes.size() < kTime + kNumber) return {};
  return {bytes.substr(kTime, bytes.size() - kTime - kNumber),
          get_big_endian<std::uint64_t>(bytes.data() + bytes.size() - kNumber)};
}

}  // namespace weir
