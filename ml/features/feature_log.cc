#include <weir/ml/features/feature_log.h>

#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <weir/ml/features/state_bytes.h>

namespace weir {
namespace {

constexpr char kLogFormat = 1;
constexpr unsigned kWideFlag = 1;
constexpr unsigned kLateFlag = 2;

void put_name(const std::string& name, Bytes& out) {
  const auto size = static_cast<std::uint16_t>(name.size());
  put_big_endian(size, out);
  out.append(name, 0, size);
}

template <class Int>
Int take(ml::StateReader& reader) {
  const BytesView bytes = reader.take_bytes(sizeof(Int));
  return reader.ok() ? get_big_endian<Int>(bytes.data()) : Int{};
}

}  // namespace

std::string ml::FeatureLogEntry::prediction_id() const {
  return fmt::format("{}-{}-{}", topic, partition, offset);
}

void Serde<ml::FeatureLogEntry>::encode(const ml::FeatureLogEntry& entry, Bytes& out) {
  out.push_back(kLogFormat);
  out.push_back(static_cast<char>((entry.wide ? kWideFlag : 0U) | (entry.late ? kLateFlag : 0U)));
  put_name(entry.view, out);
  put_big_endian(entry.version, out);
  put_big_endian(entry.hash, out);
  put_big_endian(entry.time, out);
  put_name(entry.topic, out);
  put_big_endian(entry.partition, out);
  put_big_endian(entry.offset, out);
  put_big_endian(static_cast<std::uint32_t>(entry.values.size()), out);
  const std::size_t validity = out.size();
  out.append((entry.values.size() + 7) / 8, '\0');
  for (std::size_t i = 0; i < entry.values.size(); ++i) {
    const bool valid = !std::isnan(entry.values[i]);
    if (valid) out[validity + i / 8] = static_cast<char>(out[validity + i / 8] | (1U << (i % 8)));
    // One bit pattern for all that are missing.
    const double value = valid ? entry.values[i] : std::numeric_limits<double>::quiet_NaN();
    if (entry.wide) {
      Serde<double>::encode(value, out);
    } else {
      Serde<float>::encode(static_cast<float>(value), out);
    }
  }
}

absl::Status Serde<ml::FeatureLogEntry>::decode(BytesView bytes, ml::FeatureLogEntry& out) {
  ml::StateReader reader(bytes);
  const BytesView fixed = reader.take_bytes(2);
  if (!reader.ok() || fixed[0] != kLogFormat) {
    return absl::InvalidArgumentError("not an entry of a feature log in format 1");
  }
  const auto flags = static_cast<unsigned char>(fixed[1]);
  out = {};
  out.wide = (flags & kWideFlag) != 0;
  out.late = (flags & kLateFlag) != 0;
  out.view = reader.take_bytes(take<std::uint16_t>(reader));
  out.version = take<std::int32_t>(reader);
  out.hash = take<std::uint64_t>(reader);
  out.time = take<Timestamp>(reader);
  out.topic = reader.take_bytes(take<std::uint16_t>(reader));
  out.partition = take<Partition>(reader);
  out.offset = take<Offset>(reader);
  const std::size_t columns = take<std::uint32_t>(reader);
  const std::size_t width = out.wide ? sizeof(double) : sizeof(float);
  if (!reader.ok() || reader.rest().size() != (columns + 7) / 8 + columns * width) {
    return absl::InvalidArgumentError("an entry of a feature log is cut off");
  }
  static_cast<void>(reader.take_bytes((columns + 7) / 8));  // the values say it too
  for (std::size_t i = 0; i < columns; ++i) {
    if (out.wide) {
      out.values.push_back(std::bit_cast<double>(take<std::uint64_t>(reader)));
    } else {
      out.values.push_back(static_cast<double>(std::bit_cast<float>(take<std::uint32_t>(reader))));
    }
  }
  return absl::OkStatus();
}

}  // namespace weir
