#include <weir/ml/cleaning/validate.h>

#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/json_serde.h>
#include <weir/operators/map_values.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/to.h>

#include "support/records.h"

namespace weir {
namespace validate_test {

struct Payment {
  std::string card = {};
  double amount = 0;
  std::string currency = {};
  std::optional<std::string> refund_of = {};
};

ml::Rules<Payment> rules() {
  return ml::Rules<Payment>()
      .required("card", &Payment::card)
      .between("amount", &Payment::amount, -100, 10'000)
      .one_of("currency", &Payment::currency, {"EUR", "USD"})
      .at_most_long("refund", &Payment::refund_of, 4)
      .check("refunds name a payment",
             [](const Payment& payment) { return payment.amount >= 0 || payment.refund_of.has_value(); });
}

using Reasons = std::vector<std::string>;

TEST(Rules, TellAllThatAreBrokenInTheirOrder) {
  EXPECT_EQ(rules().broken_by({.card = "c", .amount = 5, .currency = "EUR"}), Reasons());
  EXPECT_EQ(rules().broken_by({.card = "", .amount = -500, .currency = "DM"}),
            (Reasons{"card: it is missing", "amount: -500 is not between -100 and 10000",
                     "currency: 'DM' is none of EUR, USD", "it does not hold that refunds name a payment"}));
  EXPECT_EQ(rules().broken_by({.card = "c", .amount = -1, .refund_of = "12345"}),
            Reasons{"refund: it has 5 bytes, more than 4"});
}

TEST(Rules, AreContentWithWhatIsMissingUnlessItIsRequired) {
  Payment payment{.card = "c", .amount = std::nan(""), .currency = ""};
  payment.refund_of = "p";
  EXPECT_EQ(rules().broken_by(payment), Reasons());
  EXPECT_EQ(ml::Rules<Payment>().required("amount", &Payment::amount).broken_by(payment),
            Reasons{"amount: it is missing"});
  EXPECT_EQ(ml::Rules<Payment>().required("refund", &Payment::refund_of).broken_by(Payment{}),
            Reasons{"refund: it is missing"});
}

TEST(Rules, InfinitiesAreBetweenNothing) {
  const double infinity = std::numeric_limits<double>::infinity();
  const auto bounds = ml::Rules<double>().between(
      "x", [](double x) { return x; }, -infinity, 1e300);
  EXPECT_EQ(bounds.broken_by(1), Reasons());
  EXPECT_EQ(bounds.broken_by(infinity), Reasons{"x: inf is not between -inf and 1e+300"});
}

TextDriver validating(ErrorPolicy on_error = ErrorPolicy::kInherit) {
  return TextDriver([=](StreamBuilder& builder) {
    const auto small = ml::Rules<std::int64_t>()
                           .between(
                               "number", [](std::int64_t number) { return number; }, 0, 9)
                           .check("the number is even", [](std::int64_t number) {
                             if (number == 77) throw std::runtime_error("cannot say");
                             return number % 2 == 0;
                           });
    const auto checked = builder.stream<std::string, std::int64_t>("in").apply(
        ml::validate({.name = "check", .on_error = on_error}, small));
    checked.valid.to("valid");
    checked.invalid.map_values([](const ml::Invalid<std::int64_t>& invalid) { return invalid.value; })
        .to("invalid");
    checked.invalid
        .map_values([](const ml::Invalid<std::int64_t>& invalid) {
          return invalid.topic + "-" + std::to_string(invalid.offset) + "-" +
                 std::to_string(invalid.reasons.size());
        })
        .to("places");
  });
}

TEST(Validate, PartsTheValidFromTheInvalid) {
  TextDriver driver = validating();
  driver.feed<std::string, std::int64_t>("in", "a:2@1 b:3@2 c:11@3 d:4@4");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("valid")), "a:2@1 d:4@4");
  EXPECT_EQ((driver.take<std::string, std::string>("places")), "b:in-1-1@2 c:in-2-2@3");
  EXPECT_NE(driver.description().find("check-invalid"), std::string::npos);
}

TEST(Validate, WritesTheReasonsBehindTheHeadersThatWereThere) {
  TextDriver driver = validating();
  ASSERT_TRUE((driver.driver().pipe<std::string, std::int64_t>("in", "c", 11, 3, {{"from", "till"}}).ok()));
  const auto invalid = driver.driver().read<std::string, std::int64_t>("invalid");
  ASSERT_EQ(invalid.size(), 1U);
  EXPECT_EQ(invalid[0].headers,
            (Headers{{"from", "till"},
                     {"weir.invalid.reason", "number: 11 is not between 0 and 9"},
                     {"weir.invalid.reason", "it does not hold that the number is even"}}));
}

TEST(Validate, RulesThatThrowAreFailures) {
  TextDriver driver = validating(ErrorPolicy::kSkip);
  driver.feed<std::string, std::int64_t>("in", "a:77@1 b:2@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("valid")), "b:2@2");
  EXPECT_EQ((driver.take<std::string, std::int64_t>("invalid")), "");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

template <class F>
concept CanBound = requires(ml::Rules<Payment> some, F get) { some.between("f", get, 0, 1); };
static_assert(CanBound<double Payment::*>);
static_assert(!CanBound<std::string Payment::*>);

}  // namespace validate_test
}  // namespace weir
