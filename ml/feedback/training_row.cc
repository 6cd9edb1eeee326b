#include <weir/ml/feedback/training_row.h>

#include <bit>

#include <fmt/format.h>

#include <weir/state/byte_reader.h>

namespace weir {
namespace {

constexpr std::uint8_t kTrainingRowVersion = 1;

void put_double(double number, Bytes& out) { put_big_endian(std::bit_cast<std::uint64_t>(number), out); }

}  // namespace

namespace ml {

std::string TrainingRow::fault() const {
  if (feature_time != kNoTimestamp && feature_time >= predicted_at) {
    return fmt::format(
        "the features of '{}' are not older than its prediction: feature_time={} predicted_at={}", id,
        feature_time, predicted_at);
  }
  if (labelled_at < predicted_at) {
    return fmt::format("the label of '{}' is older than its prediction: labelled_at={} predicted_at={}", id,
                       labelled_at, predicted_at);
  }
  return "";
}

}  // namespace ml

void Serde<ml::TrainingRow>::encode(const ml::TrainingRow& row, Bytes& out) {
  put_big_endian(kTrainingRowVersion, out);
  put_big_endian(static_cast<std::uint8_t>(row.kind), out);
  for (const Timestamp time : {row.feature_time, row.predicted_at, row.labelled_at})
    put_big_endian(time, out);
  put_double(row.label, out);
  put_double(row.weight, out);
  put_text(row.id, out);
  put_big_endian(static_cast<std::uint32_t>(row.features.size()), out);
  for (const float feature : row.features) put_big_endian(std::bit_cast<std::uint32_t>(feature), out);
}

absl::Status Serde<ml::TrainingRow>::decode(BytesView bytes, ml::TrainingRow& out) {
  ByteReader reader(bytes);
  if (reader.integer<std::uint8_t>() != kTrainingRowVersion) {
    return absl::InvalidArgumentError("no row of a training set, or one of another version");
  }
  const auto kind = reader.integer<std::uint8_t>();
  for (Timestamp* time : {&out.feature_time, &out.predicted_at, &out.labelled_at})
    *time = reader.integer<Timestamp>();
  out.label = std::bit_cast<double>(reader.integer<std::uint64_t>());
  out.weight = std::bit_cast<double>(reader.integer<std::uint64_t>());
  out.id = reader.text();
  out.features.resize(reader.count(sizeof(float)));
  for (float& feature : out.features) feature = std::bit_cast<float>(reader.integer<std::uint32_t>());
  if (!reader.at_end() || kind > static_cast<std::uint8_t>(ml::ExampleKind::kCorrection)) {
    return absl::InvalidArgumentError("no row of a training set");
  }
  out.kind = static_cast<ml::ExampleKind>(kind);
  const std::string fault = out.fault();
  return fault.empty() ? absl::OkStatus() : absl::InvalidArgumentError(fault);
}

}  // namespace weir
