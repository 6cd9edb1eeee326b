#include <weir/state/fingerprint.h>

#include <fmt/format.h>

#include <weir/state/byte_reader.h>

namespace weir {
namespace {

constexpr char kFingerprintVersion = 1;

std::string duration_text(Duration duration) {
  return duration.count() < 0 ? std::string("unlimited") : fmt::format("{} ms", duration.count());
}

std::string value_of(const Fingerprint& fingerprint, const std::string& property) {
  const auto found = fingerprint.find(property);
  return found == fingerprint.end() ? std::string("nothing") : found->second;
}

}  // namespace

Fingerprint fingerprint_of(const StoreSpec& spec) {
  Fingerprint fingerprint;
  fingerprint["kind"] = spec.kind;
  fingerprint["key format"] = spec.key_format;
  fingerprint["value format"] = spec.value_format;
  fingerprint["retention"] = duration_text(spec.retention);
  fingerprint["segment"] = duration_text(spec.segment);
  fingerprint["changelog"] = spec.global ? "its topic" : spec.logged ? "own" : "none";
  return fingerprint;
}

absl::Status check_fingerprints(const Fingerprints& stored, std::span<const StoreSpec> wanted) {
  std::string differences;
  for (const StoreSpec& spec : wanted) {
    const auto found = stored.find(spec.name);
    if (!spec.persistent || found == stored.end()) continue;
    Fingerprint properties = fingerprint_of(spec);
    std::string of_store;
    for (const auto& [property, value] : found->second) properties.try_emplace(property, "nothing");
    for (const auto& [property, value] : properties) {
      const std::string old = value_of(found->second, property);
      if (old != value) {
        of_store += fmt::format("{}{} was {}, is {}", of_store.empty() ? "" : ", ", property, old, value);
      }
    }
    if (!of_store.empty()) {
      differences += fmt::format("{}store '{}': {}", differences.empty() ? "" : "; ", spec.name, of_store);
    }
  }
  if (differences.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("the state on disk was made by another version of the program: {}. Give a changed store "
                  "another name, or "
                  "reset the application",
                  differences));
}

Bytes encode_fingerprints(const Fingerprints& fingerprints) {
  Bytes out;
  out.push_back(kFingerprintVersion);
  put_big_endian(static_cast<std::uint32_t>(fingerprints.size()), out);
  for (const auto& [store, fingerprint] : fingerprints) {
    put_text(store, out);
    put_big_endian(static_cast<std::uint32_t>(fingerprint.size()), out);
    for (const auto& [property, value] : fingerprint) {
      put_text(property, out);
      put_text(value, out);
    }
  }
  return out;
}

absl::StatusOr<Fingerprints> decode_fingerprints(BytesView bytes) {
  if (bytes.empty() || bytes[0] != kFingerprintVersion) {
    return absl::DataLossError("the list of stores has a version this program does not read");
  }
  ByteReader reader(bytes.substr(1));
  Fingerprints fingerprints;
  for (auto stores = reader.count(8); stores > 0 && reader.ok(); --stores) {
    Fingerprint& fingerprint = fingerprints[std::string(reader.text())];
    for (auto properties = reader.count(8); properties > 0 && reader.ok(); --properties) {
      const std::string property(reader.text());
      fingerprint[property] = reader.text();
    }
  }
  if (!reader.at_end() || encode_fingerprints(fingerprints) != bytes) {
    return absl::DataLossError(fmt::format("the list of stores, {} bytes, is damaged", bytes.size()));
  }
  return fingerprints;
}

}  // namespace weir
