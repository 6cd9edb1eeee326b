#include <weir/core/position_metadata.h>

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace weir {
namespace {

constexpr std::string_view kMark = "weir1";

bool plain(char c) { return c > ' ' && c < '\x7f' && c != '%' && c != '='; }

std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (plain(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (text.size() - i < 3) return std::nullopt;
    const char* const digits = text.data() + i + 1;
    if (const auto read = std::from_chars(digits, digits + 2, value, 16); read.ptr != digits + 2)
      return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

}  // namespace

bool add_time(std::string_view name, Timestamp time, std::string& metadata, std::size_t bytes_max) {
  const std::string entry = fmt::format(" {}={}", escaped(name), time);
  const std::size_t before = metadata.empty() ? kMark.size() : metadata.size();
  if (before + entry.size() > bytes_max) return false;
  if (metadata.empty()) metadata = kMark;
  metadata += entry;
  return true;
}

NamedTimes times_in(std::string_view metadata) {
  if (metadata.substr(0, kMark.size()) != kMark) return {};
  metadata.remove_prefix(kMark.size());
  NamedTimes times;
  while (!metadata.empty()) {
    if (metadata[0] != ' ') return {};
    metadata.remove_prefix(1);
    const std::string_view entry = metadata.substr(0, metadata.find(' '));
    metadata.remove_prefix(entry.size());
    const std::size_t sign = entry.find('=');
    if (sign == std::string_view::npos) return {};
    const auto name = unescaped(entry.substr(0, sign));
    Timestamp time = 0;
    const char* const end = entry.data() + entry.size();
    const auto read = std::from_chars(entry.data() + sign + 1, end, time);
    if (!name || read.ec != std::errc() || read.ptr != end) return {};
    times[*name] = time;
  }
  return times;
}

}  // namespace weir
