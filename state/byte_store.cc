#include <weir/state/byte_store.h>

namespace weir {

std::optional<Bytes> end_of_prefix(BytesView prefix) {
  Bytes end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (end.empty()) return std::nullopt;
  end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Bytes successor(BytesView key) {
  Bytes next;
  next.reserve(key.size() + 1);
  next.append(key);
  next.push_back('\0');
  return next;
}

}  // namespace weir
