// A struct as JSON, from a list of its fields.
//
//   struct Order {
//     std::string id;
//     double amount = 0;
//     std::optional<std::string> note;
//     std::vector<Item> items;
//   };
//
//   template <>
//   struct weir::Serde<Order> : weir::JsonSerde<Order> {
//     static constexpr auto kFields = fields(field("id", &Order::id),          //
//                                            field("amount", &Order::amount),  //
//                                            field("note", &Order::note),      //
//                                            field("items", &Order::items));
//   };
//
// What a field may be:
//
//   bool                        true, false
//   integers up to 64 bits      exact; one that does not fit is refused, and so are 1.0 and 1e3. Not the
//                               character types.
//   float, double               the fewest digits that read back to the same bits; NaN and the infinities
//                               become null
//   std::string                 UTF-8. Decoding refuses anything else; encoding cannot fail, so it writes
//                               U+FFFD for each byte that is no part of it. Give bytes a text form (base64).
//   std::optional<T>            the field may be null or not there; written, an empty one is left out
//   std::vector<T>              an array; an empty optional in it is null
//   std::map<std::string, T>    an object, written in the order of the map
//   a described struct or enum  as above; an enum's Serde derives from JsonEnumSerde, below. A struct may
//                               contain itself (in a vector, say). Members of a base class may be fields.
//
// A list or map of these is a record of its own with
//
//   template <>
//   struct weir::Serde<std::vector<Item>> : weir::JsonSerde<std::vector<Item>> {};
//
// and a type of your own (a date, a decimal) may be a field when its Serde has, besides the rest or alone,
//
//   static bool read_json(weir::JsonReader& reader, Date& out);
//   static void write_json(weir::JsonWriter& writer, const Date& value);
//
// Decoding takes any order and spacing, and ignores fields it does not know: writers may add fields first. A
// field that is missing is an error, unless it is optional or was declared by field_or_default(): then the
// member gets the value it has in a `T{}`. So do the members without a field. A field (or map key) that is
// there twice is an error: which of the two counts is something two readers of one record would not agree
// about. So is a text larger than kMaxBytes or nested deeper than kMaxDepth; define these in your Serde to
// change them. A failure is InvalidArgument and says where and what:
//
//   $.items[3].price: expected a number, got "abc"
//
// After a failure the target holds some value, no particular one.
//
// The output is deterministic: fields in the order declared, no spaces. All the same kCanonical is false: the
// same order can come in with other spacing from elsewhere, so incoming bytes are never reused for a key; it
// is encoded again.
//
// kFormat is "json" for all; fields that are added as optional need no other one. When an incompatible change
// of the fields shall be seen by stores as a change of format, define kFormat in your Serde ("json:order-2").
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include <weir/core/bytes.h>
#include <weir/core/json.h>
#include <weir/core/serde.h>

namespace weir {

// A type whose Serde says how it looks in JSON: every described struct and enum, and types of your own.
template <class T>
concept JsonDescribed = requires(JsonReader& reader, JsonWriter& writer, T& target, const T& value) {
  { Serde<T>::read_json(reader, target) } -> std::same_as<bool>;
  Serde<T>::write_json(writer, value);
};

namespace detail {

template <class T>
inline constexpr bool kIsVector = false;
template <class T, class Allocator>
inline constexpr bool kIsVector<std::vector<T, Allocator>> = true;

template <class T>
inline constexpr bool kIsStringMap = false;
template <class T, class Compare, class Allocator>
inline constexpr bool kIsStringMap<std::map<std::string, T, Compare, Allocator>> = true;

// Returns whether T is one of the types listed on top. Self is the struct being described: it is one, though
// its Serde is still incomplete.
template <class T, class Self = void>
constexpr bool json_knows() {
  if constexpr (std::same_as<T, bool> || JsonInteger<T> || std::same_as<T, float> ||
                std::same_as<T, double> || std::same_as<T, std::string> || std::same_as<T, Self>) {
    return true;
  } else if constexpr (kIsOptional<T>) {
    return !kIsOptional<NonNull<T>> && json_knows<NonNull<T>, Self>();
  } else if constexpr (kIsVector<T>) {
    return json_knows<typename T::value_type, Self>();
  } else if constexpr (kIsStringMap<T>) {
    return json_knows<typename T::mapped_type, Self>();
  } else {
    return JsonDescribed<T>;
  }
}

template <class T>
bool json_read(JsonReader& reader, T& out);

template <class T>
bool json_read_array(JsonReader& reader, T& out) {
  if (!reader.begin_array()) return false;
  std::size_t count = 0;
  if constexpr (std::same_as<typename T::value_type, bool>) out.clear();
  for (; reader.next_element(); ++count) {
    if constexpr (std::same_as<typename T::value_type, bool>) {
      bool element = false;
      if (!reader.read_bool(element)) return reader.in_element(count);
      out.push_back(element);
    } else {
      if (count == out.size()) out.emplace_back();
      if (!json_read(reader, out[count])) return reader.in_element(count);
    }
  }
  if constexpr (!std::same_as<typename T::value_type, bool>) {
    out.erase(out.begin() + static_cast<std::ptrdiff_t>(count), out.end());
  }
  return !reader.failed();
}

template <class T>
bool json_read_map(JsonReader& reader, T& out) {
  out.clear();
  if (!reader.begin_object()) return false;
  std::string_view name;
  while (reader.next_member(name)) {
    const auto [entry, is_new] = out.try_emplace(std::string(name));
    if (!is_new) {
      reader.fail("the key is there twice");
      return reader.in_member(entry->first);
    }
    if (!json_read(reader, entry->second)) return reader.in_member(entry->first);
  }
  return !reader.failed();
}

template <class T>
bool json_read(JsonReader& reader, T& out) {
  static_assert(json_knows<T>(), "JSON does not know this type; weir/core/json_serde.h lists those it does");
  if constexpr (std::same_as<T, bool>) {
    return reader.read_bool(out);
  } else if constexpr (JsonInteger<T>) {
    return reader.read_integer(out);
  } else if constexpr (std::same_as<T, float>) {
    return reader.read_float(out);
  } else if constexpr (std::same_as<T, double>) {
    return reader.read_double(out);
  } else if constexpr (std::same_as<T, std::string>) {
    return reader.read_string(out);
  } else if constexpr (kIsOptional<T>) {
    if (reader.take_null()) {
      out.reset();
      return true;
    }
    if (!out) out.emplace();
    return json_read(reader, *out);
  } else if constexpr (kIsVector<T>) {
    return json_read_array(reader, out);
  } else if constexpr (kIsStringMap<T>) {
    return json_read_map(reader, out);
  } else {
    return Serde<T>::read_json(reader, out);
  }
}

template <class T>
void json_write(JsonWriter& writer, const T& value) {
  static_assert(json_knows<T>(), "JSON does not know this type; weir/core/json_serde.h lists those it does");
  if constexpr (std::same_as<T, bool>) {
    writer.write_bool(value);
  } else if constexpr (JsonInteger<T>) {
    writer.write_integer(value);
  } else if constexpr (std::same_as<T, float>) {
    writer.write_float(value);
  } else if constexpr (std::same_as<T, double>) {
    writer.write_double(value);
  } else if constexpr (std::same_as<T, std::string>) {
    writer.write_string(value);
  } else if constexpr (kIsOptional<T>) {
    if (value) {
      json_write(writer, *value);
    } else {
      writer.write_null();
    }
  } else if constexpr (kIsVector<T>) {
    writer.begin_array();
    for (const typename T::value_type& element : value) json_write(writer, element);
    writer.end_array();
  } else if constexpr (kIsStringMap<T>) {
    writer.begin_object();
    for (const auto& [key, element] : value) {
      writer.member(key);
      json_write(writer, element);
    }
    writer.end_object();
  } else {
    Serde<T>::write_json(writer, value);
  }
}

template <class T, class Member>
struct JsonField {
  std::string_view name;
  Member T::*member;
  bool has_default;
};

// Not constexpr, so that a list of fields that reaches it does not compile; the compiler names it.
inline void two_fields_have_the_same_name() {}

}  // namespace detail

// The base of a Serde that encodes a T as JSON. The Serde defines `kFields`, as shown on top, with the three
// functions it inherits: field(), field_or_default() and fields().
template <class T>
struct JsonSerde {
  static constexpr std::string_view kFormat = "json";
  static constexpr bool kCanonical = false;
  static constexpr std::size_t kMaxBytes = JsonLimits().bytes;
  static constexpr std::size_t kMaxDepth = JsonLimits().depth;

  // A field that must be there, unless it is a std::optional.
  template <class Member, class Owner>
    requires std::derived_from<T, Owner>
  static constexpr auto field(std::string_view name, Member Owner::*member) {
    static_assert(detail::json_knows<Member, T>(),
                  "JSON does not know the type of this member; weir/core/json_serde.h lists those it does");
    return detail::JsonField<T, Member>{name, member, kIsOptional<Member>};
  }

  // A field that may be left out: the member then has the value it has in a T{}.
  template <class Member, class Owner>
    requires std::derived_from<T, Owner>
  static constexpr auto field_or_default(std::string_view name, Member Owner::*member) {
    auto result = field(name, member);
    result.has_default = true;
    return result;
  }

  template <class... Members>
  static constexpr auto fields(detail::JsonField<T, Members>... list) {
    static_assert(sizeof...(Members) <= kJsonMembersMax, "too many fields for one JSON object");
    const std::array<std::string_view, sizeof...(Members)> names{list.name...};
    for (std::size_t i = 0; i < names.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (names[i] == names[j]) detail::two_fields_have_the_same_name();
      }
    }
    return std::tuple(list...);
  }

  static void encode(const T& value, Bytes& out) {
    JsonWriter writer(out);
    detail::json_write(writer, value);
  }

  [[nodiscard]] static absl::Status decode(BytesView bytes, T& out) {
    JsonReader reader(bytes, {.bytes = Serde<T>::kMaxBytes, .depth = Serde<T>::kMaxDepth});
    static_cast<void>(detail::json_read(reader, out));  // finish() knows
    return reader.finish();
  }

  // How a T looks inside other JSON. The first replaces all of `out`.
  [[nodiscard]] static bool read_json(JsonReader& reader, T& out)
    requires std::is_class_v<T>
  {
    make_ready(out);
    return read_json_object(reader, &out, members().data(), members().size());
  }
  static void write_json(JsonWriter& writer, const T& value)
    requires std::is_class_v<T>
  {
    write_json_object(writer, &value, members().data(), members().size());
  }

 private:
  // Gives all members the value of a fresh T, but those that are going to be read keep their memory for it.
  static void make_ready(T& out) {
    T fresh{};
    std::apply([&](const auto&... each) { (keep_if_required(each, out, fresh), ...); }, Serde<T>::kFields);
    out = std::move(fresh);
  }

  template <class Member>
  static void keep_if_required(const detail::JsonField<T, Member>& field, T& from, T& to) {
    if (!field.has_default) to.*field.member = std::move(from.*field.member);
  }

  template <std::size_t I>
  static bool read_member(JsonReader& reader, void* object) {
    return detail::json_read(reader, static_cast<T*>(object)->*std::get<I>(Serde<T>::kFields).member);
  }

  template <std::size_t I>
  static void write_member(JsonWriter& writer, std::string_view name, const void* object) {
    const auto& value = static_cast<const T*>(object)->*std::get<I>(Serde<T>::kFields).member;
    if (is_null(value)) return;
    writer.member(name);
    detail::json_write(writer, value);
  }

  template <std::size_t I>
  static constexpr JsonMember member_at() {
    constexpr auto kField = std::get<I>(Serde<T>::kFields);
    return {kField.name, &read_member<I>, &write_member<I>, !kField.has_default};
  }

  static const auto& members() {
    constexpr auto kCount = std::tuple_size_v<std::remove_cvref_t<decltype(Serde<T>::kFields)>>;
    static constexpr auto kMembers = []<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<JsonMember, kCount>{member_at<I>()...};
    }(std::make_index_sequence<kCount>());
    return kMembers;
  }
};

// The base of a Serde that encodes an enum as one of a list of names:
//
//   template <>
//   struct weir::Serde<Side> : weir::JsonEnumSerde<Side> {
//     static constexpr auto kNames = names({{Side::kBuy, "buy"}, {Side::kSell, "sell"}});
//   };
//
// Other names are refused. A value that has no name is written as its number, and a number that fits the
// enum's underlying type is read.
template <class E>
struct JsonEnumSerde {
  static_assert(std::is_enum_v<E>);
  static_assert(JsonInteger<std::underlying_type_t<E>>,
                "an enum over bool or characters has no number in JSON");
  static_assert(
      requires { E{0}; }, "give the enum an underlying type, or make it an enum class");

  static constexpr std::string_view kFormat = "json";
  static constexpr bool kCanonical = false;

  struct Name {
    E value;
    std::string_view name;
  };

  template <std::size_t N>
  static constexpr std::array<Name, N> names(const Name (&list)[N]) {
    return std::to_array(list);
  }

  static void encode(const E& value, Bytes& out) {
    JsonWriter writer(out);
    write_json(writer, value);
  }

  [[nodiscard]] static absl::Status decode(BytesView bytes, E& out) {
    JsonReader reader(bytes);
    static_cast<void>(read_json(reader, out));  // finish() knows
    return reader.finish();
  }

  [[nodiscard]] static bool read_json(JsonReader& reader, E& out) {
    if (reader.next_is_number()) {
      std::underlying_type_t<E> number{};
      if (!detail::json_read(reader, number)) return false;
      out = static_cast<E>(number);
      return true;
    }
    constexpr auto& kList = Serde<E>::kNames;
    static constexpr auto kTexts = []<std::size_t... I>(std::index_sequence<I...>) {
      return std::array<std::string_view, sizeof...(I)>{Serde<E>::kNames[I].name...};
    }(std::make_index_sequence<kList.size()>());
    std::size_t choice = 0;
    if (!reader.read_choice(kTexts.data(), kTexts.size(), choice)) return false;
    out = kList[choice].value;
    return true;
  }

  static void write_json(JsonWriter& writer, const E& value) {
    for (const Name& each : Serde<E>::kNames) {
      if (each.value == value) return writer.write_string(each.name);
    }
    detail::json_write(writer, static_cast<std::underlying_type_t<E>>(value));
  }
};

}  // namespace weir
