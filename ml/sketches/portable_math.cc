#include <weir/ml/sketches/portable_math.h>

#include <cmath>

namespace weir::ml {
namespace {

constexpr double kLn2 = 0.693147180559945309417232;
constexpr double kRootOfHalf = 0.707106781186547524400844;
constexpr int kTerms = 13;

}  // namespace

double portable_log(double x) {
  int exponent = 0;
  double fraction = std::frexp(x, &exponent);  // exact
  if (fraction < kRootOfHalf) {
    fraction *= 2;
    --exponent;
  }
  // ln f = 2 artanh((f - 1) / (f + 1)), whose argument is below 0.172 here: thirteen terms are more than a double holds.
  const double s = (fraction - 1) / (fraction + 1);
  const double square = s * s;
  double sum = 0;
  for (int term = kTerms; term-- > 0;) sum = sum * square + 1.0 / (2 * term + 1);
  return 2 * s * sum + exponent * kLn2;
}

}  // namespace weir::ml
