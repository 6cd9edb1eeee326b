#include <weir/core/node.h>

namespace weir {

void Node::user_code_threw(const std::exception& error) const {
  if (dynamic_cast<const Retriable*>(&error) != nullptr) {
    context().failed_for_now(*this, DropReason::kFailed, error.what());
  } else {
    context().failed(*this, DropReason::kFailed, error.what());
  }
}

}  // namespace weir
