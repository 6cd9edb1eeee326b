// Records as text, so that a test's input and output can be read side by side:
//
//   TextDriver driver([](StreamBuilder& builder) {
//     builder.stream<std::string, std::string>("in").group_by_key().count({.store = "counts"}).to_stream().to("out");
//   });
//   driver.feed<std::string, std::string>("in", "a:x@1 b:y@2 a:z@3");
//   EXPECT_EQ((driver.take<std::string, std::int64_t>("out")), "a:1@1 b:1@2 a:2@3");
//
// A record is key:value@time; records are separated by spaces; null is written as null. A key in a window is a[0,5). The
// topology runs in a TopologyDriver, which commits after each record.
#pragma once

#include <charconv>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <weir/core/testing/topology_driver.h>
#include <weir/operators/stream_builder.h>
#include <weir/operators/windowed.h>

namespace weir {

// --------------------------------------------------------------------------------------------------- values as text

template <class T>
struct Text;

template <>
struct Text<std::string> {
  static std::string parse(std::string_view text) { return std::string(text); }
  static std::string print(const std::string& value) { return value; }
};

template <>
struct Text<bool> {
  static bool parse(std::string_view text) { return text == "true"; }
  static std::string print(bool value) { return value ? "true" : "false"; }
};

template <class T>
  requires((std::integral<T> && !std::same_as<T, bool>) || std::floating_point<T>)
struct Text<T> {
  static T parse(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    EXPECT_TRUE(error == std::errc() && end == text.data() + text.size()) << "not a number: " << text;
    return value;
  }
  static std::string print(T value) {
    std::ostringstream out;
    out << value;
    return out.str();
  }
};

template <class T>
struct Text<std::optional<T>> {
  static std::optional<T> parse(std::string_view text) {
    return text == "null" ? std::nullopt : std::optional<T>(Text<T>::parse(text));
  }
  static std::string print(const std::optional<T>& value) { return value ? Text<T>::print(*value) : "null"; }
};

template <class K>
struct Text<Windowed<K>> {
  static std::string print(const Windowed<K>& value) {
    std::ostringstream out;
    out << Text<K>::print(value.key) << '[' << value.window.start << ',';
    if (value.window.end == kUnknownEnd) {
      out << "?)";
    } else {
      out << value.window.end << ')';
    }
    return out.str();
  }
};

// --------------------------------------------------------------------------------------------------- records as text

template <class K, class V>
struct ParsedRecord {
  K key;
  V value;
  Timestamp timestamp = 0;
};

template <class K, class V>
std::vector<ParsedRecord<K, V>> parse_records(const std::string& text) {
  std::vector<ParsedRecord<K, V>> records;
  std::istringstream in(text);
  for (std::string word; in >> word;) {
    const std::size_t colon = word.find(':');
    const std::size_t at = word.rfind('@');
    EXPECT_TRUE(colon != std::string::npos && at != std::string::npos && colon < at)
        << "not a record: " << word;
    if (colon == std::string::npos || at == std::string::npos || colon > at) continue;
    const std::string_view view = word;
    records.push_back({Text<K>::parse(view.substr(0, colon)),
                       Text<V>::parse(view.substr(colon + 1, at - colon - 1)),
                       Text<Timestamp>::parse(view.substr(at + 1))});
  }
  return records;
}

template <class K, class V>
std::string print_record(const K& key, const V& value, Timestamp timestamp) {
  return Text<K>::print(key) + ":" + Text<V>::print(value) + "@" + std::to_string(timestamp);
}

// ------------------------------------------------------------------------------------------------------- the driver

class TextDriver {
 public:
  using Describe = std::function<void(StreamBuilder&)>;

  explicit TextDriver(const Describe& describe, const DriverOptions& options = {}) {
    StreamBuilder builder;
    describe(builder);
    const absl::StatusOr<Topology> topology = builder.build();
    EXPECT_TRUE(topology.ok()) << topology.status();
    if (!topology.ok()) return;
    description_ = topology->describe();
    auto driver = TopologyDriver::create(*topology, options);
    EXPECT_TRUE(driver.ok()) << driver.status();
    if (driver.ok()) driver_ = *std::move(driver);
  }

  // Feeds records in text; each must be processed without failure.
  template <class K, class V>
  void feed(const std::string& topic, const std::string& records) {
    for (const auto& record : parse_records<K, V>(records)) {
      const absl::Status status = driver().pipe(topic, record.key, record.value, record.timestamp);
      EXPECT_TRUE(status.ok()) << status;
    }
  }

  // The same, and returns the first failure instead.
  template <class K, class V>
  absl::Status try_feed(const std::string& topic, const std::string& records) {
    for (const auto& record : parse_records<K, V>(records)) {
      if (absl::Status status = driver().pipe(topic, record.key, record.value, record.timestamp);
          !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  // Takes what was written to a topic since the last call.
  template <class K, class V>
  std::string take(const std::string& topic) {
    std::string text;
    for (const auto& record : driver().template read<K, V>(topic)) {
      if (!text.empty()) text += ' ';
      text += print_record(record.key, record.value, record.timestamp);
    }
    EXPECT_TRUE(driver().status().ok()) << driver().status();
    return text;
  }

  std::uint64_t dropped(DropReason reason) {
    return driver().counters().dropped[static_cast<std::size_t>(reason)];
  }
  std::uint64_t processed() { return driver().counters().processed; }

  TopologyDriver& driver() { return *driver_; }
  const std::string& description() const { return description_; }

 private:
  std::unique_ptr<TopologyDriver> driver_;
  std::string description_;
};

// Returns the message of build(), or "" if all is well.
inline std::string problems_of(const TextDriver::Describe& describe) {
  StreamBuilder builder;
  describe(builder);
  const absl::StatusOr<Topology> topology = builder.build();
  return topology.ok() ? std::string() : std::string(topology.status().message());
}

}  // namespace weir
