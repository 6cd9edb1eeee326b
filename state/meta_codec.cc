#include <weir/state/meta_codec.h>

#include <fmt/format.h>

#include <weir/state/byte_reader.h>

namespace weir {
namespace {

constexpr char kMetaVersion = 1;

template <class T>
void put_count(const T& entries, Bytes& out) {
  put_big_endian(static_cast<std::uint32_t>(entries.size()), out);
}

}  // namespace

Bytes encode_meta(const TaskMeta& meta) {
  Bytes out;
  out.push_back(kMetaVersion);
  put_big_endian(meta.wall, out);
  put_count(meta.positions, out);
  for (const auto& [where, offset] : meta.positions) {
    put_text(where.topic, out);
    put_big_endian(where.partition, out);
    put_big_endian(offset, out);
  }
  put_count(meta.changelogs, out);
  for (const auto& [store, offset] : meta.changelogs) {
    put_text(store, out);
    put_big_endian(offset, out);
  }
  put_count(meta.values, out);
  for (const auto& [name, value] : meta.values) {
    put_text(name, out);
    put_text(value, out);
  }
  return out;
}

absl::StatusOr<TaskMeta> decode_meta(BytesView bytes) {
  if (bytes.empty() || bytes[0] != kMetaVersion) {
    return absl::DataLossError(bytes.empty()
                                   ? std::string("task meta is empty")
                                   : fmt::format("task meta has version {}, this program reads {}",
                                                 static_cast<int>(bytes[0]), static_cast<int>(kMetaVersion)));
  }
  ByteReader reader(bytes.substr(1));
  TaskMeta meta;
  meta.wall = reader.integer<Timestamp>();
  for (auto left = reader.count(16); left > 0 && reader.ok(); --left) {
    TopicPartition where;
    where.topic = reader.text();
    where.partition = reader.integer<Partition>();
    meta.positions[std::move(where)] = reader.integer<Offset>();
  }
  for (auto left = reader.count(12); left > 0 && reader.ok(); --left) {
    const std::string store(reader.text());
    meta.changelogs[store] = reader.integer<Offset>();
  }
  for (auto left = reader.count(8); left > 0 && reader.ok(); --left) {
    const std::string name(reader.text());
    meta.values[name] = reader.text();
  }
  // Encoding is canonical: what does not come out the same was not written by it (entries twice or out of order).
  if (!reader.at_end() || encode_meta(meta) != bytes) {
    return absl::DataLossError(fmt::format("task meta of {} bytes is damaged", bytes.size()));
  }
  return meta;
}

}  // namespace weir
