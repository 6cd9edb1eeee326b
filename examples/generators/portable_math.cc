#include "portable_math.h"

#include <cmath>

namespace generators {
namespace {

constexpr double kLn2High = 0x1.62e42feep-1;       // 32 bits, so that products with small numbers are exact
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;  // what is missing
constexpr double kSquareRootOfHalf = 0.70710678118654752440;
constexpr double kTurn = 6.28318530717958647692;

}  // namespace

double log_of(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < kSquareRootOfHalf) {
    mantissa *= 2;
    --exponent;
  }
  // ln m = 2 artanh((m - 1) / (m + 1)), whose argument is at most 0.172.
  const double t = (mantissa - 1) / (mantissa + 1);
  const double square = t * t;
  double sum = 0;
  for (int term = 27; term >= 1; term -= 2) sum = sum * square + 1.0 / term;
  return exponent * kLn2High + (exponent * kLn2Low + 2 * t * sum);
}

double exp_of(double x) {
  const double halvings = std::floor(x / (kLn2High + kLn2Low) + 0.5);
  const double rest = (x - halvings * kLn2High) - halvings * kLn2Low;
  double sum = 1;
  for (int term = 16; term >= 1; --term) sum = 1 + sum * rest / term;
  return std::ldexp(sum, static_cast<int>(halvings));
}

double sine_of_turns(double turns) {
  double rest = turns - std::floor(turns + 0.5);
  // The half circle behind a quarter turn is that before it, mirrored.
  if (rest > 0.25) rest = 0.5 - rest;
  if (rest < -0.25) rest = -0.5 - rest;
  const double angle = rest * kTurn;
  double sum = 1;
  for (int term = 22; term >= 2; term -= 2) sum = 1 - sum * angle * angle / (term * (term + 1));
  return angle * sum;
}

double cosine_of_turns(double turns) { return sine_of_turns(turns - std::floor(turns) + 0.25); }

}  // namespace generators
