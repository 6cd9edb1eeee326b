// The node that gives windows read from a topic their end.
#pragma once

#include <limits>

#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/operators/windowed.h>

namespace weir {

// K is a Windowed, or an optional of one.
template <class K, class V>
class WindowEndNode final : public UnaryNode<K, V, K, V> {
 public:
  explicit WindowEndNode(Duration size) : size_(size) {}

  void accept(const Record<K, V>& record) override {
    if (is_null(record.key)) {
      this->emit(record);
      return;
    }
    key_ = record.key;
    Window& window = window_of(key_);
    window.end = window.start > std::numeric_limits<Timestamp>::max() - size_.count()
                     ? kUnknownEnd
                     : window.start + size_.count();
    this->emit({key_, record.value, record.timestamp, record.headers, record.origin, record.key_bytes});
  }

 private:
  static Window& window_of(K& key) {
    if constexpr (kIsOptional<K>) {
      return key->window;
    } else {
      return key.window;
    }
  }

  const Duration size_;
  K key_{};  // reused, so that its memory is
};

}  // namespace weir
