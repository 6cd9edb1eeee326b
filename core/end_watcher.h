// A node of a global store that wants to know how far its store may be behind the topic.
//
// Records of a global topic come when they come. Where somebody has to know that nothing is missing up to a moment, the node that
// keeps the store says so by being an EndWatcher: the instance then asks the broker a few times a second where the topic
// ends, and tells the node once it was given everything up to there.
//
// Thread safety: as for nodes.
#pragma once

#include <string>

#include <weir/core/time.h>

namespace weir {

class EndWatcher {
 public:
  virtual ~EndWatcher() = default;

  [[nodiscard]] virtual const std::string& watched_topic() const = 0;

  // The node has processed, and the store applied, what the topic held when the application's steady clock was `asked`: also
  // what belongs to transactions that were open then, since they are waited for. What the node writes now is applied at once.
  // Told for the first time before any task begins; never by those who read no broker, such as a TopologyDriver.
  virtual void has_all_as_of(Duration asked) = 0;
};

}  // namespace weir
