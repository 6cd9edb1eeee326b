#include <weir/operators/held.h>

#include <utility>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/operators/held_store.h>

namespace weir {

void unreadable_key(const Node& node, const absl::Status& status) {
  throw ProcessingFailure{
      with_context(status, fmt::format("a key that '{}' holds back does not decode", node.name()))};
}

namespace detail {

namespace {

constexpr std::uint8_t kHasNow = 1;
constexpr std::uint8_t kHasBefore = 2;
constexpr std::uint8_t kHasReplaced = 4;
constexpr std::uint32_t kNull = 0xffffffff;

void put_text(BytesView text, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(text.size()), out);
  out.append(text);
}

absl::Status cut_short() { return absl::InvalidArgumentError("it ends too early"); }

// Takes the first `size` bytes.
bool take(BytesView& bytes, std::size_t size, BytesView& taken) {
  if (bytes.size() < size) return false;
  taken = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

template <class T>
bool take_number(BytesView& bytes, T& number) {
  BytesView taken;
  if (!take(bytes, sizeof(T), taken)) return false;
  number = get_big_endian<T>(taken.data());
  return true;
}

bool take_text(BytesView& bytes, BytesView& text) {
  std::uint32_t size = 0;
  return take_number(bytes, size) && take(bytes, size, text);
}

}  // namespace

void encode_held(const HeldHead& head, const Headers& headers, Bytes& out) {
  put_big_endian(head.due, out);
  const int flags = (head.has_now ? kHasNow : 0) | (head.has_before ? kHasBefore : 0) |
                    (head.has_replaced ? kHasReplaced : 0);
  out.push_back(static_cast<char>(flags));
  put_big_endian(static_cast<std::uint32_t>(headers.size()), out);
  for (const Header& header : headers) {
    put_text(header.name, out);
    if (header.value) {
      put_text(*header.value, out);
    } else {
      put_big_endian(kNull, out);
    }
  }
  put_big_endian(head.now_size, out);
  put_big_endian(head.before_size, out);
}

absl::Status decode_held(BytesView& bytes, HeldHead& head, Headers& headers) {
  BytesView flags;
  std::uint32_t count = 0;
  if (!take_number(bytes, head.due) || !take(bytes, 1, flags) || !take_number(bytes, count))
    return cut_short();
  head.has_now = (flags[0] & kHasNow) != 0;
  head.has_before = (flags[0] & kHasBefore) != 0;
  head.has_replaced = (flags[0] & kHasReplaced) != 0;
  headers.clear();
  for (; count > 0; --count) {
    BytesView name;
    std::uint32_t size = 0;
    if (!take_text(bytes, name) || !take_number(bytes, size)) return cut_short();
    std::optional<Bytes> value;
    if (size != kNull) {
      BytesView taken;
      if (!take(bytes, size, taken)) return cut_short();
      value = Bytes(taken);
    }
    headers.add(Bytes(name), std::move(value));
  }
  if (!take_number(bytes, head.now_size) || !take_number(bytes, head.before_size)) return cut_short();
  if (std::uint64_t{head.now_size} + head.before_size > bytes.size()) return cut_short();
  return absl::OkStatus();
}

}  // namespace detail

}  // namespace weir
