// A broker that allows little and forgets soon, started by this test on ports of its own: what an application says that lacks a
// right, and that one at rest keeps its positions.
//
// The broker listens to its own kind without a password and to applications with one (SASL/PLAIN, user "weir"), grants these
// what the test says, and forgets committed positions after a minute.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/internal_topics.h>
#include <weir/core/topology_builder.h>

#include "broker/kafka_test.h"
#include "support/raw_nodes.h"

namespace weir {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool is_free(int port) {
  const int made = ::socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loopback(port);
  const bool bound =
      ::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;  // NOLINT
  ::close(made);
  return bound;
}

enum class Resource : char { kTopic = 2, kGroup = 3, kTransactionalId = 5 };
enum class Pattern : char { kAny = 1, kLiteral = 3, kPrefixed = 4 };
enum class Operation : char {
  kAny = 1,
  kRead = 3,
  kWrite = 4,
  kCreate = 5,
  kDelete = 6,
  kDescribe = 8,
  kDescribeConfigs = 10
};

// What the user "weir" may do. In Kafka's protocol by hand, since Debian's librdkafka knows no transactional ids here: CreateAcls and
// DeleteAcls, version 1.
class Rights {
 public:
  explicit Rights(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const sockaddr_in address = loopback(port);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);  // NOLINT
  }
  Rights(const Rights&) = delete;
  Rights& operator=(const Rights&) = delete;
  ~Rights() { ::close(socket_); }

  void grant(Resource type, const std::string& name, const std::vector<Operation>& operations,
             Pattern pattern = Pattern::kLiteral) {
    for (const Operation operation : operations)
      call(kCreateAcls, type, name, pattern, operation, "*", kAllow);
  }
  // Takes back whatever is granted on a name.
  void revoke(Resource type, const std::string& name) {
    call(kDeleteAcls, type, name, Pattern::kAny, Operation::kAny, std::nullopt, kAnyPermission);
  }

 private:
  static constexpr int kCreateAcls = 30;
  static constexpr int kDeleteAcls = 31;
  static constexpr char kAnyPermission = 1;
  static constexpr char kAllow = 3;

  static std::string number(std::uint32_t value, int bytes) {
    std::string text;
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>(value >> shift);
    return text;
  }
  static std::string text(const std::optional<std::string>& value) {
    return value ? number(static_cast<std::uint32_t>(value->size()), 2) + *value : number(0xffff, 2);
  }

  void call(int api, Resource type, const std::string& name, Pattern pattern, Operation operation,
            const std::optional<std::string>& host, char permission) {
    const std::string request = number(static_cast<std::uint32_t>(api), 2) + number(1, 2) +
                                number(++last_, 4) + text("test") + number(1, 4) + static_cast<char>(type) +
                                text(name) + static_cast<char>(pattern) + text("User:weir") + text(host) +
                                static_cast<char>(operation) + permission;
    const std::string frame = number(static_cast<std::uint32_t>(request.size()), 4) + request;
    ASSERT_EQ(::send(socket_, frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
    std::string answer = receive(4);
    std::uint32_t size = 0;
    for (const char byte : answer) size = size << 8U | static_cast<unsigned char>(byte);
    answer = receive(size);
    // The number of the call, the throttling, a list of one, its error.
    ASSERT_GE(answer.size(), 14U);
    EXPECT_EQ(answer.substr(0, 4), number(last_, 4));
    EXPECT_EQ(answer.substr(12, 2), number(0, 2)) << answer;
  }
  std::string receive(std::size_t size) {
    std::string bytes(size, '\0');
    EXPECT_EQ(::recv(socket_, bytes.data(), size, MSG_WAITALL), static_cast<ssize_t>(size));
    return bytes;
  }

  const int socket_;
  std::uint32_t last_ = 0;
};

class StrictBrokerTest : public KafkaTest {
 protected:
  static void SetUpTestSuite() {
    // Where there is no broker for the other tests, none can be started.
    auto transport = connect(bootstrap());
    auto admin = (*transport)->make_admin();
    auto listing = (*admin)->list_topics();
    if (!eventually(
            [&] {
              (*admin)->poll();
              return listing.ready();
            },
            5s) ||
        !listing.take().ok())
      return;
    for (port_ = 29'400 + ::getpid() % 500; !is_free(port_) || !is_free(port_ + 1) || !is_free(port_ + 2);)
      ++port_;
    std::string settings;
    for (const std::string& setting : std::vector<std::string>{
             fmt::format(
                 "listeners=BROKER://127.0.0.1:{0},CONTROLLER://127.0.0.1:{1},APPLICATIONS://127.0.0.1:{2}",
                 port_, port_ + 1, port_ + 2),
             fmt::format("advertised.listeners=BROKER://127.0.0.1:{0},CONTROLLER://127.0.0.1:{1},"
                         "APPLICATIONS://127.0.0.1:{2}",
                         port_, port_ + 1, port_ + 2),
             "listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,APPLICATIONS:SASL_"
             "PLAINTEXT",
             "listener.name.applications.sasl.enabled.mechanisms=PLAIN",
             "listener.name.applications.plain.sasl.jaas.config="
             "org.apache.kafka.common.security.plain.PlainLoginModule required user_weir=\"loopback\";",
             "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
             "super.users=User:ANONYMOUS", "offsets.retention.minutes=1",
             "offsets.retention.check.interval.ms=2000"}) {
      settings += fmt::format(" --set '{}'", setting);
    }
    up_ = dev("up" + settings);
    EXPECT_TRUE(up_);
  }
  static void TearDownTestSuite() {
    resting_.reset();
    if (!up_) return;
    EXPECT_TRUE(dev("down"));
  }

  void SetUp() override {
    if (!up_) GTEST_SKIP() << "no Kafka at " << bootstrap() << " and none of its own";
    connect_to(fmt::format("127.0.0.1:{}", port_));
    if (IsSkipped()) return;
    rights_.emplace(port_);
    make_topic("in");
    make_topic("out");
    if (resting_ == nullptr) rest();
    auto strict = connect(fmt::format("127.0.0.1:{}", port_ + 2), {{"security.protocol", "sasl_plaintext"},
                                                                   {"sasl.mechanisms", "PLAIN"},
                                                                   {"sasl.username", "weir"},
                                                                   {"sasl.password", "loopback"}});
    ASSERT_TRUE(strict.ok()) << strict.status();
    strict_ = *std::move(strict);
  }

  // Two applications that have processed three records of "in", of this test, and get no more.
  struct Resting {
    std::string id;  // of the first, and with "-careless" of the other
    std::unique_ptr<App> careful;
    std::unique_ptr<App> careless;
  };
  void rest() {
    resting_ = std::make_unique<Resting>();
    resting_->id = id_;
    write({"a", "b", "c"});
    AppConfig settings = config();
    settings.log = [](LogLevel, std::string_view) {};  // they outlive this test
    settings.state_directory.clear();
    settings.positions_interval = 10s;
    resting_->careful = start(copying(), settings);
    settings.application_id = name("careless");
    settings.positions_interval = AppConfig().positions_interval;
    resting_->careless = start(copying(), settings);
    for (const auto* app : {&resting_->careful, &resting_->careless})
      EXPECT_TRUE(eventually([&] { return (*app)->metrics().records_committed == 3; }));
    id_ += "-strict";
    consumer_ = *transport_->make_consumer({.client_id = "test", .group = id_});
    make_topic("in");
    make_topic("out");
  }

  static bool dev(const std::string& what) {
    return std::system(fmt::format("WEIR_KAFKA_PORT={} {} kafka {}", port_, WEIR_DEV, what).c_str()) ==
           0;  // NOLINT
  }

  Topology copying() const {
    TopologyBuilder builder;
    const auto where = std::source_location::current();
    const auto source = builder.add_source(
        "source", {{name("in"), false}}, ErrorPolicy::kInherit, [] { return std::make_unique<RawSource>(); },
        where);
    builder.add_sink(
        "sink", source, {{name("out"), false}},
        [topic = name("out")] { return std::make_unique<RawSink>(topic); }, where);
    return *builder.build();
  }

  AppConfig as_user(const std::string& instance = "a") {
    AppConfig settings = config();
    settings.transport = strict_;
    settings.guarantee = Guarantee::kExactlyOnce;
    settings.state_directory = directory_ + "/" + instance;
    settings.start_timeout = 30s;
    return settings;
  }

  // As docs/topics-and-reset.md says.
  void grant_topics() {
    rights_->grant(Resource::kTopic, name("in"), {Operation::kRead, Operation::kDescribe});
    rights_->grant(Resource::kTopic, name("out"), {Operation::kWrite, Operation::kDescribe});
    rights_->grant(Resource::kTopic, tasks_topic(id_),
                   {Operation::kRead, Operation::kWrite, Operation::kDescribe, Operation::kCreate,
                    Operation::kDelete, Operation::kDescribeConfigs});
  }
  void grant_group() { rights_->grant(Resource::kGroup, id_, {Operation::kRead, Operation::kDescribe}); }
  void grant_transactions() {
    rights_->grant(Resource::kTransactionalId, id_, {Operation::kWrite, Operation::kDescribe},
                   Pattern::kPrefixed);
  }

  // Why an application ends that is started now.
  std::string failure_of(const AppConfig& settings) {
    const auto app = launch(copying(), settings);
    EXPECT_TRUE(app->wait_for(AppState::kError, 90s)) << name_of(app->state());
    return message_of(app->failure());
  }

  static inline int port_ = 0;
  static inline bool up_ = false;
  static inline std::unique_ptr<Resting> resting_;
  std::optional<Rights> rights_;
  std::shared_ptr<Transport> strict_;
};

TEST_F(StrictBrokerTest, SaysWhichRightIsMissing) {
  const std::string no_topic = failure_of(as_user());
  EXPECT_HAS(no_topic, name("in"));
  EXPECT_HAS(no_topic, "TOPIC_AUTHORIZATION_FAILED). Grant the application's principal Read and Describe");

  grant_topics();
  const std::string no_group = failure_of(as_user());
  EXPECT_HAS(no_group, fmt::format("group {}", id_));
  EXPECT_HAS(no_group,
             "GROUP_AUTHORIZATION_FAILED). Grant the application's principal Read and Describe on the group");

  grant_group();
  const std::string no_transactions = failure_of(as_user());
  EXPECT_HAS(no_transactions, fmt::format("transactional id {}-", id_));
  EXPECT_HAS(no_transactions,
             "TRANSACTIONAL_ID_AUTHORIZATION_FAILED). Grant the application's principal Write");

  grant_transactions();
  const auto app = start(copying(), as_user());
  write({"a", "b"});
  EXPECT_TRUE(eventually([&] { return app->metrics().records_committed == 2; })) << app->failure();

  // Rights that are taken back while it runs. Nothing is lost: who starts when they are granted again goes on.
  rights_->revoke(Resource::kTopic, name("out"));
  rights_->grant(Resource::kTopic, name("out"), {Operation::kDescribe});
  EXPECT_TRUE(eventually(
      [&] {
        write({"c"});
        return app->state() == AppState::kError;
      },
      30s))
      << log();
  EXPECT_HAS(message_of(app->failure()), name("out"));
  EXPECT_HAS(message_of(app->failure()), "TOPIC_AUTHORIZATION_FAILED");
  rights_->grant(Resource::kTopic, name("out"), {Operation::kWrite});
  const auto again = start(copying(), as_user("b"));
  const Offset end = range("in").end;
  EXPECT_TRUE(eventually([&] { return committed("in") == end; })) << again->failure();
  rights_->revoke(Resource::kTopic, name("in"));
  EXPECT_TRUE(again->wait_for(AppState::kError, 90s));
  EXPECT_HAS(message_of(again->failure()), name("in"));
  EXPECT_HAS(message_of(again->failure()), "TOPIC_AUTHORIZATION_FAILED");
}

// They rest since the first test began. The one commits its positions again and again, the other does not: that it loses them shows
// that the broker means it.
TEST_F(StrictBrokerTest, PositionsOfAnApplicationAtRestAreNotForgotten) {
  id_ = resting_->id;
  consumer_ = *transport_->make_consumer({.client_id = "test", .group = name("careless")});
  EXPECT_TRUE(eventually([&] { return committed("in") == kNoOffset; }, 150s));
  consumer_ = *transport_->make_consumer({.client_id = "test", .group = id_});
  EXPECT_EQ(committed("in"), 3);
  EXPECT_TRUE(resting_->careless->close(60s).ok());
  EXPECT_TRUE(resting_->careful->close(60s).ok());

  write({"d"});
  const auto again = start(copying(), config());
  EXPECT_TRUE(eventually([&] { return committed("in") == 4; }));
  EXPECT_EQ(range("out").end, 7);  // three of each, and one
  EXPECT_TRUE(again->close(60s).ok());
}

}  // namespace
}  // namespace weir
