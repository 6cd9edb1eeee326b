#include <weir/state/fingerprint.h>

#include <vector>

#include <gtest/gtest.h>

#include <weir/core/status.h>
#include <weir/state/key_value_store.h>
#include <weir/state/window_store.h>

namespace weir {
namespace {

Fingerprints stored(const std::vector<StoreSpec>& specs) {
  Fingerprints fingerprints;
  for (const StoreSpec& spec : specs) fingerprints[spec.name] = fingerprint_of(spec);
  return fingerprints;
}

TEST(Fingerprint, AcceptsTheSameStoresAndNewAndRemovedOnes) {
  const auto counts = key_value_store_spec<std::string, std::int64_t>("counts");
  const auto sums = key_value_store_spec<std::string, std::int64_t>("sums");
  const auto last = key_value_store_spec<std::string, std::int64_t>("last");
  EXPECT_TRUE(check_fingerprints(stored({counts, sums}), std::vector{counts, last}).ok());
}

TEST(Fingerprint, ListsWhatDiffersByStore) {
  const auto old_counts = key_value_store_spec<std::string, std::int64_t>("counts");
  const auto new_counts = key_value_store_spec<std::string, double>("counts");
  const auto old_windows = window_store_spec<std::string, double>("windows", Duration(1000));
  auto new_windows = window_store_spec<std::int32_t, double>("windows", Duration(2000));
  const auto same = key_value_store_spec<std::string, std::string>("same");
  const absl::Status status =
      check_fingerprints(stored({old_counts, old_windows, same}), std::vector{new_counts, new_windows, same});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  const std::string message = message_of(status);
  EXPECT_NE(message.find("store 'counts': value format was int64, is double;"), std::string::npos) << message;
  EXPECT_NE(
      message.find("store 'windows': key format was string, is int32, retention was 1000 ms, is 2000 ms"),
      std::string::npos)
      << message;
  EXPECT_EQ(message.find("same"), std::string::npos) << message;
}

TEST(Fingerprint, TellsKindsApart) {
  const auto plain = key_value_store_spec<std::string, double>("s");
  const auto windows = window_store_spec<std::string, double>("s", Duration(1000));
  const absl::Status status = check_fingerprints(stored({plain}), std::vector{windows});
  EXPECT_NE(message_of(status).find("kind was key-value, is window"), std::string::npos) << status;
}

TEST(Fingerprint, DoesNotCompareStoresInMemory) {
  const auto old_counts = key_value_store_spec<std::string, std::int64_t>("counts");
  const auto memory = key_value_store_spec<std::string, double>("counts", {.persistent = false});
  EXPECT_TRUE(check_fingerprints(stored({old_counts}), std::vector{memory}).ok());
}

TEST(Fingerprint, ComesBackFromBytesAndRefusesOthers) {
  const Fingerprints fingerprints = stored({key_value_store_spec<std::string, double>("a"),
                                            window_store_spec<std::string, double>("b", Duration(5))});
  const Bytes bytes = encode_fingerprints(fingerprints);
  const auto decoded = decode_fingerprints(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, fingerprints);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_fingerprints(BytesView(bytes).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_fingerprints(bytes + "x").ok());
}

}  // namespace
}  // namespace weir
