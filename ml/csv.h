// Tables as text: RFC 4180, with a line of names first.
//
// Numbers are written with the fewest digits that read back to the same bits; a missing one is an empty cell.
#pragma once

#include <cmath>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>
#include <fmt/format.h>

namespace weir::ml {

// Returns the text, in quotes if it has a comma, a quote or the end of a line.
[[nodiscard]] std::string csv_cell(std::string_view text);

template <class T>
[[nodiscard]] std::string csv_number(T number) {
  return std::isnan(number) ? std::string() : fmt::format("{}", number);
}

// Reads a table, line by line. Lines end with a line feed, with or without a carriage return before it; empty ones are passed over.
class CsvReader {
 public:
  // `in` outlives the reader.
  explicit CsvReader(std::istream& in) : in_(in) {}

  // Reads the next line. Returns false at the end; InvalidArgument, with the number of the line, for quotes that are wrong.
  [[nodiscard]] absl::StatusOr<bool> next(std::vector<std::string>& cells);

  // The number of the line that was read last (of its first one, if quotes made it several), from 1.
  [[nodiscard]] std::size_t line() const { return begun_; }

 private:
  std::istream& in_;
  std::size_t begun_ = 0;
  std::size_t lines_ = 0;
};

// Reads a number; empty is NaN. False for what is no number, or has something behind it.
[[nodiscard]] bool read_csv_number(std::string_view cell, double& number);

}  // namespace weir::ml
