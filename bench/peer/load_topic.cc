// Fills a topic with records for the benchmarks: the same ones every time.
//
//   load_topic TOPIC BOOTSTRAP RECORDS PARTITIONS [KEYS=10000] [VALUE_BYTES=100]
//
// Keys are "key-<number>" with numbers drawn evenly, values are printable text of VALUE_BYTES bytes, timestamps
// ascend by a millisecond every ten records. The topic must not exist yet: loading twice would double it.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>

#include <weir/core/kafka/kafka_transport.h>

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeed = 20'261'121;
constexpr weir::Timestamp kFirstTimestamp = 1'700'000'000'000;
constexpr std::size_t kRecordsPerMillisecond = 10;

[[noreturn]] void fail(const std::string& message) {
  std::fprintf(stderr, "load_topic: %s\n", message.c_str());
  std::exit(1);
}

bool parse(std::string_view text, std::size_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number > 0;
}

template <class T, class Poll>
T finish(weir::Pending<T> pending, Poll poll) {
  while (!pending.ready()) {
    poll();
    std::this_thread::sleep_for(1ms);
  }
  auto result = pending.take();
  if (!result.ok()) fail(weir::message_of(result.status()));
  return *std::move(result);
}

}  // namespace

int main(int argument_count, char** arguments) {
  std::size_t records = 0;
  std::size_t partitions = 0;
  std::size_t keys = 10'000;
  std::size_t value_bytes = 100;
  if (argument_count < 5 || argument_count > 7 || !parse(arguments[3], records) ||
      !parse(arguments[4], partitions) || (argument_count > 5 && !parse(arguments[5], keys)) ||
      (argument_count > 6 && !parse(arguments[6], value_bytes))) {
    std::fprintf(stderr,
                 "usage: load_topic TOPIC BOOTSTRAP RECORDS PARTITIONS [KEYS=10000] [VALUE_BYTES=100]\n");
    return 2;
  }
  const std::string topic = arguments[1];
  auto transport = weir::make_kafka_transport({.bootstrap = arguments[2]});
  if (!transport.ok()) fail(weir::message_of(transport.status()));

  auto admin = (*transport)->make_admin();
  if (!admin.ok()) fail(weir::message_of(admin.status()));
  const auto poll_admin = [&] { (*admin)->poll(); };
  const auto described = finish((*admin)->describe_topics({topic}), poll_admin);
  if (described.front().partitions != 0) fail("the topic exists already: " + topic);
  weir::NewTopic created;
  created.name = topic;
  created.partitions = static_cast<weir::Partition>(partitions);
  // Kept as loaded, whatever the timestamps say about its age.
  created.config = {{"retention.ms", "-1"}};
  finish((*admin)->create_topics({created}), poll_admin);

  weir::ProducerOptions options;
  options.client_id = "load-topic";
  options.report_offsets = false;
  auto producer = (*transport)->make_producer(options);
  if (!producer.ok()) fail(weir::message_of(producer.status()));
  std::mt19937_64 random(kSeed);
  weir::OutgoingRecord record;
  record.topic = (*producer)->topic(topic);
  std::string value(value_bytes, ' ');
  for (std::size_t index = 0; index < records; ++index) {
    const std::string key = "key-" + std::to_string(random() % keys);
    for (std::size_t at = 0; at < value.size(); at += 8) {
      // Eight characters of 64 printable ones from one number.
      std::uint64_t bits = random();
      for (std::size_t next = at; next < std::min(at + 8, value.size()); ++next) {
        value[next] = static_cast<char>('0' + (bits & 63));
        bits >>= 6;
      }
    }
    record.key = key;
    record.value = value;
    record.timestamp = kFirstTimestamp + static_cast<weir::Timestamp>(index / kRecordsPerMillisecond);
    (*producer)->send(record);
    while (!(*producer)->has_room()) {
      (*producer)->poll();
      std::this_thread::sleep_for(1ms);
    }
  }
  (*producer)->flush();
  const auto deadline = std::chrono::steady_clock::now() + 60s;
  while ((*producer)->in_flight() > 0) {
    if (std::chrono::steady_clock::now() > deadline) fail("not everything was written within a minute");
    (*producer)->poll();
    std::this_thread::sleep_for(1ms);
  }
  if (absl::Status failure = (*producer)->failure(); !failure.ok()) fail(weir::message_of(failure));
  std::printf("loaded %s records=%zu partitions=%zu keys=%zu value_bytes=%zu\n", topic.c_str(), records,
              partitions, keys, value_bytes);
  return 0;
}
