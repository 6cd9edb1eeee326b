// What the two sides of a foreign-key join tell each other, and in which bytes: those of Kafka Streams.
//
//   registration   key: the foreign key's bytes, or null          value: a Subscription
//   response       key: the left row's key                        value: an Answer
//
//   Subscription   version (1 byte, 1) | 0x80 if there is no hash
//                  instruction (1 byte)
//                  hash (16 bytes, if there is one)
//                  the left row's key
//                  partition of the left row (4 bytes)
//   Answer         version (1 byte, 0) | 0x80 if there is no hash | 0x40 if a right row has an empty value
//                  hash (16 bytes, if there is one)
//                  the right row's value; empty if there is no row, but see 0x40, which Kafka Streams does not have
//
// A subscription is stored under: size of the foreign key (4 bytes), foreign key, the left row's key.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/bytes.h>
#include <weir/core/topic_partition.h>
#include <weir/operators/join_windows.h>
#include <weir/operators/murmur3.h>

namespace weir {

// What the right side is to do, beside keeping or deleting the subscription.
enum class Instruction : std::uint8_t {
  kDelete = 0,           // and answer nothing
  kDeleteAndAnswer = 1,  // that there is no row
  kAnswer = 2,           // with the right row, or that there is none
  kAnswerIfThere = 3,    // with the right row, if there is one
};

struct Subscription {
  Instruction instruction = Instruction::kAnswer;
  std::optional<Hash128> hash;  // of the left row's value; none if the row was deleted
  BytesView key;                // of the left row
  Partition partition = 0;      // of the left row's task, where the answer goes
};

struct Answer {
  std::optional<Hash128> hash;  // as in the subscription
  NullableBytes value;          // of the right row; null if there is none
};

void encode(const Subscription& subscription, Bytes& out);
void encode(const Answer& answer, Bytes& out);

// What they return borrows from `bytes`.
[[nodiscard]] absl::StatusOr<Subscription> decode_subscription(BytesView bytes);
[[nodiscard]] absl::StatusOr<Answer> decode_answer(BytesView bytes);

// What all subscriptions of a foreign key begin with in the store.
void encode_subscription_prefix(BytesView foreign_key, Bytes& out);

// Of what a left row's change tells the right side.
struct Registration {
  NullableBytes foreign_key;
  Instruction instruction = Instruction::kAnswer;
};
struct Registrations {
  std::vector<Registration> messages;  // in this order
  bool dropped = false;                // the row has no foreign key, and without one there can be no result
};

// A row that is not there, before or now, has no foreign key. `kind` is kInner or kLeft. Kafka Streams asks for no answer when
// an inner join's row keeps its foreign key or gets its first one: an answer that the change made stale is then never replaced.
[[nodiscard]] Registrations registrations_of(JoinKind kind, bool like_kafka_streams, bool was_there,
                                             NullableBytes old_key, bool is_there, NullableBytes new_key);

}  // namespace weir
