// A record that a topic refuses for good: sending it again is in vain until something changes outside. Transports say so in
// the status of a failed delivery.
//
// Thread safety: all functions may be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include <absl/status/status.h>

#include <weir/core/bytes.h>

namespace weir {

struct Refusal {
  enum class Reason {
    kTooLarge,
    kNoTopic,     // nor a partition of that number
    kNotAllowed,  // to this client
    kOther,       // something about this record
  };
  Reason reason = Reason::kOther;
  std::string topic = {};
  std::size_t bytes = 0;     // of key, value and headers, at least
  std::uint64_t digest = 0;  // see digest_of
};

// Tells records apart within the process.
[[nodiscard]] std::uint64_t digest_of(NullableBytes key, NullableBytes value);

// Returns the status with the refusal in it.
[[nodiscard]] absl::Status with_refusal(absl::Status status, const Refusal& refusal);

// Returns the refusal that a status tells of, if it does.
[[nodiscard]] std::optional<Refusal> refusal_of(const absl::Status& status);

}  // namespace weir
