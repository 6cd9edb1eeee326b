#include <weir/ml/sketches/hyper_log_log.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include <fmt/format.h>

#include <weir/ml/sketches/sketch_codec.h>

namespace weir::ml {
namespace {

constexpr int kHashBits = 64;
constexpr int kListedPrecision = 25;
constexpr int kPlaceBits = 6;
constexpr std::uint32_t kPlaceMask = (1U << kPlaceBits) - 1;
constexpr std::uint32_t kListedPlaceMax = kHashBits - kListedPrecision + 1;

// The place of the first one in a hash whose first `precision` bits are taken away, from one; one after the last if there is
// none.
std::uint32_t place_of(std::uint64_t hash, int precision) {
  const std::uint64_t rest = hash << precision;
  return static_cast<std::uint32_t>(rest == 0 ? kHashBits - precision : std::countl_zero(rest)) + 1;
}

std::uint32_t entry_of(std::uint64_t hash) {
  const auto beginning = static_cast<std::uint32_t>(hash >> (kHashBits - kListedPrecision));
  return beginning << kPlaceBits | place_of(hash, kListedPrecision);
}

std::uint32_t beginning_of(std::uint32_t entry) { return entry >> kPlaceBits; }

// A list takes four bytes an entry, registers six bits each.
std::size_t entries_max(int precision) { return (std::size_t{3} << precision) / 16; }

double sigma(double x) {
  if (x == 1) return std::numeric_limits<double>::infinity();
  double weight = 1;
  double sum = x;
  for (double before = -1; sum != before;) {
    before = sum;
    x *= x;
    sum += x * weight;
    weight += weight;
  }
  return sum;
}

double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double weight = 1;
  double sum = 1 - x;
  for (double before = -1; sum != before;) {
    before = sum;
    x = std::sqrt(x);
    weight *= 0.5;
    sum -= (1 - x) * (1 - x) * weight;
  }
  return sum / 3;
}

// Algorithm 6 of Ertl's paper. `counts` says how many of the 2^precision registers hold which place.
double estimate_of(std::span<const std::uint32_t> counts, int precision) {
  constexpr double kAlpha = 0.721347520444481703679962;  // 1 / (2 ln 2)
  const auto registers = static_cast<double>(std::uint64_t{1} << precision);
  const int bits = kHashBits - precision;
  double z = registers * tau(1 - counts[static_cast<std::size_t>(bits) + 1] / registers);
  for (int place = bits; place >= 1; --place) z = 0.5 * (z + counts[static_cast<std::size_t>(place)]);
  z += registers * sigma(counts[0] / registers);
  return kAlpha * registers * registers / z;
}

}  // namespace

HyperLogLog::HyperLogLog(int precision) : precision_(std::clamp(precision, kPrecisionMin, kPrecisionMax)) {}

void HyperLogLog::add(std::uint64_t hash) {
  if (is_sparse()) {
    add_listed(entry_of(hash));
    return make_dense_if_long();
  }
  auto& place = registers_[hash >> (kHashBits - precision_)];
  place = std::max(place, static_cast<std::uint8_t>(place_of(hash, precision_)));
}

void HyperLogLog::add_listed(std::uint32_t entry) {
  const auto at = std::ranges::lower_bound(listed_, beginning_of(entry), {}, beginning_of);
  if (at != listed_.end() && beginning_of(*at) == beginning_of(entry)) {
    *at = std::max(*at, entry);
  } else {
    listed_.insert(at, entry);
  }
}

// What a listed hash does to the registers: the bits between both precisions go before the place.
void HyperLogLog::raise(std::uint32_t entry) {
  const int between = kListedPrecision - precision_;
  const std::uint32_t low = beginning_of(entry) & ((1U << between) - 1);
  const std::uint32_t place = low == 0 ? static_cast<std::uint32_t>(between) + (entry & kPlaceMask)
                                       : static_cast<std::uint32_t>(between - std::bit_width(low) + 1);
  auto& held = registers_[beginning_of(entry) >> between];
  held = std::max(held, static_cast<std::uint8_t>(place));
}

void HyperLogLog::make_dense_if_long() {
  if (listed_.size() > entries_max(precision_)) make_dense();
}

void HyperLogLog::make_dense() {
  registers_.assign(std::size_t{1} << precision_, 0);
  for (const std::uint32_t entry : listed_) raise(entry);
  listed_ = {};
}

absl::Status HyperLogLog::merge(const HyperLogLog& other) {
  if (other.precision_ != precision_) {
    return absl::InvalidArgumentError(
        fmt::format("HyperLogLog: precisions {} and {} cannot be merged", precision_, other.precision_));
  }
  if (is_sparse() && !other.is_sparse()) make_dense();
  if (is_sparse()) {
    std::vector<std::uint32_t> both;
    both.reserve(listed_.size() + other.listed_.size());
    std::ranges::merge(listed_, other.listed_, std::back_inserter(both));
    // Of equal beginnings the last is the highest.
    listed_.clear();
    for (const std::uint32_t entry : both) {
      if (!listed_.empty() && beginning_of(listed_.back()) == beginning_of(entry)) listed_.pop_back();
      listed_.push_back(entry);
    }
    make_dense_if_long();
  } else if (other.is_sparse()) {
    for (const std::uint32_t entry : other.listed_) raise(entry);
  } else {
    for (std::size_t i = 0; i < registers_.size(); ++i) {
      registers_[i] = std::max(registers_[i], other.registers_[i]);
    }
  }
  return absl::OkStatus();
}

double HyperLogLog::estimate() const {
  std::array<std::uint32_t, kHashBits> counts{};
  if (is_sparse()) {
    counts[0] = static_cast<std::uint32_t>((std::size_t{1} << kListedPrecision) - listed_.size());
    for (const std::uint32_t entry : listed_) ++counts[entry & kPlaceMask];
    return estimate_of(counts, kListedPrecision);
  }
  for (const std::uint8_t place : registers_) ++counts[place];
  return estimate_of(counts, precision_);
}

double HyperLogLog::standard_error() const {
  return 1.04 / std::sqrt(static_cast<double>(std::size_t{1} << precision_));
}

std::size_t HyperLogLog::heap_bytes() const {
  return listed_.capacity() * sizeof(std::uint32_t) + registers_.capacity();
}

// precision, then either 0, how many entries, and how far each is from the one before; or 1 and the registers, four in three
// bytes.
void HyperLogLog::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kHyperLogLog, out);
  out.push_back(static_cast<char>(precision_));
  out.push_back(is_sparse() ? '\0' : '\1');
  if (is_sparse()) {
    put_whole(listed_.size(), out);
    std::uint32_t before = 0;
    for (const std::uint32_t entry : listed_) {
      put_whole(entry - before, out);
      before = entry;
    }
    return;
  }
  for (std::size_t i = 0; i < registers_.size(); i += 4) {
    const std::uint32_t four = static_cast<std::uint32_t>(registers_[i]) << 18 | registers_[i + 1] << 12 |
                               registers_[i + 2] << 6 | registers_[i + 3];
    for (const int shift : {16, 8, 0}) out.push_back(static_cast<char>(four >> shift & 0xff));
  }
}

absl::StatusOr<HyperLogLog> HyperLogLog::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kHyperLogLog);
  const int precision = reader.byte();
  if (reader.ok() && (precision < kPrecisionMin || precision > kPrecisionMax)) {
    reader.refuse("its precision is out of range");
  }
  HyperLogLog sketch(precision);
  const unsigned char dense = reader.byte();
  if (dense > 1) reader.refuse("it is neither sparse nor dense");
  if (reader.ok() && dense == 0) {
    const std::size_t count = reader.count(1, entries_max(precision));
    sketch.listed_.reserve(count);
    std::uint64_t entry = 0;
    for (std::size_t i = 0; i < count && reader.ok(); ++i) {
      const std::uint64_t step = reader.whole();
      const std::uint64_t beginning = entry >> kPlaceBits;
      entry += std::min<std::uint64_t>(step, std::uint64_t{1} << 32);
      const std::uint64_t place = entry & kPlaceMask;
      const bool follows = i == 0 || entry >> kPlaceBits > beginning;
      if (!follows || entry >> (kListedPrecision + kPlaceBits) != 0 || place == 0 ||
          place > kListedPlaceMax) {
        reader.refuse("an entry of its list cannot be");
      }
      sketch.listed_.push_back(static_cast<std::uint32_t>(entry));
    }
  } else if (reader.ok()) {
    const BytesView packed = reader.bytes((std::size_t{3} << precision) / 4);
    sketch.registers_.assign(std::size_t{1} << precision, 0);
    for (std::size_t i = 0; 3 * (i / 4) < packed.size(); i += 4) {
      std::uint32_t four = 0;
      for (std::size_t j = 0; j < 3; ++j)
        four = four << 8 | static_cast<unsigned char>(packed[i / 4 * 3 + j]);
      for (std::size_t j = 4; j-- > 0; four >>= 6) {
        sketch.registers_[i + j] = static_cast<std::uint8_t>(four & kPlaceMask);
      }
    }
    const int highest = std::ranges::max(sketch.registers_);
    if (highest > kHashBits - precision + 1) reader.refuse("a register is out of range");
  }
  if (const absl::Status status = reader.finish("HyperLogLog"); !status.ok()) return status;
  return sketch;
}

}  // namespace weir::ml
