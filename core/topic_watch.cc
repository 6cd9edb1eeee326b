#include <weir/core/topic_watch.h>

#include <utility>

#include <weir/core/partition_plan.h>
#include <weir/core/status.h>

namespace weir {

TopicWatch::TopicWatch(const Topology& topology, std::string application_id, std::set<std::string> known,
                       Transport& transport, const Clock& clock, Duration interval, Logger log)
    : topology_(topology),
      application_id_(std::move(application_id)),
      known_(std::move(known)),
      transport_(transport),
      clock_(clock),
      interval_(interval),
      log_(std::move(log)),
      watching_(has_patterns(topology)),
      last_(clock.steady()) {}

bool TopicWatch::changed() {
  if (!watching_) return false;
  const auto different = look();
  if (different.ok()) return *different;
  listing_.abandon();
  last_ = clock_.steady();
  if (log_) log_(LogLevel::kWarning, "cannot look for new topics: " + message_of(different.status()));
  return false;
}

absl::StatusOr<bool> TopicWatch::look() {
  if (admin_ == nullptr) {
    auto admin = transport_.make_admin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
  }
  admin_->poll();
  if (!listing_.started()) {
    if (clock_.steady() - last_ < interval_) return false;
    listing_ = admin_->list_topics();
  }
  if (!listing_.ready()) return false;
  const auto names = listing_.take();
  if (!names.ok()) return names.status();
  last_ = clock_.steady();
  return matching_topics(topology_, application_id_, *names) != known_;
}

}  // namespace weir
