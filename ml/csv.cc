#include <weir/ml/csv.h>

#include <charconv>
#include <limits>
#include <system_error>

#include <absl/status/status.h>

namespace weir::ml {

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char character : text) {
    if (character == '"') quoted += '"';
    quoted += character;
  }
  return quoted + '"';
}

absl::StatusOr<bool> CsvReader::next(std::vector<std::string>& cells) {
  const auto wrong = [&](const char* what) {
    return absl::InvalidArgumentError(fmt::format("line {}: {}", begun_, what));
  };
  std::string line;
  do {
    if (!std::getline(in_, line)) return false;
    begun_ = ++lines_;
  } while (line.empty() || line == "\r");
  cells.assign(1, std::string());
  bool quoted = false;
  bool closed = false;  // a quoted cell has ended
  for (std::size_t i = 0;; ++i) {
    if (i == line.size()) {
      if (!quoted) return true;
      // The end of the line is part of the cell.
      if (!std::getline(in_, line)) return wrong("a quote is not closed");
      ++lines_;
      cells.back() += '\n';
      i = static_cast<std::size_t>(-1);
      continue;
    }
    const char character = line[i];
    if (quoted) {
      if (character != '"') {
        cells.back() += character;
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        cells.back() += '"';
        ++i;
      } else {
        quoted = false;
        closed = true;
      }
    } else if (character == '\r' && i + 1 == line.size()) {
      // belongs to the end of the line
    } else if (character == ',') {
      cells.emplace_back();
      closed = false;
    } else if (character == '"') {
      if (closed || !cells.back().empty()) return wrong("a quote within a cell without quotes");
      quoted = true;
    } else if (closed) {
      return wrong("something follows a quoted cell");
    } else {
      cells.back() += character;
    }
  }
}

bool read_csv_number(std::string_view cell, double& number) {
  if (cell.empty()) {
    number = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  const char* const end = cell.data() + cell.size();
  const auto [rest, error] = std::from_chars(cell.data(), end, number);
  return error == std::errc() && rest == end;
}

}  // namespace weir::ml
