#include <weir/ml/cleaning/rules.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace weir::ml::detail {
namespace {

// What a message shows of a text that somebody sent.
constexpr std::size_t kShownBytes = 64;

}  // namespace

std::string not_between(double number, double low, double high) {
  return fmt::format("{} is not between {} and {}", number, low, high);
}

std::string not_allowed(std::string_view text, const std::set<std::string, std::less<>>& allowed) {
  return fmt::format("'{}' is none of {}", text.substr(0, kShownBytes), fmt::join(allowed, ", "));
}

std::string too_long(std::size_t size, std::size_t most) {
  return fmt::format("it has {} bytes, more than {}", size, most);
}

}  // namespace weir::ml::detail
