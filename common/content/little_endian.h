#ifndef WAYBILL_COMMON_CONTENT_LITTLE_ENDIAN_H_
#define WAYBILL_COMMON_CONTENT_LITTLE_ENDIAN_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace waybill::content {

/// Appends `value` in its own size, least significant byte first, on every machine.
template <typename Integer>
void AppendInteger(std::string& to, Integer value) {
  for (size_t i = 0; i < sizeof(Integer); ++i) {
    to.push_back(static_cast<char>(static_cast<uint8_t>(value >> (8 * i))));
  }
}

/// Takes fields off the front of a record. After the first one that does not fit all are zero or
/// empty and ok() is false, so that a decoder asks once, at its end.
class FieldReader {
 public:
  explicit FieldReader(absl::string_view bytes) : rest_(bytes) {}

  template <typename Integer>
  Integer TakeInteger() {
    const absl::string_view bytes = Take(sizeof(Integer));
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
      value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
    }
    return static_cast<Integer>(value);
  }

  absl::string_view Take(size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const absl::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  absl::string_view TakeRest() { return Take(rest_.size()); }

  bool ok() const { return ok_; }
  /// Every field was there and nothing is left.
  bool done() const { return ok_ && rest_.empty(); }

 private:
  absl::string_view rest_;
  bool ok_ = true;
};

}  // namespace waybill::content

#endif  // WAYBILL_COMMON_CONTENT_LITTLE_ENDIAN_H_
