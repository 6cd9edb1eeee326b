// Processors of one's own, with stores and timers.
#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "oracle/topology.h"

namespace weir::oracle {
namespace processors {

using namespace std::chrono_literals;

using Texts = KeyValueStore<std::string, std::string>;
using Numbers = KeyValueStore<std::string, std::int64_t>;
using Windows = WindowStore<std::string, std::string>;
using Sessions = SessionStore<std::string, std::int64_t>;
using Versions = VersionedStore<std::string, std::string>;
using TextRecord = Record<Text, Text>;

template <class KOut, class VOut>
using Context = ProcessorContext<KOut, VOut>;

// A processor of text that does what two functions say.
template <class KOut, class VOut>
class Scripted final : public Processor<Text, Text, KOut, VOut> {
 public:
  using Process = std::function<void(Context<KOut, VOut>&, const TextRecord&)>;
  using Open = std::function<void(Context<KOut, VOut>&)>;

  Scripted(Process process, Open open) : process_(std::move(process)), open_(std::move(open)) {}
  void open(Context<KOut, VOut>& context) override {
    context_ = &context;
    if (open_) open_(context);
  }
  void process(const TextRecord& record) override {
    if (process_) process_(*context_, record);
  }

 private:
  const Process process_;
  const Open open_;
  Context<KOut, VOut>* context_ = nullptr;
};

template <class VOut>
auto scripted(typename Scripted<Text, VOut>::Process process, typename Scripted<Text, VOut>::Open open = {}) {
  return [process = std::move(process), open = std::move(open)] {
    return std::make_unique<Scripted<Text, VOut>>(process, open);
  };
}

KStream<Text, Text> texts(StreamBuilder& builder, const char* topic = "in") {
  return builder.stream<Text, Text>(topic);
}

// What a store has under a key.
template <class V>
std::optional<V> value_of(const Timestamped<V>* row) {
  return row != nullptr ? std::optional<V>(row->value) : std::nullopt;
}
template <class Store>
auto got(Store& store, const Text& key) {
  return value_of(store.find(*key));
}
// A null deletes.
void put(Texts& store, const Text& key, const Text& value, Timestamp timestamp) {
  if (value) {
    store.put(*key, *value, timestamp);
  } else {
    store.erase(*key, timestamp);
  }
}
std::int64_t count_one_more(Numbers& numbers, const TextRecord& record) {
  const std::int64_t number = got(numbers, record.key).value_or(0) + 1;
  numbers.put(*record.key, number, record.timestamp);
  return number;
}

// ------------------------------------------------------------------------------------------------------------ stores

void dedup(Context<Text, Text>& context, const TextRecord& record) {
  auto& last = context.store<Texts>("last");
  if (record.value == got(last, record.key)) return;
  put(last, record.key, record.value, record.timestamp);
  context.forward(record);
}

void windows(Context<Text, Long>& context, const TextRecord& record) {
  auto& seen = context.store<Windows>("seen");
  static_cast<void>(seen.put(*record.key, record.timestamp, show(record.value), record.timestamp));
  std::int64_t entries = 0;
  seen.visit(*record.key, record.timestamp - 100, record.timestamp + 100,
             [&](Timestamp, const Timestamped<std::string>&) { ++entries; });
  context.forward(record.key, entries);
}

void sessions(Context<Text, Text>& context, const TextRecord& record) {
  auto& store = context.store<Sessions>("ses");
  Timestamp start = record.timestamp;
  Timestamp end = record.timestamp;
  std::int64_t sum = 1;
  for (const auto& found : store.find_sessions(*record.key, record.timestamp - 50, record.timestamp + 50)) {
    start = std::min(start, found.start);
    end = std::max(end, found.end);
    sum += found.row.value;
    store.erase(*record.key, found.start, found.end, record.timestamp);
  }
  static_cast<void>(store.put(*record.key, start, end, sum, record.timestamp));
  context.forward(record.key, show(start) + "-" + show(end) + "=" + show(sum));
}

void timestamped(Context<Text, Text>& context, const TextRecord& record) {
  auto& store = context.store<Texts>("ts");
  const auto* row = store.find(*record.key);
  if (row != nullptr && record.timestamp < row->timestamp) {
    context.forward(record.key, "late:" + show(record.value));
    return;
  }
  const Text old = value_of(row);
  put(store, record.key, record.value, record.timestamp);
  context.forward(record.key, pair(old, record.value));
}

void versions(Context<Text, Text>& context, const TextRecord& record) {
  auto& store = context.store<Versions>("v");
  const bool accepted = store.put(*record.key, record.value, record.timestamp).accepted;
  if (!accepted) context.drop(DropReason::kExpired);
  std::string shown = accepted ? "+" : "-";
  const auto* latest = store.find(*record.key);
  shown +=
      show(value_of(latest)) + "@" + show(latest != nullptr ? Long(latest->timestamp) : std::nullopt) + "/";
  const auto* before =
      record.timestamp >= 50 ? store.find_as_of(*record.key, record.timestamp - 50) : nullptr;
  context.forward(record.key, shown + show(value_of(before)));
}

void range_scan(Context<Text, Text>& context, const TextRecord& record) {
  auto& store = context.store<Texts>("kv");
  const auto scan = [&]() -> std::optional<Texts::Cursor> {
    if (record.value == "?range") return store.range(*record.key, "b");
    if (record.value == "?reverse") return store.reverse_range(*record.key, "b");
    if (record.value == "?prefix") return store.prefix(*record.key);
    if (record.value == "?all" || record.value == "?count") return store.all();
    return std::nullopt;
  };
  auto cursor = scan();
  if (!cursor) return put(store, record.key, record.value, record.timestamp);
  std::string entries;
  std::int64_t count = 0;
  for (const auto& [key, row] : *cursor) {
    entries += (count++ == 0 ? "" : ",") + kv(key, row.value);
  }
  context.forward(record.key, record.value == "?count" ? "n=" + show(count) : entries);
}

void put_if_absent(Context<Text, Text>& context, const TextRecord& record) {
  auto& store = context.store<Texts>("kv");
  const Text old = got(store, record.key);
  if (record.value == "del") {
    store.erase(*record.key, record.timestamp);
    context.forward(record.key, "deleted:" + show(old));
    return;
  }
  if (record.value) store.put_if_absent(*record.key, *record.value, record.timestamp);
  context.forward(record.key, show(old) + ">" + show(got(store, record.key)));
}

// Forwards how many records its key had.
auto counting(const std::string& name) {
  return scripted<Long>([name](Context<Text, Long>& context, const TextRecord& record) {
    context.forward(record.key, count_one_more(context.store<Numbers>(name), record));
  });
}

// Brings its store.
struct MakeOwn {
  auto operator()() const {
    return scripted<Long>([](Context<Text, Long>& context, const TextRecord& record) {
      auto& own = context.store<Numbers>("own");
      const std::int64_t total =
          got(own, record.key).value_or(0) + static_cast<std::int64_t>(show(record.value).size());
      own.put(*record.key, total, record.timestamp);
      context.forward(record.key, total);
    })();
  }
  std::vector<StoreSpec> stores() const { return {key_value_store_spec<std::string, std::int64_t>("own")}; }
};

// ------------------------------------------------------------------------------------------------------------- timers

// Collects values by key; empties the store every 100 ms.
void buffering(StreamBuilder& builder, TimerClock clock) {
  builder.key_value_store<std::string, std::string>("buf");
  const auto process = [](Context<Text, Text>& context, const TextRecord& record) {
    auto& buffer = context.store<Texts>("buf");
    buffer.put(*record.key, append(got(buffer, record.key).value_or(""), record.value), record.timestamp);
  };
  const auto open = [clock](Context<Text, Text>& context) {
    static_cast<void>(context.schedule(100ms, clock, [&context](Timestamp now) {
      auto& buffer = context.store<Texts>("buf");
      bool any = false;
      for (const auto& [key, row] : buffer.all()) {
        any = true;
        context.forward(key, "t:" + row.value, now);
        buffer.erase(key, now);
      }
      if (!any) context.forward("none", show(now), now);
    }));
  };
  texts(builder).process({.stores = {"buf"}}, scripted<Text>(process, open)).to("out");
}

// Two timers: the one of stream time cancels itself, the other is cancelled by a record.
class Cancelling final : public Processor<Text, Text, Text, Long> {
 public:
  void open(Context& context) override {
    a_ = context.schedule(50ms, TimerClock::kStreamTime, [this, &context](Timestamp now) {
      context.forward("A", now, now);
      if (++fired_ == 3) a_->cancel();
    });
    b_ = context.schedule(80ms, TimerClock::kWallClock,
                          [&context](Timestamp now) { context.forward("B", now, now); });
  }
  void process(const TextRecord& record) override {
    if (record.value && record.value->ends_with("9")) b_->cancel();
  }

 private:
  std::optional<Cancellable> a_;
  std::optional<Cancellable> b_;
  int fired_ = 0;
};

void punctuate_two(StreamBuilder& builder, Effects&) {
  const auto open = [](Context<Text, Text>& context) {
    for (const auto& [name, interval] : {std::pair("A", 100ms), std::pair("B", 30ms)}) {
      static_cast<void>(context.schedule(
          interval, TimerClock::kStreamTime,
          [&context, name = name](Timestamp now) { context.forward(name, show(now), now); }));
    }
  };
  const auto process = [](Context<Text, Text>& context, const TextRecord& record) {
    context.forward(record.key, "r:" + show(record.value));
  };
  texts(builder).process(scripted<Text>(process, open)).to("out");
}

void punctuate_aggregate(StreamBuilder& builder, Effects&) {
  const auto open = [](Context<Text, Text>& context) {
    static_cast<void>(context.schedule(100ms, TimerClock::kWallClock,
                                       [&context](Timestamp now) { context.forward("tick", "t", now); }));
  };
  const auto process = [](Context<Text, Text>& context, const TextRecord& record) {
    context.forward(record);
  };
  texts(builder)
      .process(scripted<Text>(process, open))
      .group_by_key()
      .count({.store = "counts"})
      .to_stream()
      .to("out");
}

// ---------------------------------------------------------------------------------------------------- without the DSL

void topology(StreamBuilder& builder, Effects&) {
  ProcessorTopology nodes(builder);
  builder.key_value_store<std::string, std::int64_t>("n");
  nodes.source<Text, Text>("S1", "in1");
  nodes.source<Text, Text>("S2", "in2");
  nodes.processor("P", {"S1", "S2"}, {.stores = {"n"}},
                  scripted<Text>([](Context<Text, Text>& context, const TextRecord& record) {
                    const std::int64_t number = count_one_more(context.store<Numbers>("n"), record);
                    context.forward(record.key, show(record.value) + "/" + show(number));
                  }));
  nodes.sink<Text, Text>("ALL", {"P"}, "out-all");
  nodes.processor("LEN", {"P"}, {},
                  scripted<Text>([](Context<Text, Text>& context, const TextRecord& record) {
                    if (record.value->size() > 6) context.forward(record);
                  }));
  nodes.sink<Text, Text>("LONG", {"LEN"}, "out-long");
}

void forward_named(StreamBuilder& builder, Effects&) {
  ProcessorTopology nodes(builder);
  nodes.source<Text, Text>("S", "in");
  nodes.processor("P", {"S"}, {}, scripted<Text>([](Context<Text, Text>& context, const TextRecord& record) {
                    if (record.key == "a") return context.forward_to("A", record);
                    if (record.key == "b") return context.forward_to("B", record);
                    context.forward(record);
                  }));
  nodes.sink<Text, Text>("A", {"P"}, "out-a");
  nodes.sink<Text, Text>("B", {"P"}, "out-b");
}

// ------------------------------------------------------------------------------------------------------------ records

class Thirds final : public ValueProcessor<Text, Text, Text> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const TextRecord& record) override {
    const std::int64_t number = count_one_more(context_->store<Numbers>("n"), record);
    context_->forward(show(record.value) + "#" + show(number));
    if (number % 3 == 0) context_->forward("third", record.timestamp + 1);
  }

 private:
  Context* context_ = nullptr;
};

class WithoutNulls final : public ValueProcessor<Text, Text, Text> {
 public:
  void open(Context& context) override { context_ = &context; }
  void process(const TextRecord& record) override {
    if (record.value) context_->forward(record.value);
  }

 private:
  Context* context_ = nullptr;
};

void headers(Context<Text, Text>& context, const TextRecord& record) {
  Headers edited = record.headers;
  if (record.value == "add") {
    edited.add("p", *record.key);
    context.forward(record.with_headers(edited));
  } else if (record.value == "drop") {
    edited.remove("h");
    context.forward(record.with_headers(edited));
  } else if (record.value == "last") {
    const Header* last = edited.last("h");
    context.forward(record.key, "last:" + (last == nullptr ? "none" : show(last->value)));
  } else if (record.value == "count") {
    context.forward(record.key, "n=" + std::to_string(edited.size()));
  } else if (record.value == "time") {
    context.forward(record.with_timestamp(record.timestamp + 1000));
  } else {
    context.forward(record);
  }
}

KStream<Text, Text> both(StreamBuilder& builder) {
  return texts(builder, "in1").merge(texts(builder, "in2"));
}

void metadata(Context<Text, Text>& context, const TextRecord& record) {
  const Origin& origin = context.origin();
  context.forward(record.key, std::string(origin.topic) + "/" + std::to_string(origin.partition) + "/" +
                                  std::to_string(origin.offset));
}

void times(Context<Text, Long>& context, const TextRecord& record) {
  context.forward(record.key, context.stream_time());
  context.forward("wall", context.wall_time());
}

template <class VOut>
Describe with_texts(const std::string& store, void (*process)(Context<Text, VOut>&, const TextRecord&)) {
  return [store, process](StreamBuilder& builder, Effects&) {
    builder.key_value_store<std::string, std::string>(store);
    texts(builder).process({.stores = {store}}, scripted<VOut>(process)).to("out");
  };
}

const Registration kProcessors({
    {"papi-dedup", with_texts("last", dedup)},
    {"papi-window-store",
     [](StreamBuilder& builder, Effects&) {
       const auto seen = builder.window_store<std::string, std::string>("seen", 300ms);
       texts(builder).process({.stores = {seen}}, scripted<Long>(windows)).to("out");
     }},
    {"papi-session-store",
     [](StreamBuilder& builder, Effects&) {
       const auto store = builder.session_store<std::string, std::int64_t>("ses", 500ms);
       texts(builder).process({.stores = {store}}, scripted<Text>(sessions)).to("out");
     }},
    {"papi-timestamped-store", with_texts("ts", timestamped)},
    {"papi-versioned-store",
     [](StreamBuilder& builder, Effects&) {
       const auto store = builder.versioned_store<std::string, std::string>("v", 150ms);
       texts(builder).process({.stores = {store}}, scripted<Text>(versions)).to("out");
     }},
    {"papi-range-scan", with_texts("kv", range_scan)},
    {"papi-put-if-absent", with_texts("kv", put_if_absent)},
    {"papi-shared-store",
     [](StreamBuilder& builder, Effects&) {
       const auto shared = builder.key_value_store<std::string, std::int64_t>("shared");
       const auto writes = [](Context<Text, Long>& context, const TextRecord& record) {
         count_one_more(context.store<Numbers>("shared"), record);
       };
       const auto reads = [](Context<Text, Long>& context, const TextRecord& record) {
         context.forward(record.key, got(context.store<Numbers>("shared"), record.key).value_or(0));
       };
       texts(builder).process({.stores = {shared}}, scripted<Long>(writes));
       texts(builder).process({.stores = {shared}}, scripted<Long>(reads)).to("out");
     }},
    {"papi-store-cached",
     [](StreamBuilder& builder, Effects&) {
       const auto store = builder.key_value_store<std::string, std::int64_t>("c");
       texts(builder).process({.stores = {store}}, counting("c")).to("out");
     }},
    {"papi-stream-punctuate",
     [](StreamBuilder& builder, Effects&) { buffering(builder, TimerClock::kStreamTime); }},
    {"papi-wall-punctuate",
     [](StreamBuilder& builder, Effects&) { buffering(builder, TimerClock::kWallClock); }},
    {"papi-punctuate-cancel",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .process([] { return std::make_unique<Cancelling>(); })
           .map_values([](const Long& time) -> Text { return show(time); })
           .to("out");
     }},
    {"papi-punctuate-two", punctuate_two},
    {"papi-punctuate-aggregate", punctuate_aggregate},
    {"papi-topology", topology},
    {"papi-forward-named", forward_named},
    {"papi-process-values",
     [](StreamBuilder& builder, Effects&) {
       const auto store = builder.key_value_store<std::string, std::int64_t>("n");
       texts(builder)
           .process_values({.stores = {store}}, [] { return std::make_unique<Thirds>(); })
           .to("out");
     }},
    {"papi-process-values-aggregate",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .process_values([] { return std::make_unique<WithoutNulls>(); })
           .group_by_key()
           .count({.store = "counts"})
           .to_stream()
           .to("out");
     }},
    {"papi-process-rekey",
     [](StreamBuilder& builder, Effects&) {
       texts(builder)
           .process(scripted<Text>([](Context<Text, Text>& context, const TextRecord& record) {
             context.forward(first_char(record.value), record.value);
           }))
           .group_by_key()
           .count({.store = "counts"})
           .to_stream()
           .to("out");
     }},
    {"papi-headers",
     [](StreamBuilder& builder, Effects&) { texts(builder).process(scripted<Text>(headers)).to("out"); }},
    {"papi-record-metadata",
     [](StreamBuilder& builder, Effects&) { both(builder).process(scripted<Text>(metadata)).to("out"); }},
    {"papi-stream-time",
     [](StreamBuilder& builder, Effects&) { both(builder).process(scripted<Long>(times)).to("out"); }},
    {"papi-connected-store-provider",
     [](StreamBuilder& builder, Effects&) { texts(builder).process(MakeOwn()).to("out"); }},
});

}  // namespace processors
}  // namespace weir::oracle
