#include <weir/ml/online/k_means.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <weir/ml/online/learner_file.h>
#include <weir/ml/state_bytes.h>

namespace weir::ml {
namespace {

constexpr std::size_t kMostClusters = 10'000;

}  // namespace

std::string fault_in(const KMeansOptions& options) {
  if (options.inputs.empty()) return "k-means needs inputs";
  if (std::set<std::string>(options.inputs.begin(), options.inputs.end()).size() != options.inputs.size())
    return "two inputs have the same name";
  if (options.clusters == 0 || options.clusters > kMostClusters) return "the clusters must be 1 .. 10000";
  return options.least_step >= 0 && options.least_step <= 1 ? "" : "least_step must be in [0, 1]";
}

KMeansOptions read_k_means_options(std::vector<std::string> inputs, ByteReader& reader) {
  KMeansOptions options;
  options.inputs = std::move(inputs);
  options.clusters = reader.integer<std::uint32_t>();
  options.least_step = read_double(reader);
  options.scale = reader.integer<std::uint8_t>() != 0;
  return options;
}

KMeans::KMeans(KMeansOptions options)
    : Learner({options.inputs, {"cluster", "distance"}}, LearningTask::kWithoutLabels),
      options_(std::move(options)),
      moments_(options_.inputs.size()),
      centres_(options_.clusters) {}

void KMeans::encode_options(Bytes& out) const {
  put_names(options_.inputs, out);
  put_big_endian(static_cast<std::uint32_t>(options_.clusters), out);
  put_double(options_.least_step, out);
  out.push_back(options_.scale ? '\1' : '\0');
}

double KMeans::scaled(std::span<const float> row, std::size_t column) const {
  return options_.scale ? moments_[column].scaled(row[column]) : static_cast<double>(row[column]);
}

KMeans::Nearest KMeans::nearest(std::span<const float> row) const {
  Nearest found{0, std::numeric_limits<double>::infinity()};
  for (std::size_t i = 0; i < centres_.size() && centres_[i].rows > 0; ++i) {
    double sum = 0;
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (std::isnan(row[column])) continue;
      const double off = scaled(row, column) - centres_[i].at[column];
      sum += off * off;
    }
    if (sum < found.squared_distance) found = {i, sum};
  }
  return found;
}

void KMeans::predict(std::span<const float> row, std::span<float> scores) const {
  scores[0] = scores[1] = std::numeric_limits<float>::quiet_NaN();
  if (!has_centre()) return;
  const Nearest found = nearest(row);
  scores[0] = static_cast<float>(found.centre);
  scores[1] = static_cast<float>(std::sqrt(found.squared_distance));
}

void KMeans::learn(std::span<const float> row, float) {
  sound_ = true;
  if (options_.scale) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      if (!std::isnan(row[column])) moments_[column].add(row[column]);
    }
    touch(0);
  }
  const auto unused =
      std::find_if(centres_.begin(), centres_.end(), [](const Centre& centre) { return centre.rows == 0; });
  Nearest found;
  if (has_centre()) found = nearest(row);
  if (unused != centres_.end() && (!has_centre() || found.squared_distance > 0)) {
    found.centre = static_cast<std::size_t>(unused - centres_.begin());
    unused->at.assign(row.size(), 0);
  }
  Centre& centre = centres_[found.centre];
  ++centre.rows;
  const double step = std::max(options_.least_step, 1 / static_cast<double>(centre.rows));
  for (std::size_t column = 0; column < row.size(); ++column) {
    if (std::isnan(row[column])) continue;
    centre.at[column] += step * (scaled(row, column) - centre.at[column]);
    sound_ = sound_ && std::isfinite(centre.at[column]);
  }
  touch(1 + found.centre);
}

void KMeans::encode_part(std::size_t part, Bytes& out) const {
  if (part == 0) {
    encode_moments(moments_, out);
    return;
  }
  const Centre& centre = centres_[part - 1];
  if (centre.rows == 0) return;
  put_big_endian(centre.rows, out);
  put_doubles(centre.at, out);
}

absl::Status KMeans::restore_part(std::size_t part, BytesView bytes) {
  if (part >= parts()) return undecodable_part(*this, part);
  ByteReader reader(bytes);
  if (part == 0) {
    return restore_moments(moments_, reader) ? absl::OkStatus() : undecodable_part(*this, part);
  }
  Centre centre;
  centre.rows = reader.integer<std::uint64_t>();
  centre.at = read_doubles(reader);
  const bool fits =
      std::all_of(centre.at.begin(), centre.at.end(), [](double each) { return std::isfinite(each); });
  if (!reader.at_end() || centre.rows == 0 || centre.at.size() != options_.inputs.size() || !fits)
    return undecodable_part(*this, part);
  centres_[part - 1] = std::move(centre);
  return absl::OkStatus();
}

}  // namespace weir::ml
