#include "oracle/values.h"

#include <charconv>

#include <fmt/format.h>

#include <weir/core/serde.h>
#include <weir/core/status.h>

#include "oracle/types_text.h"

namespace weir::oracle {
namespace {

using nlohmann::json;

constexpr std::string_view kWindowed = "windowed<string>(";
constexpr std::string_view kSession = "session<string>";

const json& catalogue() {
  static const json types = json::parse(kTypesText);
  return types;
}

std::map<std::string, Types::Topic> topics_of(const json& topics) {
  std::map<std::string, Types::Topic> result;
  for (const auto& [name, types] : topics.items()) result[name] = {types.at(0), types.at(1)};
  return result;
}

absl::Status wrong_type(const std::string& type, const json& value) {
  return absl::InvalidArgumentError(fmt::format("{} is no {}", value.dump(), type));
}

// Cuts `count` big-endian numbers off the end.
absl::StatusOr<std::vector<std::int64_t>> cut_numbers(BytesView& bytes, std::size_t count) {
  const std::size_t size = count * sizeof(std::int64_t);
  if (bytes.size() < size) return absl::InvalidArgumentError("a key with a window is too short");
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < count; ++i) {
    numbers.push_back(
        get_big_endian<std::int64_t>(bytes.data() + bytes.size() - size + i * sizeof(std::int64_t)));
  }
  bytes.remove_suffix(size);
  return numbers;
}

}  // namespace

absl::StatusOr<Types> types_of(const std::string& topology) {
  const auto found = catalogue().find(topology);
  if (found == catalogue().end()) {
    return absl::NotFoundError(fmt::format("the catalogue has no topology '{}'", topology));
  }
  return Types{topics_of(found->at("inputs")), topics_of(found->at("outputs"))};
}

absl::StatusOr<std::optional<Bytes>> encode(const std::string& type, const json& value) {
  if (value.is_null()) return std::optional<Bytes>();
  if (type == "long") {
    if (!value.is_number_integer()) return wrong_type(type, value);
    Bytes bytes;
    put_big_endian(value.get<std::int64_t>(), bytes);
    return bytes;
  }
  if (type != "string" && type != "raw") return wrong_type(type, value);
  if (!value.is_string()) return wrong_type(type, value);
  return value.get<Bytes>();
}

absl::StatusOr<json> decode(const std::string& type, NullableBytes bytes) {
  if (!bytes) return json();
  if (type == "string" || type == "raw") return json(std::string(*bytes));
  if (type == "long") {
    std::int64_t number = 0;
    if (absl::Status status = Serde<std::int64_t>::decode(*bytes, number); !status.ok()) return status;
    return json(number);
  }
  BytesView key = *bytes;
  if (type == kSession) {
    const auto numbers = cut_numbers(key, 2);
    if (!numbers.ok()) return numbers.status();
    return json{{"key", std::string(key)}, {"start", (*numbers)[1]}, {"end", (*numbers)[0]}};
  }
  if (type.starts_with(kWindowed)) {
    const auto numbers = cut_numbers(key, 1);
    if (!numbers.ok()) return numbers.status();
    std::int64_t size = 0;
    std::from_chars(type.data() + kWindowed.size(), type.data() + type.size(), size);
    return json{{"key", std::string(key)}, {"start", (*numbers)[0]}, {"end", (*numbers)[0] + size}};
  }
  return absl::InvalidArgumentError(fmt::format("there is no type '{}'", type));
}

}  // namespace weir::oracle
