// What must be true of a value. Rules are asked one after the other, and all that are broken are told.
//
//   const auto rules = weir::ml::Rules<Payment>()
//                          .required("card", &Payment::card)
//                          .between("amount", &Payment::amount, 0, 10'000)
//                          .one_of("currency", &Payment::currency, {"EUR", "USD"})
//                          .check("refunds name a payment", [](const Payment& payment) {
//                            return payment.amount >= 0 || payment.refund_of.has_value();
//                          });
//   std::vector<std::string> reasons = rules.broken_by(payment);      // "amount: 12000 is not between 0 and 10000"
//
// A field is a member or a callable over the value, and gives a number, a text, or an optional of that. Missing are an empty
// optional, a NaN and an empty text; only `required` asks for them, every other rule on a field is content with a missing one.
// Infinities are numbers that no bounds hold.
//
// Thread safety: rules do not change once they are described, and may be asked from any thread.
#pragma once

#include <cmath>
#include <concepts>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/serde.h>

namespace weir::ml {

template <class F, class V>
using FieldType = NonNull<std::remove_cvref_t<std::invoke_result_t<const F&, const V&>>>;

// A member of V or a callable over it that gives a number, or an optional of one.
template <class F, class V>
concept NumberOf = std::invocable<const F&, const V&> && std::is_arithmetic_v<FieldType<F, V>>;

// The same of a text.
template <class F, class V>
concept TextOf =
    std::invocable<const F&, const V&> && std::convertible_to<const FieldType<F, V>&, std::string_view>;

template <class F, class V>
concept FieldOf = NumberOf<F, V> || TextOf<F, V>;

namespace detail {

[[nodiscard]] std::string not_between(double number, double low, double high);
[[nodiscard]] std::string not_allowed(std::string_view text,
                                      const std::set<std::string, std::less<>>& allowed);
[[nodiscard]] std::string too_long(std::size_t size, std::size_t most);

template <class T>
[[nodiscard]] bool is_missing(const T& value) {
  if (is_null(value)) return true;
  if constexpr (std::floating_point<NonNull<T>>) return std::isnan(non_null(value));
  if constexpr (std::convertible_to<const NonNull<T>&, std::string_view>) {
    return std::string_view(non_null(value)).empty();
  }
  return false;
}

}  // namespace detail

template <class V>
class Rules {
 public:
  // Returns what is wrong, or nothing.
  using Rule = std::function<std::optional<std::string>(const V&)>;

  // The field is there.
  template <class F>
    requires FieldOf<F, V>
  Rules& required(const std::string& field, F get) {
    return add(field, [get = std::move(get)](const V& value) -> std::optional<std::string> {
      if (!detail::is_missing(std::invoke(get, value))) return std::nullopt;
      return "it is missing";
    });
  }

  // low <= number <= high.
  template <class F>
    requires NumberOf<F, V>
  Rules& between(const std::string& field, F get, double low, double high) {
    return on_present(field, std::move(get), [low, high](const auto& number) -> std::optional<std::string> {
      const auto given = static_cast<double>(number);
      if (given >= low && given <= high) return std::nullopt;
      return detail::not_between(given, low, high);
    });
  }

  // The text is one of these.
  template <class F>
    requires TextOf<F, V>
  Rules& one_of(const std::string& field, F get, std::set<std::string, std::less<>> allowed) {
    return on_present(field, std::move(get),
                      [allowed = std::move(allowed)](std::string_view text) -> std::optional<std::string> {
                        if (allowed.contains(text)) return std::nullopt;
                        return detail::not_allowed(text, allowed);
                      });
  }

  // The text has at most so many bytes.
  template <class F>
    requires TextOf<F, V>
  Rules& at_most_long(const std::string& field, F get, std::size_t most) {
    return on_present(field, std::move(get), [most](std::string_view text) -> std::optional<std::string> {
      if (text.size() <= most) return std::nullopt;
      return detail::too_long(text.size(), most);
    });
  }

  // Anything about the value as a whole, said in words.
  template <class F>
    requires std::predicate<const F&, const V&>
  Rules& check(const std::string& what, F holds) {
    return add("", [what, holds = std::move(holds)](const V& value) -> std::optional<std::string> {
      if (std::invoke(holds, value)) return std::nullopt;
      return "it does not hold that " + what;
    });
  }

  // Returns the reasons why a value is not valid, in the order of the rules.
  [[nodiscard]] std::vector<std::string> broken_by(const V& value) const {
    std::vector<std::string> reasons;
    for (const auto& [field, rule] : rules_) {
      if (std::optional<std::string> fault = rule(value)) {
        reasons.push_back(field.empty() ? *std::move(fault) : field + ": " + *fault);
      }
    }
    return reasons;
  }

 private:
  Rules& add(const std::string& field, Rule rule) {
    rules_.emplace_back(field, std::move(rule));
    return *this;
  }

  template <class F, class Ask>
  Rules& on_present(const std::string& field, F get, Ask ask) {
    return add(field,
               [get = std::move(get), ask = std::move(ask)](const V& value) -> std::optional<std::string> {
                 const auto& held = std::invoke(get, value);
                 if (detail::is_missing(held)) return std::nullopt;
                 return ask(non_null(held));
               });
  }

  std::vector<std::pair<std::string, Rule>> rules_;
};

}  // namespace weir::ml
