// Is the embedded broker like Kafka? Random scripts of operations run on both, and what can be seen of them is compared: classes
// of errors, offsets with the markers of transactions, last stable offsets, committed positions and whether they are stable,
// what readers of either isolation get.
//
// WEIR_FIDELITY_SCRIPTS says how many scripts (default: 12), WEIR_FIDELITY_SEED with which one to begin (default: 1).
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/embedded/embedded_transport.h>
#include <weir/core/kafka/kafka_transport.h>

namespace weir {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Partition kPartitions = 2;

std::string bootstrap() {
  const char* given = std::getenv("WEIR_KAFKA_BOOTSTRAP");
  return given == nullptr ? "127.0.0.1:29092" : given;
}

// Whether somebody listens there; a name that is not numeric is believed.
bool is_reachable(const std::string& server) {
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(server.c_str() + colon + 1)));
  if (::inet_pton(AF_INET, server.substr(0, colon).c_str(), &address.sin_addr) != 1) return true;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
}

int number_from(const char* variable, int otherwise) {
  const char* given = std::getenv(variable);
  return given == nullptr ? otherwise : std::atoi(given);
}

std::string outcome(const absl::Status& status) {
  if (status.ok()) return "ok";
  switch (class_of(status)) {
    case ErrorClass::kRetriable:
      return "retriable";
    case ErrorClass::kAbortable:
      return "abortable";
    case ErrorClass::kFenced:
      return "fenced";
    case ErrorClass::kUnknown:
      return "unknown";
    case ErrorClass::kFatal:
      return "fatal";
  }
  return "";
}

struct Step {
  enum class Kind {
    kBegin,
    kSend,
    kSendPlain,
    kSendOffsets,
    kCommit,
    kAbort,
    kReplace,     // a new producer with the same id; the old one stays as a zombie
    kZombieSend,  // what the zombie does; the last thing it does
    kZombieCommit,
    kZombieOffsets,
    kCommitOffset,  // by an outsider
    kCommitted,
    kRanges,
    kReadCommitted,
    kReadUncommitted,
    kDeleteRecords,
  };
  Kind kind = Kind::kRanges;
  int who = 0;  // which transactional id
  Partition partition = 0;
  Offset number = 0;  // a position, or what tells a record from others
};

bool observes(Step::Kind kind) {
  return kind == Step::Kind::kCommitted || kind == Step::Kind::kRanges ||
         kind == Step::Kind::kReadCommitted || kind == Step::Kind::kReadUncommitted;
}

std::string_view name_of(Step::Kind kind) {
  constexpr std::string_view kNames[] = {
      "begin",   "send",           "send plain",       "send offsets",         "commit",          "abort",
      "replace", "zombie sends",   "zombie commits",   "zombie sends offsets", "commit position", "committed",
      "ranges",  "read committed", "read uncommitted", "delete records"};
  return kNames[static_cast<std::size_t>(kind)];
}

// Draws steps that a program could take: the state of both transactional producers is followed.
std::vector<Step> draw(std::mt19937& random) {
  const auto below = [&](int end) { return static_cast<int>(random() % static_cast<unsigned>(end)); };
  struct State {
    bool open = false;
    bool zombie = false;
    bool zombie_open = false;
  };
  State states[2];
  std::vector<Step> steps;
  const int length = 40 + below(40);
  using Kind = Step::Kind;
  while (static_cast<int>(steps.size()) < length) {
    Step step;
    step.who = below(2);
    step.partition = below(kPartitions);
    step.number = below(1'000);
    State& state = states[step.who];
    step.kind = static_cast<Kind>(below(16));
    // A zombie has one step left, and takes it soon.
    if (state.zombie_open && below(3) == 0)
      step.kind = static_cast<Kind>(static_cast<int>(Kind::kZombieSend) + below(3));
    switch (step.kind) {
      case Kind::kBegin:
        if (state.open) step.kind = Kind::kSend;
        state.open = true;
        break;
      case Kind::kSend:
      case Kind::kSendOffsets:
        if (!state.open) continue;
        break;
      case Kind::kCommit:
      case Kind::kAbort:
        if (!state.open) continue;
        state.open = false;
        break;
      case Kind::kReplace:
        if (state.zombie || !state.open) continue;
        state.zombie = true;
        state.zombie_open = state.open;
        state.open = false;
        break;
      case Kind::kZombieSend:
      case Kind::kZombieCommit:
      case Kind::kZombieOffsets:
        if (!state.zombie || !state.zombie_open) continue;
        state.zombie_open = false;
        break;
      default:
        break;
    }
    steps.push_back(step);
    // Kafka writes the markers after it has answered; what comes next must not overtake them.
    if (step.kind == Kind::kCommit || step.kind == Kind::kAbort || step.kind == Kind::kReplace)
      steps.push_back({Kind::kRanges, 0, 0, 0});
  }
  // What is left in the end is looked at in every way.
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    steps.push_back({Kind::kReadCommitted, 0, partition, 0});
    steps.push_back({Kind::kReadUncommitted, 0, partition, 0});
  }
  steps.push_back({Kind::kRanges, 0, 0, 0});
  return steps;
}

// Takes steps on one broker and says what can be seen of each.
class Player {
 public:
  // `patience`: how long something may take; `quiet`: after which time without news there is none.
  Player(Transport& transport, const std::string& run, milliseconds patience, milliseconds quiet)
      : transport_(transport), run_(run), patience_(patience), quiet_(quiet) {
    admin_ = made(transport_.make_admin());
    EXPECT_EQ(outcome(finish(admin_->create_topics({{topic(), kPartitions, {}}}), *admin_).status()), "ok");
    ConsumerOptions options;
    options.group = run_ + "-group";
    options.client_id = "outsider";
    outsider_ = made(transport_.make_consumer(options));
    for (int who = 0; who < 2; ++who) ids_[who].owner = transactional(who);
    plain_ = made(transport_.make_producer({.linger = Duration(0)}));
  }

  // `expected`: what somebody else saw; what may take a moment to be seen is looked at until it is the same, or patience is
  // over.
  std::string play(const Step& step, const std::optional<std::string>& expected) {
    std::string seen = take(step);
    const auto deadline = steady_clock::now() + patience_;
    // A new topic may not be known everywhere yet.
    const bool repeatable = step.kind == Step::Kind::kDeleteRecords || step.kind == Step::Kind::kCommitOffset;
    while (expected && (observes(step.kind) || (repeatable && seen == "retriable")) && seen != *expected &&
           steady_clock::now() < deadline) {
      std::this_thread::sleep_for(milliseconds(20));
      seen = take(step);
    }
    return seen;
  }

 private:
  struct Id {
    std::unique_ptr<Producer> owner;
    std::unique_ptr<Producer> zombie;
  };

  template <class Client>
  static std::unique_ptr<Client> made(absl::StatusOr<std::unique_ptr<Client>> client) {
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  std::string topic() const { return run_ + "-topic"; }

  std::unique_ptr<Producer> transactional(int who) {
    auto producer = made(transport_.make_producer({.client_id = fmt::format("producer-{}", who),
                                                   .transactional_id = fmt::format("{}-{}", run_, who),
                                                   .transaction_timeout = Duration(60'000),
                                                   .linger = Duration(0)}));
    EXPECT_EQ(outcome(finish(producer->init_transactions(), *producer).status()), "ok");
    return producer;
  }

  // Polls until it is so, or for `limit`. On a broker that answers at once a few polls are enough.
  static bool until(milliseconds limit, const std::function<bool()>& so) {
    const auto deadline = steady_clock::now() + limit;
    for (int polls = 0; !so(); ++polls) {
      if (polls >= 10 && steady_clock::now() >= deadline) return false;
      if (limit.count() > 0) std::this_thread::sleep_for(milliseconds(1));
    }
    return true;
  }

  void serve(Consumer& consumer) {
    events_.clear();
    consumer.poll(events_);
  }
  void serve(Producer& producer) { producer.poll(); }
  void serve(Admin& admin) { admin.poll(); }

  template <class T, class Client>
  absl::StatusOr<T> finish(Pending<T> pending, Client& client) {
    until(patience_, [&] {
      serve(client);
      return pending.ready();
    });
    if (!pending.ready()) return absl::DeadlineExceededError("not completed");
    return pending.take();
  }

  std::string send(Producer& producer, const Step& step) {
    const std::string key = fmt::format("k{}", step.number % 7);
    const std::string value = fmt::format("v{}", step.number);
    OutgoingRecord record;
    record.topic = producer.topic(topic());
    record.partition = step.partition;
    record.key = key;
    if (step.number % 5 != 0) record.value = value;
    record.timestamp = 1'000 + step.number;
    producer.send(record);
    producer.flush();
    until(patience_, [&] {
      producer.poll();
      return producer.in_flight() == 0;
    });
    const std::string seen = outcome(producer.failure());
    producer.clear_failure();
    return seen == "ok" ? fmt::format("at {}", producer.last_acknowledged(record.topic, step.partition))
                        : seen;
  }

  std::string send_offsets(Producer& producer, const Step& step) {
    return outcome(finish(producer.send_offsets({{{topic(), step.partition}, step.number, {}}},
                                                outsider_->group_metadata()),
                          producer)
                       .status());
  }

  std::string committed(Partition partition) {
    Pending<std::vector<PartitionOffset>> asked = outsider_->committed({{topic(), partition}});
    if (!until(quiet_, [&] {
          serve(*outsider_);
          return asked.ready();
        })) {
      return "not stable";
    }
    const auto answer = asked.take();
    return answer.ok() ? std::to_string((*answer)[0].offset) : outcome(answer.status());
  }

  absl::StatusOr<std::vector<OffsetRange>> ranges() {
    std::vector<TopicPartition> all;
    for (Partition partition = 0; partition < kPartitions; ++partition) all.push_back({topic(), partition});
    return finish(outsider_->offset_ranges(all), *outsider_);
  }

  std::string read(bool committed_only, Partition partition) {
    const auto range = ranges();
    if (!range.ok()) return outcome(range.status());
    ConsumerOptions options;
    options.client_id = "reader";
    options.read_committed = committed_only;
    const auto consumer = made(transport_.make_consumer(options));
    const std::vector<PartitionOffset> starts{
        {{topic(), partition}, (*range)[static_cast<std::size_t>(partition)].begin, {}}};
    auto readers = consumer->assign(starts);
    if (!readers.ok()) return outcome(readers.status());
    PartitionReader& reader = *readers->front();
    std::string text;
    std::vector<RawRecord> records;
    until(patience_, [&] {
      serve(*consumer);
      records.clear();
      reader.fetch(1'000, records);
      for (const RawRecord& record : records) {
        text += fmt::format("{}:{}@{}#{} ", record.key ? *record.key : "-",
                            record.value ? *record.value : "-", record.timestamp, record.offset);
      }
      const Offset end = reader.known_end();
      return end != kNoOffset && reader.position() >= end && records.empty();
    });
    return text + fmt::format("position {} end {}", reader.position(), reader.known_end());
  }

  std::string take(const Step& step) {
    Id& id = ids_[step.who];
    using Kind = Step::Kind;
    switch (step.kind) {
      case Kind::kBegin:
        return outcome(id.owner->begin_transaction());
      case Kind::kSend:
        return send(*id.owner, step);
      case Kind::kSendPlain:
        return send(*plain_, step);
      case Kind::kSendOffsets:
        return send_offsets(*id.owner, step);
      case Kind::kCommit:
        return outcome(finish(id.owner->commit_transaction(), *id.owner).status());
      case Kind::kAbort:
        return outcome(finish(id.owner->abort_transaction(), *id.owner).status());
      case Kind::kReplace:
        id.zombie = std::move(id.owner);
        id.owner = transactional(step.who);
        return "ok";
      case Kind::kZombieSend:
        return send(*id.zombie, step);
      case Kind::kZombieCommit:
        return outcome(finish(id.zombie->commit_transaction(), *id.zombie).status());
      case Kind::kZombieOffsets:
        return send_offsets(*id.zombie, step);
      case Kind::kCommitOffset:
        return outcome(
            finish(outsider_->commit({{{topic(), step.partition}, step.number, {}}}), *outsider_).status());
      case Kind::kCommitted:
        return committed(step.partition);
      case Kind::kRanges: {
        const auto all = ranges();
        if (!all.ok()) return outcome(all.status());
        std::string text;
        for (const OffsetRange& range : *all) text += fmt::format("[{},{}) ", range.begin, range.end);
        return text;
      }
      case Kind::kReadCommitted:
        return read(true, step.partition);
      case Kind::kReadUncommitted:
        return read(false, step.partition);
      case Kind::kDeleteRecords: {
        const auto all = ranges();
        if (!all.ok()) return outcome(all.status());
        const Offset end = (*all)[static_cast<std::size_t>(step.partition)].end;
        return outcome(
            finish(admin_->delete_records({{{topic(), step.partition}, step.number % (end + 1), {}}}),
                   *admin_)
                .status());
      }
    }
    return "";
  }

  Transport& transport_;
  const std::string run_;
  const milliseconds patience_;
  const milliseconds quiet_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Consumer> outsider_;
  Id ids_[2];
  std::unique_ptr<Producer> plain_;
  std::vector<ConsumerEvent> events_;
};

TEST(Fidelity, RandomScriptsLookTheSameOnBothBrokers) {
  if (!is_reachable(bootstrap())) {
    GTEST_SKIP() << "no Kafka at " << bootstrap()
                 << ": start one with ./dev kafka up, or set WEIR_KAFKA_BOOTSTRAP";
  }
  auto kafka = make_kafka_transport({.bootstrap = bootstrap()});
  ASSERT_TRUE(kafka.ok()) << kafka.status();
  const auto run = steady_clock::now().time_since_epoch().count();
  const int first = number_from("WEIR_FIDELITY_SEED", 1);
  const int scripts = number_from("WEIR_FIDELITY_SCRIPTS", 12);
  std::map<std::string, int> seen;
  std::map<Step::Kind, int> taken;
  for (int seed = first; seed < first + scripts && !HasFailure(); ++seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const std::vector<Step> steps = draw(random);
    const std::string name = fmt::format("weir-fidelity-{}-{}-{}", ::getpid(), run % 1'000'000'000, seed);
    const auto embedded = make_embedded_transport(std::make_shared<EmbeddedBroker>());
    Player ours(*embedded, name, milliseconds(0), milliseconds(0));
    Player theirs(**kafka, name, milliseconds(20'000), milliseconds(400));
    std::string story;
    for (const Step& step : steps) {
      const std::string here = ours.play(step, std::nullopt);
      const std::string there = theirs.play(step, here);
      ++seen[here.substr(0, here.find(' '))];
      ++taken[step.kind];
      story += fmt::format("{} id={} partition={} number={}: {}\n", name_of(step.kind), step.who,
                           step.partition, step.number, here);
      ASSERT_EQ(here, there) << "seed " << seed << "; on the embedded broker:\n" << story;
    }
  }
  // Enough scripts take every step, and meet more than success.
  if (scripts < 12) return;
  EXPECT_EQ(taken.size(), 16U);
  for (const char* outcome : {"ok", "at", "fenced", "not"}) EXPECT_GT(seen[outcome], 0) << outcome;
}

}  // namespace
}  // namespace weir
