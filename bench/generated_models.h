// Models of generated numbers over 32 columns, in ONNX's format.
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

namespace weir::bench {

inline constexpr std::size_t kColumns = 32;

class Numbers {
 public:
  float normal() { return normal_(random_); }
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_);
  }
  std::vector<float> normals(std::size_t count, float spread) {
    std::vector<float> numbers(count);
    for (float& number : numbers) number = spread * normal();
    return numbers;
  }

 private:
  std::mt19937_64 random_{20240607};
  std::normal_distribution<float> normal_;
};

// Whole trees; each leaf votes for so many classes, or for a single target (0).
[[nodiscard]] std::string trees_model(Numbers& numbers, std::size_t trees, std::size_t depth,
                                      std::size_t classes);

// 32-64-32-1.
[[nodiscard]] std::string network(Numbers& numbers);

}  // namespace weir::bench
