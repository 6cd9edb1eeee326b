// The row of features of one record: contiguous numbers in a fixed order, and which of them there are.
//
// A feature without a value is NaN in the row, as models take it, and not valid. Rows of one schema have one hash; what is at
// which place is said by FeatureView::names().
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/serde.h>
#include <weir/core/time.h>
#include <weir/operators/windowed.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {

template <class Scalar>
class BasicFeatureRow {
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>);

 public:
  BasicFeatureRow() = default;
  // No feature has a value.
  BasicFeatureRow(std::uint64_t hash, std::size_t columns)
      : hash_(hash),
        values_(columns, std::numeric_limits<Scalar>::quiet_NaN()),
        validity_((columns + 7) / 8) {}

  // Of the view's schema.
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::size_t size() const { return values_.size(); }
  // For a model; NaN where there is none.
  [[nodiscard]] std::span<const Scalar> values() const { return values_; }
  [[nodiscard]] bool has(std::size_t column) const {
    return (validity_[column / 8] >> (column % 8) & 1) != 0;
  }
  [[nodiscard]] std::optional<Scalar> at(std::size_t column) const {
    return has(column) ? std::optional<Scalar>(values_[column]) : std::nullopt;
  }
  // A bit for each column, the lowest of the first byte for column 0.
  [[nodiscard]] std::span<const std::uint8_t> validity() const { return validity_; }

  // NaN: no value.
  void assign(std::span<const double> row) {
    validity_.assign(validity_.size(), 0);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      values_[i] = static_cast<Scalar>(row[i]);
      if (!std::isnan(row[i]))
        validity_[i / 8] = static_cast<std::uint8_t>(validity_[i / 8] | (1U << (i % 8)));
    }
  }

  // Bit for bit: rows without a value are equal to each other there.
  bool operator==(const BasicFeatureRow& other) const {
    if (hash_ != other.hash_ || validity_ != other.validity_ || size() != other.size()) return false;
    for (std::size_t i = 0; i < size(); ++i) {
      if (has(i) && std::bit_cast<Bits>(values_[i]) != std::bit_cast<Bits>(other.values_[i])) return false;
    }
    return true;
  }

 private:
  using Bits = std::conditional_t<sizeof(Scalar) == 4, std::uint32_t, std::uint64_t>;

  std::uint64_t hash_ = 0;
  std::vector<Scalar> values_;
  std::vector<std::uint8_t> validity_;
};

using FeatureRow = BasicFeatureRow<float>;

// A record's value beside the features of its key at its time.
template <class T, class Scalar = float>
struct Featured {
  T value{};
  BasicFeatureRow<Scalar> row;
  Timestamp time = 0;
  bool late = false;  // later than the grace: it was not aggregated
};

}  // namespace weir::ml

namespace weir {

// Hash (8 bytes), number of columns (4 bytes), validity, values (4 or 8 bytes each); all big-endian.
template <class Scalar>
struct Serde<ml::BasicFeatureRow<Scalar>> {
  static constexpr std::string_view kFormat =
      sizeof(Scalar) == 4 ? "feature-row-float-1" : "feature-row-double-1";
  static constexpr bool kCanonical = true;

  static void encode(const ml::BasicFeatureRow<Scalar>& row, Bytes& out) {
    put_big_endian(row.hash(), out);
    put_big_endian(static_cast<std::uint32_t>(row.size()), out);
    for (const std::uint8_t bits : row.validity()) out.push_back(static_cast<char>(bits));
    for (const Scalar value : row.values()) Serde<Scalar>::encode(value, out);
  }

  static absl::Status decode(BytesView bytes, ml::BasicFeatureRow<Scalar>& out) {
    constexpr std::size_t kFixed = sizeof(std::uint64_t) + sizeof(std::uint32_t);
    if (bytes.size() < kFixed) return wrong_size(kFixed, bytes.size());
    const std::size_t columns = get_big_endian<std::uint32_t>(bytes.data() + sizeof(std::uint64_t));
    const std::size_t expected = kFixed + (columns + 7) / 8 + columns * sizeof(Scalar);
    if (bytes.size() != expected) return wrong_size(expected, bytes.size());
    std::vector<double> values(columns, std::numeric_limits<double>::quiet_NaN());
    const char* validity = bytes.data() + kFixed;
    for (std::size_t i = 0; i < columns; ++i) {
      if ((validity[i / 8] >> (i % 8) & 1) == 0) continue;
      Scalar value{};
      const char* at = validity + (columns + 7) / 8 + i * sizeof(Scalar);
      if (absl::Status status = Serde<Scalar>::decode(BytesView(at, sizeof(Scalar)), value); !status.ok())
        return status;
      values[i] = static_cast<double>(value);
    }
    out = ml::BasicFeatureRow<Scalar>(get_big_endian<std::uint64_t>(bytes.data()), columns);
    out.assign(values);
    return absl::OkStatus();
  }
};

// The time (8 bytes), whether it is late (1), how long the row is (4), the row, the value.
template <class T, class Scalar>
  requires Serializable<T>
struct Serde<ml::Featured<T, Scalar>> {
  struct Prefix {
    static constexpr std::string_view kText =
        sizeof(Scalar) == 4 ? "featured-float-1-" : "featured-double-1-";
  };
  using Row = ml::BasicFeatureRow<Scalar>;
  static constexpr std::string_view kFormat = detail::PrefixedFormat<Prefix, T>::kValue;
  static constexpr bool kCanonical = Serde<T>::kCanonical;

  static void encode(const ml::Featured<T, Scalar>& featured, Bytes& out) {
    put_big_endian(featured.time, out);
    out.push_back(featured.late ? '\1' : '\0');
    Bytes row;
    Serde<Row>::encode(featured.row, row);
    put_text(row, out);
    Serde<T>::encode(featured.value, out);
  }

  static absl::Status decode(BytesView bytes, ml::Featured<T, Scalar>& out) {
    ByteReader reader(bytes);
    out.time = reader.integer<Timestamp>();
    out.late = reader.integer<std::uint8_t>() != 0;
    const BytesView row = reader.text();
    if (!reader.ok()) return absl::InvalidArgumentError("a value with features is cut off");
    if (absl::Status status = Serde<Row>::decode(row, out.row); !status.ok()) return status;
    return Serde<T>::decode(bytes.substr(sizeof(Timestamp) + 1 + sizeof(std::uint32_t) + row.size()),
                            out.value);
  }
};

}  // namespace weir
