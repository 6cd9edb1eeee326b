// Writes the registry: publishes, promotes, takes back.
//
//   auto publisher = weir::ml::Publisher::open(transport, {.registry = "models", .artifacts = "model-artifacts"});
//   auto id = (*publisher)->publish(manifest, bytes);
//
// Chunks and manifest go out in one transaction, the manifest last, so nobody ever sees half a model. There is one writer at a
// time: opening another publisher of the same registry fences this one, whose next call fails and writes nothing. A call
// waits for the brokers, patience_ms at most for each of their answers.
//
// Thread safety: none.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include <weir/core/clock.h>
#include <weir/core/transport.h>
#include <weir/ml/registry/admission.h>
#include <weir/ml/registry/manifest.h>

namespace weir::ml {

struct PublisherOptions {
  std::string registry;   // topic; made if it does not exist: one partition, compacted
  std::string artifacts;  // as well
  // What is published must be admitted here first; golden rows that are not given are made up.
  ModelFormats formats = ModelFormats::standard();
  LoadLimits limits = {};
  Duration patience{30'000};
  const Clock* clock = nullptr;  // default: the system's
};

class Publisher {
 public:
  // A record of the registry, as it is.
  struct Entry {
    std::string id;
    Offset offset = 0;
    ModelManifest manifest;
    bool in_use = false;  // none that came later takes its place
  };

  // Becomes the one writer, and reads the registry. The transport outlives the publisher.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Publisher>> open(Transport& transport,
                                                                       PublisherOptions options);
  // Only reads: what would write fails.
  [[nodiscard]] static absl::StatusOr<std::unique_ptr<Publisher>> open_to_read(Transport& transport,
                                                                               PublisherOptions options);
  ~Publisher();

  // Publishes a model. Digest and size are filled in, inputs, outputs and golden rows if they are empty. FAILED_PRECONDITION if
  // the model is not admitted, ALREADY_EXISTS if that version has other bytes already. Returns the record's id.
  [[nodiscard]] absl::StatusOr<std::string> publish(ModelManifest manifest, std::string_view bytes);

  // Puts a version that was published into use once more, in a role and from a time on: a promotion, another weight, a way
  // back. The bytes are in the artifacts topic. NOT_FOUND if there is no such version.
  [[nodiscard]] absl::StatusOr<std::string> activate(const std::string& model, const std::string& version,
                                                     ModelRole role, std::uint32_t weight,
                                                     Timestamp effective_from, const std::string& note = {});

  // Makes the champion before the last one the champion again, from a time on. Returns its version.
  [[nodiscard]] absl::StatusOr<std::string> roll_back(const std::string& model, Timestamp effective_from);

  // Takes a record out of the registry; FAILED_PRECONDITION for one that is in use. With it go the bytes that no other record
  // names. Replays of records that it scored then choose another model.
  [[nodiscard]] absl::Status remove(const std::string& model, const std::string& id);

  // All that counts, by offset. Empty `model`: of all models.
  [[nodiscard]] std::vector<Entry> list(const std::string& model = {}) const;

 private:
  class Clients;

  Publisher(std::unique_ptr<Clients> clients, PublisherOptions options);
  [[nodiscard]] absl::Status read();
  [[nodiscard]] absl::StatusOr<std::string> append(ModelManifest manifest, std::string_view bytes);
  [[nodiscard]] std::string next_id(const std::string& model) const;

  const PublisherOptions options_;
  std::unique_ptr<Clients> clients_;
  std::vector<Entry> entries_;
};

// Returns what `model` scores for rows made from a seed, some values missing: golden rows for a model that has none.
[[nodiscard]] std::vector<GoldenRow> make_golden_rows(const Model& model, std::size_t count);

}  // namespace weir::ml
