#include <weir/ml/feedback/change_detectors.h>

#include <algorithm>
#include <cmath>

#include <weir/ml/sketches/portable_math.h>
#include <weir/ml/sketches/sketch_codec.h>

namespace weir::ml {
namespace {

constexpr std::size_t kBucketsPerRow = 5;
constexpr std::size_t kRowsMax = 56;
constexpr std::uint64_t kLookInterval = 32;
constexpr double kPartMin = 5;
constexpr double kWindowMin = 10;

}  // namespace

// --------------------------------------------------------------------------------------------------------- ADWIN

Adwin::Adwin(double delta)
    : delta_(delta > 0 && delta < 1 ? delta : kDeltaDefault), until_look_(kLookInterval) {}

void Adwin::Part::add(const Part& part) {
  if (part.count == 0) return;
  if (count > 0) {
    const double between = part.sum / part.count - sum / count;
    squares += between * between * count * part.count / (count + part.count);
  }
  squares += part.squares;
  sum += part.sum;
  count += part.count;
}

Adwin::Part Adwin::part_of(const Bucket& bucket, std::size_t row) {
  return {std::ldexp(1.0, static_cast<int>(row)), bucket.sum, bucket.squares};
}

Adwin::Part Adwin::all() const {
  Part all;
  for (std::size_t row = rows_.size(); row-- > 0;) {
    for (const Bucket& bucket : rows_[row]) all.add(part_of(bucket, row));
  }
  return all;
}

std::uint64_t Adwin::count() const { return static_cast<std::uint64_t>(all().count); }

double Adwin::mean() const {
  const Part part = all();
  return part.count == 0 ? 0 : part.sum / part.count;
}

MeanChange Adwin::change(double value) {
  if (!std::isfinite(value)) return MeanChange::kNone;
  if (rows_.empty()) rows_.emplace_back();
  rows_.front().push_back({value, 0});
  for (std::size_t row = 0; row < rows_.size() && rows_[row].size() > kBucketsPerRow; ++row) {
    if (row + 1 == rows_.size()) {
      if (rows_.size() == kRowsMax) {
        static_cast<void>(drop_oldest());
        break;
      }
      rows_.emplace_back();
    }
    Part both = part_of(rows_[row][0], row);
    both.add(part_of(rows_[row][1], row));
    rows_[row].erase(rows_[row].begin(), rows_[row].begin() + 2);
    rows_[row + 1].push_back({both.sum, both.squares});
  }
  if (--until_look_ > 0) return MeanChange::kNone;
  until_look_ = kLookInterval;
  Part dropped;
  while (splits()) dropped.add(drop_oldest());
  if (dropped.count == 0) return MeanChange::kNone;
  return mean() > dropped.sum / dropped.count ? MeanChange::kUp : MeanChange::kDown;
}

bool Adwin::splits() const {
  const Part whole = all();
  if (whole.count <= kWindowMin) return false;
  const double confidence = portable_log(2 * portable_log(whole.count) / delta_);
  const double variance = whole.squares / whole.count;
  Part old;
  for (std::size_t row = rows_.size(); row-- > 0;) {
    for (const Bucket& bucket : rows_[row]) {
      old.add(part_of(bucket, row));
      const double recent = whole.count - old.count;
      if (recent < kPartMin) return false;
      if (old.count < kPartMin) continue;
      const double distance = std::abs(old.sum / old.count - (whole.sum - old.sum) / recent);
      const double reciprocal = 1 / old.count + 1 / recent;
      if (distance > std::sqrt(2 * reciprocal * variance * confidence) + 2.0 / 3 * reciprocal * confidence)
        return true;
    }
  }
  return false;
}

Adwin::Part Adwin::drop_oldest() {
  const Part dropped = part_of(rows_.back().front(), rows_.size() - 1);
  rows_.back().erase(rows_.back().begin());
  while (!rows_.empty() && rows_.back().empty()) rows_.pop_back();
  return dropped;
}

// delta, until the next look, how many rows, and of each how many buckets and these.
void Adwin::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kAdwin, out);
  put_float(delta_, out);
  put_whole(until_look_, out);
  put_whole(rows_.size(), out);
  for (const auto& row : rows_) {
    put_whole(row.size(), out);
    for (const Bucket& bucket : row) {
      put_float(bucket.sum, out);
      put_float(bucket.squares, out);
    }
  }
}

absl::StatusOr<Adwin> Adwin::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kAdwin);
  const double delta = reader.number();
  Adwin adwin(delta);
  if (adwin.delta_ != delta) reader.refuse("its delta is out of range");
  adwin.until_look_ = reader.whole();
  if (adwin.until_look_ == 0 || adwin.until_look_ > kLookInterval) reader.refuse("its next look cannot be");
  adwin.rows_.resize(reader.count(1, kRowsMax));
  for (auto& row : adwin.rows_) {
    row.resize(reader.count(2 * sizeof(double), kBucketsPerRow));
    for (Bucket& bucket : row) {
      bucket.sum = reader.number();
      bucket.squares = reader.number();
      if (!std::isfinite(bucket.sum) || !std::isfinite(bucket.squares)) reader.refuse("a sum is no number");
    }
  }
  if (!adwin.rows_.empty() && adwin.rows_.back().empty()) reader.refuse("its last row is empty");
  if (const absl::Status status = reader.finish("ADWIN"); !status.ok()) return status;
  return adwin;
}

// -------------------------------------------------------------------------------------------------- Page–Hinkley

PageHinkley::PageHinkley(const PageHinkleyOptions& options) : options_(options) {}

bool PageHinkley::add(double value) {
  if (!std::isfinite(value)) return false;
  ++count_;
  mean_ += (value - mean_) / static_cast<double>(count_);
  up_ = std::max(0.0, options_.forgetting * up_ + (value - mean_ - options_.tolerance));
  down_ = std::max(0.0, options_.forgetting * down_ + (mean_ - value - options_.tolerance));
  if (count_ < options_.rows_min || std::max(up_, down_) <= options_.threshold) return false;
  count_ = 0;
  mean_ = 0;
  up_ = 0;
  down_ = 0;
  return true;
}

bool PageHinkley::operator==(const PageHinkley& other) const {
  Bytes mine;
  Bytes its;
  serialise(mine);
  other.serialise(its);
  return mine == its;
}

// The options, how many numbers, their mean and both sums.
void PageHinkley::serialise(Bytes& out) const {
  put_sketch_header(SketchKind::kPageHinkley, out);
  put_whole(options_.rows_min, out);
  for (const double number : {options_.tolerance, options_.threshold, options_.forgetting})
    put_float(number, out);
  put_whole(count_, out);
  for (const double number : {mean_, up_, down_}) put_float(number, out);
}

absl::StatusOr<PageHinkley> PageHinkley::parse(BytesView bytes) {
  SketchReader reader(bytes, SketchKind::kPageHinkley);
  PageHinkley detector;
  PageHinkleyOptions& options = detector.options_;
  options.rows_min = reader.whole();
  for (double* number : {&options.tolerance, &options.threshold, &options.forgetting})
    *number = reader.number();
  detector.count_ = reader.whole();
  for (double* number : {&detector.mean_, &detector.up_, &detector.down_}) *number = reader.number();
  for (const double number : {options.tolerance, options.threshold, options.forgetting, detector.mean_,
                              detector.up_, detector.down_}) {
    if (!std::isfinite(number)) reader.refuse("a number is not finite");
  }
  if (const absl::Status status = reader.finish("Page-Hinkley"); !status.ok()) return status;
  return detector;
}

}  // namespace weir::ml
