// The examples of docs/features.md, as they are written there.
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/json_serde.h>
#include <weir/core/testing/topology_driver.h>
#include <weir/ml/features/aggregator_laws.h>
#include <weir/ml/features/feature_computer.h>
#include <weir/ml/features/feature_view.h>
#include <weir/ml/features/join_features.h>
#include <weir/ml/features/live_features.h>
#include <weir/ml/model.h>
#include <weir/ml/score.h>
#include <weir/weir.h>

namespace features_doc {

struct Payment {
  std::string card;
  double amount = 0;
  std::string shop;
  bool declined = false;
  weir::Timestamp time = 0;
};
struct Decision {
  std::string card;
  float fraud = 0;
};
struct Case {
  std::string card;
  std::vector<float> of_card;
  std::vector<float> of_shop;
};

}  // namespace features_doc

template <>
struct weir::Serde<features_doc::Payment> : weir::JsonSerde<features_doc::Payment> {
  using T = features_doc::Payment;
  static constexpr auto kFields =
      fields(field("card", &T::card), field("amount", &T::amount), field("shop", &T::shop),
             field("declined", &T::declined), field("time", &T::time));
};
template <>
struct weir::Serde<features_doc::Decision> : weir::JsonSerde<features_doc::Decision> {
  using T = features_doc::Decision;
  static constexpr auto kFields = fields(field("card", &T::card), field("fraud", &T::fraud));
};
template <>
struct weir::Serde<features_doc::Case> : weir::JsonSerde<features_doc::Case> {
  using T = features_doc::Case;
  static constexpr auto kFields =
      fields(field("card", &T::card), field("of_card", &T::of_card), field("of_shop", &T::of_shop));
};

namespace features_doc {
namespace {

using namespace std::chrono_literals;

// Says how often the card paid within the hour.
class CountOfAnHour final : public weir::ml::Model {
 public:
  explicit CountOfAnHour(const std::vector<std::string>& features)
      : Model({.name = "counts", .version = "1"}, {.inputs = features, .outputs = {"count"}}) {}

 private:
  void evaluate(const weir::ml::RowBatch& rows, std::span<float> scores) const override {
    for (std::size_t i = 0; i < rows.rows(); ++i) scores[i] = rows.row(i)[0];
  }
};

bool is_declined(const Payment& payment) { return payment.declined; }
std::string shop_of(const weir::ml::Featured<Payment>& payment) { return payment.value.shop; }
Decision decide(const weir::ml::Featured<Payment>& payment, std::span<const float> scores) {
  return {payment.value.card, scores[0]};
}
// JSON has no NaN.
std::vector<float> numbers_of(const weir::ml::FeatureRow& row) {
  std::vector<float> numbers;
  for (std::size_t i = 0; i < row.size(); ++i) numbers.push_back(row.at(i).value_or(-1));
  return numbers;
}

const std::vector<Payment> kPayments = {{"ann", 5, "x", false, 1'000'000},
                                        {"ann", 7, "y", true, 1'060'000},
                                        {"bob", 1, "x", false, 1'070'000},
                                        {"ann", 2, "x", false, 1'080'000}};
std::vector<Payment> read_file() { return kPayments; }

void pay(weir::TopologyDriver& driver) {
  for (const Payment& payment : kPayments) {
    const absl::Status status =
        driver.pipe<std::string, Payment>("payments", payment.card, payment, payment.time);
    ASSERT_TRUE(status.ok()) << status;
  }
}

std::unique_ptr<weir::TopologyDriver> driver_of(weir::StreamBuilder& builder) {
  const auto topology = builder.build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  auto driver = weir::TopologyDriver::create(*topology);
  EXPECT_TRUE(driver.ok()) << driver.status();
  return *std::move(driver);
}

TEST(FeaturesDoc, ScoresRowsTellsTablesAndAttachesOtherEntities) {
  weir::StreamBuilder builder;
  const auto payments = builder.stream<std::string, Payment>("payments");

  using namespace weir::ml::agg;
  const auto view = weir::ml::features<Payment>("card", 1)  // name and version
                        .key(&Payment::card)
                        .agg(statistics("amount", &Payment::amount), {1h, 24h, weir::ml::days(7)})
                        .agg(count_if("declined", is_declined), {1h})
                        .agg(distinct_count("shop", &Payment::shop), {weir::ml::days(7)})
                        .agg(time_since_last())
                        .grace(10min)
                        .log_to("card-features");
  const auto plan = view.plan();
  ASSERT_TRUE(plan.ok()) << plan.status();
  const std::vector<std::string> names = (*plan)->names();
  EXPECT_EQ(names.front(), "amount_count_1h");
  EXPECT_EQ(names.back(), "since_last");
  const auto model = std::make_shared<CountOfAnHour>(names);

  const auto rows = payments.apply(view);
  rows.apply(weir::ml::score(
                 {.model = model},
                 [](const weir::ml::Featured<Payment>& payment) { return payment.row.values(); }, decide))
      .to("decisions");

  const auto cards = rows.table({.store = "card-rows", .refresh = 5min});
  cards.to_stream().to("cards-now");

  const auto shop_view = weir::ml::features<Payment>("shop", 1).key(&Payment::shop).agg(count(), {1h});
  const auto shops = payments.apply(shop_view);  // keyed by the shop

  rows.apply(weir::ml::join_features(
                 {.name = "shop-of-payment"}, shops, shop_of,
                 [](const weir::ml::Featured<Payment>& payment, const weir::ml::FeatureRow& shop) {
                   return Case{payment.value.card, numbers_of(payment.row), numbers_of(shop)};
                 }))
      .to("cases");

  const auto driver = driver_of(builder);
  pay(*driver);
  const auto decisions = driver->read<std::string, Decision>("decisions");
  ASSERT_EQ(decisions.size(), kPayments.size());
  EXPECT_EQ(decisions[3].value.fraud, 2) << "two payments came before the last of ann";
  const auto told = driver->read<std::string, std::optional<weir::ml::FeatureRow>>("cards-now");
  ASSERT_EQ(told.size(), kPayments.size());
  EXPECT_EQ(told[3].value->values()[0], 3) << "and the next one will find three";
  const auto cases = driver->read<std::string, Case>("cases");
  ASSERT_EQ(cases.size(), kPayments.size());
  EXPECT_EQ(cases[3].key, "x");
  EXPECT_EQ(driver->read_raw("card-features").size(), kPayments.size());
}

TEST(FeaturesDoc, MakesTheRowsOfAFile) {
  using namespace weir::ml::agg;
  const auto view = weir::ml::features<Payment>("card", 1).agg(count(), {1h});
  std::vector<float> counts;
  const auto use = [&](const weir::ml::FeatureRow& row) { counts.push_back(row.values()[0]); };

  auto computer = weir::ml::FeatureComputer<Payment>::of(view);
  for (const Payment& payment : read_file()) use(computer->row(payment.card, payment, payment.time));

  EXPECT_EQ(counts, (std::vector<float>{0, 1, 0, 2}));
}

TEST(FeaturesDoc, AsksWhileItRuns) {
  weir::StreamBuilder builder;
  const auto payments = builder.stream<std::string, Payment>("payments");
  using namespace weir::ml::agg;
  const weir::Timestamp now = 1'090'000;

  const auto live = std::make_shared<weir::ml::LiveFeatures>();
  payments.apply(weir::ml::features<Payment>("card", 1).agg(count(), {1h}).live(live));

  const auto row = live->row(std::string("ann"), now, 100ms);  // from any thread

  EXPECT_EQ(row.status().code(), absl::StatusCode::kNotFound) << "nothing runs yet";
  const auto driver = driver_of(builder);
  pay(*driver);
  auto answer = live->ask("ann", now);
  ASSERT_TRUE(driver->advance_wall_clock(live->period()).ok());
  EXPECT_EQ(answer.get()->values, (std::vector<double>{3}));
  EXPECT_EQ(live->counters().records, kPayments.size());
}

struct Largest {
  using State = double;
  std::string identity() const { return "largest"; }
  State init() const { return weir::ml::kNoValue; }
  void add(State& state, const weir::ml::Input& input) const {
    state = std::fmax(state, input.value->number);
  }
  void merge(State& state, const State& later) const { state = std::fmax(state, later); }
  double value(const State& state, const weir::ml::Query&, const weir::ml::Evaluation&) const {
    return state;
  }
  void encode(const State& state, weir::Bytes& out) const { weir::ml::put_double(state, out); }
  bool decode(weir::ml::StateReader& bytes, State& state) const {
    state = bytes.take_double();
    return bytes.ok();
  }
};

TEST(FeaturesDoc, TestsAnAggregatorOfYourOwn) {
  const absl::Status kept = weir::ml::check_aggregator(Largest(), {.queries = {{}}, .tolerance = 0});
  ASSERT_TRUE(kept.ok()) << kept;

  const auto largest = [] {
    return weir::ml::agg::aggregate("amount", &Payment::amount, weir::ml::erased(Largest()), {{"largest"}});
  };
  const auto view = weir::ml::features<Payment>("card", 1).agg(largest(), {1h, 24h});
  EXPECT_EQ((*view.plan())->names(), (std::vector<std::string>{"amount_largest_1h", "amount_largest_1d"}));
}

}  // namespace
}  // namespace features_doc
