#include <weir/ml/registry/publisher.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include <weir/core/status.h>
#include <weir/ml/digest.h>
#include <weir/ml/registry/registry_store.h>

namespace weir::ml {
namespace {

constexpr std::chrono::milliseconds kPublisherPause{2};
constexpr std::chrono::milliseconds kAskAgainPause{100};
constexpr std::size_t kRecordsPerFetch = 100;
constexpr std::size_t kGoldenRows = 8;
constexpr std::size_t kWidestGolden = 10'000;  // columns; a manifest has to fit into a record
constexpr std::uint32_t kGoldenSeed = 20'240'501;

}  // namespace

// What talks to the brokers.
class Publisher::Clients {
 public:
  static absl::StatusOr<std::unique_ptr<Clients>> make(Transport& transport, const PublisherOptions& options,
                                                       bool writes) {
    auto clients = std::make_unique<Clients>();
    clients->clock_ = options.clock != nullptr ? options.clock : &system_clock();
    clients->patience_ = options.patience;
    clients->writes_ = writes;
    auto admin = transport.make_admin();
    if (!admin.ok()) return admin.status();
    clients->admin_ = *std::move(admin);
    auto consumer = transport.make_consumer({.client_id = "weir-model", .read_committed = true});
    if (!consumer.ok()) return consumer.status();
    clients->consumer_ = *std::move(consumer);
    if (!writes) return clients;
    WEIR_RETURN_IF_ERROR(clients->make_topics(options));
    auto producer = transport.make_producer({.client_id = "weir-model",
                                             .transactional_id = "weir-model-" + options.registry,
                                             .transaction_timeout = options.patience,
                                             .linger = Duration{0}});
    if (!producer.ok()) return producer.status();
    clients->producer_ = *std::move(producer);
    WEIR_RETURN_IF_ERROR(
        clients
            ->wait("becoming the registry's writer", [&] { return clients->producer_->init_transactions(); })
            .status());
    return clients;
  }

  // Appends the records of a partition, from where the last call ended to the end that it had.
  absl::Status read(const std::string& topic, std::vector<RawRecord>& records) {
    const TopicPartition where{topic, 0};
    const auto ranges =
        ask("reading the ends of " + topic, [&] { return consumer_->offset_ranges({where}); });
    if (!ranges.ok()) return ranges.status();
    const OffsetRange range = ranges->front();
    Offset& next = next_[topic];
    next = std::max(next, range.begin);
    if (!readers_.contains(topic)) {
      const PartitionOffset start{where, next};
      auto readers = consumer_->assign(std::span(&start, 1));
      if (!readers.ok()) return readers.status();
      readers_[topic] = std::move(readers->front());
    }
    PartitionReader& reader = *readers_[topic];
    Duration deadline = clock_->steady() + patience_;
    // An open transaction of somebody else would end the reading before that; there is none, we are the writer, or read only
    // what is settled.
    while (reader.position() < range.end) {
      WEIR_RETURN_IF_ERROR(serve());
      if (reader.fetch(kRecordsPerFetch, records) > 0) {
        deadline = clock_->steady() + patience_;
      } else if (producer_ == nullptr && reader.known_end() != kNoOffset &&
                 reader.position() >= reader.known_end()) {
        break;
      } else if (clock_->steady() > deadline) {
        return retriable_error(fmt::format("topic {}: no records came for {} ms: position={} end={}", topic,
                                           patience_.count(), reader.position(), range.end));
      } else {
        consumer_->wait(Duration{5});
      }
    }
    next = reader.position();
    return absl::OkStatus();
  }

  // Writes records in one transaction. `write` gets the producer.
  template <class Write>
  absl::Status transact(Write write) {
    if (producer_ == nullptr) return absl::FailedPreconditionError("this publisher only reads");
    WEIR_RETURN_IF_ERROR(producer_->begin_transaction());
    absl::Status status = write();
    if (status.ok()) status = drain();
    if (!status.ok()) {
      // The failure is what counts; a transaction that cannot be aborted ends with its time-out.
      wait("aborting the transaction", [&] { return producer_->abort_transaction(); }).IgnoreError();
      producer_->clear_failure();
      return status;
    }
    return wait("committing the transaction", [&] { return producer_->commit_transaction(); }).status();
  }

  absl::Status send(const std::string& topic, std::string_view key, NullableBytes value) {
    OutgoingRecord record;
    record.topic = producer_->topic(topic);
    record.partition = 0;
    record.key = key;
    record.value = value;
    record.timestamp = clock_->wall();
    producer_->send(record);
    if (producer_->has_room()) return absl::OkStatus();
    return drain();
  }

 private:
  absl::Status make_topics(const PublisherOptions& options) {
    const std::map<std::string, std::string> compacted{{"cleanup.policy", "compact"}};
    auto found = ask("describing the topics", [&] {
      return admin_->describe_topics({options.registry, options.artifacts});
    });
    if (!found.ok()) return found.status();
    std::vector<NewTopic> missing;
    for (const TopicDescription& topic : *found) {
      if (topic.partitions == 0) {
        missing.push_back({topic.name, 1, compacted});
      } else if (topic.partitions != 1) {
        return absl::FailedPreconditionError(
            fmt::format("the topic '{}' has {} partitions; a registry and its artifacts have one each: name "
                        "another topic",
                        topic.name, topic.partitions));
      }
    }
    if (missing.empty()) return absl::OkStatus();
    return wait("creating the topics", [&] { return admin_->create_topics(missing); }).status();
  }

  absl::Status serve() {
    admin_->poll();
    if (producer_ != nullptr) producer_->poll();
    events_.clear();
    consumer_->poll(events_);
    for (const ConsumerEvent& event : events_) {
      const auto* error = std::get_if<ConsumerError>(&event);
      if (error != nullptr && class_of(error->status) == ErrorClass::kFatal) return error->status;
    }
    return absl::OkStatus();
  }

  absl::Status drain() {
    producer_->flush();
    const Duration deadline = clock_->steady() + patience_;
    while (producer_->in_flight() > 0) {
      WEIR_RETURN_IF_ERROR(serve());
      WEIR_RETURN_IF_ERROR(producer_->failure());
      if (clock_->steady() > deadline)
        return retriable_error(fmt::format("records are not acknowledged after {} ms", patience_.count()));
      std::this_thread::sleep_for(kPublisherPause);
    }
    return producer_->failure();
  }

  template <class Start>
  auto wait(const std::string& what, Start start) -> decltype(start().take()) {
    const Duration deadline = clock_->steady() + patience_;
    auto pending = start();
    while (!pending.ready()) {
      if (absl::Status served = serve(); !served.ok()) return with_context(served, what);
      if (pending.ready()) break;
      if (clock_->steady() > deadline)
        return with_context(retriable_error(fmt::format("no answer after {} ms", patience_.count())), what);
      std::this_thread::sleep_for(kPublisherPause);
    }
    auto answer = pending.take();
    if (!answer.ok()) return with_context(answer.status(), what);
    return answer;
  }

  // The same for what changes nothing: asked again while the answer is that it may go well later, as it is of a topic that was
  // just made.
  template <class Start>
  auto ask(const std::string& what, Start start) -> decltype(start().take()) {
    const Duration deadline = clock_->steady() + patience_;
    while (true) {
      auto answer = wait(what, start);
      // Who only reads has made no topic.
      const bool passing = !answer.ok() && class_of(answer.status()) == ErrorClass::kRetriable &&
                           (writes_ || answer.status().code() != absl::StatusCode::kNotFound);
      if (!passing || clock_->steady() > deadline) return answer;
      std::this_thread::sleep_for(kAskAgainPause);
    }
  }

  const Clock* clock_ = nullptr;
  bool writes_ = false;
  Duration patience_{0};
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Consumer> consumer_;
  std::map<std::string, std::unique_ptr<PartitionReader>> readers_;  // before consumer_ goes
  std::map<std::string, Offset> next_;
  std::unique_ptr<Producer> producer_;
  std::vector<ConsumerEvent> events_;
};

Publisher::Publisher(std::unique_ptr<Clients> clients, PublisherOptions options)
    : options_(std::move(options)), clients_(std::move(clients)) {}

Publisher::~Publisher() = default;

absl::StatusOr<std::unique_ptr<Publisher>> Publisher::open(Transport& transport, PublisherOptions options) {
  if (options.registry.empty() || options.artifacts.empty() || options.registry == options.artifacts)
    return absl::InvalidArgumentError("a publisher needs a registry topic and another one for artifacts");
  auto clients = Clients::make(transport, options, /*writes=*/true);
  if (!clients.ok()) return clients.status();
  std::unique_ptr<Publisher> publisher(new Publisher(*std::move(clients), std::move(options)));
  WEIR_RETURN_IF_ERROR(publisher->read());
  return publisher;
}

absl::StatusOr<std::unique_ptr<Publisher>> Publisher::open_to_read(Transport& transport,
                                                                   PublisherOptions options) {
  auto clients = Clients::make(transport, options, /*writes=*/false);
  if (!clients.ok()) return clients.status();
  std::unique_ptr<Publisher> publisher(new Publisher(*std::move(clients), std::move(options)));
  WEIR_RETURN_IF_ERROR(publisher->read());
  return publisher;
}

// As the applications' RegistryKeeper reads it; what is no record to them is none here.
absl::Status Publisher::read() {
  std::vector<RawRecord> records;
  WEIR_RETURN_IF_ERROR(clients_->read(options_.registry, records));
  for (const RawRecord& record : records) {
    const std::string_view key = record.key.value_or("");
    const std::string_view model = model_in_key(key);
    if (model.empty()) continue;
    const std::string_view id = key.substr(model.size() + 1);
    const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return entry.manifest.name == model && entry.id == id;
    });
    if (!record.value) {
      std::vector<RegistryEntry> entries;
      for (const Entry& entry : entries_) {
        if (entry.manifest.name == model)
          entries.push_back({registry_key(model, entry.id), entry.offset, entry.manifest});
      }
      if (known != entries_.end() && !weir::ml::is_in_use(entries, key)) entries_.erase(known);
      continue;
    }
    Entry entry{std::string(id), record.offset, {}};
    if (known != entries_.end() || !Serde<ModelManifest>::decode(*record.value, entry.manifest).ok() ||
        !check_manifest(entry.manifest).ok() || entry.manifest.name != model)
      continue;
    entries_.push_back(std::move(entry));
  }
  return absl::OkStatus();
}

std::string Publisher::next_id(const std::string& model) const {
  std::uint64_t next = 1;
  for (const Entry& entry : entries_) {
    if (entry.manifest.name != model) continue;
    const bool number =
        std::all_of(entry.id.begin(), entry.id.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number && entry.id.size() < 19) next = std::max<std::uint64_t>(next, std::stoull(entry.id) + 1);
  }
  return fmt::format("{:08}", next);
}

absl::StatusOr<std::string> Publisher::append(ModelManifest manifest, std::string_view bytes) {
  WEIR_RETURN_IF_ERROR(check_manifest(manifest));
  const std::string id = next_id(manifest.name);
  Bytes text;
  Serde<ModelManifest>::encode(manifest, text);
  if (text.size() > kChunkBytes)
    return absl::InvalidArgumentError(
        fmt::format("the manifest has {} bytes, more than the {} of a record", text.size(), kChunkBytes));
  const absl::Status written = clients_->transact([&]() -> absl::Status {
    for (std::size_t i = 0; i * kChunkBytes < bytes.size(); ++i) {
      WEIR_RETURN_IF_ERROR(clients_->send(options_.artifacts, chunk_key(manifest.digest, i),
                                          bytes.substr(i * kChunkBytes, kChunkBytes)));
    }
    return clients_->send(options_.registry, registry_key(manifest.name, id), BytesView(text));
  });
  WEIR_RETURN_IF_ERROR(written);
  WEIR_RETURN_IF_ERROR(read());
  return id;
}

absl::StatusOr<std::string> Publisher::publish(ModelManifest manifest, std::string_view bytes) {
  const auto digest = sha256_hex(bytes);
  if (!digest.ok()) return digest.status();
  manifest.digest = *digest;
  manifest.size = bytes.size();
  auto model = admit_model(manifest, bytes, options_.formats, options_.limits);
  if (!model.ok()) return model.status();
  for (const Entry& entry : entries_) {
    if (entry.manifest.name == manifest.name && entry.manifest.version == manifest.version &&
        entry.manifest.digest != manifest.digest) {
      return absl::AlreadyExistsError(
          fmt::format("the model '{}' has a version '{}' with other bytes, as '{}'", manifest.name,
                      manifest.version, entry.id));
    }
  }
  if (manifest.inputs.empty()) manifest.inputs.assign((*model)->inputs().begin(), (*model)->inputs().end());
  if (manifest.outputs.empty())
    manifest.outputs.assign((*model)->outputs().begin(), (*model)->outputs().end());
  if (manifest.golden.empty() && manifest.inputs.size() <= kWidestGolden)
    manifest.golden = make_golden_rows(**model, kGoldenRows);
  return append(std::move(manifest), bytes);
}

absl::StatusOr<std::string> Publisher::activate(const std::string& model, const std::string& version,
                                                ModelRole role, std::uint32_t weight,
                                                Timestamp effective_from, const std::string& note) {
  const auto found = std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& entry) {
    return entry.manifest.name == model && entry.manifest.version == version;
  });
  if (found == entries_.rend())
    return absl::NotFoundError(
        fmt::format("the registry has no version '{}' of a model '{}'", version, model));
  ModelManifest manifest = found->manifest;
  manifest.role = role;
  manifest.weight = weight;
  manifest.effective_from = effective_from;
  manifest.note = note;
  return append(std::move(manifest), "");
}

absl::StatusOr<std::string> Publisher::roll_back(const std::string& model, Timestamp effective_from) {
  const Entry* last = nullptr;
  const Entry* before = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.manifest.name != model || entry.manifest.role != ModelRole::kChampion) continue;
    if (last != nullptr && last->manifest.digest != entry.manifest.digest) before = last;
    last = &entry;
  }
  if (before == nullptr)
    return absl::NotFoundError(fmt::format("the model '{}' has no champion before the last one", model));
  const std::string version = before->manifest.version;
  auto id = activate(model, version, ModelRole::kChampion, ModelManifest::kWhole, effective_from,
                     "back from version " + last->manifest.version);
  if (!id.ok()) return id.status();
  return version;
}

absl::Status Publisher::remove(const std::string& model, const std::string& id) {
  const std::vector<Entry> all = list(model);
  const auto found = std::find_if(all.begin(), all.end(), [&](const Entry& entry) { return entry.id == id; });
  if (found == all.end())
    return absl::NotFoundError(fmt::format("the registry has no '{}' of a model '{}'", id, model));
  if (found->in_use) {
    return absl::FailedPreconditionError(
        fmt::format("'{}' of the model '{}' is in use; publish or roll back first", id, model));
  }
  const std::string digest = found->manifest.digest;
  const bool shared = std::count_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.manifest.digest == digest; }) > 1;
  const absl::Status written = clients_->transact([&]() -> absl::Status {
    for (std::size_t i = 0; !shared && i < chunks_of(found->manifest.size); ++i)
      WEIR_RETURN_IF_ERROR(clients_->send(options_.artifacts, chunk_key(digest, i), std::nullopt));
    return clients_->send(options_.registry, registry_key(model, id), std::nullopt);
  });
  WEIR_RETURN_IF_ERROR(written);
  return read();
}

std::vector<Publisher::Entry> Publisher::list(const std::string& model) const {
  std::vector<Entry> result;
  for (const Entry& entry : entries_) {
    if (!model.empty() && entry.manifest.name != model) continue;
    std::vector<RegistryEntry> siblings;
    for (const Entry& other : entries_) {
      if (other.manifest.name == entry.manifest.name)
        siblings.push_back({registry_key(other.manifest.name, other.id), other.offset, other.manifest});
    }
    result.push_back(entry);
    result.back().in_use = is_in_use(siblings, registry_key(entry.manifest.name, entry.id));
  }
  return result;
}

std::vector<GoldenRow> make_golden_rows(const Model& model, std::size_t count) {
  std::mt19937 random(kGoldenSeed);
  std::vector<GoldenRow> rows;
  for (std::size_t i = 0; i < count; ++i) {
    GoldenRow golden;
    std::vector<float> row;
    for (std::size_t column = 0; column < model.inputs().size(); ++column) {
      const auto drawn = static_cast<std::uint32_t>(random());
      const bool missing = drawn % 10 == 0;
      // From -8 to 8 in steps that a float holds.
      const float value = static_cast<float>(static_cast<std::int32_t>(drawn >> 20U) - 2'048) / 256;
      golden.row.push_back(missing ? std::nullopt : std::optional<float>(value));
      row.push_back(missing ? std::nanf("") : value);
    }
    golden.scores.resize(model.outputs().size());
    const bool scored = model.predict_row(row, golden.scores).ok() &&
                        std::all_of(golden.scores.begin(), golden.scores.end(),
                                    [](float score) { return std::isfinite(score); });
    if (scored) rows.push_back(std::move(golden));
  }
  return rows;
}

}  // namespace weir::ml
