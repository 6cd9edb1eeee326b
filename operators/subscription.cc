#include <weir/operators/subscription.h>

#include <absl/status/status.h>
#include <fmt/format.h>

#include <weir/core/serde.h>

namespace weir {
namespace {

constexpr unsigned kSubscriptionVersion = 1;
constexpr unsigned kAnswerVersion = 0;
constexpr unsigned kNoHash = 0x80;
constexpr unsigned kEmptyValue = 0x40;
constexpr std::size_t kHashSize = 16;

absl::Status malformed(const char* what, BytesView bytes) {
  return absl::DataLossError(fmt::format("no {} of a foreign-key join: {} bytes", what, bytes.size()));
}

void put_hash(const std::optional<Hash128>& hash, Bytes& out) {
  if (!hash) return;
  put_big_endian(hash->first, out);
  put_big_endian(hash->second, out);
}

// Requires that there are enough bytes.
std::optional<Hash128> take_hash(unsigned head, BytesView& rest) {
  if ((head & kNoHash) != 0) return std::nullopt;
  const Hash128 hash{get_big_endian<std::uint64_t>(rest.data()),
                     get_big_endian<std::uint64_t>(rest.data() + 8)};
  rest.remove_prefix(kHashSize);
  return hash;
}

std::size_t hash_size(unsigned head) { return (head & kNoHash) != 0 ? 0 : kHashSize; }

}  // namespace

void encode(const Subscription& subscription, Bytes& out) {
  out.push_back(static_cast<char>(kSubscriptionVersion | (subscription.hash ? 0 : kNoHash)));
  out.push_back(static_cast<char>(subscription.instruction));
  put_hash(subscription.hash, out);
  out.append(subscription.key);
  put_big_endian(subscription.partition, out);
}

void encode(const Answer& answer, Bytes& out) {
  const bool empty = answer.value && answer.value->empty();
  out.push_back(static_cast<char>(kAnswerVersion | (answer.hash ? 0 : kNoHash) | (empty ? kEmptyValue : 0)));
  put_hash(answer.hash, out);
  if (answer.value) out.append(*answer.value);
}

absl::StatusOr<Subscription> decode_subscription(BytesView bytes) {
  if (bytes.size() < 2) return malformed("subscription", bytes);
  const unsigned head = static_cast<unsigned char>(bytes[0]);
  const unsigned instruction = static_cast<unsigned char>(bytes[1]);
  BytesView rest = bytes.substr(2);
  if ((head & ~kNoHash) != kSubscriptionVersion || instruction > 3 ||
      rest.size() < hash_size(head) + sizeof(Partition)) {
    return malformed("subscription", bytes);
  }
  Subscription subscription;
  subscription.instruction = static_cast<Instruction>(instruction);
  subscription.hash = take_hash(head, rest);
  subscription.key = rest.substr(0, rest.size() - sizeof(Partition));
  subscription.partition = get_big_endian<Partition>(rest.data() + subscription.key.size());
  if (subscription.partition < 0) return malformed("subscription", bytes);
  return subscription;
}

absl::StatusOr<Answer> decode_answer(BytesView bytes) {
  if (bytes.empty()) return malformed("answer", bytes);
  const unsigned head = static_cast<unsigned char>(bytes[0]);
  BytesView rest = bytes.substr(1);
  if ((head & ~(kNoHash | kEmptyValue)) != kAnswerVersion || rest.size() < hash_size(head)) {
    return malformed("answer", bytes);
  }
  Answer answer;
  answer.hash = take_hash(head, rest);
  if (!rest.empty() || (head & kEmptyValue) != 0) answer.value = rest;
  return answer;
}

void encode_subscription_prefix(BytesView foreign_key, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(foreign_key.size()), out);
  out.append(foreign_key);
}

// Whether an old foreign key ever had a right row is nobody's memory: where it may have had one, the row of the join is
// deleted once too often rather than once too rarely.
Registrations registrations_of(JoinKind kind, bool like_kafka_streams, bool was_there, NullableBytes old_key,
                               bool is_there, NullableBytes new_key) {
  Registrations result;
  const bool moved = old_key && old_key != new_key;
  if (kind == JoinKind::kLeft) {
    if (!was_there && !is_there) return result;
    if (moved) result.messages.push_back({old_key, Instruction::kDelete});
    result.messages.push_back({new_key, Instruction::kAnswer});
    return result;
  }
  if (!new_key) {
    if (old_key) result.messages.push_back({old_key, Instruction::kDeleteAndAnswer});
    result.dropped = is_there;
    return result;
  }
  if (moved) result.messages.push_back({old_key, Instruction::kDelete});
  const bool always = moved || !like_kafka_streams;
  result.messages.push_back({new_key, always ? Instruction::kAnswer : Instruction::kAnswerIfThere});
  return result;
}

}  // namespace weir
