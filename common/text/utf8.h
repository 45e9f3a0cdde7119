#ifndef WAYBILL_COMMON_TEXT_UTF8_H_
#define WAYBILL_COMMON_TEXT_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

namespace waybill::text {

/// Bytes of the character that `text`, which is not empty, begins with; 0 if it begins with none.
int CharacterBytes(absl::string_view text);

/// Whether `text` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most
/// U+10FFFF). Protobuf's string fields and PostgreSQL's text refuse anything else.
bool IsUtf8(absl::string_view text);

/// `text` made fit for a text column and a string field: bytes that are not UTF-8, and NUL, become
/// "?"; cut to at most `bytes_max` bytes at a character's edge. For what programs print.
std::string ToUtf8(absl::string_view text, int bytes_max);

}  // namespace waybill::text

#endif  // WAYBILL_COMMON_TEXT_UTF8_H_
