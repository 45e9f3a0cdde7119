#ifndef WAYBILL_COMMON_JOBDB_PARAMETERS_H_
#define WAYBILL_COMMON_JOBDB_PARAMETERS_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace waybill::jobdb {

/// A parameter of a statement in PostgreSQL's text format; no value is NULL. The statement says the
/// type: `$1::bigint[]` where PostgreSQL cannot guess it.
using EncodedParameter = std::optional<std::string>;

/// Marks bytes that go into a bytea column; strings are text.
struct Bytes {
  absl::string_view value;
};

/// Strings are text (UTF-8 without NUL: Query refuses others with INVALID_ARGUMENT); numbers, bool
/// and enums (as their number) are what they are; absl::Time is timestamptz with microseconds, the
/// infinite past and future included; absl::Duration is interval; std::nullopt and an empty
/// std::optional are NULL; a vector or span is an array of its elements.
EncodedParameter Encode(absl::string_view text);
EncodedParameter Encode(const Bytes& bytes);
EncodedParameter Encode(bool value);
EncodedParameter Encode(double value);
EncodedParameter Encode(absl::Time time);
EncodedParameter Encode(absl::Duration duration);
inline EncodedParameter Encode(const std::string& text) {
  return Encode(absl::string_view(text));
}
inline EncodedParameter Encode(const char* text) {
  return Encode(absl::string_view(text));
}
inline EncodedParameter Encode(std::nullopt_t) {
  return std::nullopt;
}

template <std::integral T>
EncodedParameter Encode(T value) {
  return absl::StrCat(value);
}

template <typename T>
  requires std::is_enum_v<T>
EncodedParameter Encode(T value) {
  return absl::StrCat(static_cast<std::int64_t>(value));
}

template <typename T>
EncodedParameter Encode(const std::optional<T>& value) {
  return value.has_value() ? Encode(*value) : std::nullopt;
}

/// Writes an array literal (https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO): every
/// element quoted, so that commas, braces, quotes, backslashes, empty strings and the word NULL
/// stay what they are.
std::string EncodeArray(absl::Span<const EncodedParameter> elements);

template <typename T>
EncodedParameter Encode(absl::Span<const T> values) {
  std::vector<EncodedParameter> elements;
  elements.reserve(values.size());
  for (const auto& value : values) {
    elements.push_back(Encode(value));
  }
  return EncodeArray(elements);
}

template <typename T>
EncodedParameter Encode(const std::vector<T>& values) {
  // Element by element: std::vector<bool> has no span.
  std::vector<EncodedParameter> elements;
  elements.reserve(values.size());
  for (const T& value : values) {
    elements.push_back(Encode(value));
  }
  return EncodeArray(elements);
}

/// The opposite ways. Each takes what the server sent and returns INVALID_ARGUMENT for anything
/// else; the session's settings fix the formats (UTC, ISO dates, hex bytes). Arrays have one
/// dimension.
absl::StatusOr<absl::Time> DecodeTime(absl::string_view text);
absl::StatusOr<std::string> DecodeBytes(absl::string_view text);
absl::StatusOr<std::vector<EncodedParameter>> DecodeArray(absl::string_view text);

}  // namespace waybill::jobdb

#endif  // WAYBILL_COMMON_JOBDB_PARAMETERS_H_
