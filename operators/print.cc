#include <weir/operators/print.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace weir {

LinePrinter::LinePrinter(const std::string& file) {
  if (file.empty()) return;
  file_.reset(std::fopen(file.c_str(), "ae"));
  if (file_ == nullptr) {
    throw std::runtime_error(fmt::format("cannot open '{}' to print to: {}", file, std::strerror(errno)));
  }
}

void LinePrinter::print(std::string_view label, std::string_view text) {
  line_.clear();
  fmt::format_to(std::back_inserter(line_), "[{}]: {}\n", label, text);
  std::FILE* out = file_ != nullptr ? file_.get() : stdout;
  // One write for the line, so that it stays whole. What cannot be printed is not worth stopping for.
  static_cast<void>(std::fwrite(line_.data(), 1, line_.size(), out));
  static_cast<void>(std::fflush(out));
}

}  // namespace weir
