// Reads UBJSON, the binary form of JSON in which XGBoost saves its models, and hands what it meets to a handler,
// piece by piece. Internal to the room.
//
// Numbers are big-endian. Containers may be counted, and counted ones may give the type of all their elements
// once:
//
//   [ # L 3  U 1  U 2  S L 1 x        [ $ d # L 2  (4 bytes) (4 bytes)        { L 1 a  l (4 bytes) }
//
// The bytes are not trusted. It recurses on nothing, reads nothing outside them, and asks the handler before it
// goes deeper; a container cannot be longer than the bytes that are left, so time and memory are in proportion
// to the bytes.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <fmt/format.h>

namespace weir::ml {

// `Handler` has null(), boolean(bool), number_integer(int64_t), real(double), string(std::string&),
// start_object(size_t), key(std::string&), end_object(), start_array(size_t) and end_array(). Each returns false
// to stop the reading, which then ends with status OK: the handler knows why.
template <class Handler>
class UbjsonReader {
 public:
  UbjsonReader(std::string_view bytes, Handler& handler) : bytes_(bytes), handler_(handler) {}

  // Returns INVALID_ARGUMENT, with the byte it is about, for what is no UBJSON or does not end with the bytes.
  absl::Status read() {
    if (!value(next_marker())) return status_;
    while (!levels_.empty()) {
      if (!advance()) return status_;
    }
    if (at_ != bytes_.size()) refuse("the document ends before the bytes do");
    return status_;
  }

 private:
  static constexpr char kNoType = 0;
  static constexpr std::uint64_t kNoCount = std::numeric_limits<std::uint64_t>::max();

  // A container that is open.
  struct Level {
    bool is_object;
    char type;           // of each element, or kNoType
    std::uint64_t left;  // elements to come, or kNoCount: up to the closing bracket
  };

  bool refuse(std::string_view what) {
    if (status_.ok())
      status_ = absl::InvalidArgumentError(fmt::format("not UBJSON at byte {}: {}", at_, what));
    return false;
  }

  std::size_t remaining() const { return bytes_.size() - at_; }

  // Returns the next byte that is no filler, or 0 at the end.
  char next_marker() {
    while (at_ < bytes_.size() && bytes_[at_] == 'N') ++at_;
    return at_ < bytes_.size() ? bytes_[at_++] : '\0';
  }

  template <class Unsigned>
  bool take(Unsigned& value) {
    if (remaining() < sizeof(Unsigned)) return refuse("a number is cut off");
    value = 0;
    for (std::size_t i = 0; i < sizeof(Unsigned); ++i) {
      value = static_cast<Unsigned>((std::uint64_t{value} << 8) | static_cast<unsigned char>(bytes_[at_++]));
    }
    return true;
  }

  template <class Signed, class Unsigned>
  bool take_signed(std::int64_t& value) {
    Unsigned bits = 0;
    if (!take(bits)) return false;
    value = std::int64_t{static_cast<Signed>(bits)};
    return true;
  }

  // A whole number of the type that `marker` names.
  bool whole(char marker, std::int64_t& value) {
    std::uint8_t byte = 0;
    switch (marker) {
      case 'U':
        if (!take(byte)) return false;
        value = byte;
        return true;
      case 'i':
        return take_signed<std::int8_t, std::uint8_t>(value);
      case 'I':
        return take_signed<std::int16_t, std::uint16_t>(value);
      case 'l':
        return take_signed<std::int32_t, std::uint32_t>(value);
      case 'L':
        return take_signed<std::int64_t, std::uint64_t>(value);
      default:
        return refuse("a length is no whole number");
    }
  }

  // A length of things that take at least `size` bytes each.
  bool length(std::uint64_t& value, std::size_t size) {
    std::int64_t number = 0;
    if (!whole(next_marker(), number)) return false;
    if (number < 0) return refuse("a length is negative");
    value = static_cast<std::uint64_t>(number);
    if (value > remaining() / size) return refuse(fmt::format("{} do not fit into what is left", value));
    return true;
  }

  bool text(std::string& value) {
    std::uint64_t size = 0;
    if (!length(size, 1)) return false;
    value.assign(bytes_.substr(at_, size));
    at_ += size;
    return true;
  }

  // The fewest bytes of a value whose type is known, or 0 if it has none: an array of such could have any length.
  static std::size_t fewest_bytes(char marker) {
    switch (marker) {
      case 'U':
      case 'i':
      case 'C':
      case '[':
      case '{':
        return 1;
      case 'I':
      case 'S':
        return 2;
      case 'l':
      case 'd':
        return 4;
      case 'L':
      case 'D':
        return 8;
      default:
        return 0;
    }
  }

  bool open(bool is_object) {
    Level level{is_object, kNoType, kNoCount};
    if (at_ < bytes_.size() && bytes_[at_] == '$') {
      ++at_;
      level.type = next_marker();
      if (fewest_bytes(level.type) == 0) return refuse("a container of a type that has no size");
      if (at_ == bytes_.size() || bytes_[at_] != '#') return refuse("a container with a type but no count");
    }
    if (at_ < bytes_.size() && bytes_[at_] == '#') {
      ++at_;
      if (!length(level.left, level.type == kNoType ? 1 : fewest_bytes(level.type))) return false;
    }
    constexpr std::size_t kUnknown = std::numeric_limits<std::size_t>::max();
    if (!(is_object ? handler_.start_object(kUnknown) : handler_.start_array(kUnknown))) return false;
    levels_.push_back(level);
    return true;
  }

  bool close() {
    const bool is_object = levels_.back().is_object;
    levels_.pop_back();
    return is_object ? handler_.end_object() : handler_.end_array();
  }

  // Reads one element of the innermost container, or closes it.
  bool advance() {
    Level& level = levels_.back();
    char marker = level.type;
    if (level.left == 0) return close();
    if (level.left != kNoCount) {
      --level.left;
    } else {
      while (at_ < bytes_.size() && bytes_[at_] == 'N') ++at_;
      if (at_ < bytes_.size() && bytes_[at_] == (level.is_object ? '}' : ']')) {
        ++at_;
        return close();
      }
    }
    if (level.is_object) {
      if (!text(text_) || !handler_.key(text_)) return false;
    }
    if (marker == kNoType) marker = next_marker();
    return value(marker);
  }

  bool value(char marker) {
    switch (marker) {
      case '{':
        return open(true);
      case '[':
        return open(false);
      case 'Z':
        return handler_.null();
      case 'T':
      case 'F':
        return handler_.boolean(marker == 'T');
      case 'S':
        return text(text_) && handler_.string(text_);
      case 'C':
        if (remaining() == 0) return refuse("a character is cut off");
        text_.assign(1, bytes_[at_++]);
        return handler_.string(text_);
      case 'd': {
        std::uint32_t bits = 0;
        return take(bits) && handler_.real(static_cast<double>(std::bit_cast<float>(bits)));
      }
      case 'D': {
        std::uint64_t bits = 0;
        return take(bits) && handler_.real(std::bit_cast<double>(bits));
      }
      case 'U':
      case 'i':
      case 'I':
      case 'l':
      case 'L': {
        std::int64_t number = 0;
        return whole(marker, number) && handler_.number_integer(number);
      }
      case '\0':
        return refuse("it ends in the middle");
      default:
        return refuse(fmt::format("no type is called 0x{:02x}", static_cast<unsigned char>(marker)));
    }
  }

  const std::string_view bytes_;
  Handler& handler_;
  std::size_t at_ = 0;
  std::vector<Level> levels_;
  std::string text_;  // reused
  absl::Status status_;
};

}  // namespace weir::ml
