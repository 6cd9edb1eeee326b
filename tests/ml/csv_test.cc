// Is what is read from a table what was written, and is what is wrong told with its line?
#include <weir/ml/csv.h>

#include <limits>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include <weir/core/status.h>

namespace weir::ml {
namespace {

using Cells = std::vector<std::string>;

std::vector<Cells> read_all(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(in);
  std::vector<Cells> lines;
  Cells cells;
  for (auto more = reader.next(cells);; more = reader.next(cells)) {
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) return lines;
    lines.push_back(cells);
  }
}

TEST(Csv, ReadsCellsAndPassesEmptyLines) {
  EXPECT_EQ(read_all("a,b\n\n1,\r\n\r\n,2"), (std::vector<Cells>{{"a", "b"}, {"1", ""}, {"", "2"}}));
  EXPECT_EQ(read_all("\"a,\"\"b\"\"\",\"x\ny\",\"\"\n"), (std::vector<Cells>{{"a,\"b\"", "x\ny", ""}}));
  EXPECT_EQ(read_all("\"x\r\ny\"\r\n"), (std::vector<Cells>{{"x\r\ny"}}));
  EXPECT_TRUE(read_all("").empty());
}

TEST(Csv, ReadsWhatItWrote) {
  std::mt19937_64 random(std::random_device{}());
  for (int round = 0; round < 300; ++round) {
    Cells cells(1 + random() % 5);
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      for (std::size_t k = random() % 6; k > 0; --k) cells[i] += "a,\"\n\r x"[random() % 8];
      line += (i == 0 ? "" : ",") + csv_cell(cells[i]);
    }
    if (cells.size() == 1 && cells[0].empty()) continue;
    EXPECT_EQ(read_all(line + "\n"), std::vector<Cells>{cells}) << line;
  }
}

TEST(Csv, TellsTheLineOfWrongQuotes) {
  for (const auto& [text, complaint] : std::vector<std::pair<std::string, std::string>>{
           {"a\n\"b", "line 2: a quote is not closed"},
           {"a\nb\"c", "line 2: a quote within a cell"},
           {"\"a\nb\"\n\"c\"d", "line 3: something follows"},
       }) {
    std::istringstream in(text);
    CsvReader reader(in);
    Cells cells;
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = reader.next(cells);
    ASSERT_FALSE(more.ok()) << text;
    EXPECT_NE(message_of(more.status()).find(complaint), std::string::npos) << more.status();
  }
}

TEST(Csv, ReadsNumbersToTheBit) {
  for (const double number : {0.1, -1e300, 5e-324, 3.0, std::numeric_limits<double>::infinity()}) {
    double read = 0;
    ASSERT_TRUE(read_csv_number(csv_number(number), read));
    EXPECT_EQ(read, number);
  }
  double read = 0;
  EXPECT_TRUE(read_csv_number("", read));
  EXPECT_TRUE(std::isnan(read));
  EXPECT_FALSE(read_csv_number("1x", read));
  EXPECT_FALSE(read_csv_number("x", read));
  EXPECT_FALSE(read_csv_number(" 1", read));
}

}  // namespace
}  // namespace weir::ml
