// Payments, a topology over them, and rows as text: for tests of feature views.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <weir/core/json_serde.h>
#include <weir/core/testing/topology_driver.h>
#include <weir/ml/features/feature_view.h>
#include <weir/operators/weir.h>

namespace weir::ml {

struct CardPayment {
  double amount = 0;
  std::optional<std::string> shop = {};
};

}  // namespace weir::ml

template <>
struct weir::Serde<weir::ml::CardPayment> : weir::JsonSerde<weir::ml::CardPayment> {
  using T = ml::CardPayment;
  static constexpr auto kFields = fields(field("amount", &T::amount), field("shop", &T::shop));
};

namespace weir::ml {

template <class Scalar>
[[nodiscard]] std::string text_of(const BasicFeatureRow<Scalar>& row) {
  std::string text;
  for (std::size_t i = 0; i < row.size(); ++i) {
    text += i == 0 ? "" : " ";
    text += row.has(i) ? fmt::format("{}", row.values()[i]) : std::string("-");
  }
  return text;
}

// A topology that is fed by hand.
struct CardRun {
  std::unique_ptr<TopologyDriver> driver;

  explicit CardRun(const std::function<void(StreamBuilder&)>& describe, const DriverOptions& options = {}) {
    StreamBuilder builder;
    describe(builder);
    const auto topology = builder.build();
    EXPECT_TRUE(topology.ok()) << topology.status();
    if (!topology.ok()) return;
    auto made = TopologyDriver::create(*topology, options);
    EXPECT_TRUE(made.ok()) << made.status();
    if (made.ok()) driver = *std::move(made);
  }
  void pipe(const std::optional<std::string>& key, double amount, Timestamp time,
            std::optional<std::string> shop = "s") {
    const absl::Status status = driver->pipe<std::optional<std::string>, CardPayment>(
        "payments", key, {amount, std::move(shop)}, time);
    ASSERT_TRUE(status.ok()) << status;
  }
  // "key: row@time" of each record written to the topic since it was read last; "key: gone@time" of a null.
  std::string rows(const std::string& topic = "rows") {
    std::string text;
    for (const auto& row : driver->read<std::string, std::optional<FeatureRow>>(topic)) {
      text += fmt::format("{}: {}@{}\n", row.key, row.value ? text_of(*row.value) : "gone", row.timestamp);
    }
    return text;
  }
};

inline const auto kRowOf = [](const Featured<CardPayment>& payment) { return payment.row; };

}  // namespace weir::ml
