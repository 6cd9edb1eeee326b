#include <weir/ml/cleaning/cleaning_plan.h>

#include <utility>

namespace weir::ml {
namespace {

Step scaled(double offset, double width) {
  Step step;
  step.normalise = Normalise{.offset = offset, .scale = width == 0 ? 1 : 1 / width};
  return step;
}

}  // namespace

Step impute(double value) {
  Step step;
  step.impute = Impute{value};
  return step;
}

Step standardise(double mean, double deviation) { return scaled(mean, deviation); }
Step scale_between(double least, double largest) { return scaled(least, largest - least); }
Step scale_robustly(double median, double quartile_distance) { return scaled(median, quartile_distance); }

Step clip(double low, double high) {
  Step step;
  step.clip = Clip{low, high};
  return step;
}

Step one_hot(std::vector<std::string> categories) {
  Step step;
  step.one_hot = OneHot{std::move(categories)};
  return step;
}

Step label_encode(std::vector<std::string> categories) {
  Step step;
  step.label_encode = LabelEncode{std::move(categories)};
  return step;
}

Step hash_feature(std::uint32_t buckets, std::uint64_t salt) {
  Step step;
  step.hash_feature = HashFeature{buckets, salt};
  return step;
}

}  // namespace weir::ml
