// The world of this example as records: what the generator of cards invents, as the topics hold it. Some records are no valid
// transaction: cut off, without an amount, with a negative one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cards.h"
#include "transaction.h"

namespace fraud {

struct WorldOptions {
  generators::CardOptions cards;
  double unreadable_share = 0.001;
};

struct WorldRecord {
  std::string card;
  std::string bytes;  // the value as it is written
  std::string id;
  Transaction transaction;  // as it was meant
  weir::Timestamp time = 0;
  std::string pattern;  // of a fraud
  std::optional<weir::Timestamp> labelled_at;
  bool readable = true;
};

class World {
 public:
  explicit World(const WorldOptions& options);

  // Returns the next purchase, in order of time.
  [[nodiscard]] WorldRecord next();

  // By card name; fixed from the beginning.
  [[nodiscard]] std::vector<std::pair<std::string, CardProfile>> profiles() const;

 private:
  std::string damage(const Transaction& transaction);

  const double unreadable_share_;
  generators::CardWorld cards_;
  generators::Random random_;
};

}  // namespace fraud
