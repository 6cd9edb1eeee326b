// What the job of replay_job.cc does, for those who compare.
#pragma once

#include <charconv>
#include <chrono>
#include <string>

#include <weir/ml/features/feature_view.h>

namespace weir {

// A payment is a text: "<amount> <shop>"; its key is the card.
inline double amount_of(const std::string& payment) {
  double amount = 0;
  std::from_chars(payment.data(), payment.data() + payment.size(), amount);
  return amount;
}
inline std::string shop_of(const std::string& payment) { return payment.substr(payment.find(' ') + 1); }

inline auto payments_view(const std::string& log) {
  using namespace std::chrono_literals;
  using namespace ml::agg;
  return ml::features<std::string>("payments", 1)
      .agg(statistics("amount", amount_of), {1h, 24h})
      .agg(maximum("amount", amount_of), {ml::exact(30min)})
      .agg(mean("amount", amount_of), {ml::last(5), ml::session(10min)})
      .agg(quantiles("amount", amount_of, {0.5, 0.95}), {24h})
      .agg(distinct_count("shop", shop_of), {24h})
      .agg(time_since_last())
      .grace(10min)
      .log_to(log);
}

}  // namespace weir
