// The rows that the models of this example are trained on, made by the code that scores.
#pragma once

#include "boosted_trees.h"
#include "world.h"

namespace fraud {

// The features of every readable purchase of [from, until), and whether it was a fraud; what came before is remembered but not
// told.
[[nodiscard]] training::Table training_table(const WorldOptions& options, weir::Timestamp from,
                                             weir::Timestamp until);

}  // namespace fraud
