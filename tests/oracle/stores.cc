#include "oracle/stores.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include <weir/core/serde.h>
#include <weir/core/status.h>
#include <weir/state/byte_queryable.h>
#include <weir/state/versioned_store.h>

#include "oracle/values.h"

namespace weir::oracle {
namespace {

using nlohmann::json;

bool is_windowed(const std::string& kind) { return kind == "window" || kind == "timestampedWindow"; }

// Stores' own types: the catalogue has no store of other ones.
std::string key_type(const std::string& kind) {
  if (is_windowed(kind)) return "windowed<string>(0)";
  return kind == "session" ? "session<string>" : "string";
}
std::string value_type(const StateStore& store) {
  return store.spec().value_format == Serde<std::int64_t>::kFormat ? "long" : "string";
}

void sort_entries(json& entries) {
  std::sort(entries.begin(), entries.end(), [](const json& left, const json& right) {
    const auto place = [](const json& entry) {
      const json& key = entry.at("key");
      return key.is_object() ? std::make_tuple(key.at("key"), key.at("start"), key.value("end", json(0)))
                             : std::make_tuple(key, entry.value("validFrom", json(0)), json(0));
    };
    return place(left) < place(right);
  });
}

absl::StatusOr<json> entries_of(StateStore& store, const std::string& kind) {
  auto* queryable = dynamic_cast<ByteQueryable*>(&store);
  if (queryable == nullptr) return absl::InternalError("the store cannot be asked for its bytes");
  json entries = json::array();
  absl::Status failure;
  const absl::Status walked = queryable->for_each(
      std::nullopt, std::nullopt, [&](BytesView key_bytes, BytesView value_bytes, Timestamp timestamp) {
        auto key = decode(key_type(kind), key_bytes);
        auto value = decode(value_type(store), value_bytes);
        failure.Update(key.status());
        failure.Update(value.status());
        if (!failure.ok()) return;
        if (is_windowed(kind)) key->erase("end");
        json entry = {{"key", *std::move(key)}, {"value", *std::move(value)}};
        if (kind.starts_with("timestamped")) entry["ts"] = timestamp;
        entries.push_back(std::move(entry));
      });
  failure.Update(walked);
  if (!failure.ok()) return failure;
  sort_entries(entries);
  return entries;
}

// A recording asks for each key as of each time, and does not say until when a version is valid.
template <class V>
json versions_of(VersionedStore<std::string, V>& store, const json& scenario) {
  std::set<std::string> keys;
  std::set<Timestamp> times;
  for (const json& step : scenario.at("steps")) {
    if (!step.contains("topic")) continue;
    times.insert(step.at("ts").get<Timestamp>());
    if (step.contains("key") && step.at("key").is_string()) keys.insert(step.at("key").get<std::string>());
  }
  json entries = json::array();
  for (const std::string& key : keys) {
    std::set<Timestamp> seen;
    for (const Timestamp time : times) {
      const Timestamped<V>* row = store.find_as_of(key, time);
      if (row == nullptr || !seen.insert(row->timestamp).second) continue;
      entries.push_back(
          {{"key", key}, {"value", row->value}, {"validFrom", row->timestamp}, {"validTo", nullptr}});
    }
  }
  return entries;
}

absl::StatusOr<json> versions_of(StateStore& store, const json& scenario) {
  if (auto* texts = dynamic_cast<VersionedStore<std::string, std::string>*>(&store)) {
    return versions_of(*texts, scenario);
  }
  if (auto* numbers = dynamic_cast<VersionedStore<std::string, std::int64_t>*>(&store)) {
    return versions_of(*numbers, scenario);
  }
  return absl::InvalidArgumentError("the store keeps no versions of text or numbers");
}

}  // namespace

absl::StatusOr<json> contents_of(const TopologyDriver& driver, const json& wanted, const json& scenario) {
  json stores = json::array();
  for (const json& store : wanted) {
    const std::string name = store.at("name");
    const std::string kind = store.at("kind");
    StateStore* found = driver.store(name);
    if (found == nullptr) return absl::NotFoundError(fmt::format("there is no store '{}'", name));
    auto entries = kind == "versionedKeyValue" ? versions_of(*found, scenario) : entries_of(*found, kind);
    if (!entries.ok()) return with_context(entries.status(), "store '" + name + "'");
    stores.push_back({{"name", name}, {"kind", kind}, {"entries", *std::move(entries)}});
  }
  return stores;
}

json comparable(json stores) {
  for (json& store : stores) {
    for (json& entry : store.at("entries")) {
      if (is_windowed(store.at("kind"))) entry.at("key").erase("end");
    }
    sort_entries(store.at("entries"));
  }
  return stores;
}

}  // namespace weir::oracle
