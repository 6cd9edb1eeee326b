// LightGBM as a peer to measure against: loaded at run time from where ./dev test unpacks its wheel, or from the
// path in WEIR_LIGHTGBM, since Debian has no package of it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

// A model that LightGBM has trained: `trees` trees of up to `leaves` leaves.
class LightgbmPeer {
 public:
  // Returns why there is no LightGBM to compare with, or nothing.
  static std::string missing();

  // `values` are rows of `columns`, `labels` 0 or 1 for each. A failure throws std::runtime_error.
  LightgbmPeer(std::span<const float> values, std::size_t columns, std::span<const float> labels, int trees,
               int leaves);
  ~LightgbmPeer();
  LightgbmPeer(const LightgbmPeer&) = delete;
  LightgbmPeer& operator=(const LightgbmPeer&) = delete;

  std::string text() const;

  // Scores one row by the fast path for single rows, or several by that for matrices.
  void predict(const float* values, std::size_t count, double* scores) const;
  void margins(const float* values, std::size_t count, double* scores) const;

 private:
  struct Handles;
  const std::size_t columns_;
  std::unique_ptr<Handles> handles_;
};
