#include <weir/operators/print.h>

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "support/records.h"

namespace weir {
namespace {

std::string fresh_file() {
  std::string file = testing::TempDir() + "/print_test_" + std::to_string(::getpid()) + "_" +
                     testing::UnitTest::GetInstance()->current_test_info()->name();
  ::unlink(file.c_str());
  return file;
}

std::string content(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

TEST(Print, WritesALinePerRecord) {
  const std::string file = fresh_file();
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::optional<std::string>, std::optional<std::int64_t>>("in").print(
        {.label = "orders", .file = file});
  });
  driver.feed<std::optional<std::string>, std::optional<std::int64_t>>("in", "a:1@5 null:2@6 b:null@7");
  EXPECT_EQ(content(file), "[orders]: a, 1\n[orders]: null, 2\n[orders]: b, null\n");
}

TEST(Print, WritesWhatTheMapperSaysUnderTheNameOfTheNode) {
  const std::string file = fresh_file();
  TextDriver driver([&](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in", {.name = "numbers"})
        .print({.file = file, .on_error = ErrorPolicy::kSkip},
               [](const std::string& key, std::int64_t value) {
                 if (value == 0) throw std::runtime_error("nothing to show");
                 return key + " is " + std::to_string(value);
               });
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@5 b:0@6 c:3@7");
  EXPECT_EQ(content(file), "[numbers]: a is 1\n[numbers]: c is 3\n");
  EXPECT_EQ(driver.dropped(DropReason::kFailed), 1U);
}

TEST(Print, WritesToStandardOutput) {
  testing::internal::CaptureStdout();
  TextDriver driver([](StreamBuilder& builder) {
    builder.stream<std::string, std::int64_t>("in").print({.label = "seen"});
  });
  driver.feed<std::string, std::int64_t>("in", "a:1@5");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "[seen]: a, 1\n");
}

TEST(Print, FailsWithAFileThatCannotBeOpened) {
  StreamBuilder builder;
  builder.stream<std::string, std::int64_t>("in").print({.file = "/no/such/directory/lines"});
  const auto opened = TopologyDriver::create(*builder.build());
  EXPECT_NE(std::string(opened.status().message()).find("/no/such/directory/lines"), std::string::npos)
      << opened.status();
}

}  // namespace
}  // namespace weir
