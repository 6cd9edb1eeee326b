#include "oracle/comparison.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "oracle/stores.h"

namespace weir::oracle {
namespace {

using nlohmann::json;

std::string text(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string difference(const std::string& where, const std::vector<json>& wanted,
                       const std::vector<json>& got) {
  const std::size_t common = std::min(wanted.size(), got.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (wanted[i] == got[i]) continue;
    return fmt::format("{}, record {}: expected {}, got {}", where, i, text(wanted[i]), text(got[i]));
  }
  if (wanted.size() > common) {
    return fmt::format("{}: {} records instead of {}; missing {}", where, got.size(), wanted.size(),
                       text(wanted[common]));
  }
  if (got.size() > common) {
    return fmt::format("{}: {} records instead of {}; too many {}", where, got.size(), wanted.size(),
                       text(got[common]));
  }
  return "";
}

std::vector<json> records_of(const json& list, bool with_step) {
  std::vector<json> records(list.begin(), list.end());
  if (!with_step) {
    for (json& record : records) record.erase("step");
  }
  return records;
}

std::map<std::string, std::vector<json>> by_key(const std::vector<json>& records) {
  std::map<std::string, std::vector<json>> keys;
  for (const json& record : records) keys[text(record.at("key"))].push_back(record);
  return keys;
}

std::string compare_topic(const std::string& topic, const std::string& order, std::vector<json> wanted,
                          std::vector<json> got) {
  const std::string where = fmt::format("topic '{}'", topic);
  if (order == "perKey") {
    auto wanted_keys = by_key(wanted);
    const auto got_keys = by_key(got);
    for (const auto& [key, records] : got_keys) wanted_keys[key];
    for (const auto& [key, records] : wanted_keys) {
      const auto found = got_keys.find(key);
      const std::string fault = difference(where + ", key " + key, records,
                                           found == got_keys.end() ? std::vector<json>() : found->second);
      if (!fault.empty()) return fault;
    }
    return "";
  }
  if (order == "multiset") {
    const auto before = [](const json& left, const json& right) { return text(left) < text(right); };
    std::sort(wanted.begin(), wanted.end(), before);
    std::sort(got.begin(), got.end(), before);
  }
  return difference(where, wanted, got);
}

std::string compare_errors(const json& golden, const json& result) {
  const json none;
  const json& wanted = golden.contains("error") ? golden.at("error") : none;
  const json& got = result.contains("error") ? result.at("error") : none;
  if (wanted.is_null() && got.is_null()) return "";
  if (wanted.is_null()) return "unexpected failure: " + text(got);
  if (got.is_null()) return "expected a failure: " + text(wanted);
  if (wanted.at("step") != got.at("step")) {
    return fmt::format("failure: expected {}, got {}", text(wanted), text(got));
  }
  return "";
}

}  // namespace

std::string first_difference(const json& recording, const json& result) {
  const json& golden = recording.at("golden");
  if (std::string fault = compare_errors(golden, result); !fault.empty()) return fault;
  const std::string order = recording.at("order");
  if (order != "exact" && order != "perKey" && order != "multiset") {
    return fmt::format("the recording's order is '{}', not exact, perKey or multiset", order);
  }
  for (const auto& [topic, records] : golden.at("outputs").items()) {
    const bool steps = recording.value("stepExact", true);
    const json& got = result.at("outputs").value(topic, json::array());
    std::string fault = compare_topic(topic, order, records_of(records, steps), records_of(got, steps));
    if (!fault.empty()) return fault;
  }
  const json none = json::array();
  std::string fault = difference("effects", records_of(golden.value("effects", none), true),
                                 records_of(result.value("effects", none), true));
  if (!fault.empty()) return fault;
  if (golden.contains("stores")) {
    const json wanted = comparable(golden.at("stores"));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::string where = fmt::format("store '{}'", wanted[i].at("name").get<std::string>());
      fault = difference(where, records_of(wanted[i].at("entries"), true),
                         records_of(result.at("stores").at(i).at("entries"), true));
      if (!fault.empty()) return fault;
    }
  }
  if (!recording.value("droppedExact", true)) return "";
  for (const char* count : {"droppedAt", "droppedRecords"}) {
    if (golden.at(count) != result.at(count)) {
      return fmt::format("{}: expected {}, got {}", count, text(golden.at(count)), text(result.at(count)));
    }
  }
  return "";
}

}  // namespace weir::oracle
