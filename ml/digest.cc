// SHA-256 by libcrypto.
#include <weir/ml/digest.h>

#include <array>

#include <absl/status/status.h>
#include <openssl/evp.h>

namespace weir::ml {

absl::StatusOr<std::string> sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned int length = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &length, EVP_sha256(), nullptr) != 1 ||
      length != 32) {
    return absl::InternalError("libcrypto does not offer SHA-256");
  }
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * length);
  for (unsigned int i = 0; i < length; ++i) {
    text.push_back(kDigits[hash[i] >> 4]);
    text.push_back(kDigits[hash[i] & 15]);
  }
  return text;
}

}  // namespace weir::ml
