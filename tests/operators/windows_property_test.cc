// Windows of all kinds against references that are slow and plain: they keep every record that was taken, and make each
// result anew from those. Inputs are random: out of order, late, with nulls; the program is restarted now and then.
//
// WEIR_PROPERTY_CASES sets how many cases each property has; WEIR_PROPERTY_SEED the seed of the first.
#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/operators/group_by.h>
#include <weir/operators/session_by.h>
#include <weir/operators/sliced_stream.h>
#include <weir/operators/to.h>
#include <weir/operators/to_stream.h>
#include <weir/operators/windowed_by.h>

#include "support/environment.h"
#include "support/records.h"
#include "support/scratch_folder.h"

namespace weir {

template <class K>
struct Text<SessionWindowed<K>> {
  static std::string print(const SessionWindowed<K>& value) {
    return Text<K>::print(value.key) + "[" + std::to_string(value.window.start) + "," +
           std::to_string(value.window.end) + "]";
  }
};

namespace {

using namespace std::chrono_literals;

using Value = std::optional<std::string>;
using Lines = std::vector<std::string>;

struct Input {
  std::string key;
  Value value;
  Timestamp time = 0;
};

// What a window holds: the values in the order in which they came, and the latest of their times.
struct Content {
  std::string text;
  Timestamp time = 0;

  void add(const Input& input) {
    text += input.value.value_or("-");
    time = text.size() == 1 ? input.time : std::max(time, input.time);
  }
  bool operator==(const Content&) const = default;
};

std::string line(const std::string& key, Timestamp start, const Content& content) {
  return key + "[" + std::to_string(start) + ",?):" + content.text + "@" + std::to_string(content.time);
}

// ------------------------------------------------------------------------------------------------------- references

class TimeReference {
 public:
  // `sorted`: a window's values are in alphabetical order.
  TimeReference(Timestamp size, Timestamp advance, Timestamp grace, bool final, bool sorted = false)
      : size_(size), advance_(advance), grace_(grace), final_(final), sorted_(sorted) {}

  Lines take(const Input& input) {
    Lines lines;
    const Timestamp before = limit_;
    seen_ = std::max(seen_, input.time);
    limit_ = seen_ - grace_;
    for (const auto& [window, content] : windows()) {
      const Timestamp end = window.first + size_;
      if (final_ && before < end && end <= limit_)
        lines.push_back(line(window.second, window.first, content));
    }
    for (Timestamp start = 0; start <= input.time; start += advance_) {
      if (input.time >= start + size_ || start + size_ <= limit_) continue;
      taken_.push_back({start, input});
      if (!final_) lines.push_back(line(input.key, start, windows().at({start, input.key})));
    }
    return lines;
  }

 private:
  std::map<std::pair<Timestamp, std::string>, Content> windows() const {
    std::map<std::pair<Timestamp, std::string>, Content> windows;
    for (const auto& [start, input] : taken_) windows[{start, input.key}].add(input);
    if (sorted_) {
      for (auto& [window, content] : windows) std::sort(content.text.begin(), content.text.end());
    }
    return windows;
  }

  const Timestamp size_, advance_, grace_;
  const bool final_;
  const bool sorted_;
  Timestamp seen_ = -1;
  Timestamp limit_ = -1;
  std::vector<std::pair<Timestamp, Input>> taken_;
};

// For records that are not late for any window.
class SlidingReference {
 public:
  SlidingReference(Timestamp difference, Timestamp grace, bool final)
      : difference_(difference), grace_(grace), final_(final) {}

  Lines take(const Input& input) {
    if (!input.value) return {};
    Lines lines;
    const auto before = windows();
    const Timestamp limit_before = limit_;
    seen_ = std::max(seen_, input.time);
    limit_ = seen_ - grace_;
    taken_.push_back(input);
    for (const auto& [window, content] : final_ ? before : windows()) {
      const Timestamp end = window.first + difference_;
      if (final_ ? limit_before <= end && end < limit_
                 : !before.contains(window) || before.at(window) != content) {
        lines.push_back(line(window.second, window.first, content));
      }
    }
    return lines;
  }

 private:
  // A window ends with each record (or is the first of all), and one begins after each, if there is something in it.
  std::map<std::pair<Timestamp, std::string>, Content> windows() const {
    std::map<std::pair<Timestamp, std::string>, Content> windows;
    for (const Input& record : taken_) {
      const Timestamp own = std::max<Timestamp>(0, record.time - difference_);
      for (const Timestamp start : {own, record.time + 1}) {
        Content content;
        for (const Input& other : taken_) {
          if (other.key == record.key && start <= other.time && other.time <= start + difference_) {
            content.add(other);
          }
        }
        if (!content.text.empty()) windows[{start, record.key}] = content;
      }
    }
    return windows;
  }

  const Timestamp difference_, grace_;
  const bool final_;
  Timestamp seen_ = -1;
  Timestamp limit_ = 0;
  std::vector<Input> taken_;
};

// The text of a session has its values in alphabetical order: sessions are merged in another order than records come.
class SessionReference {
 public:
  SessionReference(Timestamp gap, Timestamp grace, bool final) : gap_(gap), grace_(grace), final_(final) {}

  Lines take(const Input& input) {
    Lines lines;
    const Timestamp before = limit_;
    seen_ = std::max(seen_, input.time);
    limit_ = seen_ - grace_ - gap_;
    if (final_) {
      std::set<std::string> told;
      for (const Input& record : taken_) {
        const Window session = session_of(record);
        if (before <= session.end && session.end < limit_) told.insert(shown(record.key, session));
      }
      lines.assign(told.begin(), told.end());
    }
    const Window merged = session_of(input);
    if (merged.end < limit_) return lines;
    if (!final_ && merged != Window{input.time, input.time}) {
      std::set<std::string> replaced;
      for (const Input& record : taken_) {
        if (record.key != input.key || record.time < merged.start || record.time > merged.end) continue;
        const Window old = session_of(record);
        replaced.insert(name(record.key, old) + ":null@" + std::to_string(old.end));
      }
      lines.insert(lines.end(), replaced.begin(), replaced.end());
    }
    taken_.push_back(input);
    if (!final_) lines.push_back(shown(input.key, merged));
    return lines;
  }

 private:
  Window session_of(const Input& input) const {
    Window session{input.time, input.time};
    for (bool grows = true; grows;) {
      grows = false;
      for (const Input& record : taken_) {
        if (record.key != input.key || record.time < session.start - gap_ || record.time > session.end + gap_)
          continue;
        if (record.time >= session.start && record.time <= session.end) continue;
        session = {std::min(session.start, record.time), std::max(session.end, record.time)};
        grows = true;
      }
    }
    return session;
  }

  static std::string name(const std::string& key, const Window& session) {
    return key + "[" + std::to_string(session.start) + "," + std::to_string(session.end) + "]";
  }

  std::string shown(const std::string& key, const Window& session) const {
    std::string text;
    for (const Input& record : taken_) {
      if (record.key == key && record.time >= session.start && record.time <= session.end) {
        text += record.value.value_or("-");
      }
    }
    std::sort(text.begin(), text.end());
    return name(key, session) + ":" + text + "@" + std::to_string(session.end);
  }

  const Timestamp gap_, grace_;
  const bool final_;
  Timestamp seen_ = -1;
  Timestamp limit_ = 0;
  std::vector<Input> taken_;
};

// -------------------------------------------------------------------------------------------------------- operators

std::string nothing() { return ""; }
std::string appended(const Value& value, const std::string& text) { return text + value.value_or("-"); }
std::string sorted(std::string text) {
  std::sort(text.begin(), text.end());
  return text;
}

template <class Windows>
TextDriver::Describe operator_over(const Windows& windows, const WindowOptions& options) {
  return [=](StreamBuilder& builder) {
    const auto windowed = builder.stream<std::string, Value>("in").group_by_key().windowed_by(windows);
    if constexpr (std::same_as<Windows, SessionWindows>) {
      windowed
          .aggregate(
              options, nothing,
              [](const Value& value, const std::string& text) { return sorted(appended(value, text)); },
              [](const std::string& left, const std::string& right) { return sorted(left + right); })
          .to_stream()
          .to("out");
    } else if constexpr (std::same_as<Windows, SlidingWindows>) {
      windowed
          .aggregate(options, nothing,
                     [](const std::string& value, const std::string& text) { return text + value; })
          .to_stream()
          .to("out");
    } else {
      windowed.aggregate(options, nothing, appended).to_stream().to("out");
    }
  };
}

std::string mixed(const std::string& left, const std::string& right) { return sorted(left + right); }
std::string mixed_in(const Value& value, const std::string& text) { return sorted(appended(value, text)); }

TextDriver::Describe slices_over(const TimeWindows& windows, const WindowOptions& options) {
  return [=](StreamBuilder& builder) {
    builder.stream<std::string, Value>("in")
        .group_by_key()
        .windowed_by(windows)
        .slices()
        .aggregate(options, nothing, mixed_in, mixed)
        .to_stream()
        .to("out");
  };
}

// ------------------------------------------------------------------------------------------------------------ cases

class Case {
 public:
  explicit Case(std::uint64_t seed) : seed_(seed), random_(seed) {}

  std::int64_t between(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }
  bool one_in(std::int64_t n) { return between(1, n) == 1; }

  // Times grow from `from` on, mostly by a little, and are at most `disorder` behind.
  std::vector<Input> inputs(Timestamp from, Timestamp disorder) {
    std::vector<Input> inputs;
    Timestamp now = from;
    for (std::int64_t i = between(1, 40); i > 0; --i) {
      if (!one_in(3)) now += one_in(8) ? between(0, 120) : between(0, 12);
      Input input{std::string(1, static_cast<char>('A' + between(0, 2))), std::nullopt,
                  std::max<Timestamp>(from, one_in(2) ? now : now - between(0, disorder))};
      if (!one_in(10)) input.value = std::string(1, static_cast<char>('a' + between(0, 25)));
      inputs.push_back(std::move(input));
    }
    return inputs;
  }

  // Runs both, and compares what each record led to.
  template <class Key, class Reference>
  void compare(Reference reference, const TextDriver::Describe& describe, const std::vector<Input>& inputs) {
    SCOPED_TRACE("seed " + std::to_string(seed_));
    DriverOptions options;
    const ScratchFolder scratch;
    const bool on_disk = one_in(30);
    if (on_disk) options.state_directory = scratch.path();
    {
      TextDriver driver(describe, options);
      for (std::size_t i = 0; i < inputs.size() && !testing::Test::HasFailure(); ++i) {
        const Input& input = inputs[i];
        if (one_in(25)) {
          ASSERT_TRUE(driver.driver().restart().ok());
        }
        ASSERT_TRUE(driver.driver().pipe("in", input.key, input.value, input.time).ok());
        std::istringstream words(driver.take<Key, Value>("out"));
        Lines got{std::istream_iterator<std::string>(words), std::istream_iterator<std::string>()};
        Lines expected = reference.take(input);
        std::sort(got.begin(), got.end());
        std::sort(expected.begin(), expected.end());
        EXPECT_EQ(got, expected) << "record " << i << ": " << input.key << ":" << input.value.value_or("null")
                                 << "@" << input.time;
      }
    }
  }

 private:
  const std::uint64_t seed_;
  std::mt19937_64 random_;
};

template <class F>
void for_each_case(F&& f) {
  const std::uint64_t first = number_from("WEIR_PROPERTY_SEED", 1);
  const std::uint64_t cases = number_from("WEIR_PROPERTY_CASES", 300);
  for (std::uint64_t seed = first; seed < first + cases && !testing::Test::HasFailure(); ++seed) {
    Case one(seed);
    f(one);
  }
}

TEST(WindowsProperty, TumblingAndHoppingAgreeWithTheirDefinition) {
  for_each_case([](Case& one) {
    const Timestamp size = one.between(1, 40);
    const Timestamp advance = one.one_in(2) ? size : one.between(1, size);
    const Timestamp grace = one.one_in(3) ? 0 : one.between(0, 60);
    const auto emit = static_cast<WindowEmit>(one.between(0, 2));
    one.compare<Windowed<std::string>>(
        TimeReference(size, advance, grace, emit == WindowEmit::kOnWindowClose),
        operator_over(TimeWindows(Duration(size), Duration(advance), Duration(grace)),
                      {.store = "rows", .emit = emit}),
        one.inputs(0, 100));
  });
}

TEST(WindowsProperty, HoppingInSlicesAgreesWithItsDefinition) {
  for_each_case([](Case& one) {
    const Timestamp advance = one.between(1, 20);
    const Timestamp size = one.one_in(4) ? one.between(advance, 40) : advance * one.between(2, 8);
    const Timestamp grace = one.one_in(3) ? 0 : one.between(0, 60);
    const auto emit = static_cast<WindowEmit>(one.between(0, 2));
    one.compare<Windowed<std::string>>(
        TimeReference(size, advance, grace, emit == WindowEmit::kOnWindowClose, /*sorted=*/true),
        slices_over(TimeWindows(Duration(size), Duration(advance), Duration(grace)),
                    {.store = "rows", .emit = emit}),
        one.inputs(0, 100));
  });
}

TEST(WindowsProperty, SlidingAgreesWithItsDefinition) {
  for_each_case([](Case& one) {
    const Timestamp difference = one.between(1, 40);
    const bool final = one.one_in(2);
    const Timestamp grace = final ? one.between(0, 40) : 100000;
    // Records before the difference close no window: the definition does not say so.
    const std::vector<Input> inputs = one.inputs(final ? 100 : 0, final ? grace : 100);
    one.compare<Windowed<std::string>>(SlidingReference(difference, grace, final),
                                       operator_over(SlidingWindows(Duration(difference), Duration(grace)),
                                                     {.store = "rows",
                                                      .emit = final           ? WindowEmit::kOnWindowClose
                                                              : one.one_in(2) ? WindowEmit::kOnCommit
                                                                              : WindowEmit::kEveryUpdate}),
                                       inputs);
  });
}

TEST(WindowsProperty, SessionsAgreeWithTheirDefinition) {
  for_each_case([](Case& one) {
    const Timestamp gap = one.between(1, 30);
    const Timestamp grace = one.one_in(3) ? 0 : one.between(0, 60);
    const bool final = one.one_in(2);
    one.compare<SessionWindowed<std::string>>(
        SessionReference(gap, grace, final),
        operator_over(SessionWindows(Duration(gap), Duration(grace)),
                      {.store = "rows",
                       .emit = final ? WindowEmit::kOnWindowClose : WindowEmit::kEveryUpdate,
                       .retention = 1h}),
        one.inputs(0, 100));
  });
}

}  // namespace
}  // namespace weir
