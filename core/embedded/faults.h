// Failures that tests and the simulator bring about in the embedded broker: what may go wrong between a client
// and its Kafka, decided for each operation by a hook.
//
// The hook decides and the broker carries out. There is no chance and no clock in here but what the hook uses
// itself, so a run on one thread stays the same every time. What happens at the broker by itself (a producer is
// fenced, a coordinator is away, a partition cannot be reached) is brought about by functions of EmbeddedBroker.
//
// Thread safety: a hook is called with the broker's mutex held and must not call the broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include <weir/core/time.h>

namespace weir {

namespace embedded {

class Engine;

enum class Operation {
  kProduce,
  kInitTransactions,
  kSendOffsets,
  kCommitTransaction,
  kAbortTransaction,
  kCommitOffsets,
  kFetchOffsets,
  kListOffsets,
  kLeaveGroup,
  kDescribeTopics,
  kListTopics,
  kCreateTopics,
  kDeleteTopics,
  kDeleteRecords,
  kDescribeGroup,
};
inline constexpr std::size_t kOperations = 15;

[[nodiscard]] std::string_view name_of(Operation operation);

}  // namespace embedded

// A client as its transport and its options name it.
struct ClientName {
  enum class Kind { kConsumer, kProducer, kAdmin };

  Kind kind = Kind::kConsumer;
  std::string host = {};              // of the transport: which instance of a program this is
  std::string client_id = {};         // empty for an admin client
  std::string group = {};             // of a consumer; empty: none
  std::string transactional_id = {};  // of a producer; empty: none
};

// An operation that is about to go to the broker.
struct FaultSite {
  embedded::Operation operation = {};
  const ClientName& client;
  std::uint64_t number = 0;  // of operations of this kind that this client object has sent before
};

// What becomes of an operation. As it stands it goes well and at once. Times count from the poll that sends it.
//
// A client gives an answer up when the patience of its client library is exhausted: that is the transaction's
// timeout for what belongs to a transaction, 30 s for init_transactions, 7 to 60 s for the rest, 10 minutes for
// records outside transactions. It then hears what the library would say: records have timed out (in a
// transaction: abortable), the end of a transaction and its offsets are of unknown outcome, the rest may be
// tried again.
struct Fate {
  // What the request takes to the broker. It gets there also when its client has given up or is gone meanwhile.
  Duration request_after{0};
  // The request never gets there.
  bool request_lost = false;
  // What the client hears instead of the broker's answer; the request takes place all the same unless it is
  // lost.
  std::optional<absl::Status> answer = std::nullopt;
  // When the client hears it at the earliest.
  Duration answer_after{0};
  // The answer never gets there.
  bool answer_lost = false;
  // Gives up that early, if its library would not do so earlier.
  Duration patience = Duration::max();
  // The request takes place once more that much later, as happens to one that is repeated on a new connection
  // while the first copy is still on its way. Kafka drops a repeated batch of records, so here it does nothing
  // for those.
  std::optional<Duration> again_after = std::nullopt;

  [[nodiscard]] static Fate late(Duration request, Duration answer = Duration::zero()) {
    return {.request_after = request, .answer_after = answer};
  }
  // The broker does nothing and says so.
  [[nodiscard]] static Fate refused(absl::Status status, Duration after = Duration::zero()) {
    return {.request_lost = true, .answer = std::move(status), .answer_after = after};
  }
  // Done, and nobody hears of it.
  [[nodiscard]] static Fate lost_answer(Duration patience = Duration::max()) {
    return {.answer_lost = true, .patience = patience};
  }
  // Not done, and nobody hears of it.
  [[nodiscard]] static Fate lost_request(Duration patience = Duration::max()) {
    return {.request_lost = true, .answer_lost = true, .patience = patience};
  }
  // Done only after the client has given up.
  [[nodiscard]] static Fate without_client(Duration patience, Duration request) {
    return {.request_after = request, .answer_lost = true, .patience = patience};
  }
};

class Faults {
 public:
  virtual ~Faults() = default;

  // Decides what becomes of an operation; asked once for each, when it is sent.
  [[nodiscard]] virtual Fate fate_of(const FaultSite& site) = 0;

  // Says whether nothing of this client gets through at present, in either direction: nothing is sent, no answer
  // heard, nothing fetched, no heartbeat. Asked with every poll and fetch.
  [[nodiscard]] virtual bool cut_off(const ClientName&) { return false; }

  // Says whether the end of a round of the group is kept from this client: the coordinator has the new generation, and goes
  // on hearing the member, whose answer to its JoinGroup is still on the way. Asked with every poll.
  [[nodiscard]] virtual bool keeps_assignment(const ClientName&) { return false; }

  // Says whether an operation is held back at its client: it is sent when this changes.
  [[nodiscard]] virtual bool holds(const FaultSite&) { return false; }
};

namespace embedded {

// How far an operation has come on its way to the broker and back, where there are faults.
class Voyage {
 public:
  Voyage(Operation what, std::uint64_t number, const ClientName& client, Duration limit, Duration started)
      : what_(what), number_(number), client_(client), limit_(limit), started_(started) {}

  // Sends the request unless it is held back. `request` takes place at the broker, now or later.
  void depart(Engine& engine, Faults& faults, const std::function<void(Engine&)>& request);
  [[nodiscard]] bool departed() const { return departed_; }

  // Returns what the client hears although it is not the broker's answer; nothing if there is no such thing
  // yet. `transactional`: the operation's producer is.
  [[nodiscard]] std::optional<absl::Status> verdict(Engine& engine, Faults& faults) const;
  // Says whether the request has reached the broker by now and its answer could be heard.
  [[nodiscard]] bool answerable(Engine& engine, Faults& faults) const;

 private:
  [[nodiscard]] FaultSite site() const { return {what_, client_, number_}; }

  Operation what_;
  std::uint64_t number_;
  const ClientName& client_;  // the queue's, which outlives what was started there
  Duration limit_;
  Duration started_;
  Duration sent_{0};
  Fate fate_;
  bool departed_ = false;
};

// How long the client library waits for an answer of that kind.
[[nodiscard]] Duration patience_for(Operation operation, bool transactional, Duration transaction_timeout);
// What it says then.
[[nodiscard]] absl::Status unanswered(Operation operation, bool transactional, Duration waited);

}  // namespace embedded
}  // namespace weir
