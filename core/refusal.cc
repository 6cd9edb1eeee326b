#include <weir/core/refusal.h>

#include <charconv>
#include <string_view>

#include <absl/hash/hash.h>
#include <absl/strings/cord.h>
#include <fmt/format.h>

namespace weir {
namespace {

constexpr char kRefusalPayload[] = "weir.refusal";

// Takes a number and the blank behind it from the front of a text.
std::uint64_t take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  return number;
}

}  // namespace

std::uint64_t digest_of(NullableBytes key, NullableBytes value) {
  const auto part = [](const NullableBytes& bytes) { return bytes.value_or(BytesView()); };
  return absl::HashOf(key.has_value(), part(key), value.has_value(), part(value));
}

absl::Status with_refusal(absl::Status status, const Refusal& refusal) {
  status.SetPayload(kRefusalPayload, absl::Cord(fmt::format("{} {} {} {}", static_cast<int>(refusal.reason),
                                                            refusal.bytes, refusal.digest, refusal.topic)));
  return status;
}

std::optional<Refusal> refusal_of(const absl::Status& status) {
  const auto payload = status.GetPayload(kRefusalPayload);
  if (!payload.has_value()) return std::nullopt;
  const std::string text(*payload);
  std::string_view rest = text;
  Refusal refusal;
  refusal.reason = static_cast<Refusal::Reason>(take_number(rest));
  refusal.bytes = take_number(rest);
  refusal.digest = take_number(rest);
  refusal.topic = rest;
  return refusal;
}

}  // namespace weir
