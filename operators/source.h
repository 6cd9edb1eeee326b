// The node that reads a topic: bytes in, typed records out.
//
// A key or value that does not decode, or a null where the type has none, goes to the source's error policy.
#pragma once

#include <algorithm>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/callable.h>
#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/core/status.h>
#include <weir/operators/topic_key.h>

namespace weir {

// Finds a record's time in the record itself: Timestamp(value), Timestamp(key, value) or Timestamp(key, value, info), where
// info has the time that Kafka gives. A negative time drops the record and counts it. Without an extractor the time is
// Kafka's.
template <class K, class V>
class TimestampExtractor {
 public:
  using Function = std::function<Timestamp(const Record<K, V>&)>;

  TimestampExtractor() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, TimestampExtractor> && CallableOver<F, K, V> &&
             std::convertible_to<ResultOver<F, K, V>, Timestamp>)
  TimestampExtractor(F extract)  // NOLINT(google-explicit-constructor)
      : function_([extract = std::move(extract)](const Record<K, V>& record) -> Timestamp {
          return call_with(extract, record);
        }) {}

  [[nodiscard]] const Function& function() const { return function_; }

 private:
  Function function_;  // empty: none
};

// KeyFormat decodes keys that are not null: see topic_key.h.
template <class K, class V, class KeyFormat = TopicKey<NonNull<K>>>
class TypedSource final : public Emitter<K, V>, public SourceNode {
 public:
  explicit TypedSource(typename TimestampExtractor<K, V>::Function extract = {})
      : extract_(std::move(extract)) {}

  void accept(const RawRecord& raw, Timestamp timestamp, const Headers& headers,
              const Origin& origin) override {
    if (refused(origin)) return;
    if (!is_decoded(origin)) {
      if (const absl::Status status = decode(raw); !status.ok()) {
        this->context().failed(*this, DropReason::kUndecodable, message_of(status));
        return;
      }
    }
    decoded_offset_ = kNoOffset;
    this->emit({key_, value_, timestamp, headers, origin, key_bytes(raw)});
  }

  Timestamp timestamp_of(const RawRecord& raw, Timestamp partition_time, const Origin& origin) override {
    if (!extract_) return raw.timestamp;
    decoded_offset_ = kNoOffset;
    // A record that cannot be read has some valid time, so that its turn comes and accept can tell what is wrong.
    const Timestamp fallback = std::max({raw.timestamp, partition_time, Timestamp{0}});
    if (!decode(raw).ok()) return fallback;
    decoded_topic_ = origin.topic;
    decoded_partition_ = origin.partition;
    decoded_offset_ = origin.offset;
    Headers headers;
    raw.read_headers(headers);
    const Record<K, V> record{key_, value_, raw.timestamp, headers, origin, key_bytes(raw)};
    try {
      return extract_(record);
    } catch (const std::exception& error) {
      refusals_.push_back({origin.topic, origin.partition, origin.offset, error.what()});
      return fallback;
    }
  }

 private:
  // A record for which the extractor threw; at most one per partition waits for its turn.
  struct Refusal {
    std::string_view topic;
    Partition partition;
    Offset offset;
    std::string what;
  };

  [[nodiscard]] absl::Status decode(const RawRecord& raw) {
    if (absl::Status status = decode_key(raw.key); !status.ok()) return with_context(status, "key");
    if (absl::Status status = decode_nullable(raw.value, value_); !status.ok())
      return with_context(status, "value");
    return absl::OkStatus();
  }

  [[nodiscard]] absl::Status decode_key(const NullableBytes& bytes) {
    if constexpr (kIsOptional<K>) {
      if (!bytes) {
        key_.reset();
        return absl::OkStatus();
      }
      if (!key_) key_.emplace();
      return KeyFormat::decode(*bytes, *key_);
    } else {
      return bytes ? KeyFormat::decode(*bytes, key_) : null_refused();
    }
  }

  // Worth something downstream only where they are what encoding the key again would give.
  [[nodiscard]] static BytesView key_bytes(const RawRecord& raw) {
    return KeyFormat::kKeepsBytes && raw.key ? *raw.key : BytesView();
  }

  // Whether key_ and value_ are those of this very record. Topics are told apart by where their name lies.
  [[nodiscard]] bool is_decoded(const Origin& origin) const {
    return decoded_offset_ != kNoOffset && decoded_offset_ == origin.offset &&
           decoded_partition_ == origin.partition && decoded_topic_.data() == origin.topic.data();
  }

  // Reports what the extractor threw for this record, if it did. The policy said to go on when this returns.
  [[nodiscard]] bool refused(const Origin& origin) {
    for (auto refusal = refusals_.begin(); refusal != refusals_.end(); ++refusal) {
      if (refusal->topic != origin.topic || refusal->partition != origin.partition) continue;
      const Refusal found = std::move(*refusal);
      refusals_.erase(refusal);
      if (found.offset != origin.offset) return false;
      this->context().failed(*this, DropReason::kFailed, found.what);
      return true;
    }
    return false;
  }

  const typename TimestampExtractor<K, V>::Function extract_;
  // Reused from record to record, so that their memory is.
  K key_{};
  V value_{};
  std::string_view decoded_topic_;
  Partition decoded_partition_ = kAnyPartition;
  Offset decoded_offset_ = kNoOffset;
  std::vector<Refusal> refusals_;
};

}  // namespace weir
