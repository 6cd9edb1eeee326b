// Has the description of a topology changed? Names, order and wiring are what stores and topics hang on, so a change here is
// seen by every user who upgrades.
#include <chrono>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <weir/weir.h>

#include "topology.h"

namespace weir {
namespace {

using std::chrono_literals::operator""min;

bool update = false;

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void expect_golden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(WEIR_GOLDEN) + "/" + name;
  if (update) {
    std::ofstream(path, std::ios::trunc) << actual;
    return;
  }
  EXPECT_EQ(actual, text_of(path)) << "differs from " << path;
}

void expect_golden(const std::string& name, const absl::StatusOr<Topology>& topology) {
  ASSERT_TRUE(topology.ok()) << topology.status();
  expect_golden(name + ".txt", topology->describe());
  const std::string json = topology->describe_json();
  EXPECT_TRUE(nlohmann::json::accept(json)) << json;
  expect_golden(name + ".json", json);
}

TEST(Golden, WordCount) {
  StreamBuilder builder;
  builder.stream<std::string, std::string>("lines")
      .flat_map_values([](const std::string& line) { return std::vector<std::string>{line}; })
      .group_by([](const std::string& word) { return word; })
      .count({.store = "counts"})
      .to_stream()
      .to("word-counts");
  expect_golden("word_count", builder.build());
}

TEST(Golden, WindowsAndReductionsOfOneStream) {
  StreamBuilder builder;
  const auto readings = builder.stream<std::string, double>("readings");
  readings.group_by_key()
      .windowed_by(tumbling({.size = 5min, .grace = 1min}))
      .count({.store = "readings-per-window"})
      .to_stream()
      .to("reading-counts");
  readings.filter({.name = "positive"}, [](double value) { return value > 0; })
      .group_by_key()
      .reduce({.store = "sums"}, [](double left, double right) { return left + right; })
      .to_stream()
      .to("sums");
  expect_golden("windows_and_reductions", builder.build());
}

TEST(Golden, RekeyedStreamJoinsATable) {
  StreamBuilder builder;
  const auto customers = builder.table<std::string, std::string>("customers", {.store = "customers"});
  builder.stream<std::string, std::string>("orders")
      .select_key([](const std::string& order) { return order.substr(0, 4); })
      .join({.name = "add-customer"}, customers,
            [](const std::string& order, const std::string& customer) { return order + customer; })
      .to("orders-with-customer");
  expect_golden("rekeyed_join", builder.build());
}

TEST(Golden, BranchesAndMerge) {
  StreamBuilder builder;
  const auto numbers = builder.stream<std::string, std::int64_t>("numbers");
  numbers.filter_not([](std::int64_t number) { return number % 2 == 0; })
      .merge(builder.stream<std::string, std::int64_t>("more-numbers"))
      .repartition({.name = "odd", .partitions = 8})
      .to_table({.store = "last-odd"});
  expect_golden("branches_and_merge", builder.build());
}

TEST(Golden, FraudScoring) { expect_golden("fraud_scoring", fraud::make_topology(0.5)); }

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  weir::update = argc > 1 && std::strcmp(argv[1], "--update") == 0;
  if (weir::update) std::cerr << "rewriting the golden files\n";
  return RUN_ALL_TESTS();
}
