// Protobuf messages as record keys and values. Include this and link protobuf::libprotobuf (or -lite);
// generated messages then have a Serde, nothing else is to be written.
//
// The bytes are the message's wire format, without any schema-registry prefix.
//
// kCanonical is false: protobuf does not promise equal bytes for equal messages (other languages and versions
// may order fields and map entries otherwise, and unknown fields are kept). Encoding is deterministic within
// one program, which is what the stores need: a message used as a key is encoded again, never taken over as
// it came.
//
// kFormat is "protobuf" for every message: the name of a type is known to protobuf only at run time, and its
// fields evolve without a change of format. Replacing a store's message by an unrelated one is therefore not
// noticed by the store; give the store another name then.
#pragma once

#include <climits>
#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>

#include <absl/status/status.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>

namespace weir {
namespace detail {

inline void encode_protobuf(const google::protobuf::MessageLite& message, Bytes& out) {
  const std::size_t size = message.ByteSizeLong();
  if (size > INT_MAX) {
    throw std::length_error(message.GetTypeName() + ": larger than a protobuf message can be (2 GiB)");
  }
  const std::size_t offset = out.size();
  out.resize(offset + size);
  google::protobuf::io::ArrayOutputStream array(out.data() + offset, static_cast<int>(size));
  google::protobuf::io::CodedOutputStream coded(&array);
  coded.SetSerializationDeterministic(true);
  message.SerializeWithCachedSizes(&coded);
}

[[nodiscard]] inline absl::Status decode_protobuf(BytesView bytes, google::protobuf::MessageLite& out) {
  const char* const data = bytes.empty() ? "" : bytes.data();
  if (bytes.size() > INT_MAX || !out.ParsePartialFromArray(data, static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("expected a " + out.GetTypeName() + ", got " +
                                      std::to_string(bytes.size()) + " bytes that are not its wire format");
  }
  if (!out.IsInitialized()) {
    return absl::InvalidArgumentError(out.GetTypeName() +
                                      " lacks required fields: " + out.InitializationErrorString());
  }
  return absl::OkStatus();
}

}  // namespace detail

template <std::derived_from<google::protobuf::MessageLite> M>
struct Serde<M> {
  static constexpr std::string_view kFormat = "protobuf";
  static constexpr bool kCanonical = false;

  // Writes also a message that lacks required fields; it is its reader who refuses it. Throws
  // std::length_error, as a string would, for a message beyond protobuf's own limit of 2 GiB.
  static void encode(const M& message, Bytes& out) { detail::encode_protobuf(message, out); }

  // A failure names the message type, and required fields that are missing (not for lite messages, which do
  // not know the names of their fields).
  [[nodiscard]] static absl::Status decode(BytesView bytes, M& out) {
    return detail::decode_protobuf(bytes, out);
  }
};

}  // namespace weir
