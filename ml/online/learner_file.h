// A learner as bytes, to be published, kept, or loaded as a Model. All integers are big-endian, doubles are their IEEE 754 bits,
// a text is its length in 4 bytes and its bytes.
//
//   "weir-learner"          12 bytes
//   version                 1 byte: 1
//   kind                    text: "linear", "hoeffding-forest", "adaptive-forest", "k-means", "standard-scaler"
//   options                 text: names of inputs, then what the kind's encode_options() writes
//   number of parts         4 bytes
//   each part               text: what the kind's encode_part() writes; empty if nothing changed it yet
//
// The bytes of a learner are the same wherever it learned the same examples in the same order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/ml/load_options.h>
#include <weir/ml/model.h>
#include <weir/ml/online/learner.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

inline constexpr std::string_view kLearnerMagic = "weir-learner";

[[nodiscard]] Bytes encode_learner(const Learner& learner);

// Reads encode_learner's bytes, which may be anything. INVALID_ARGUMENT says what is wrong, RESOURCE_EXHAUSTED that they are
// beyond the limits.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Learner>> decode_learner(BytesView bytes,
                                                                      const LoadLimits& limits = {});

// Reads them as a Model. Name and version as for other formats: "online" and the digest's first digits unless said.
[[nodiscard]] absl::StatusOr<std::unique_ptr<const Model>> load_learner(BytesView bytes,
                                                                        const LoadOptions& options = {});

// For learners: names, and what their restore_part says of bytes that are not theirs.
void put_names(const std::vector<std::string>& names, Bytes& out);
[[nodiscard]] std::vector<std::string> read_names(ByteReader& reader);
[[nodiscard]] absl::Status undecodable_part(const Learner& learner, std::size_t part);

}  // namespace weir::ml
