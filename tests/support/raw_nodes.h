// Nodes in bytes, for tests that need nothing above core.
#pragma once

#include <string>
#include <utility>

#include <weir/core/node.h>

namespace weir {

class RawSource final : public Emitter<BytesView, BytesView>, public SourceNode {
 public:
  void accept(const RawRecord& raw, Timestamp timestamp, const Headers& headers,
              const Origin& origin) override {
    const BytesView key = raw.key.value_or(BytesView());
    const BytesView value = raw.value.value_or(BytesView());
    emit({key, value, timestamp, headers, origin, key});
  }
  Timestamp timestamp_of(const RawRecord& raw, Timestamp, const Origin&) override { return raw.timestamp; }
};

// Writes records as they are, but refuses those whose value is "poison".
class RawSink final : public LeafNode<BytesView, BytesView> {
 public:
  explicit RawSink(std::string topic) : topic_(std::move(topic)) {}
  void open() override { output_ = context().output(topic_); }
  void accept(const Record<BytesView, BytesView>& record) override {
    if (record.value == "poison") context().failed(*this, DropReason::kFailed, "the value is poison");
    OutgoingRecord outgoing;
    outgoing.topic = output_.id;
    outgoing.key = record.key;
    outgoing.value = record.value;
    outgoing.timestamp = record.timestamp;
    context().send(outgoing);
  }

 private:
  const std::string topic_;
  OutputTopic output_;
};

}  // namespace weir
