// The bytes of keys, encoded only where nobody has them already.
#pragma once

#include <concepts>
#include <optional>
#include <string>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>

namespace weir {

template <class K>
class KeyEncoder {
  static_assert(
      Serializable<K>,
      "a store needs to turn its keys into bytes: specialise weir::Serde<K> (see weir/core/serde.h)");
  static_assert(Owning<K>, "a store keeps its keys: use a type that owns its memory, such as std::string");

 public:
  // Returns the key's bytes: `known` if the serde is canonical and they are not null, or valid until the next call.
  BytesView operator()(const K& key, [[maybe_unused]] BytesView known = {}) {
    if constexpr (std::same_as<K, std::string>) {
      return key;
    } else {
      if constexpr (Serde<K>::kCanonical) {
        if (known.data() != nullptr) return known;
      }
      buffer_.clear();
      Serde<K>::encode(key, buffer_);
      return buffer_;
    }
  }

  // Returns a bound's bytes; null if it is open.
  static std::optional<Bytes> bound(const std::optional<K>& key) {
    if (!key) return std::nullopt;
    Bytes bytes;
    Serde<K>::encode(*key, bytes);
    return bytes;
  }

 private:
  Bytes buffer_;
};

}  // namespace weir
