// print writes each record as a line of text, to standard output or to a file; the stream goes on.
//
//   orders.print({.label = "orders"});                                  // [orders]: ann, 12
//   orders.print({.file = "/tmp/orders"}, [](const std::string& customer, const Order& order) {
//     return customer + " pays " + order.total;
//   });
//
// Keys and values are written as fmt writes them, nulls as "null"; a type that fmt cannot write needs the mapper, which is a
// LineMapperOver. Lines of several tasks come whole, in any order. For looking, not for keeping: nothing says which records
// were printed twice after a restart.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include <weir/core/node.h>
#include <weir/core/serde.h>
#include <weir/operators/stream.h>

namespace weir {

// Appends lines to a file, or writes them to standard output.
class LinePrinter {
 public:
  // `file` is empty for standard output. Throws std::runtime_error if it cannot be opened.
  explicit LinePrinter(const std::string& file);

  void print(std::string_view label, std::string_view text);

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, CloseFile> file_;  // null: standard output
  std::string line_;
};

template <class T>
concept Printable = fmt::is_formattable<NonNull<T>>::value;

// Formats with fmt.
struct ShowKeyAndValue {
  template <class K, class V>
  std::string operator()(const K& key, const V& value) const {
    static_assert(Printable<K> && Printable<V>, "fmt cannot write the key or the value: give print a mapper");
    return shown(key) + ", " + shown(value);
  }

 private:
  template <class T>
  static std::string shown(const T& value) {
    return is_null(value) ? "null" : fmt::format("{}", non_null(value));
  }
};

template <class K, class V, class Mapper>
class PrintNode final : public LeafNode<K, V> {
 public:
  PrintNode(PrintOptions options, Mapper show) : options_(std::move(options)), show_(std::move(show)) {}

  void open() override { printer_ = std::make_unique<LinePrinter>(options_.file); }

  void accept(const Record<K, V>& record) override {
    const auto text = this->guarded([&]() -> std::string { return call_with(show_, record); });
    if (text) printer_->print(options_.label, *text);
  }

 private:
  const PrintOptions options_;
  const Mapper show_;
  std::unique_ptr<LinePrinter> printer_;
};

template <class K, class V>
void KStream<K, V>::print(PrintOptions options, Location where) const {
  print(std::move(options), ShowKeyAndValue(), where);
}

template <class K, class V>
template <class Mapper>
  requires LineMapperOver<Mapper, K, V>
void KStream<K, V>::print(PrintOptions options, Mapper show, Location where) const {
  if (options.label.empty()) options.label = graph()->topology().node(node()).name;
  const std::string name = name_for("print", options.name);
  const ErrorPolicy on_error = options.on_error;
  static_cast<void>(extend_named(
      name, on_error, node_factory<PrintNode<K, V, Mapper>>(std::move(options), std::move(show)), where));
}

}  // namespace weir
