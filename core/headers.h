// Record headers: an ordered list of name and nullable value; names may repeat.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/core/bytes.h>

namespace weir {

struct Header {
  std::string name;
  std::optional<Bytes> value;

  bool operator==(const Header&) const = default;
};

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<Header> headers) : entries_(headers) {}

  void add(std::string name, std::optional<Bytes> value) {
    entries_.push_back({std::move(name), std::move(value)});
  }

  // Removes every header of that name.
  void remove(std::string_view name) {
    std::erase_if(entries_, [name](const Header& header) { return header.name == name; });
  }

  // Returns the last header of that name, as Kafka's lastHeader does; null if there is none.
  [[nodiscard]] const Header* last(std::string_view name) const {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (entry->name == name) return &*entry;
    }
    return nullptr;
  }

  void clear() { entries_.clear(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] auto begin() const { return entries_.begin(); }
  [[nodiscard]] auto end() const { return entries_.end(); }

  bool operator==(const Headers&) const = default;

 private:
  std::vector<Header> entries_;
};

// The headers of a record that has none.
inline const Headers kNoHeaders;

}  // namespace weir
