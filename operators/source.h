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

// What a timestamp extractor may ask for besides key and value: `timestamp` is the time that Kafka gives.
struct SourceInfo : RecordInfo {
  // The largest time of the records taken from this partition so far; kNoTimestamp before the first.
  Timestamp partition_time = kNoTimestamp;
  Timestamp wall_time = 0;
};

// Timestamp(value), Timestamp(key, value) or Timestamp(key, value, info), where info is a SourceInfo.
template <class F, class K, class V>
concept TimestampExtractorOver =
    std::copy_constructible<F> &&
    (std::is_invocable_r_v<Timestamp, const F&, const V&> ||
     std::is_invocable_r_v<Timestamp, const F&, const K&, const V&> ||
     std::is_invocable_r_v<Timestamp, const F&, const K&, const V&, const SourceInfo&>);

// Finds a record's time in the record itself; see TimestampExtractorOver, and timestamps.h for some that are ready. A negative
// time drops the record and counts it. Without an extractor the time is Kafka's, and a record that has none goes to the
// source's error policy.
template <class K, class V>
class TimestampExtractor {
 public:
  using Function = std::function<Timestamp(const K& key, const V& value, const SourceInfo& info)>;

  TimestampExtractor() = default;
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, TimestampExtractor> && TimestampExtractorOver<F, K, V>)
  TimestampExtractor(F extract)  // NOLINT(google-explicit-constructor)
      : function_([extract = std::move(extract)](const K& key, const V& value,
                                                 const SourceInfo& info) -> Timestamp {
          if constexpr (std::is_invocable_v<const F&, const V&>) {
            return extract(value);
          } else if constexpr (std::is_invocable_v<const F&, const K&, const V&>) {
            return extract(key, value);
          } else {
            return extract(key, value, info);
          }
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
    if (!extract_ && raw.timestamp >= 0) return raw.timestamp;
    decoded_offset_ = kNoOffset;
    // A record that cannot be read has some valid time, so that its turn comes and accept can tell what is wrong.
    const Timestamp fallback = std::max({raw.timestamp, partition_time, Timestamp{0}});
    if (!extract_) {
      refusals_.push_back({origin.topic, origin.partition, origin.offset, DropReason::kBadTimestamp,
                           "Kafka gives it no time, and there is no timestamp extractor"});
      return fallback;
    }
    if (!decode(raw).ok()) return fallback;
    decoded_topic_ = origin.topic;
    decoded_partition_ = origin.partition;
    decoded_offset_ = origin.offset;
    Headers headers;
    raw.read_headers(headers);
    const SourceInfo info{{raw.timestamp, headers, origin}, partition_time, this->context().clock().wall()};
    try {
      return extract_(key_, value_, info);
    } catch (const std::exception& error) {
      refusals_.push_back({origin.topic, origin.partition, origin.offset, DropReason::kFailed, error.what()});
      return fallback;
    }
  }

 private:
  // A record for which no time was found; at most one per partition waits for its turn.
  struct Refusal {
    std::string_view topic;
    Partition partition;
    Offset offset;
    DropReason reason;
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

  // Reports why this record has no time, if it has none. The policy said to go on when this returns true.
  [[nodiscard]] bool refused(const Origin& origin) {
    for (auto refusal = refusals_.begin(); refusal != refusals_.end(); ++refusal) {
      if (refusal->topic != origin.topic || refusal->partition != origin.partition) continue;
      const Refusal found = std::move(*refusal);
      refusals_.erase(refusal);
      if (found.offset != origin.offset) return false;
      this->context().failed(*this, found.reason, found.what);
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
