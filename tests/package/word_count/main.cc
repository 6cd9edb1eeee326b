// Counts words on a broker inside the process, and prints each word's last count.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <weir/core/app.h>
#include <weir/core/embedded/embedded_transport.h>
#include <weir/weir.h>

namespace {

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

int fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 1;
}

}  // namespace

int main() {
  const auto broker = std::make_shared<weir::EmbeddedBroker>();
  for (const char* topic : {"lines", "counts"}) {
    if (absl::Status created = broker->create_topic(topic); !created.ok()) return fail(created);
  }
  for (const char* line : {"the river and the weir", "the fish"}) {
    if (auto offset = broker->append("lines", 0, {.key = {}, .value = line}); !offset.ok())
      return fail(offset.status());
  }

  weir::StreamBuilder builder;
  builder.stream<std::optional<std::string>, std::string>("lines")
      .flat_map_values(words_of)
      .group_by([](const std::string& word) { return word; })
      .count({.store = "counts"})
      .to_stream()
      .to("counts");
  auto topology = builder.build();
  if (!topology.ok()) return fail(topology.status());

  auto app = weir::App::create(*std::move(topology), {.application_id = "word-count",
                                                      .transport = weir::make_embedded_transport(broker),
                                                      .commit_interval = std::chrono::milliseconds(100),
                                                      .state_directory = "state"});
  if (!app.ok()) return fail(app.status());
  if (absl::Status started = (*app)->start(); !started.ok()) return fail(started);

  constexpr std::size_t kWords = 7;
  for (int tries = 0; broker->read("counts", 0).size() < kWords && tries < 3000; ++tries) {
    if ((*app)->state() == weir::AppState::kError) return fail((*app)->failure());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (absl::Status closed = (*app)->close(std::chrono::seconds(10)); !closed.ok()) return fail(closed);

  std::map<std::string, std::int64_t> counts;
  for (const weir::BrokerRecord& record : broker->read("counts", 0)) {
    std::int64_t count = 0;
    for (const char byte : *record.value) count = count << 8 | static_cast<unsigned char>(byte);
    counts[*record.key] = count;
  }
  for (const auto& [word, count] : counts)
    std::printf("%s %lld\n", word.c_str(), static_cast<long long>(count));
}
