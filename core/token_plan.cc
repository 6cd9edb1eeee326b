#include <weir/core/token_plan.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <weir/core/json.h>

namespace weir {
namespace {

bool share_a_topic(const std::set<std::string>& left, const std::set<std::string>& right) {
  return std::any_of(left.begin(), left.end(),
                     [&](const std::string& topic) { return right.contains(topic); });
}

// Which of these parts read a topic that `part` reads.
std::vector<std::size_t> alike(const std::set<std::string>& part,
                               const std::vector<std::set<std::string>>& parts) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (share_a_topic(part, parts[i])) found.push_back(i);
  }
  return found;
}

std::string text_of_part(const std::set<std::string>& part) {
  return fmt::format("the sub-topology that reads {}", fmt::join(part, ", "));
}

bool read_parts(JsonReader& reader, TokenPlan& plan) {
  if (!reader.begin_array()) return false;
  while (reader.next_element()) {
    std::set<std::string>& part = plan.parts.emplace_back();
    if (!reader.begin_array()) return false;
    while (reader.next_element()) {
      std::string topic;
      if (!reader.read_string(topic)) return false;
      part.insert(std::move(topic));
    }
  }
  return !reader.failed();
}

bool read_tokens(JsonReader& reader, TokenPlan& plan) {
  if (!reader.begin_array()) return false;
  while (reader.next_element()) {
    std::vector<Partition> pair;
    if (!reader.begin_array()) return false;
    while (reader.next_element()) {
      if (!reader.read_integer(pair.emplace_back())) return false;
    }
    if (reader.failed()) return false;
    if (pair.size() != 2 || pair[0] < 0 || pair[1] < 0) return reader.fail("a token is [part, partition]");
    plan.tokens.push_back({static_cast<std::size_t>(pair[0]), pair[1]});
  }
  return !reader.failed();
}

bool read_plan(JsonReader& reader, TokenPlan& plan) {
  if (!reader.begin_object()) return false;
  std::string_view name;
  while (reader.next_member(name)) {
    const bool read = name == "version"  ? reader.read_integer(plan.version)
                      : name == "parts"  ? read_parts(reader, plan)
                      : name == "tokens" ? read_tokens(reader, plan)
                                         : reader.skip_value();
    if (!read) return reader.in_member(name);
  }
  return !reader.failed();
}

}  // namespace

Bytes encode_tokens(const TokenPlan& plan) {
  Bytes text;
  JsonWriter writer(text);
  writer.begin_object();
  writer.member("version");
  writer.write_integer(plan.version);
  writer.member("parts");
  writer.begin_array();
  for (const std::set<std::string>& part : plan.parts) {
    writer.begin_array();
    for (const std::string& topic : part) writer.write_string(topic);
    writer.end_array();
  }
  writer.end_array();
  writer.member("tokens");
  writer.begin_array();
  for (const TokenPlan::Token& token : plan.tokens) {
    writer.begin_array();
    writer.write_integer(token.part);
    writer.write_integer(token.partition);
    writer.end_array();
  }
  writer.end_array();
  writer.end_object();
  return text;
}

absl::StatusOr<TokenPlan> decode_tokens(BytesView text) {
  TokenPlan plan;
  JsonReader reader(text);
  if (read_plan(reader, plan)) {
    if (plan.version < 1) reader.fail(fmt::format("version is {}", plan.version));
    for (const TokenPlan::Token& token : plan.tokens) {
      if (token.part >= plan.parts.size()) reader.fail(fmt::format("there is no part {}", token.part));
    }
  }
  WEIR_RETURN_IF_ERROR(reader.finish());
  return plan;
}

TokenPlan tokens_of(const Topology& topology, const std::string& application_id, const PartitionPlan& plan) {
  TokenPlan own;
  std::map<int, std::size_t> part_of;
  for (const SubTopology& part : topology.sub_topologies) {
    part_of[part.id] = own.parts.size();
    std::set<std::string>& topics = own.parts.emplace_back();
    for (const TopicName& name : part.sources) {
      topics.insert(name.pattern ? fmt::format("pattern {}", name.name) : name.on_broker(application_id));
    }
  }
  for (const TaskPlan& task : plan.tasks) {
    own.tokens.push_back({part_of.at(task.id.sub_topology), task.id.partition});
  }
  return own;
}

absl::StatusOr<TokenPlan> agree_on_tokens(const TokenPlan& recorded, const TokenPlan& own) {
  std::vector<std::string> faults;
  std::vector<std::string> only_recorded;
  std::vector<std::string> only_own;
  for (const std::set<std::string>& part : recorded.parts) {
    const std::vector<std::size_t> found = alike(part, own.parts);
    if (found.empty()) only_recorded.push_back(text_of_part(part));
    if (found.size() > 1) faults.push_back(fmt::format("{} is {} here", text_of_part(part), found.size()));
  }
  TokenPlan agreed = recorded;
  std::vector<std::size_t> place;  // of the program's parts
  for (const std::set<std::string>& part : own.parts) {
    const std::vector<std::size_t> found = alike(part, recorded.parts);
    if (found.size() > 1) faults.push_back(fmt::format("{} is {} there", text_of_part(part), found.size()));
    if (found.empty()) {
      only_own.push_back(text_of_part(part));
      place.push_back(agreed.parts.size());
      agreed.parts.push_back(part);
    } else {
      place.push_back(found.front());
      agreed.parts[found.front()].insert(part.begin(), part.end());
    }
  }
  if (!only_own.empty() && !only_recorded.empty()) {
    faults.push_back(fmt::format("they have {}, which is not here, and not {}, which is",
                                 fmt::join(only_recorded, " and "), fmt::join(only_own, " and ")));
  }
  if (!faults.empty()) return absl::FailedPreconditionError(fmt::format("{}", fmt::join(faults, "; ")));

  const std::set<TokenPlan::Token> known(agreed.tokens.begin(), agreed.tokens.end());
  for (const TokenPlan::Token& token : own.tokens) {
    const TokenPlan::Token there{place[token.part], token.partition};
    if (!known.contains(there)) agreed.tokens.push_back(there);
  }
  if (!(agreed == recorded)) ++agreed.version;
  return agreed;
}

std::vector<TaskPlan> number_tasks(const TokenPlan& agreed, const TokenPlan& own,
                                   const std::vector<TaskPlan>& tasks, Partition partitions) {
  std::map<TokenPlan::Token, std::size_t> number;
  for (std::size_t i = 0; i < agreed.tokens.size(); ++i) number.emplace(agreed.tokens[i], i);
  std::vector<TaskPlan> result(std::max(agreed.tokens.size(), static_cast<std::size_t>(partitions)),
                               TaskPlan{kNoTask, {}});
  for (std::size_t i = 0; i < own.tokens.size(); ++i) {
    const std::vector<std::size_t> part = alike(own.parts[own.tokens[i].part], agreed.parts);
    result[number.at({part.front(), own.tokens[i].partition})] = tasks[i];
  }
  return result;
}

}  // namespace weir
