// The example of docs/cleaning.md, as it is written there.
#include <array>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/json_serde.h>
#include <weir/core/testing/topology_driver.h>
#include <weir/ml/cleaning/clean.h>
#include <weir/ml/cleaning/dedupe.h>
#include <weir/ml/cleaning/validate.h>
#include <weir/weir.h>

namespace cleaning_doc {

struct Payment {
  std::string id;
  std::optional<double> amount;
  std::string country;
};
struct Row {
  std::string id;
  std::vector<float> values;
};

}  // namespace cleaning_doc

template <>
struct weir::Serde<cleaning_doc::Payment> : weir::JsonSerde<cleaning_doc::Payment> {
  using T = cleaning_doc::Payment;
  static constexpr auto kFields =
      fields(field("id", &T::id), field("amount", &T::amount), field("country", &T::country));
};
template <>
struct weir::Serde<cleaning_doc::Row> : weir::JsonSerde<cleaning_doc::Row> {
  using T = cleaning_doc::Row;
  static constexpr auto kFields = fields(field("id", &T::id), field("values", &T::values));
};

namespace cleaning_doc {
namespace {

using namespace std::chrono_literals;

TEST(CleaningDoc, MakesRowsOfWhatIsValidAndNew) {
  auto made =
      weir::ml::RowCleaner::make({.columns = {{.name = "amount", .steps = {weir::ml::standardise(10, 5)}},
                                              {.name = "country", .steps = {weir::ml::one_hot({"DE"})}}}});
  ASSERT_TRUE(made.ok()) << made.status();
  const auto cleaner = std::make_shared<const weir::ml::RowCleaner>(*std::move(made));
  weir::StreamBuilder builder;
  const auto payments = builder.stream<std::string, Payment>("payments");

  const auto rules =
      weir::ml::Rules<Payment>().required("id", &Payment::id).between("amount", &Payment::amount, 0, 100);
  const auto checked = payments.apply(weir::ml::validate(rules));

  checked
      .invalid  // with the reasons, as values and as headers
      .map_values([](const weir::ml::Invalid<Payment>& payment) { return payment.reasons.front(); })
      .to("refused");

  checked.valid
      .apply(weir::ml::dedupe({.store = "seen", .within = 1h, .grace = 1h},
                              [](const Payment& payment) { return payment.id; }))
      .apply(weir::ml::clean(
          {.cleaner = cleaner},
          [](const Payment& payment) {
            return std::array<weir::ml::Cell, 2>{
                payment.amount ? weir::ml::Cell(*payment.amount) : weir::ml::Cell(), payment.country};
          },
          [](const Payment& payment, std::span<const float> row) {
            return Row{payment.id, {row.begin(), row.end()}};
          }))
      .to("rows");

  const auto topology = builder.build();
  ASSERT_TRUE(topology.ok()) << topology.status();
  auto driver = weir::TopologyDriver::create(*topology);
  ASSERT_TRUE(driver.ok()) << driver.status();
  const auto pay = [&](const Payment& payment) {
    ASSERT_TRUE(((*driver)->pipe<std::string, Payment>("payments", "k", payment, 1)).ok());
  };
  pay({"1", 20, "DE"});
  pay({"1", 25, "DE"});
  pay({"2", 200, "DE"});
  pay({"4", 0, "IT"});
  const auto rows = (*driver)->read<std::string, Row>("rows");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].value.values, (std::vector<float>{2, 0, 1}));
  EXPECT_EQ(rows[1].value.values, (std::vector<float>{-2, 1, 0}));
  EXPECT_EQ((*driver)->read_raw("refused").size(), 1U);
}

TEST(CleaningDoc, ShowsAPlanThatIsOne) {
  std::ifstream file(WEIR_DOCS_FOLDER "/cleaning.md");
  const std::string page{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const std::string fence = "```json\n";
  const std::size_t begin = page.find(fence);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = page.find("```", begin + fence.size());
  const std::string plan = page.substr(begin + fence.size(), end - begin - fence.size());
  const auto cleaner = weir::ml::RowCleaner::parse(plan);
  EXPECT_TRUE(cleaner.ok()) << cleaner.status();
}

}  // namespace
}  // namespace cleaning_doc
