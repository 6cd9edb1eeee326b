// What a store on disk was made as, so that a program which would misread it is refused.
#pragma once

#include <map>
#include <span>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/task_store.h>

namespace weir {

// By name of property ("kind", "key format", ...), as text. Two stores with equal fingerprints have the same layout and the
// same changelog.
using Fingerprint = std::map<std::string, std::string>;

// By store.
using Fingerprints = std::map<std::string, Fingerprint>;

[[nodiscard]] Fingerprint fingerprint_of(const StoreSpec& spec);

// Returns FailedPrecondition that lists, store by store, what differs from what is on disk; stores that are on one side
// only are no difference.
[[nodiscard]] absl::Status check_fingerprints(const Fingerprints& stored, std::span<const StoreSpec> wanted);

// Bytes that say which version they are. Decoding refuses anything else than what encode wrote.
[[nodiscard]] Bytes encode_fingerprints(const Fingerprints& fingerprints);
[[nodiscard]] absl::StatusOr<Fingerprints> decode_fingerprints(BytesView bytes);

}  // namespace weir
