// A producer's records on their way to the broker, packed behind each other: no allocation per record.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <weir/core/embedded/log.h>
#include <weir/core/partitioner.h>
#include <weir/core/transport.h>

namespace weir::embedded {

class RecordBatch {
 public:
  struct Item {
    TopicId topic;
    Partition partition;      // kAnyPartition: by the hash, or anywhere if the key is null
    std::uint32_t key_hash;   // filled only where it is needed
    std::int32_t key_size;    // -1: null
    std::int32_t value_size;  // -1: null
    std::uint32_t headers_size;
    std::size_t at;
    Timestamp timestamp;
  };

  // Copies the record.
  void add(const OutgoingRecord& record) {
    Item& item = items_.emplace_back();
    item.topic = record.topic;
    item.partition = record.partition;
    item.timestamp = record.timestamp;
    item.at = bytes_.size();
    item.key_size = record.key ? static_cast<std::int32_t>(record.key->size()) : -1;
    item.value_size = record.value ? static_cast<std::int32_t>(record.value->size()) : -1;
    item.key_hash = record.partition == kAnyPartition && record.key ? murmur2(*record.key) : 0;
    if (record.key) bytes_.append(*record.key);
    if (record.value) bytes_.append(*record.value);
    const std::size_t headers_at = bytes_.size();
    if (record.headers != nullptr) encode_headers(*record.headers, bytes_);
    item.headers_size = static_cast<std::uint32_t>(bytes_.size() - headers_at);
  }

  // Returns the record's parts; borrowed from the batch.
  [[nodiscard]] RecordView view(const Item& item) const {
    RecordView view;
    const BytesView bytes = bytes_;
    std::size_t at = item.at;
    if (item.key_size >= 0) {
      view.key = bytes.substr(at, static_cast<std::size_t>(item.key_size));
      at += view.key->size();
    }
    if (item.value_size >= 0) {
      view.value = bytes.substr(at, static_cast<std::size_t>(item.value_size));
      at += view.value->size();
    }
    view.encoded_headers = bytes.substr(at, item.headers_size);
    view.timestamp = item.timestamp;
    return view;
  }

  // Makes room for as much as another batch holds.
  void reserve_as(const RecordBatch& other) {
    items_.reserve(other.items_.size());
    bytes_.reserve(other.bytes_.size());
  }

  void clear() {
    items_.clear();
    bytes_.clear();
  }

  [[nodiscard]] const std::vector<Item>& items() const { return items_; }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] std::size_t size_bytes() const { return bytes_.size() + items_.size() * sizeof(Item); }

 private:
  std::vector<Item> items_;
  std::string bytes_;
};

}  // namespace weir::embedded
