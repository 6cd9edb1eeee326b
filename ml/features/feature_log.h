// What a feature view writes to its log: one entry for each row, in the transaction that commits the row's other results.
// The log is a training set that is right by construction: nothing in an entry is later than its record.
//
//   format         1 byte: 1
//   flags          1 byte: bit 0 the values are doubles, bit 1 the record was later than the grace
//   view           length (2 bytes) and name
//   version        4 bytes
//   schema hash    8 bytes
//   event time     8 bytes, milliseconds since 1970
//   input          topic: length (2 bytes) and name; partition 4 bytes; offset 8 bytes. Together they are the prediction's id
//   columns        4 bytes
//   validity       a bit for each column, the lowest of the first byte for column 0
//   values         4 or 8 bytes each, IEEE 754; NaN where not valid
//
// All numbers are big-endian. The record's key is the entity's, its time that of the record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/core/topic_partition.h>

namespace weir::ml {

struct FeatureLogEntry {
  std::string view;
  std::int32_t version = 0;
  std::uint64_t hash = 0;
  Timestamp time = 0;
  std::string topic;
  Partition partition = 0;
  Offset offset = 0;
  bool late = false;
  bool wide = false;
  std::vector<double> values;  // NaN: not valid

  [[nodiscard]] std::string prediction_id() const;
};

}  // namespace weir::ml

namespace weir {

template <>
struct Serde<ml::FeatureLogEntry> {
  static constexpr std::string_view kFormat = "feature-log-1";
  static constexpr bool kCanonical = true;
  static void encode(const ml::FeatureLogEntry& entry, Bytes& out);
  static absl::Status decode(BytesView bytes, ml::FeatureLogEntry& out);
};

}  // namespace weir
