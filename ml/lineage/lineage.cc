#include <weir/ml/lineage/lineage.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <weir/ml/features/feature_node.h>
#include <weir/ml/served_model.h>
#include <weir/operators/murmur3.h>
#include <weir/state/byte_reader.h>

namespace weir::ml {
namespace {

constexpr std::size_t kMarkFields = 6;
constexpr std::size_t kDigestDigits = 32;

std::array<std::string*, kMarkFields> fields_of(PredictionMark& mark) {
  return {&mark.model, &mark.version, &mark.digest, &mark.branch, &mark.features, &mark.prediction};
}

void put_escaped(std::string_view text, std::string& out) {
  for (const char letter : text) {
    if (letter > ' ' && letter <= '~' && letter != ';' && letter != '%') {
      out.push_back(letter);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
}

bool unescape(std::string_view text, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    if (text.size() - i < 3) return false;
    const auto [end, error] = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (error != std::errc() || end != text.data() + i + 3) return false;
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return true;
}

template <class Int>
bool parse_number(std::string_view text, int base, Int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

// "<count>:<digest>"
bool parse_digest(std::string_view text, std::uint64_t& count, std::uint64_t& first, std::uint64_t& second) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() - colon - 1 != kDigestDigits) return false;
  const std::string_view digits = text.substr(colon + 1);
  return parse_number(text.substr(0, colon), 10, count) && count > 0 &&
         parse_number(digits.substr(0, kDigestDigits / 2), 16, first) &&
         parse_number(digits.substr(kDigestDigits / 2), 16, second);
}

// Which field of a mark a header is; the number of fields if it is none.
std::size_t field_of(std::string_view header) {
  constexpr std::array<std::string_view, kMarkFields> kNames{kModelNameHeader,   kModelVersionHeader,
                                                             kModelDigestHeader, kModelBranchHeader,
                                                             kFeatureViewHeader, kPredictionHeader};
  return static_cast<std::size_t>(std::find(kNames.begin(), kNames.end(), header) - kNames.begin());
}

// Puts the marks of the stamps together: score appends its headers in one piece, the prediction last.
class StampReader {
 public:
  explicit StampReader(std::vector<std::string>& marks) : marks_(marks) {}

  void read(const Header& header) {
    if (header.name == kFeaturesHashHeader) row_hash_ = header.value.value_or("");
    const std::size_t field = field_of(header.name);
    if (field == kMarkFields) return;
    if (found_[field]) finish();
    found_[field] = true;
    *fields_of(mark_)[field] = header.value.value_or("");
    if (header.name == kPredictionHeader) finish();
  }
  void finish() {
    if (mark_.features.empty()) mark_.features = row_hash_;
    // The hash of a feature view alone is no prediction.
    if (found_[0] || found_[1] || found_[2] || found_[5]) marks_.push_back(text_of(mark_));
    mark_ = {};
    found_ = {};
  }

 private:
  std::vector<std::string>& marks_;
  PredictionMark mark_;
  std::string row_hash_;  // of the feature view whose row it was, where score was not told
  std::array<bool, kMarkFields> found_{};
};

}  // namespace

std::string text_of(const PredictionMark& mark) {
  PredictionMark copy = mark;
  std::string text;
  for (const std::string* field : fields_of(copy)) {
    if (field != &copy.model) text.push_back(';');
    put_escaped(*field, text);
  }
  return text;
}

absl::Status parse_mark(std::string_view text, PredictionMark& mark) {
  std::string_view rest = text;
  const auto fields = fields_of(mark);
  for (std::size_t i = 0; i < kMarkFields; ++i) {
    const std::size_t end = i + 1 == kMarkFields ? rest.size() : rest.find(';');
    const bool whole =
        end != std::string_view::npos && rest.substr(0, end).find(';') == std::string_view::npos;
    if (!whole || !unescape(rest.substr(0, end), *fields[i]))
      return absl::InvalidArgumentError(fmt::format("'{}' is no mark of a prediction", text));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return absl::OkStatus();
}

Lineage Lineage::of(const Headers& headers, std::size_t bytes_max) {
  Lineage lineage;
  if (headers.empty()) return lineage;
  std::vector<std::string> marks;
  StampReader stamps(marks);
  for (const Header& header : headers) {
    if (header.name == kLineageHeader) {
      marks.push_back(header.value.value_or(""));
    } else if (header.name == kLineageDigestHeader) {
      Lineage other;
      if (parse_digest(header.value.value_or(""), other.count_, other.first_, other.second_)) {
        lineage.merge(other, bytes_max);
      } else {
        marks.push_back(header.value.value_or(""));
      }
    } else {
      stamps.read(header);
    }
  }
  stamps.finish();
  for (std::string& mark : marks) lineage.add(std::move(mark), bytes_max);
  return lineage;
}

void Lineage::add(std::string mark, std::size_t bytes_max) {
  if (is_digest()) {
    const Hash128 hash = murmur3(mark);
    first_ += hash.first;
    second_ += hash.second;
    ++count_;
    return;
  }
  const auto place = std::lower_bound(marks_.begin(), marks_.end(), mark);
  if (place != marks_.end() && *place == mark) return;
  marks_.insert(place, std::move(mark));
  count_ = marks_.size();
  limit(bytes_max);
}

void Lineage::merge(const Lineage& other, std::size_t bytes_max) {
  if (other.empty() || (&other == this && !is_digest())) return;
  if (!is_digest() && !other.is_digest()) {
    std::vector<std::string> all;
    all.reserve(marks_.size() + other.marks_.size());
    std::set_union(marks_.begin(), marks_.end(), other.marks_.begin(), other.marks_.end(),
                   std::back_inserter(all));
    marks_ = std::move(all);
    count_ = marks_.size();
    limit(bytes_max);
    return;
  }
  Lineage sum = other;
  sum.limit(0);
  limit(0);
  count_ += sum.count_;
  first_ += sum.first_;
  second_ += sum.second_;
}

// Beyond the limit a list becomes a digest.
void Lineage::limit(std::size_t bytes_max) {
  if (marks_.empty()) return;
  std::size_t bytes = 0;
  for (const std::string& mark : marks_) bytes += mark.size();
  if (bytes <= bytes_max && bytes_max > 0) return;
  for (const std::string& mark : marks_) {
    const Hash128 hash = murmur3(mark);
    first_ += hash.first;
    second_ += hash.second;
  }
  marks_.clear();
}

std::string Lineage::digest() const {
  Lineage sum = *this;
  sum.limit(0);
  return fmt::format("{:016x}{:016x}", sum.first_, sum.second_);
}

void Lineage::write_to(Headers& headers) const {
  headers.remove(kLineageHeader);
  headers.remove(kLineageDigestHeader);
  if (is_digest()) {
    headers.add(kLineageDigestHeader, fmt::format("{}:{}", count_, digest()));
  } else {
    for (const std::string& mark : marks_) headers.add(kLineageHeader, mark);
  }
}

}  // namespace weir::ml

namespace weir {
namespace {

constexpr std::uint32_t kIsDigest = std::numeric_limits<std::uint32_t>::max();

}  // namespace

void Serde<ml::Lineage>::encode(const ml::Lineage& lineage, Bytes& out) {
  if (lineage.is_digest()) {
    put_big_endian(kIsDigest, out);
    put_big_endian(lineage.count_, out);
    put_big_endian(lineage.first_, out);
    put_big_endian(lineage.second_, out);
    return;
  }
  put_big_endian(static_cast<std::uint32_t>(lineage.marks_.size()), out);
  for (const std::string& mark : lineage.marks_) put_text(mark, out);
}

absl::Status Serde<ml::Lineage>::decode(BytesView bytes, ml::Lineage& out) {
  out = {};
  ByteReader reader(bytes);
  bool sound = true;
  if (bytes.size() >= sizeof(kIsDigest) && get_big_endian<std::uint32_t>(bytes.data()) == kIsDigest) {
    std::ignore = reader.integer<std::uint32_t>();
    out.count_ = reader.integer<std::uint64_t>();
    out.first_ = reader.integer<std::uint64_t>();
    out.second_ = reader.integer<std::uint64_t>();
    sound = out.count_ > 0;
  } else {
    for (std::uint32_t left = reader.count(sizeof(std::uint32_t)); left > 0 && sound; --left) {
      std::string mark(reader.text());
      sound = reader.ok() && (out.marks_.empty() || out.marks_.back() < mark);
      if (sound) out.marks_.push_back(std::move(mark));
    }
    out.count_ = out.marks_.size();
  }
  if (sound && reader.at_end()) return absl::OkStatus();
  out = {};
  return absl::InvalidArgumentError("not the lineage of a value");
}

}  // namespace weir
