// Rows of bytes in memory: found by their keys, and walked in the order of these.
//
//   index   a hash table: a row that is there is found and overwritten with two or three looks at memory
//   order   a sorted tree of the same rows, which is searched for ranges and changed when a key comes or goes
//
// A row is one piece of memory: its key, and its value as long as that fits in what the first one took.
//
// Thread safety: none for writers; readers may be many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <absl/container/btree_set.h>
#include <absl/container/flat_hash_set.h>

#include <weir/core/bytes.h>

namespace weir {

class MemoryRow {
 public:
  struct Free {
    void operator()(MemoryRow* row) const noexcept;
  };
  using Pointer = std::unique_ptr<MemoryRow, Free>;

  [[nodiscard]] static Pointer make(BytesView key, BytesView value);
  MemoryRow(const MemoryRow&) = delete;
  MemoryRow& operator=(const MemoryRow&) = delete;

  [[nodiscard]] BytesView key() const { return {key_bytes(), key_size_}; }
  [[nodiscard]] BytesView value() const { return {value_, value_size_}; }
  void set_value(BytesView value);

 private:
  MemoryRow(BytesView key, BytesView value, std::size_t capacity);
  ~MemoryRow();

  [[nodiscard]] const char* key_bytes() const { return reinterpret_cast<const char*>(this + 1); }
  [[nodiscard]] char* key_bytes() { return reinterpret_cast<char*>(this + 1); }
  // Behind the key.
  [[nodiscard]] bool value_is_here() const { return value_ == key_bytes() + key_size_; }

  char* value_;
  std::size_t value_capacity_;
  std::size_t value_size_;
  std::size_t key_size_;
};

class MemoryRows {
 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(BytesView key) const;
    std::size_t operator()(const MemoryRow::Pointer& row) const { return (*this)(row->key()); }
  };
  struct Same {
    using is_transparent = void;
    static BytesView key_of(BytesView key) { return key; }
    static BytesView key_of(const MemoryRow::Pointer& row) { return row->key(); }
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const {
      return key_of(left) == key_of(right);
    }
  };
  // Compares unsigned bytes, as RocksDB does.
  struct Before {
    using is_transparent = void;
    static BytesView key_of(BytesView key) { return key; }
    static BytesView key_of(const MemoryRow* row) { return row->key(); }
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const {
      return key_of(left) < key_of(right);
    }
  };
  using Order = absl::btree_set<const MemoryRow*, Before>;

 public:
  using Iterator = Order::const_iterator;

  MemoryRows() = default;
  // Copies the rows.
  MemoryRows(const MemoryRows& other);
  MemoryRows& operator=(const MemoryRows&) = delete;

  // Returns the row of a key, or null.
  [[nodiscard]] const MemoryRow* find(BytesView key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : found->get();
  }
  [[nodiscard]] std::size_t size() const { return order_.size(); }
  // About what the rows take.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  // In the order of the keys' unsigned bytes.
  [[nodiscard]] Iterator begin() const { return order_.begin(); }
  [[nodiscard]] Iterator end() const { return order_.end(); }
  [[nodiscard]] Iterator lower_bound(BytesView key) const { return order_.lower_bound(key); }
  [[nodiscard]] Iterator upper_bound(BytesView key) const { return order_.upper_bound(key); }

  // Asks for the memory that tells where the row of a key is, which is waited for otherwise.
  void prefetch(BytesView key) const {
    if (!index_.empty()) index_.prefetch(key);
  }

  // Iterators stay good if there is such a key.
  void put(BytesView key, BytesView value);
  void erase(BytesView key);
  void erase(Iterator from, Iterator until);

 private:
  absl::flat_hash_set<MemoryRow::Pointer, Hash, Same> index_;
  Order order_;  // rows that the index owns
  std::uint64_t bytes_ = 0;
};

}  // namespace weir
