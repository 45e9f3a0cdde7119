#include "common/text/utf8.h"

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace waybill::text {
namespace {

struct Form {  // One row of RFC 3629, section 4.
  std::uint8_t first_mask;
  std::uint8_t first_bits;
  int bytes;
  std::uint32_t least;
};
constexpr Form kForms[] = {
    {0x80, 0x00, 1, 0x0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

bool IsScalar(std::uint32_t code) {
  return code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

}  // namespace

int CharacterBytes(absl::string_view text) {
  const auto first = static_cast<std::uint8_t>(text.front());
  for (const Form& form : kForms) {
    if ((first & form.first_mask) != form.first_bits) {
      continue;
    }
    if (text.size() < static_cast<std::size_t>(form.bytes)) {
      return 0;
    }
    std::uint32_t code = first & static_cast<std::uint8_t>(~form.first_mask);
    for (int i = 1; i < form.bytes; ++i) {
      const auto next = static_cast<std::uint8_t>(text[static_cast<std::size_t>(i)]);
      if ((next & 0xc0) != 0x80) {
        return 0;
      }
      code = (code << 6) | (next & 0x3f);
    }
    return code >= form.least && IsScalar(code) ? form.bytes : 0;
  }
  return 0;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const int bytes = CharacterBytes(text);
    if (bytes == 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(bytes));
  }
  return true;
}

std::string ToUtf8(absl::string_view text, int bytes_max) {
  std::string clean;
  while (!text.empty()) {
    const int bytes = text.front() == '\0' ? 0 : CharacterBytes(text);
    const absl::string_view next =
        bytes == 0 ? "?" : text.substr(0, static_cast<std::size_t>(bytes));
    if (clean.size() + next.size() > static_cast<std::size_t>(bytes_max)) {
      break;
    }
    clean.append(next.data(), next.size());
    text.remove_prefix(bytes == 0 ? 1 : static_cast<std::size_t>(bytes));
  }
  return clean;
}

}  // namespace waybill::text
