#include <weir/core/worker_producer.h>

#include <fmt/format.h>

#include <weir/core/memory_budget.h>
#include <weir/core/status.h>

namespace weir {

absl::Status WorkerProducer::make() {
  reset();
  ProducerOptions options;
  options.client_id = options_.client_id;
  if (transactional()) options.transactional_id = options_.transactional_id;
  options.report_offsets = reports_offsets_;
  options.queue_bytes =
      options_.shares != nullptr ? options_.shares->producer_queue_bytes() : options_.producer_queue_bytes;
  options.properties = options_.producer_properties;
  auto producer = transport_.make_producer(options);
  if (!producer.ok()) return producer.status();
  producer_ = *std::move(producer);
  if (transactional()) initialising_ = producer_->init_transactions();
  return absl::OkStatus();
}

void WorkerProducer::reset() {
  initialising_.abandon();
  aborting_.abandon();
  in_transaction_ = false;
  producer_.reset();
}

absl::StatusOr<bool> WorkerProducer::initialised() {
  if (!initialising_.started()) return true;
  if (!initialising_.ready()) return false;
  const auto initialised = initialising_.take();
  if (initialised.ok()) return true;
  if (class_of(initialised.status()) != ErrorClass::kRetriable) {
    return with_context(initialised.status(), fmt::format("transactional id {}", options_.transactional_id));
  }
  initialising_ = producer_->init_transactions();
  return false;
}

absl::Status WorkerProducer::begin() {
  if (!transactional() || in_transaction_) return absl::OkStatus();
  WEIR_RETURN_IF_ERROR(producer_->begin_transaction());
  in_transaction_ = true;
  return absl::OkStatus();
}

void WorkerProducer::abort() {
  aborting_ = producer_->abort_transaction();
  in_transaction_ = false;
}

absl::StatusOr<bool> WorkerProducer::aborted() {
  if (!aborting_.ready()) return false;
  WEIR_RETURN_IF_ERROR(aborting_.take().status());
  return true;
}

}  // namespace weir
