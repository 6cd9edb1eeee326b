// What the partitions (tokens) of an application's tasks topic stand for, as all members of its group agree on it.
//
// The group hands out numbers. Two programs that count their tasks differently, after an upgrade or because they share an id
// by mistake, would take the same number for different work: some records would be processed twice, others not at all. So
// the numbering is recorded in the tasks topic (see token_record.h), and what is recorded wins over how a program would
// count:
//
//   nobody is in the group    a program that counts otherwise records its own numbering
//   others are there          tasks that are recorded keep their token, new ones get the next free tokens. A program that knows
//                             only some of the recorded tasks is an old version: it leaves the tokens of the others alone.
//                             Whatever else differs is refused
//
// Sub-topologies are told apart by the topics they read: numbers change when one is added, and a topic is read by one.
//
// Thread safety: values and functions without state.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/partition_plan.h>
#include <weir/core/topology.h>

namespace weir {

struct TokenPlan {
  struct Token {
    std::size_t part = 0;  // in `parts`
    Partition partition = 0;

    auto operator<=>(const Token&) const = default;
  };

  int version = 0;  // 0: of a program, not recorded
  std::vector<std::set<std::string>>
      parts;                  // sub-topologies: topics by their names on the broker, and patterns
  std::vector<Token> tokens;  // by number

  bool operator==(const TokenPlan&) const = default;
};

// JSON, as it is recorded: {"version":1,"parts":[["in"]],"tokens":[[0,0],[0,1]]}.
[[nodiscard]] Bytes encode_tokens(const TokenPlan& plan);
// InvalidArgument says what is wrong with the text.
[[nodiscard]] absl::StatusOr<TokenPlan> decode_tokens(BytesView text);

// Returns how a program counts its tasks: in the order of `plan`.
[[nodiscard]] TokenPlan tokens_of(const Topology& topology, const std::string& application_id,
                                  const PartitionPlan& plan);

// Returns what is recorded with what this program adds to it: with the next version if it adds anything, else as it is.
// FailedPrecondition names the sub-topologies that do not fit.
[[nodiscard]] absl::StatusOr<TokenPlan> agree_on_tokens(const TokenPlan& recorded, const TokenPlan& own);

// Numbers the program's tasks as agreed. There are `partitions` tokens or as many as are agreed, if these are more; those
// that are none of the program's tasks become kNoTask.
[[nodiscard]] std::vector<TaskPlan> number_tasks(const TokenPlan& agreed, const TokenPlan& own,
                                                 const std::vector<TaskPlan>& tasks, Partition partitions);

}  // namespace weir
