#include <weir/state/put_log.h>

namespace weir {

void PutLog::write(const StoreSpec& spec, ChangelogWriter& changelog) const {
  BytesView rest = bytes_;
  for (const Put& put : puts_) {
    const BytesView key = rest.substr(0, put.key_size);
    const BytesView value = rest.substr(put.key_size, put.value_size);
    changelog.append(spec, key, put.has_value ? NullableBytes(value) : std::nullopt, put.timestamp);
    rest.remove_prefix(put.key_size + put.value_size);
  }
}

}  // namespace weir
