// XGBoost, as the tests use it: it trains small models on generated data, saves them as JSON and scores rows,
// so that its answers can be compared with ours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace weir::ml::testing {

// A table of generated rows with a label each.
struct Data {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;  // row after row; missing ones are NaN
  std::vector<float> labels;
};

enum class Label { kReal, kBinary, kCount, kPositive, kClass };

// Returns rows drawn from `seed`: features of several scales, about one value in ten missing, labels of the
// given kind that depend on the features. kClass means `classes` classes.
Data generate(std::uint64_t seed, std::size_t rows, std::size_t columns, Label label, int classes = 3);

// A trained booster. Feature types are "float" or "c", for a category. A failure inside XGBoost throws std::runtime_error with its message.
class Trained {
 public:
  Trained(const Data& data, const std::map<std::string, std::string>& parameters, int rounds,
          const std::vector<std::string>& feature_names = {},
          const std::vector<std::string>& feature_types = {});
  // Loads a model that was saved as JSON.
  explicit Trained(const std::string& json);
  ~Trained();
  Trained(Trained&&) noexcept;
  Trained& operator=(Trained&&) noexcept;

  std::string json() const;
  std::string ubjson() const;
  std::vector<float> predict(const Data& data, bool as_margin) const;

 private:
  struct Handle;
  std::string saved(const char* config) const;
  std::unique_ptr<Handle> handle_;
};

}  // namespace weir::ml::testing
