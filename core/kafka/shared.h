// What the objects of one transport share.
#pragma once

#include <utility>

#include <weir/core/kafka/background.h>
#include <weir/core/kafka/client.h>
#include <weir/core/kafka/position_inquiry.h>

namespace weir::kafka {

// Everything the objects of one transport hold together. Kept alive by each of them, never by a thread of its
// own.
struct Shared {
  explicit Shared(SharedOptions shared_options)
      : options(std::move(shared_options)), inquiries(options), positions(options) {}

  const SharedOptions options;
  InquiryClient inquiries;
  PositionInquiry positions;
  // Last member: its thread uses the members above and must end before them.
  Background background;
};

}  // namespace weir::kafka
