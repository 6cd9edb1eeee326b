// Stores as those see them who may not write: a ReadOnly<Store> has the reading functions of the store, and no other.
//
//   weir::ReadOnly<weir::KeyValueStore<std::string, Rate>> rates = context.read_only_store(handle);
//   if (const auto* row = rates.find("EUR")) convert(row->value);
//
// It is a handle: copy it freely, as long as the store lives. What a function does is said at the store's own.
//
// Thread safety: that of the store.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include <weir/core/bytes.h>
#include <weir/core/time.h>
#include <weir/state/join_store.h>
#include <weir/state/key_value_store.h>
#include <weir/state/session_store.h>
#include <weir/state/versioned_store.h>
#include <weir/state/window_store.h>

namespace weir {

template <class Store>
class ReadOnly;

template <class K, class V>
class ReadOnly<KeyValueStore<K, V>> {
 public:
  using Store = KeyValueStore<K, V>;
  using Row = typename Store::Row;
  using Cursor = typename Store::Cursor;
  using Bound = std::optional<K>;

  explicit ReadOnly(Store& store) : store_(&store) {}

  [[nodiscard]] const Row* find(const K& key, BytesView bytes = {}) const { return store_->find(key, bytes); }
  [[nodiscard]] Cursor range(const Bound& from, const Bound& to) const { return store_->range(from, to); }
  [[nodiscard]] Cursor reverse_range(const Bound& from, const Bound& to) const {
    return store_->reverse_range(from, to);
  }
  [[nodiscard]] Cursor all() const { return store_->all(); }
  [[nodiscard]] Cursor reverse_all() const { return store_->reverse_all(); }
  template <Serializable P>
  [[nodiscard]] Cursor prefix(const P& prefix) const {
    return store_->prefix(prefix);
  }
  [[nodiscard]] std::uint64_t approximate_size() const { return store_->approximate_size(); }

 private:
  Store* store_;
};

template <class K, class V>
class ReadOnly<WindowStore<K, V>> {
 public:
  using Store = WindowStore<K, V>;
  using Row = typename Store::Row;
  using Cursor = typename Store::Cursor;
  using Bound = std::optional<K>;

  explicit ReadOnly(Store& store) : store_(&store) {}

  [[nodiscard]] Timestamp observed_time() const { return store_->observed_time(); }
  [[nodiscard]] const Row* find(const K& key, Timestamp start, BytesView bytes = {}) const {
    return store_->find(key, start, bytes);
  }
  [[nodiscard]] Cursor fetch(const K& key, Timestamp from, Timestamp to, BytesView bytes = {}) const {
    return store_->fetch(key, from, to, bytes);
  }
  [[nodiscard]] Cursor reverse_fetch(const K& key, Timestamp from, Timestamp to, BytesView bytes = {}) const {
    return store_->reverse_fetch(key, from, to, bytes);
  }
  template <class F>
  void visit(const K& key, Timestamp from, Timestamp to, F&& visit, BytesView bytes = {}) const {
    store_->visit(key, from, to, std::forward<F>(visit), bytes);
  }
  [[nodiscard]] Cursor fetch_range(const Bound& from, const Bound& to, Timestamp from_start,
                                   Timestamp to_start) const {
    return store_->fetch_range(from, to, from_start, to_start);
  }
  [[nodiscard]] Cursor reverse_fetch_range(const Bound& from, const Bound& to, Timestamp from_start,
                                           Timestamp to_start) const {
    return store_->reverse_fetch_range(from, to, from_start, to_start);
  }
  [[nodiscard]] Cursor fetch_all(Timestamp from, Timestamp to) const { return store_->fetch_all(from, to); }
  [[nodiscard]] Cursor reverse_fetch_all(Timestamp from, Timestamp to) const {
    return store_->reverse_fetch_all(from, to);
  }
  [[nodiscard]] Cursor all() const { return store_->all(); }
  [[nodiscard]] Cursor reverse_all() const { return store_->reverse_all(); }

 private:
  Store* store_;
};

template <class K, class V>
class ReadOnly<SessionStore<K, V>> {
 public:
  using Store = SessionStore<K, V>;
  using Row = typename Store::Row;
  using Cursor = typename Store::Cursor;
  using Bound = std::optional<K>;

  explicit ReadOnly(Store& store) : store_(&store) {}

  [[nodiscard]] Timestamp observed_time() const { return store_->observed_time(); }
  [[nodiscard]] const Row* find(const K& key, Timestamp start, Timestamp end, BytesView bytes = {}) const {
    return store_->find(key, start, end, bytes);
  }
  [[nodiscard]] Cursor find_sessions(const K& key, Timestamp earliest_end, Timestamp latest_start,
                                     BytesView bytes = {}) const {
    return store_->find_sessions(key, earliest_end, latest_start, bytes);
  }
  [[nodiscard]] Cursor reverse_find_sessions(const K& key, Timestamp earliest_end, Timestamp latest_start,
                                             BytesView bytes = {}) const {
    return store_->reverse_find_sessions(key, earliest_end, latest_start, bytes);
  }
  template <class F>
  void visit_sessions(const K& key, Timestamp earliest_end, Timestamp latest_start, F&& visit,
                      BytesView bytes = {}) const {
    store_->visit_sessions(key, earliest_end, latest_start, std::forward<F>(visit), bytes);
  }
  [[nodiscard]] Cursor fetch(const K& key, BytesView bytes = {}) const { return store_->fetch(key, bytes); }
  [[nodiscard]] Cursor reverse_fetch(const K& key, BytesView bytes = {}) const {
    return store_->reverse_fetch(key, bytes);
  }
  [[nodiscard]] Cursor find_sessions_range(const Bound& from, const Bound& to, Timestamp earliest_end,
                                           Timestamp latest_start) const {
    return store_->find_sessions_range(from, to, earliest_end, latest_start);
  }
  [[nodiscard]] Cursor reverse_find_sessions_range(const Bound& from, const Bound& to, Timestamp earliest_end,
                                                   Timestamp latest_start) const {
    return store_->reverse_find_sessions_range(from, to, earliest_end, latest_start);
  }
  [[nodiscard]] std::vector<typename Store::Session> find_sessions_all(Timestamp from_end,
                                                                       Timestamp to_end) const {
    return store_->find_sessions_all(from_end, to_end);
  }
  [[nodiscard]] Cursor all() const { return store_->all(); }
  [[nodiscard]] Cursor reverse_all() const { return store_->reverse_all(); }

 private:
  Store* store_;
};

template <class K, class V>
class ReadOnly<JoinStore<K, V>> {
 public:
  using Store = JoinStore<K, V>;
  using Cursor = typename Store::Cursor;
  using Bound = std::optional<K>;

  explicit ReadOnly(Store& store) : store_(&store) {}

  [[nodiscard]] Timestamp observed_time() const { return store_->observed_time(); }
  template <class F>
  void visit(const K& key, Timestamp from, Timestamp to, F&& visit, BytesView bytes = {}) const {
    store_->visit(key, from, to, std::forward<F>(visit), bytes);
  }
  [[nodiscard]] Cursor fetch(const K& key, Timestamp from, Timestamp to, BytesView bytes = {}) const {
    return store_->fetch(key, from, to, bytes);
  }
  [[nodiscard]] Cursor reverse_fetch(const K& key, Timestamp from, Timestamp to, BytesView bytes = {}) const {
    return store_->reverse_fetch(key, from, to, bytes);
  }
  [[nodiscard]] Cursor fetch_range(const Bound& from, const Bound& to, Timestamp from_time,
                                   Timestamp to_time) const {
    return store_->fetch_range(from, to, from_time, to_time);
  }
  [[nodiscard]] Cursor reverse_fetch_range(const Bound& from, const Bound& to, Timestamp from_time,
                                           Timestamp to_time) const {
    return store_->reverse_fetch_range(from, to, from_time, to_time);
  }
  [[nodiscard]] Cursor fetch_all(Timestamp from, Timestamp to) const { return store_->fetch_all(from, to); }
  [[nodiscard]] Cursor reverse_fetch_all(Timestamp from, Timestamp to) const {
    return store_->reverse_fetch_all(from, to);
  }
  [[nodiscard]] Cursor all() const { return store_->all(); }
  [[nodiscard]] Cursor reverse_all() const { return store_->reverse_all(); }

 private:
  Store* store_;
};

template <class K, class V>
class ReadOnly<VersionedStore<K, V>> {
 public:
  using Store = VersionedStore<K, V>;
  using Row = typename Store::Row;
  using Cursor = typename Store::Cursor;
  using Bound = std::optional<K>;

  explicit ReadOnly(Store& store) : store_(&store) {}

  [[nodiscard]] Timestamp observed_time() const { return store_->observed_time(); }
  [[nodiscard]] const Row* find(const K& key, BytesView bytes = {}) const { return store_->find(key, bytes); }
  [[nodiscard]] const Row* find_as_of(const K& key, Timestamp time, BytesView bytes = {}) const {
    return store_->find_as_of(key, time, bytes);
  }
  [[nodiscard]] std::vector<Version<V>> versions(const K& key, Timestamp from, Timestamp to,
                                                 BytesView bytes = {}) const {
    return store_->versions(key, from, to, bytes);
  }
  [[nodiscard]] Cursor range(const Bound& from, const Bound& to) const { return store_->range(from, to); }
  [[nodiscard]] Cursor reverse_range(const Bound& from, const Bound& to) const {
    return store_->reverse_range(from, to);
  }
  [[nodiscard]] Cursor all() const { return store_->all(); }
  [[nodiscard]] Cursor reverse_all() const { return store_->reverse_all(); }

 private:
  Store* store_;
};

}  // namespace weir
