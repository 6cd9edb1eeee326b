// Nodes over text, written by hand, for tests of the graph, of tasks and of the driver.
#pragma once

#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include <weir/core/node.h>
#include <weir/core/topology_builder.h>

namespace weir::test {

using Text = std::string;
using TextRecord = Record<Text, Text>;

// Reads text. A null key is read as "-". A null value is undecodable.
class TextSource final : public Emitter<Text, Text>, public SourceNode {
 public:
  void accept(const RawRecord& raw, Timestamp timestamp, const Headers& headers,
              const Origin& origin) override {
    if (!raw.value) {
      context().failed(*this, DropReason::kUndecodable, "null where the type has no null");
      return;
    }
    const Text key(raw.key.value_or("-"));
    const Text value(*raw.value);
    emit({key, value, timestamp, headers, origin, raw.key.value_or(BytesView())});
  }

  Timestamp timestamp_of(const RawRecord& raw, Timestamp, const Origin&) override { return raw.timestamp; }
};

// Does with each record what a function says.
class TextNode : public UnaryNode<Text, Text, Text, Text> {
 public:
  using Accept = std::function<void(TextNode&, const TextRecord&)>;
  using Open = std::function<void(TextNode&)>;

  explicit TextNode(Accept accept, Open open = {}, Open close = {})
      : accept_(std::move(accept)), open_(std::move(open)), close_(std::move(close)) {}

  void open() override {
    if (open_) open_(*this);
  }
  void close() override {
    if (close_) close_(*this);
  }
  void accept(const TextRecord& record) override { accept_(*this, record); }

  // What nodes may do is open to the test's functions.
  using Emitter<Text, Text>::emit;
  using Emitter<Text, Text>::emit_to;
  using Node::context;
  using Node::guarded;

  void emit_text(const Text& key, const Text& value, Timestamp timestamp) {
    emit({key, value, timestamp, kNoHeaders, context().origin()});
  }

 private:
  const Accept accept_;
  const Open open_;
  const Open close_;
};

// Writes text to a topic.
class TextSink final : public LeafNode<Text, Text> {
 public:
  explicit TextSink(std::string topic) : topic_(std::move(topic)) {}

  void open() override { output_ = context().output(topic_); }

  void accept(const TextRecord& record) override {
    OutgoingRecord out;
    out.topic = output_.id;
    out.key = record.key;
    out.value = record.value;
    out.timestamp = record.timestamp;
    out.headers = &record.headers;
    context().send(out);
  }

 private:
  const std::string topic_;
  OutputTopic output_;
};

// Adds such nodes to a builder.
class TextBuilder {
 public:
  using Location = std::source_location;

  NodeIndex source(const std::string& name, std::vector<TopicName> topics,
                   ErrorPolicy on_error = ErrorPolicy::kInherit,
                   const Location& where = Location::current()) {
    return builder.add_source(
        name, std::move(topics), on_error, [] { return std::make_unique<TextSource>(); }, where);
  }

  NodeIndex node(const std::string& name, std::vector<NodeIndex> parents, TextNode::Accept accept,
                 TextNode::Open open = {}, std::vector<std::string> stores = {},
                 ErrorPolicy on_error = ErrorPolicy::kInherit, const Location& where = Location::current()) {
    return builder.add_processor(
        name, std::move(parents), std::move(stores), on_error,
        [accept, open] { return std::make_unique<TextNode>(accept, open); }, where);
  }

  // Passes records on as they are.
  NodeIndex pass(const std::string& name, std::vector<NodeIndex> parents,
                 std::vector<std::string> stores = {}, const Location& where = Location::current()) {
    return node(
        name, std::move(parents), [](TextNode& self, const TextRecord& record) { self.emit(record); }, {},
        std::move(stores), ErrorPolicy::kInherit, where);
  }

  NodeIndex sink(const std::string& name, NodeIndex parent, const TopicName& topic,
                 const std::string& application_id = "driver", const Location& where = Location::current()) {
    const std::string on_broker = topic.on_broker(application_id);
    return builder.add_sink(
        name, parent, {topic}, [on_broker] { return std::make_unique<TextSink>(on_broker); }, where);
  }

  TopologyBuilder builder;
};

}  // namespace weir::test
