// Two detectors that watch one number after the other, an error for instance, and say when its mean has changed.
//
//   Adwin errors(0.002);
//   if (errors.add(wrong ? 1 : 0)) report();
//
// Both are values: what they know is a few hundred bytes, is written and read to the bit, and depends on the sequence of
// numbers alone.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>

namespace weir::ml {

// ADWIN keeps a window of the past as long as its mean may be one, and cuts the older part off when it cannot: then there was a
// change. For numbers from 0 to 1 false alarms are rarer than `delta` of the looks it takes; a step of d is seen after some
// ln(ln n / delta) / d^2 numbers. Memory is logarithmic in the window.
//
// After Bifet and Gavaldà, "Learning from Time-Changing Data with Adaptive Windowing" (2007): ADWIN2, with the bound that uses
// the variance. It looks at every 32nd number, and at parts of at least 5.
enum class MeanChange { kNone, kUp, kDown };

class Adwin {
 public:
  static constexpr std::string_view kFormat = "adwin-1";
  static constexpr double kDeltaDefault = 0.002;

  // A delta that is not between 0 and 1 is taken as the default.
  explicit Adwin(double delta = kDeltaDefault);

  // Returns whether the mean is found to have changed. What is not finite is left out.
  bool add(double value) { return change(value) != MeanChange::kNone; }
  // The same, and which way: whether what is left has a higher mean than what was cut off.
  MeanChange change(double value);

  [[nodiscard]] double delta() const { return delta_; }

  // Of what is left of the past.
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] double mean() const;  // 0 of nothing

  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<Adwin> parse(BytesView bytes);

  bool operator==(const Adwin&) const = default;

 private:
  // The sum of 2^row numbers, and of the squares of their distances from their mean.
  struct Bucket {
    double sum = 0;
    double squares = 0;

    bool operator==(const Bucket&) const = default;
  };
  // The same of any part of the window.
  struct Part {
    double count = 0;
    double sum = 0;
    double squares = 0;

    void add(const Part& part);
  };

  [[nodiscard]] static Part part_of(const Bucket& bucket, std::size_t row);
  [[nodiscard]] Part all() const;
  // Returns whether the window falls into two parts with different means.
  [[nodiscard]] bool splits() const;
  Part drop_oldest();

  double delta_;
  std::uint64_t until_look_;
  // Each row from its oldest bucket to its newest; the oldest numbers are in the last row.
  std::vector<std::vector<Bucket>> rows_;
};

// Page–Hinkley sums how far numbers are from their mean, less a tolerance, and alarms when the sum has grown beyond a threshold,
// upwards or downwards. It begins anew after an alarm. Faster than ADWIN for steps of the size it is set for; it says nothing
// of how sure it is.
//
// After Page, "Continuous inspection schemes" (1954); parameters as usual in stream learning.
struct PageHinkleyOptions {
  std::uint64_t rows_min = 30;  // before which it is silent
  double tolerance = 0.005;     // of distances from the mean
  double threshold = 50;
  double forgetting = 0.9999;  // what the sum keeps of itself at each number
};

class PageHinkley {
 public:
  static constexpr std::string_view kFormat = "page-hinkley-1";

  explicit PageHinkley(const PageHinkleyOptions& options = {});

  // Returns whether the mean is found to have changed. What is not finite is left out.
  bool add(double value);

  [[nodiscard]] std::uint64_t count() const { return count_; }  // since it began anew
  [[nodiscard]] double mean() const { return mean_; }

  void serialise(Bytes& out) const;
  [[nodiscard]] static absl::StatusOr<PageHinkley> parse(BytesView bytes);

  bool operator==(const PageHinkley& other) const;

 private:
  PageHinkleyOptions options_;
  std::uint64_t count_ = 0;
  double mean_ = 0;
  double up_ = 0;
  double down_ = 0;
};

}  // namespace weir::ml
