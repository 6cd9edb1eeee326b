// Elementary functions made of additions, multiplications and divisions alone, so that their results are the same to the bit on
// every machine. Those of the standard library may differ in the last bit from one system to the next, and a world that is made
// of a seed must not. Right to about 1e-15, relative to the result.
#pragma once

namespace generators {

// Requires x > 0, finite and no subnormal.
[[nodiscard]] double log_of(double x);

// Requires x from -700 to 700.
[[nodiscard]] double exp_of(double x);

// Of an angle in turns: 1 is the whole circle. Requires turns below 2^50.
[[nodiscard]] double cosine_of_turns(double turns);
[[nodiscard]] double sine_of_turns(double turns);

}  // namespace generators
